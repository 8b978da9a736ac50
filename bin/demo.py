"""The story that bin/demo tells; started by it, once it knows that everything needed is there.

Nothing is faked: the server is the real one on a free loopback port, the nodes are two real `bktec`
processes at once, the tests are the pytest project in examples/. Everything it writes goes to one
data folder; everything it starts is stopped, however it ends.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROJECT = ROOT / "examples" / "pytest"
ORGANIZATION = "demo"
SUITE = "shop"
NODES = 2
# A node of this project takes about 20 s at most; a minute and a half means that something hangs.
NODE_LIMIT = 90
START_LIMIT = 30


class Failure(Exception):
    """The demo cannot go on; the text says why and where to look."""


class Stopped(BaseException):
    """A signal asked for the end."""

    def __init__(self, number):
        super().__init__()
        self.number = number


def say(text=""):
    print(text, flush=True)


def tail(path, lines=25):
    """The end of a file, indented, for a failure's message."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return f"    (cannot be read: {error})"
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])


class Processes:
    """Everything that was started, so that everything can be stopped."""

    def __init__(self):
        self.running = []

    def start(self, name, arguments, log, environment, folder):
        with open(log, "wb") as output:
            process = subprocess.Popen(
                [str(argument) for argument in arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=folder,
                # Its own group: Ctrl-C reaches this script alone, which then stops all in order.
                start_new_session=True,
            )
        self.running.append((name, process))
        return process

    def stop_all(self):
        # Nodes before the server, the other way round than they were started.
        for name, process in reversed(self.running):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    say(f"  {name} did not stop when asked to, killing it")
            # What a node left behind is in its group too.
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
            process.wait()
        self.running.clear()


def build_programs():
    """Builds both programs and gives their paths."""
    # The demo runs for less than a minute. Optimising the programs fully takes longer than that,
    # and what the demo waits for are the sleeps inside the tests.
    say("Building bktec and test-engine (dev profile: the quicker one to build)")
    started = time.monotonic()
    build = subprocess.run(
        ["cargo", "build", "--locked", "--bins", "--package", "bktec", "--package", "test-engine",
         "--message-format", "json-render-diagnostics"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=False,
    )
    if build.returncode != 0:
        raise Failure("cargo could not build the programs; its messages are above")
    found = {}
    for line in build.stdout.splitlines():
        message = json.loads(line)
        if message.get("reason") == "compiler-artifact" and message.get("executable"):
            found[message["target"]["name"]] = pathlib.Path(message["executable"])
    say(f"  built in {time.monotonic() - started:.0f} s")
    return found["bktec"], found["test-engine"]


def install_pytest(data):
    """A virtual environment with pytest and nothing else."""
    say("Installing pytest into a virtual environment")
    folder = data / "python"
    log = data / "pip.log"
    with open(log, "wb") as output:
        for arguments in (
            [sys.executable, "-m", "venv", folder],
            [folder / "bin" / "python", "-m", "pip", "install", "--disable-pip-version-check",
             "--requirement", PROJECT / "requirements.txt"],
        ):
            step = subprocess.run(
                [str(argument) for argument in arguments], stdout=output, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL, check=False,
            )
            if step.returncode != 0:
                raise Failure(f"pytest could not be installed; the end of {log}:\n{tail(log)}")
    return folder / "bin"


def clean_environment(first_on_path):
    """This environment without anything a CI or a pytest user may have set in it."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not re.match(r"BUILDKITE|PYTEST|PYTHON|GIT_|EXAMPLE_|TEST_ENGINE", name)
    }
    kept["PATH"] = f"{first_on_path}{os.pathsep}{os.environ['PATH']}"
    # The server is on this machine: a proxy has no part in it.
    kept["NO_PROXY"] = kept["no_proxy"] = "127.0.0.1"
    kept["NO_COLOR"] = "1"
    kept["PYTHONDONTWRITEBYTECODE"] = "1"
    return kept


def commit(project, message):
    """Commits whatever is in the project, as build after build would find it."""
    def git(*arguments):
        return subprocess.run(
            ["git", "-c", "user.name=Demo", "-c", "user.email=demo@localhost",
             "-c", "commit.gpgsign=false", "-c", "init.defaultBranch=main", *arguments],
            cwd=project, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
        ).stdout.strip()

    if not (project / ".git").exists():
        git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--allow-empty", "--message", message)
    return git("rev-parse", "HEAD")


class Server:
    """The running server, its commands, and its REST API."""

    def __init__(self, processes, program, data):
        self.program = program
        self.data = data / "server"
        self.log = data / "server.log"
        self.environment = clean_environment(data)
        self.process = processes.start(
            "the server",
            [program, "serve", "--data-dir", self.data, "--listen", "127.0.0.1:0",
             "--organization", ORGANIZATION],
            self.log, self.environment, data,
        )
        # A proxy of this machine has no part in talking to a server on it.
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self.url = self._wait_until_ready()
        self.suite_token = self._command("suite", "create", f"{ORGANIZATION}/{SUITE}")["suite_token"]
        self.token = self._command("token", "create", "--organization", ORGANIZATION)["token"]
        self.suite_url = f"{self.url}/v2/analytics/organizations/{ORGANIZATION}/suites/{SUITE}"

    def _wait_until_ready(self):
        """The server chooses its port and prints the address once it listens there."""
        deadline = time.monotonic() + START_LIMIT
        while time.monotonic() < deadline and self.process.poll() is None:
            said = self.log.read_text(encoding="utf-8", errors="replace")
            address = re.search(r"^listening on (http://\S+)\n", said, re.MULTILINE)
            if address:
                return address.group(1)
            time.sleep(0.02)
        raise Failure(f"the server does not start; the end of {self.log}:\n{tail(self.log)}")

    def _command(self, *arguments):
        """Runs a command of the program, which works on the data folder; gives the JSON it prints."""
        command = subprocess.run(
            [str(self.program), *arguments, "--json", "--data-dir", str(self.data)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=self.environment, check=False,
        )
        if command.returncode != 0:
            raise Failure(f"test-engine {' '.join(arguments)} failed: {command.stderr}")
        return json.loads(command.stdout)

    def call(self, method, path, body=None):
        """A request to the suite's REST API, as any script would send it."""
        request = urllib.request.Request(
            f"{self.suite_url}{path}",
            method=method,
            data=json.dumps(body or {}).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        try:
            with self.opener.open(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Failure(f"{method} {path} was answered with {error.code}: {error.read().decode()}") from error
        except (OSError, ValueError) as error:
            raise Failure(f"{method} {path} failed: {error}") from error


class Node:
    """One CI machine: `bktec run` with what a CI sets, its output in a file of its own."""

    def __init__(self, processes, program, server, python, project, build, index):
        self.index = index
        self.name = f"build {build['number']}, node {index}"
        self.log = build["folder"] / f"node-{index}.log"
        self.environment = clean_environment(python)
        self.environment.update({
            "BUILDKITE_ORGANIZATION_SLUG": ORGANIZATION,
            "BUILDKITE_BUILD_ID": build["id"],
            "BUILDKITE_BUILD_NUMBER": str(build["number"]),
            "BUILDKITE_STEP_ID": "pytest",
            "BUILDKITE_JOB_ID": f"{build['id']}-{index}",
            "BUILDKITE_BRANCH": "main",
            "BUILDKITE_COMMIT": build["commit"],
            "BUILDKITE_MESSAGE": build["message"],
            "BUILDKITE_PARALLEL_JOB": str(index),
            "BUILDKITE_PARALLEL_JOB_COUNT": str(NODES),
            "BUILDKITE_TEST_ENGINE_SUITE_SLUG": SUITE,
            "BUILDKITE_TEST_ENGINE_BASE_URL": server.url,
            "BUILDKITE_TEST_ENGINE_UPLOAD_BASE_URL": server.url,
            "BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN": server.token,
            "BUILDKITE_ANALYTICS_TOKEN": server.suite_token,
            "EXAMPLE_STATE": str(build["folder"]),
        })
        self.started = time.monotonic()
        self.seconds = None
        self.process = processes.start(
            self.name,
            [program, "run", "--test-runner", "pytest", "--test-engine-retry-count", "1", "--upload-results"],
            self.log, self.environment, project,
        )

    def wait(self):
        try:
            self.process.wait(timeout=NODE_LIMIT)
        except subprocess.TimeoutExpired:
            return
        self.seconds = time.monotonic() - self.started

    def said(self):
        return self.log.read_text(encoding="utf-8", errors="replace")


def run_build(number, processes, program, server, python, data, expected):
    """Runs one build on all nodes at once, as parallel jobs of one step."""
    folder = data / f"build-{number}"
    folder.mkdir()
    project = data / "project"
    message = "First build" if number == 1 else "Second build"
    build = {
        "number": number,
        "id": f"demo-build-{number}",
        "folder": folder,
        "message": message,
        "commit": commit(project, message),
    }
    nodes = [
        Node(processes, program, server, python, project, build, index) for index in range(NODES)
    ]
    waiting = [threading.Thread(target=node.wait, daemon=True) for node in nodes]
    for thread in waiting:
        thread.start()
    for thread in waiting:
        # Waiting in steps lets a signal through.
        while thread.is_alive():
            thread.join(timeout=0.2)
    for node in nodes:
        if node.seconds is None:
            raise Failure(f"{node.name} was not done after {NODE_LIMIT} s; the end of {node.log}:\n{tail(node.log)}")
    check_build(number, nodes, expected)
    for node in nodes:
        files = len(node_files(node))
        bar = "#" * round(node.seconds * 2)
        say(f"  node {node.index}   {files} files   {node.seconds:5.1f} s   exit {node.process.returncode}   {bar}")
    return nodes


def node_files(node):
    """The test files a node was given, from the command line that it printed."""
    command = next((line for line in node.said().splitlines() if "pytest " in line and "--junit-xml" in line), "")
    return sorted(set(re.findall(r"tests/test_\w+\.py", command)))


def check_build(number, nodes, expected):
    """The nodes ended as expected.json says, and between them they had every file once."""
    def failed(why):
        logs = "\n".join(f"  the end of {node.log}:\n{tail(node.log)}" for node in nodes)
        return Failure(f"build {number}: {why}\n{logs}")

    given = sorted(file for node in nodes for file in node_files(node))
    if given != sorted({test["file"] for test in expected}):
        raise failed(f"the nodes together were given {len(given)} files, not every file exactly once: {given}")
    broken = only(expected, "failed")
    for node in nodes:
        holds_broken = number == 1 and broken["file"] in node_files(node)
        if node.process.returncode != (1 if holds_broken else 0):
            raise failed(f"node {node.index} ended with {node.process.returncode}")


def only(expected, outcome):
    return next(test for test in expected if test["outcome"] == outcome)


def failures_of(nodes, test):
    """How often pytest said that this test failed."""
    return sum(node.said().count(f"FAILED {test['id']}") for node in nodes)


def describe(test):
    return f"{test['file']}  {test['id'].split('::', 1)[1]}"


def compare(builds, expected):
    """The durations side by side, and whether the second build is balanced."""
    say()
    say("Seconds per node          build 1   build 2")
    for index in range(NODES):
        say(f"  node {index}                {builds[0][index].seconds:7.1f}   {builds[1][index].seconds:7.1f}")
    slowest = [max(node.seconds for node in nodes) for nodes in builds]
    mean = [sum(node.seconds for node in nodes) / NODES for nodes in builds]
    say(f"  slowest               {slowest[0]:7.1f}   {slowest[1]:7.1f}")
    say(f"  mean                  {mean[0]:7.1f}   {mean[1]:7.1f}")
    say(f"  slowest over mean     {slowest[0] / mean[0]:7.2f}   {slowest[1] / mean[1]:7.2f}")
    files = {}
    for test in expected:
        files[test["file"]] = files.get(test["file"], 0) + test["seconds"]
    longest = max(files.values())
    allowed = [value * 1.1 + longest for value in mean]
    say()
    for number, (is_so, bar) in enumerate(zip(slowest, allowed), 1):
        verdict = "balanced" if is_so <= bar else "not balanced"
        say(
            f"Build {number} is {verdict}: its slowest node took {is_so:.1f} s, and a balanced build may take "
            f"{bar:.1f} s (mean + 10 % + the longest file, {longest:.1f} s)"
        )
    if slowest[1] > allowed[1]:
        raise Failure("the second build is not balanced, although the server had seen the first one")


def tell(data, keep, processes):
    bktec, test_engine = build_programs()
    started = time.monotonic()
    python = install_pytest(data)
    expected = json.loads((PROJECT / "expected.json").read_text(encoding="utf-8"))["tests"]
    shutil.copytree(PROJECT, data / "project", ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    server = Server(processes, test_engine, data)
    say(f"The server listens on {server.url}, with an empty data folder and a new suite '{SUITE}'")
    broken, flaky = only(expected, "failed"), only(expected, "flaky")
    files = {test["file"] for test in expected}
    say(f"The project has {len(files)} test files with {len(expected)} tests; one is flaky, one is broken")

    builds = []
    say()
    say(f"Build 1 on {NODES} nodes: no test was ever seen, so every file counts the same")
    builds.append(run_build(1, processes, bktec, server, python, data, expected))

    found = server.call("POST", "/tests/find", {"scope": broken["scope"], "name": broken["name"]})
    server.call("PUT", f"/tests/{found['id']}/mute")
    say(f"  the broken test failed its node; it is muted now: {broken['id']}")

    say()
    say(f"Build 2 on {NODES} nodes: the server has learnt how long each file takes")
    builds.append(run_build(2, processes, bktec, server, python, data, expected))
    say("  the muted test failed again, and the build passed")

    compare(builds, expected)

    say()
    counts = [failures_of(nodes, flaky) for nodes in builds]
    if counts != [1, 1]:
        raise Failure(f"the flaky test should fail once in each build, it failed {counts} times")
    say("Flaky: failed at first and passed when tried again, in both builds")
    say(f"  {describe(flaky)}")
    counts = [failures_of(nodes, broken) for nodes in builds]
    if counts != [2, 2]:
        raise Failure(f"the broken test should fail twice in each build, it failed {counts} times")
    say("Muted: failed build 1, was muted, failed again in build 2 and no longer counted")
    say(f"  {describe(broken)}")

    say()
    say(f"The story took {time.monotonic() - started:.0f} s, building aside")
    say("Where to look next")
    say(f"  {data}/build-2/node-0.log   what bktec printed on a node (build-1 and node-1 are beside it)")
    say(f"  {server.log}   what the server did, one line a request")
    if keep:
        say(f"  {server.url}/organizations/{ORGANIZATION}/analytics/suites/{SUITE}   the suite's pages")
        say(f"  {server.token}   an access token, to sign in there with")
        say("The server stays up. Ctrl-C stops it.")
        try:
            while server.process.poll() is None:
                time.sleep(0.2)
        except Stopped:
            # The way this was meant to end.
            return
        raise Failure(f"the server ended by itself; the end of {server.log}:\n{tail(server.log)}")
    say("  bin/demo --keep   runs this again and leaves the server up, to look at its pages")


def main():
    options = argparse.ArgumentParser(
        prog="bin/demo", description="Runs the whole product on a sample project: see the head of bin/demo."
    )
    options.add_argument("--keep", action="store_true", help="leave the server up at the end, until Ctrl-C")
    keep = options.parse_args().keep

    def stop(number, _frame):
        raise Stopped(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)

    data = pathlib.Path(tempfile.mkdtemp(prefix="test-engine-demo-"))
    processes = Processes()
    status = 0
    try:
        tell(data, keep, processes)
    except Failure as failure:
        print(f"\nThe demo failed: {failure}", file=sys.stderr, flush=True)
        status = 1
    except Stopped as stopped:
        say("\nStopping")
        status = 128 + stopped.number
    finally:
        # Nothing may cut the clean-up short.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        processes.stop_all()
    say(f"Everything is stopped. All that is left is the data folder {data}")
    return status


if __name__ == "__main__":
    sys.exit(main())
