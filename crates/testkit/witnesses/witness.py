"""Records every test that pytest really runs, one node ID per line.

Loaded with `-p witness`; `TEST_WITNESS` is the output file. Independent of result files, so it can
contradict them.
"""

import os


def pytest_runtest_call(item):
    with open(os.environ["TEST_WITNESS"], "a", encoding="utf-8") as file:
        file.write(item.nodeid + "\n")
