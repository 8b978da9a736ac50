"""A placeholder for a real shop: the tests only need something that takes time.

`EXAMPLE_PACE` is a factor for every pause, so that the same project is usable for a demo (1) and a
quick test (0.2). `EXAMPLE_STATE` is a directory in which the flaky test records the builds that it
has already failed in; without it the flaky test passes.
"""

import os
import pathlib
import time


def work(seconds):
    """Takes about this many seconds at pace 1."""
    time.sleep(seconds * float(os.environ.get("EXAMPLE_PACE", "1")))


def first_try_of_this_build(name):
    """Whether this is the first call with this name in this build.

    Recorded by creating a file, which succeeds once per build, in whichever process.
    """
    directory = os.environ.get("EXAMPLE_STATE")
    if not directory:
        return False
    build = os.environ.get("BUILDKITE_BUILD_ID", "no-build")
    try:
        pathlib.Path(directory, f"{build}-{name}").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
