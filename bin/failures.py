"""Prints why steps of bin/test failed, from their logs: the reasons are far up in the output, and
a CI may show only its end.

Usage: failures.py LOG... The name of a log without its extension is the name of its step.
"""

import pathlib
import re
import sys

# Of everything that is printed.
MAX_LINES = 60
# Of a test, or of a step that is not a list of tests.
MAX_LINES_EACH = 15
MAX_WIDTH = 300

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# `cargo test` prints the output of each failed test below such a line.
TEST = re.compile(r"---- (.+) stdout ----$")
PANIC = re.compile(r"thread '.*' (?:\(\d+\) )?panicked at (.+):$")
# A test program that a signal ended has no list of failed tests.
KILLED = re.compile(r"process didn't exit successfully: .*signal: ")
# The most important first.
PROBLEMS = (re.compile(r"error(\[\w+\])?: |Diff in |The demo failed: "), re.compile(r"warning: "))
# Of the part of a test's output that says why it failed.
END_OF_OUTPUT = re.compile(
    r"note: run with `RUST_BACKTRACE|stack backtrace:$|failures:$|test result: "
)


def failed_tests(lines):
    """The name of each failed test, and what it printed from its panic on."""
    tests, output = [], None
    for line in lines:
        heading = TEST.match(line)
        if heading:
            output = []
            tests.append((heading[1], output))
        elif END_OF_OUTPUT.match(line):
            output = None
        elif output is not None:
            output.append(line)
        elif KILLED.search(line):
            tests.append(("a test program", [line.strip()]))
    return [(name, from_panic(output)) for name, output in tests]


def from_panic(output):
    for number, line in enumerate(output):
        panic = PANIC.match(line)
        if panic:
            return [panic[1], *output[number + 1 :]]
    return output


def first_problem(lines):
    for problem in PROBLEMS:
        for number, line in enumerate(lines):
            if problem.match(line):
                return lines[number:]
    return lines[-MAX_LINES_EACH:]


def shortened(lines, limit):
    """The first lines that say something, indented."""
    said = [line.rstrip() for line in lines if line.strip()]
    cut = [line if len(line) <= MAX_WIDTH else f"{line[:MAX_WIDTH]}…" for line in said[:limit]]
    return [f"    {line}" for line in cut]


def summary(logs):
    reasons = []
    for log in logs:
        text = COLOUR.sub("", log.read_text(encoding="utf-8", errors="replace"))
        lines = text.splitlines()
        reasons += failed_tests(lines) or [(log.stem, first_problem(lines))]
    # Each has a line with its name.
    limit = min(MAX_LINES_EACH, max(MAX_LINES // max(len(reasons), 1) - 1, 0))
    printed = []
    for name, lines in reasons[:MAX_LINES]:
        printed += [f"  {name}", *shortened(lines, limit)]
    if len(reasons) > MAX_LINES:
        printed.append(f"  and {len(reasons) - MAX_LINES} more")
    return printed


if __name__ == "__main__":
    print("\n".join(summary([pathlib.Path(argument) for argument in sys.argv[1:]])))
