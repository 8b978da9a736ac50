"""Stands in for a real shop: the tests only need something that takes its time.

`EXAMPLE_PACE` stretches or shrinks every pause, so that the same project serves a demo (1) and a
quick test (0.2). `EXAMPLE_STATE` names a folder in which the flaky test remembers which builds it
has already failed in; without it the flaky test passes.
"""

import os
import pathlib
import time


def work(seconds):
    """Takes about so many seconds at pace 1."""
    time.sleep(seconds * float(os.environ.get("EXAMPLE_PACE", "1")))


def first_try_of_this_build(name):
    """Whether this build has not called with this name before.

    Creating the file is the memory: it works once per build, whatever process asks.
    """
    folder = os.environ.get("EXAMPLE_STATE")
    if not folder:
        return False
    build = os.environ.get("BUILDKITE_BUILD_ID", "no-build")
    try:
        pathlib.Path(folder, f"{build}-{name}").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
