"""A pytest plugin that records for bktec whether every collected test ran.

It writes counts to the file that BUILDKITE_TEST_ENGINE_PYTEST_EVIDENCE names, at the start, when
the session finishes and at the end, so a file that stays at an early stage shows where the process
ended. It changes neither the run nor its output.

Works with Python 3.8 or later, pytest 6 to 9, with and without pytest-xdist. Workers of
pytest-xdist report to the controller, which alone writes the file.
"""

import json
import os
import time

import pytest

VARIABLE = "BUILDKITE_TEST_ENGINE_PYTEST_EVIDENCE"
# The key in an xdist worker's output.
WORKER_KEY = "bktec_evidence"
MAX_NAMES = 1000
MAX_MESSAGE = 300


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(Worker(config), "bktec-evidence-worker")
        return
    path = os.environ.get(VARIABLE)
    if path and not getattr(config.option, "collectonly", False):
        config.pluginmanager.register(Controller(path), "bktec-evidence")


def file_of(nodeid):
    return nodeid.split("::", 1)[0]


def first_line(text):
    lines = str(text).strip().splitlines()
    return lines[0][:MAX_MESSAGE] if lines else ""


class LeftOut:
    """The tests that were deselected, their files, and files skipped as a whole."""

    def __init__(self):
        self.deselected = set()
        self.deselected_files = set()
        self.skipped = set()

    def pytest_deselected(self, items):
        for item in items:
            # By bktec_selection: another node or attempt runs it.
            if not getattr(item, "bktec_left_to_others", False):
                self.deselected.add(item.nodeid)
                self.deselected_files.add(file_of(item.nodeid))

    def pytest_collectreport(self, report):
        if report.skipped:
            self.skipped.add(file_of(report.nodeid))


class Worker(LeftOut):
    def __init__(self, config):
        super().__init__()
        self.config = config

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self):
        output = getattr(self.config, "workeroutput", None)
        if output is not None:
            # All workers collect the same tests, so one of them names them.
            names = self.config.workerinput.get("workerid") == "gw0"
            output[WORKER_KEY] = [
                sorted(self.deselected) if names else [],
                sorted(self.deselected_files),
                sorted(self.skipped),
            ]


class StatusWatch:
    """Notices whether the exit status of a session is assigned, even to its present value."""

    def __init__(self, session):
        self.session = session
        self.original = type(session)
        self.assigned = False
        watch = self

        def set_attribute(self, name, value):
            if name == "exitstatus":
                watch.assigned = True
            super(watched, self).__setattr__(name, value)

        names = {"__module__": self.original.__module__, "__setattr__": set_attribute}
        try:
            watched = type(self.original)(self.original.__name__, (self.original,), names)
            session.__class__ = watched
        except TypeError:
            pass

    def end(self):
        try:
            self.session.__class__ = self.original
        except TypeError:
            pass
        return self.assigned


class Controller(LeftOut):
    def __init__(self, path):
        super().__init__()
        self.path = path
        self.session = None
        self.collected = None
        self.collection_began = None
        self.collection_seconds = None
        self.finished = set()
        self.failed_reports = 0
        self.teardown_errors = []
        self.status_before_hooks = None
        self.status_assigned = False
        self.write("started")

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self):
        self.collection_began = time.perf_counter()

    # With xdist, the workers load the files, and the controller calls no such hook.
    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session):
        self.collected = {item.nodeid for item in session.items}
        if self.collection_began is not None:
            self.collection_seconds = time.perf_counter() - self.collection_began

    # With xdist, only the workers collect.
    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node, ids):
        self.collected = (self.collected or set()).union(ids or ())

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node, error):
        output = getattr(node, "workeroutput", None) or {}
        deselected, files, skipped = output.get(WORKER_KEY) or ((), (), ())
        self.deselected.update(deselected)
        self.deselected_files.update(files)
        self.skipped.update(skipped)

    def pytest_collectreport(self, report):
        super().pytest_collectreport(report)
        if report.failed:
            self.failed_reports += 1

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report):
        if report.passed and report.when != "call":
            return
        self.finished.add(report.nodeid)
        # As pytest counts failures.
        if report.failed and not hasattr(report, "wasxfail"):
            self.failed_reports += 1
            if report.when == "teardown" and len(self.teardown_errors) < MAX_NAMES:
                crash = getattr(report.longrepr, "reprcrash", None)
                message = getattr(crash, "message", None) or report.longrepr or ""
                self.teardown_errors.append([report.nodeid, first_line(message)])

    # A plugin may change the names in its reports, but hardly these.
    def pytest_runtest_logfinish(self, nodeid):
        self.finished.add(nodeid)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session, exitstatus):
        self.session = session
        self.status_before_hooks = int(exitstatus)
        self.write("session_finished")
        # Without failed tests, comparing the exit status is enough.
        watch = StatusWatch(session) if self.status_before_hooks == 1 else None
        yield
        if watch is not None:
            self.status_assigned = watch.end()

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_unconfigure(self):
        yield
        if self.session is not None:
            self.write("ended")

    def write(self, stage):
        content = {"stage": stage}
        if self.session is not None:
            content.update(self.state())
        temporary = "{}.{}".format(self.path, os.getpid())
        try:
            with open(temporary, "w", encoding="utf-8", errors="replace") as file:
                json.dump(content, file)
            os.replace(temporary, self.path)
        except OSError:
            pass

    def state(self):
        session = self.session
        collected = self.collected or set()
        missing = sorted(collected - self.finished)
        files = {file_of(nodeid) for nodeid in collected}
        unexplained = session.testsfailed - self.failed_reports
        stop = getattr(session, "shouldfail", None) or getattr(session, "shouldstop", None)
        return {
            # Null if the collection did not finish.
            "collected": None if self.collected is None else len(collected),
            "collection_seconds": self.collection_seconds,
            "collected_files": len(files | self.deselected_files | self.skipped),
            "missing": missing[:MAX_NAMES],
            "missing_count": len(missing),
            "unexplained_failures": max(unexplained, 0),
            "teardown_errors": self.teardown_errors,
            "stop_reason": first_line(stop) if stop else None,
            "status_before_hooks": self.status_before_hooks,
            "status_assigned": self.status_assigned,
            "exit_status": int(session.exitstatus),
            # Without the files that have other tests.
            "skipped_files": sorted(self.skipped - files),
            "deselected_files": sorted(self.deselected_files - files),
            "deselected": sorted(self.deselected),
        }
