"""A pytest plugin that runs only some tests of the files among pytest's arguments.

For each node ID among its arguments, pytest searches all tests of the file, which takes minutes for
thousands of them. So bktec passes the file instead, and the tests in a JSON file, which the option
--bktec-selection names: {"path": ["Class::test[case]", ...]} with paths relative to the directory
that pytest was started in. All tests of other files run.

Works with Python 3.8 or later, pytest 6 to 9, with and without pytest-xdist, whose workers each
select the same tests.
"""

import json
import os
import warnings

import pytest

OPTION = "--bktec-selection"
MAX_NAMES = 20


def pytest_addoption(parser):
    parser.addoption(OPTION, metavar="PATH", help="run only the tests that this file lists")


def keys(name):
    """The names that select a test: its own, that of its function, those of its classes."""
    yield name
    name = name.split("[", 1)[0]
    while name:
        yield name
        name = name.rpartition("::")[0]


class Selection:
    def __init__(self, config):
        with open(config.getoption(OPTION), encoding="utf-8") as file:
            tests = json.load(file)
        start = str(config.invocation_params.dir)
        paths = {os.path.join(start, path): path for path in tests}
        # Not by real path: two links to one file are two files for pytest.
        self.shown = {os.path.normpath(file): path for file, path in paths.items()}
        self.names = {file: set(tests[path]) for file, path in self.shown.items()}
        self.found = {file: set() for file in self.names}

    def selects(self, item):
        file = str(getattr(item, "path", None) or item.fspath)
        if file not in self.names:
            return True
        found = self.names[file].intersection(keys(item.nodeid.partition("::")[2]))
        self.found[file].update(found)
        return bool(found)

    def missing(self):
        for file, names in self.names.items():
            for name in sorted(names - self.found[file]):
                yield "{}::{}".format(self.shown[file], name)


def end_without_tests(config, items, missing):
    """As pytest does if it does not find a node ID."""
    more = len(missing) - MAX_NAMES
    shown = "not found: " + "\nnot found: ".join(missing[:MAX_NAMES])
    message = shown + ("\nand {} more".format(more) if more > 0 else "")
    if not hasattr(config, "workerinput"):
        raise pytest.UsageError(message)
    # An error of a worker would be an internal error of pytest-xdist.
    warnings.warn(pytest.PytestWarning(message))
    items[:] = []


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session, config, items):
    if not config.getoption(OPTION):
        return
    selection = Selection(config)
    selected, others = [], []
    for item in items:
        (selected if selection.selects(item) else others).append(item)
    missing = list(selection.missing())
    # A file that could not be collected is reported as such.
    if missing and not session.testsfailed:
        end_without_tests(config, items, missing)
        return
    if others:
        for item in others:
            # They are left to other nodes. A plugin that records deselected tests reads this.
            item.bktec_left_to_others = True
        config.hook.pytest_deselected(items=others)
        items[:] = selected
