"""What people and pipelines leave behind on a server, for the pictures of the documentation.

The suite with the history of bin/demo gets teams, mutes, labels, a rule, and a red build of six
nodes; the other one gets builds of changes, from which the server learns to leave out tests.
"""

import datetime
import hashlib
import json
import re
import time
import urllib.error
import urllib.request

import demo

# Builds of branches, the red one last: branch, message of the commit, number of nodes.
BUILDS = (
    ("faster-search-439", "Ask the search index once per page", 4),
    ("retry-payments-440", "Retry payments that the bank delays", 6),
    ("gift-cards-441", "Round gift cards to cents\n\nThe total of a basket was off by a cent.", 6),
)
FIRST_BUILD = 1205
CHANGED = ("shop/basket/gift_cards.py", "shop/basket/totals.py")
# Seconds that a node took beyond its tests, in percent: the fourth waits for its database.
DELAYS = (4, 1, 7, 31, 2, 5)
OWNERS = """tests/accounts/ identity-team
tests/basket/ checkout-team
tests/checkout/ checkout-team
tests/invoices/ payments-team
tests/payments/ payments-team checkout-team
tests/search/ discovery-team
tests/catalog/ discovery-team
tests/shipping/ logistics-team
tests/stock/ logistics-team
"""
MUTES = (
    ("The sandbox of the bank throttles us", "payments-team", "PAY-2210", 5),
    ("Depends on the clock, fix is in review", "checkout-team", "SHOP-981", 21),
    ("Waits for the new search index", "discovery-team", "", 12),
)
# Modules of the suite that leaves out tests, and builds from which it learns.
MODULES = 30
LEARNED = 12
WAIT_LIMIT = 120


class Scene:
    """The values of the placeholders in docs/images/pages.txt."""

    def __init__(self):
        self.values = {"organization": demo.ORGANIZATION, "suite": demo.HISTORY_SUITE,
                       "selecting": demo.SUITE}
        # {id}, by the list that it is below.
        self.ids = {}

    def fill_in(self, path):
        path = re.sub(r"/(\w+)/\{id\}", lambda found: f"/{found[1]}/{self.ids[found[1]]}", path)
        return re.sub(r"\{(\w+)\}", lambda found: self.values[found[1]], path)


class Suite:
    """The APIs of one suite."""

    def __init__(self, server, slug, upload_token):
        self.server = server
        self.upload_token = upload_token
        self.path = f"/v2/analytics/organizations/{demo.ORGANIZATION}/suites/{slug}"

    def call(self, method, path, body=None):
        return self._send(method, f"{self.path}{path}", json.dumps(body or {}).encode(),
                          f"Bearer {self.server.token}")

    def upload(self, key, branch, commit, results, **more):
        """Uploads results of a build, and returns the receipt."""
        run_env = {"CI": "buildkite", "key": key, "number": key, "branch": branch,
                   "commit_sha": commit, "test_runner": "pytest",
                   "url": f"https://ci.example.com/builds/{key}", **more}
        body = {"format": "json", "run_env": run_env, "data": results,
                "tags": {"host.type": "c7g.large", "cloud.region": "eu-west-1"}}
        return self._send("POST", "/v1/uploads", json.dumps(body).encode(),
                          f'Token token="{self.upload_token}"')

    def reject(self):
        """An upload that the server cannot read."""
        try:
            self._send("POST", "/v1/uploads", b'{"format": "cucumber", "data": []}',
                       f'Token token="{self.upload_token}"')
        except demo.Failure:
            return
        raise demo.Failure("the server accepted an upload of an unknown format")

    def set_owners(self, text):
        """Uploads a TESTOWNERS file."""
        body = ("--part\r\nContent-Disposition: form-data; name=\"file\"; filename=\"TESTOWNERS\""
                f"\r\n\r\n{text}\r\n--part--\r\n")
        self._send("POST", "/v1/test-ownerships", body.encode(),
                   f'Token token="{self.upload_token}"', "multipart/form-data; boundary=part")

    def report(self, key, node, parallelism, targets, seconds):
        """The report of a node that has just ended."""
        now = datetime.datetime.now(datetime.timezone.utc)
        started = now - datetime.timedelta(seconds=seconds)
        self.call("POST", "/test_plan/node_reports", {
            "identifier": f"{key}/tests", "build_id": key, "run_key": key, "node": node,
            "parallelism": parallelism, "job_id": f"{key}-{node}", "state": "finished",
            "runner": "pytest", "exit_code": 0, "started_at": started.isoformat(),
            "finished_at": now.isoformat(), "targets": targets,
        })

    def wait(self, path, is_ready):
        """Waits until the server has worked off what it does in the background."""
        deadline = time.monotonic() + WAIT_LIMIT
        while not is_ready(found := self.call("GET", path)):
            if time.monotonic() > deadline:
                raise demo.Failure(f"GET {self.path}{path} is still {json.dumps(found)[:500]}")
            time.sleep(1)
        return found

    def _send(self, method, path, body, authorization, content_type="application/json"):
        request = urllib.request.Request(
            f"{self.server.url}{path}", method=method, data=None if method == "GET" else body,
            headers={"Authorization": authorization, "Content-Type": content_type},
        )
        try:
            with self.server.opener.open(request, timeout=60) as response:
                return json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            details = f"{error.code}: {error.read().decode()}"
            raise demo.Failure(f"{method} {path} failed with {details}") from error
        except (OSError, ValueError) as error:
            raise demo.Failure(f"{method} {path} failed: {error}") from error


def sha(text):
    return hashlib.sha1(text.encode()).hexdigest()


def metadata(commit, message, files):
    return {
        "commit_sha": commit, "message": message, "base_branch": "main",
        "author_name": "Mara Lindqvist", "author_email": "mara@example.com",
        "files_changed": "\n".join(files),
        "diff_stat": "\n".join(f"{len(file)}\t{len(file) // 3}\t{file}" for file in files),
    }


def target(value, tests):
    return {"value": value, "planned": True, "tests": tests, "outcome": "complete"}


def create(server, token, history):
    """Fills both suites. `token` uploads to the one with this history, a directory."""
    scene = Scene()
    suite = Suite(server, demo.HISTORY_SUITE, token)
    selecting = Suite(server, demo.SUITE, server.suite_token)
    describe(suite, scene)
    branch_builds(suite, history, scene)
    learn(selecting, scene)
    build_of_both(selecting, scene)
    suite.reject()
    return scene


def describe(suite, scene):
    """Teams, labels, mutes, and a rule."""
    suite.set_owners(OWNERS)
    flaky = suite.wait("/flaky-tests?per_page=30", lambda found: len(found) > 12)
    scene.ids["tests"] = flaky[0]["id"]
    for test, (reason, owner, ticket, days) in zip(flaky[1::3], MUTES):
        suite.call("PUT", f"/tests/{test['id']}/mute", {
            "reason": reason, "owner": owner, "ticket": ticket, "days": days, "force": True,
        })
    for test in flaky[:12:2]:
        suite.call("PATCH", f"/tests/{test['id']}/labels",
                   {"operator": "add", "labels": ["flaky"]})
    suite.call("POST", "/rules", {
        "name": "Mute what passes on retry", "monitor": {"type": "passed_on_retry"},
        "filters": [{"tag": "scm.branch", "operator": "is", "value": "main"}],
        "alarm_actions": [{"type": "mute", "days": 7}, {"type": "add_label", "label": "flaky"}],
        "recover_actions": [{"type": "enable"}],
    })
    # The one that every suite begins with has acted already.
    scene.ids["rules"] = suite.call("GET", "/rules")[0]["id"]


def branch_builds(suite, history, scene):
    """Builds of branches on several nodes; two tests fail because of the last one's change."""
    main = [run for run in read(history) if run["run_env"]["branch"] == "main"]
    for number, (branch, message, nodes) in enumerate(BUILDS):
        results = [dict(one, id=f"{number}-{place}") for place, one in enumerate(main[-1]["data"])]
        is_red = number == len(BUILDS) - 1
        if is_red:
            fail(results)
        run = branch_build(suite, str(FIRST_BUILD + number), branch, message, nodes, results)
    key = str(FIRST_BUILD + len(BUILDS) - 1)
    failed = suite.call("GET", f"/runs/{run}/failed_executions?per_page=100")
    new = next(one for one in failed if "gift card" in one["failure_reason"])
    base = next(one for one in suite.call("GET", "/runs?per_page=10") if one["branch"] == "main")
    scene.ids |= {"runs": run, "plans": f"{key}%2Ftests"}
    scene.values |= {"against": base["id"], "build": key, "failed": new["test_id"],
                     "execution": new["execution_id"]}


def branch_build(suite, key, branch, message, nodes, results):
    """Plans, uploads and reports a build, and returns the ID of its run."""
    files = sorted({one["file_name"] for one in results})
    commit = sha(key)
    plan = suite.call("POST", "/test_plan", {
        "runner": "pytest", "identifier": f"{key}/tests", "parallelism": nodes, "branch": branch,
        "tests": {"files": [{"path": file} for file in files]},
        "metadata": metadata(commit, message, CHANGED),
    })
    receipt = None
    for node in range(nodes):
        share = [case["path"] for case in plan["tasks"][str(node)]["tests"]]
        part = [one for one in results if one["file_name"] in share]
        receipt = suite.upload(key, branch, commit, part, message=message, job_id=f"{key}-{node}")
        counts = {file: sum(one["file_name"] == file for one in part) for file in share}
        seconds = sum(one["history"]["duration"] for one in part)
        suite.report(key, node, nodes, [target(file, counts[file]) for file in share],
                     seconds * (100 + DELAYS[node]) / 100)
    suite.wait(f"/test_plan/accounting?build_id={key}", lambda found: found["accountings"])
    return receipt["run_id"]


def read(history):
    files = sorted(history.iterdir())
    return [json.loads(file.read_text(encoding="utf-8")) for file in files[-12:]]


def fail(results):
    """Two tests of totals of a basket fail where the commit changed something."""
    totals = [one for one in results if one["file_name"] == "tests/basket/test_totals.py"
              and one["result"] == "passed"]
    for one, (expected, got) in zip(totals, (("4758", "4757"), ("1299", "1298"))):
        reason = f"AssertionError: expected gift card of {expected}, got {got}"
        one["result"] = "failed"
        one["failure_reason"] = reason
        one["failure_expanded"] = [{
            "expanded": [reason, f"expected: {expected}", f"     got: {got}"],
            "backtrace": [
                "shop/basket/gift_cards.py:49: in round_to_cents",
                "shop/basket/totals.py:14: in total",
                "/usr/lib/python3/dist-packages/_pytest/python.py:194: in pytest_pyfunc_call",
                "/usr/lib/python3/dist-packages/pluggy/_callers.py:103: in _multicall",
                f"{one['location']}: in {one['name']}",
            ],
        }]


def learn(suite, scene):
    """Builds that change a module whose test fails, and then one from which tests are left out."""
    files = [f"tests/test_module{number}.py" for number in range(MODULES)]

    def build(key, branch, changed, params, failing):
        commit = sha(key)
        selection = {"strategy": "confidence" if params else "observe", "params": params}
        plan = suite.call("POST", "/test_plan", {
            "runner": "pytest", "identifier": f"{key}/tests", "parallelism": 1, "branch": branch,
            "tests": {"selectors": [{"value": file} for file in files]},
            "metadata": metadata(commit, f"Change {changed}", [changed]), "selection": selection,
        })
        share = [case["value"] for case in plan["tasks"]["0"]["tests"]]
        finish(key, branch, commit, share, failing)
        return plan["selection"]

    def finish(key, branch, commit, share, failing):
        suite.upload(key, branch, commit, [result(file, file in failing) for file in share],
                     message=f"Change of {branch}", job_id=f"{key}-0")
        suite.report(key, 0, 1, [target(file, 1) for file in share], 60)

    finish("300", "main", sha("300"), files, [])
    suite.wait("/test_plan/accounting?build_id=300", lambda found: found["accountings"])
    for number in range(LEARNED):
        key = str(301 + number)
        build(key, f"module-{number}", f"src/module{number}.py", {}, [files[number]])
        suite.wait("/selection",
                   lambda found, wanted=number + 1: sum(found["holdouts"].values()) >= wanted)
    params = {"confidence": "90", "min_holdouts": "9", "holdout": "1"}
    for number in range(5):
        # One build in a hundred runs everything to find out.
        key = str(320 + number)
        decision = build(key, "module-4-again", "src/module4.py", params, [files[4]])
        if decision["verdict"] == "selected":
            scene.values["decision"] = f"{key}%2Ftests"
            return
    raise demo.Failure("no build left out tests")


def result(file, is_failed):
    one = {
        "id": sha(f"{file}{time.monotonic_ns()}"), "scope": file.removesuffix(".py"),
        "name": "works", "location": f"{file}:12", "file_name": file,
        "result": "failed" if is_failed else "passed",
        "history": {"section": "top", "duration": 1.5 + len(file) % 3},
    }
    if is_failed:
        one["failure_reason"] = "AssertionError: expected 3 items, got 2"
    return one


def build_of_both(suite, scene):
    """A run of the red build in the other suite, in which everything passes."""
    key = scene.values["build"]
    branch, message, _ = BUILDS[-1]
    files = [f"tests/test_module{number}.py" for number in range(MODULES)]
    suite.upload(key, branch, sha(key), [result(file, False) for file in files], message=message)
