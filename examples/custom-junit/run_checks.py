"""A custom test runner: runs checks from files and writes JUnit XML.

    python3 run_checks.py --out results.xml FILE|FILE::CHECK...

Each line of a file is a check: its seconds, its outcome (passes, fails, once or skipped), its name.
A check with `once` fails the first time that a build runs it, recorded in the directory
EXAMPLE_STATE. EXAMPLE_PACE is a factor for every pause. Every check that runs appends its name to
the file TEST_WITNESS.
"""

import os
import sys
import time
from xml.etree import ElementTree

PACE = float(os.environ.get("EXAMPLE_PACE", "1"))


def first_try_of_this_build(name):
    directory = os.environ.get("EXAMPLE_STATE")
    if not directory:
        return False
    build = os.environ.get("BUILDKITE_BUILD_ID", "no-build")
    try:
        os.mkdir(os.path.join(directory, f"{build}-{name}"))
        return True
    except FileExistsError:
        return False


def run(seconds, ends, name):
    """The failure, or None."""
    witness = os.environ.get("TEST_WITNESS")
    if witness:
        with open(witness, "a", encoding="utf-8") as file:
            file.write(name + "\n")
    time.sleep(seconds * PACE)
    if ends == "fails":
        return "it always fails"
    if ends == "once" and first_try_of_this_build("check"):
        return "no answer"
    return None


def main(arguments):
    out = arguments.pop(arguments.index("--out") + 1)
    arguments.remove("--out")
    suite = ElementTree.Element("testsuite", name="checks")
    failed = False
    for argument in arguments:
        path, _, wanted = argument.partition("::")
        with open(path, encoding="utf-8") as file:
            checks = [line.rstrip("\n").split(" ", 2) for line in file if line.strip()]
        for seconds, ends, name in checks:
            if wanted and name != wanted:
                continue
            case = ElementTree.SubElement(suite, "testcase", classname=path, name=name, file=path)
            started = time.monotonic()
            if ends == "skipped":
                ElementTree.SubElement(case, "skipped")
            else:
                reason = run(float(seconds), ends, name)
                if reason:
                    failed = True
                    ElementTree.SubElement(case, "failure", message=reason)
            case.set("time", f"{time.monotonic() - started:.3f}")
    ElementTree.ElementTree(suite).write(out, encoding="utf-8", xml_declaration=True)
    return 1 if failed else 0


sys.exit(main(sys.argv[1:]))
