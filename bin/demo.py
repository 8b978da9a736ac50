"""The steps of bin/demo, which checks that everything needed is installed and then starts this.

Nothing is faked: a real server on a free loopback port, two concurrent `bktec` processes as nodes,
and the pytest project in examples/. Everything it writes goes to one data directory; everything it
starts is stopped, however it ends.
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
# A suite with a history of weeks, for `--keep`.
HISTORY_SUITE = "webshop"
NODES = 2
# How long the tests sleep, as a share of what they do in a real build: long enough to see that both
# nodes take the same time.
PACE = "0.4"
# A node takes about 10 s at most; after a minute and a half something hangs.
NODE_LIMIT = 90
START_LIMIT = 30


class Failure(Exception):
    """The demo cannot continue; the text says why and where to look."""


class Stopped(BaseException):
    """A signal requested the end."""

    def __init__(self, number):
        super().__init__()
        self.number = number


def say(text=""):
    print(text, flush=True)


def tail(path, lines=25):
    """The last lines of a file, indented, for an error message."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return f"    (unreadable: {error})"
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])


class Processes:
    """All processes that were started, so that all can be stopped."""

    def __init__(self):
        self.running = []

    def start(self, name, arguments, log, environment, directory):
        with open(log, "wb") as output:
            process = subprocess.Popen(
                [str(argument) for argument in arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=directory,
                # Its own group: Ctrl-C reaches only this script, which then stops all in order.
                start_new_session=True,
            )
        self.running.append((name, process))
        return process

    def stop_all(self):
        # In reverse order: nodes before the server.
        for name, process in reversed(self.running):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    say(f"  {name} did not stop on SIGTERM, killing it")
            # Processes that a node left behind are in its group.
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
            process.wait()
        self.running.clear()


def cargo_build(*arguments):
    """Builds in the demo profile and returns the paths of the executables by their names."""
    command = ["cargo", "build", "--locked", "--profile", "demo", *arguments]
    build = subprocess.run(
        [*command, "--message-format", "json-render-diagnostics"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=False,
    )
    if build.returncode != 0:
        raise Failure("building the programs failed; cargo's messages are above")
    found = {}
    for line in build.stdout.splitlines():
        message = json.loads(line)
        if message.get("reason") == "compiler-artifact" and message.get("executable"):
            found[message["target"]["name"]] = pathlib.Path(message["executable"])
    return found


def build_programs():
    """Builds both programs and returns their paths."""
    # The demo runs for half a minute, mostly sleeping in tests. A release build takes longer.
    say("Building bktec and test-engine (demo profile, which builds fastest)")
    started = time.monotonic()
    found = cargo_build("--bins", "--package", "bktec", "--package", "test-engine")
    say(f"  built in {time.monotonic() - started:.0f} s")
    return found["bktec"], found["test-engine"]


def find_programs(directory, names=("bktec", "test-engine")):
    """Returns the paths of programs in a directory."""
    programs = [(directory / name).resolve() for name in names]
    for program in programs:
        if not program.is_file():
            raise Failure(f"{program} does not exist; build it, or leave out --programs")
    return programs


def build_history():
    """Builds the generator of the history and returns its path."""
    return cargo_build("--package", "test-engine-insights", "--example", "history")["history"]


def import_history(generator, test_engine, data):
    """Imports a generated history of two months into a suite of its own, before the server starts.

    The history is the same each time, except that it ends now. Returns the suite's upload token.
    """
    say(f"Importing two months of results into the suite '{HISTORY_SUITE}'")
    started = time.monotonic()
    files = data / "history"
    suite = f"{ORGANIZATION}/{HISTORY_SUITE}"
    directory = ["--data-dir", data / "server"]
    log = data / "import.log"
    with open(log, "wb") as output:
        for arguments in (
            [generator, files, int(time.time() * 1000)],
            [test_engine, "init", suite, *directory],
            [test_engine, "import", suite, files, *directory],
        ):
            step = subprocess.run(
                [str(argument) for argument in arguments], stdout=output, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL, env=clean_environment(data), check=False,
            )
            if step.returncode != 0:
                raise Failure(f"importing results failed; the end of {log}:\n{tail(log)}")
    say(f"  imported {len(list(files.iterdir()))} runs in {time.monotonic() - started:.0f} s")
    printed = log.read_text(encoding="utf-8")
    return re.search(r"^export BUILDKITE_ANALYTICS_TOKEN=(\S+)$", printed, re.MULTILINE)[1]


class PytestInstallation:
    """Creates a virtual environment with pytest only, while the programs are built."""

    SCRIPT = """
        "$1" -m venv "$2" &&
        exec "$2/bin/python" -m pip install --disable-pip-version-check --requirement "$3"
    """

    def __init__(self, processes, data):
        say("Installing pytest into a virtual environment")
        self.directory = data / "python"
        self.log = data / "pip.log"
        arguments = [sys.executable, self.directory, PROJECT / "requirements.txt"]
        self.process = processes.start(
            "pip", ["sh", "-c", self.SCRIPT, "sh", *arguments], self.log, None, ROOT
        )

    def wait(self):
        """Returns the directory of its programs."""
        if self.process.wait() != 0:
            raise Failure(f"installing pytest failed; the end of {self.log}:\n{tail(self.log)}")
        return self.directory / "bin"


def clean_environment(path_prefix):
    """This environment without the variables of a CI or a pytest user."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not re.match(r"BUILDKITE|PYTEST|PYTHON|GIT_|EXAMPLE_|TEST_ENGINE", name)
    }
    kept["PATH"] = f"{path_prefix}{os.pathsep}{os.environ['PATH']}"
    # The server is on this machine: no proxy.
    kept["NO_PROXY"] = kept["no_proxy"] = "127.0.0.1"
    kept["NO_COLOR"] = "1"
    kept["PYTHONDONTWRITEBYTECODE"] = "1"
    return kept


def commit(project, message):
    """Commits the current state of the project and returns the commit."""
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
        # No proxy for a server on this machine.
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self.url = self._wait_until_ready()
        suite = self._command("suite", "create", f"{ORGANIZATION}/{SUITE}")
        self.suite_token = suite["suite_token"]
        self.token = self._command(
            "token", "create", "--organization", ORGANIZATION, "--description", "the demo"
        )["token"]
        self.suite_url = f"{self.url}/v2/analytics/organizations/{ORGANIZATION}/suites/{SUITE}"

    def _wait_until_ready(self):
        """The server chooses its port and prints the address once it listens."""
        deadline = time.monotonic() + START_LIMIT
        while time.monotonic() < deadline and self.process.poll() is None:
            output = self.log.read_text(encoding="utf-8", errors="replace")
            address = re.search(r"^listening on (http://\S+)\n", output, re.MULTILINE)
            if address:
                return address.group(1)
            time.sleep(0.02)
        raise Failure(f"the server did not start; the end of {self.log}:\n{tail(self.log)}")

    def _command(self, *arguments):
        """Runs a command of test-engine on the data directory and returns the JSON it prints."""
        command = subprocess.run(
            [str(self.program), *arguments, "--json", "--data-dir", str(self.data)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=self.environment, check=False,
        )
        if command.returncode != 0:
            raise Failure(f"test-engine {' '.join(arguments)} failed: {command.stderr}")
        return json.loads(command.stdout)

    def call(self, method, path, body=None):
        """Sends a request to the suite's REST API."""
        request = urllib.request.Request(
            f"{self.suite_url}{path}",
            method=method,
            data=json.dumps(body or {}).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        try:
            with self.opener.open(request, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            details = f"{error.code}: {error.read().decode()}"
            raise Failure(f"{method} {path} failed with {details}") from error
        except (OSError, ValueError) as error:
            raise Failure(f"{method} {path} failed: {error}") from error


class Node:
    """One CI machine: `bktec run` with the variables of a CI and its output in a file."""

    def __init__(self, processes, program, server, python, project, build, index):
        self.index = index
        self.name = f"build {build['number']}, node {index}"
        self.log = build["directory"] / f"node-{index}.log"
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
            "EXAMPLE_STATE": str(build["directory"]),
            "EXAMPLE_PACE": PACE,
        })
        self.started = time.monotonic()
        self.seconds = None
        self.process = processes.start(
            self.name,
            [
                program, "run", "--test-runner", "pytest", "--test-engine-retry-count", "1",
                "--upload-results",
            ],
            self.log, self.environment, project,
        )

    def wait(self):
        try:
            self.process.wait(timeout=NODE_LIMIT)
        except subprocess.TimeoutExpired:
            return
        self.seconds = time.monotonic() - self.started

    def output(self):
        return self.log.read_text(encoding="utf-8", errors="replace")


def run_build(number, processes, program, server, python, data, expected):
    """Runs one build on all nodes concurrently, as parallel jobs of one step."""
    directory = data / f"build-{number}"
    directory.mkdir()
    project = data / "project"
    message = "First build" if number == 1 else "Second build"
    build = {
        "number": number,
        "id": f"demo-build-{number}",
        "directory": directory,
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
        # Short waits let Python handle signals.
        while thread.is_alive():
            thread.join(timeout=0.2)
    for node in nodes:
        if node.seconds is None:
            raise Failure(
                f"{node.name} did not finish within {NODE_LIMIT} s; the end of {node.log}:\n"
                f"{tail(node.log)}"
            )
    check_build(number, nodes, expected)
    for node in nodes:
        files = len(node_files(node))
        bar = "#" * round(node.seconds * 2)
        say(
            f"  node {node.index}   {files} files   {node.seconds:5.1f} s   "
            f"exit {node.process.returncode}   {bar}"
        )
    return nodes


def verify(program, nodes):
    """Verifies that every test of a build ran, as a pipeline's last step does, and prints it."""
    verification = subprocess.run(
        [str(program), "verify"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=nodes[0].environment, check=False,
    )
    if verification.returncode != 0:
        raise Failure(f"bktec verify exited with {verification.returncode}:\n{verification.stdout}")
    for line in verification.stdout.strip().splitlines():
        say(f"  {line}".rstrip())


def node_files(node):
    """The test files of a node's share, from the command line that it printed."""
    lines = node.output().splitlines()
    command = next((line for line in lines if "pytest " in line and "--junit-xml" in line), "")
    return sorted(set(re.findall(r"tests/test_\w+\.py", command)))


def check_build(number, nodes, expected):
    """Checks exit codes against expected.json, and that the nodes together got every file once."""
    def failed(why):
        logs = "\n".join(f"  the end of {node.log}:\n{tail(node.log)}" for node in nodes)
        return Failure(f"build {number}: {why}\n{logs}")

    given = sorted(file for node in nodes for file in node_files(node))
    if given != sorted({test["file"] for test in expected}):
        raise failed(
            f"the nodes together got {len(given)} files, not every file exactly once: {given}"
        )
    broken = only(expected, "failed")
    for node in nodes:
        holds_broken = number == 1 and broken["file"] in node_files(node)
        if node.process.returncode != (1 if holds_broken else 0):
            raise failed(f"node {node.index} exited with {node.process.returncode}")


def only(expected, outcome):
    return next(test for test in expected if test["outcome"] == outcome)


def failures_of(nodes, test):
    """How often pytest reported this test as failed."""
    return sum(node.output().count(f"FAILED {test['id']}") for node in nodes)


def describe(test):
    return f"{test['file']}  {test['id'].split('::', 1)[1]}"


def compare(builds, expected):
    """Prints the durations side by side and checks that the second build is balanced."""
    say()
    say("Seconds per node          build 1   build 2")
    for index in range(NODES):
        first, second = (nodes[index].seconds for nodes in builds)
        say(f"  node {index}                {first:7.1f}   {second:7.1f}")
    slowest = [max(node.seconds for node in nodes) for nodes in builds]
    mean = [sum(node.seconds for node in nodes) / NODES for nodes in builds]
    say(f"  slowest               {slowest[0]:7.1f}   {slowest[1]:7.1f}")
    say(f"  mean                  {mean[0]:7.1f}   {mean[1]:7.1f}")
    say(f"  slowest / mean        {slowest[0] / mean[0]:7.2f}   {slowest[1] / mean[1]:7.2f}")
    files = {}
    for test in expected:
        files[test["file"]] = files.get(test["file"], 0) + test["seconds"]
    longest = max(files.values())
    allowed = [value * 1.1 + longest for value in mean]
    say()
    for number, (actual, limit) in enumerate(zip(slowest, allowed), 1):
        verdict = "balanced" if actual <= limit else "not balanced"
        say(
            f"Build {number} is {verdict}: its slowest node took {actual:.1f} s, the limit is "
            f"{limit:.1f} s (mean + 10 % + the longest file, {longest:.1f} s)"
        )
    if slowest[1] > allowed[1]:
        raise Failure(
            "the second build is not balanced, although the server has timings of the first"
        )


def run_demo(data, arguments, processes):
    installation = PytestInstallation(processes, data)
    if arguments.programs is None:
        bktec, test_engine = build_programs()
    else:
        bktec, test_engine = find_programs(arguments.programs)
    if arguments.keep:
        import_history(build_history(), test_engine, data)
    started = time.monotonic()
    python = installation.wait()
    expected = json.loads((PROJECT / "expected.json").read_text(encoding="utf-8"))["tests"]
    caches = shutil.ignore_patterns("__pycache__", ".pytest_cache")
    shutil.copytree(PROJECT, data / "project", ignore=caches)
    server = Server(processes, test_engine, data)
    say(
        f"The server listens on {server.url}, with an empty data directory and a new suite "
        f"'{SUITE}'"
    )
    broken, flaky = only(expected, "failed"), only(expected, "flaky")
    files = {test["file"] for test in expected}
    say(
        f"The project has {len(files)} test files with {len(expected)} tests; one is flaky, one is "
        "broken"
    )

    builds = []
    say()
    say(f"Build 1 on {NODES} nodes: no timings yet, so every file counts the same")
    builds.append(run_build(1, processes, bktec, server, python, data, expected))

    found = server.call("POST", "/tests/find", {"scope": broken["scope"], "name": broken["name"]})
    server.call("PUT", f"/tests/{found['id']}/mute")
    say(f"  the broken test failed its node and is now muted: {broken['id']}")

    say()
    say(f"Build 2 on {NODES} nodes: the server knows how long each file takes")
    builds.append(run_build(2, processes, bktec, server, python, data, expected))
    say("  the muted test failed again, and the build passed")

    compare(builds, expected)

    say()
    counts = [failures_of(nodes, flaky) for nodes in builds]
    if counts != [1, 1]:
        raise Failure(f"the flaky test should fail once in each build, it failed {counts} times")
    say("Flaky: failed first and passed on retry, in both builds")
    say(f"  {describe(flaky)}")
    counts = [failures_of(nodes, broken) for nodes in builds]
    if counts != [2, 2]:
        raise Failure(f"the broken test should fail twice in each build, it failed {counts} times")
    say("Muted: failed build 1, was muted, and no longer failed build 2")
    say(f"  {describe(broken)}")

    say()
    say("Did every test of build 2 run? bktec verify, the last step of a pipeline, says:")
    verify(bktec, builds[1])

    say()
    say(f"The demo took {time.monotonic() - started:.0f} s, not counting the build")
    say("Where to look next")
    say(f"  {data}/build-2/node-0.log   the output of bktec on a node (also build-1 and node-1)")
    say(f"  {server.log}   the log of the server, one line per request")
    if arguments.keep:
        suite = f"{server.url}/organizations/{ORGANIZATION}/analytics/suites/{SUITE}"
        say(f"  {suite}   the suite's pages")
        history = suite.removesuffix(SUITE) + HISTORY_SUITE
        say(f"  {history}   2,000 tests over two months: flaky, slow, broken and fixed ones")
        say(f"  {server.token}   an access token to sign in with")
        say("The server keeps running. Ctrl-C stops it.")
        try:
            while server.process.poll() is None:
                time.sleep(0.2)
        except Stopped:
            # The expected end.
            return
        raise Failure(f"the server exited on its own; the end of {server.log}:\n{tail(server.log)}")
    say(
        "  bin/demo --keep   runs this again and leaves the server running, so that you can look "
        "at its pages"
    )


def main():
    options = argparse.ArgumentParser(
        prog="bin/demo",
        description="Runs the whole product on a sample project; see the first lines of bin/demo.",
    )
    options.add_argument(
        "--keep", action="store_true", help="leave the server running at the end, until Ctrl-C"
    )
    options.add_argument(
        "--programs",
        type=pathlib.Path,
        metavar="DIRECTORY",
        help="use the bktec and test-engine of this directory instead of building them",
    )
    arguments = options.parse_args()

    def stop(number, _frame):
        raise Stopped(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)

    data = pathlib.Path(tempfile.mkdtemp(prefix="test-engine-demo-"))
    processes = Processes()
    status = 0
    try:
        run_demo(data, arguments, processes)
    except Failure as failure:
        print(f"\nThe demo failed: {failure}", file=sys.stderr, flush=True)
        status = 1
    except Stopped as stopped:
        say("\nStopping")
        status = 128 + stopped.number
    finally:
        # Signals must not interrupt the clean-up.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        processes.stop_all()
    say(f"Everything is stopped. The data directory remains: {data}")
    return status


if __name__ == "__main__":
    sys.exit(main())
