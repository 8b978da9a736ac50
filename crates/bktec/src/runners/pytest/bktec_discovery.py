"""A pytest plugin that lists for bktec the files that pytest would take tests from.

pytest walks the directories and loads its configuration and conftest.py files as always, but test
files are neither imported nor run, so the listing is fast. The file that
BUILDKITE_TEST_ENGINE_PYTEST_FILES names receives a JSON array of absolute paths.

Works with Python 3.8 or later and pytest 6 to 9; to be used with --collect-only.
"""

import json
import os

import pytest

try:
    from pytest import CollectReport
except ImportError:  # pytest 6
    from _pytest.reports import CollectReport

VARIABLE = "BUILDKITE_TEST_ENGINE_PYTEST_FILES"

paths = set()
errors = []


def pytest_collectreport(report):
    if report.failed:
        errors.append(report.nodeid)


@pytest.hookimpl(tryfirst=True)
def pytest_make_collect_report(collector):
    # Until pytest 7, a package is a file too.
    if not isinstance(collector, pytest.File) or isinstance(collector, pytest.Package):
        return None
    path = str(getattr(collector, "path", None) or collector.fspath)
    if may_have_tests(type(collector).__name__, path):
        paths.add(path)
    return CollectReport(collector.nodeid, "passed", None, [])


def may_have_tests(kind, path):
    # With --doctest-modules, every module is such a file.
    if kind.startswith("Doctest"):
        return contains(path, b">>>")
    # Until pytest 7, this argument would mean the whole package.
    return os.path.basename(path) != "__init__.py" or contains(path, b"def ")


def contains(path, text):
    try:
        with open(path, "rb") as file:
            return text in file.read()
    except OSError:
        return True


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session):
    target = os.environ.get(VARIABLE)
    # After an error, files may be missing.
    if target and not errors:
        with open(target + ".new", "w", encoding="utf-8") as file:
            json.dump(sorted(paths), file)
        os.replace(target + ".new", target)
