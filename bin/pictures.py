"""The steps of bin/pictures, which checks that everything needed is installed and then starts this.

The server and the history are those of bin/demo; `pictures_scene` adds what people and pipelines
leave behind. The example `pictures` of the testkit takes the pictures.
"""

import argparse
import pathlib
import signal
import subprocess
import sys
import tempfile

import demo
import pictures_scene

IMAGES = demo.ROOT / "docs" / "images"
LIST = IMAGES / "pages.txt"


def programs(directory):
    """The paths of the server, the generator of the history, and the camera."""
    if directory is not None:
        names = ("test-engine", "examples/history", "examples/pictures")
        return demo.find_programs(directory, names)
    demo.say("Building the server and what the pictures need")
    built = demo.cargo_build("--package", "test-engine", "--bins")
    built |= demo.cargo_build("--package", "test-engine-testkit", "--example", "pictures")
    return built["test-engine"], demo.build_history(), built["pictures"]


def listed(names):
    """Names and paths of pages.txt, of all or of these names."""
    lines = LIST.read_text(encoding="utf-8").splitlines()
    pages = dict(line.split(maxsplit=1) for line in lines if not line.startswith("#"))
    unknown = sorted(set(names) - set(pages))
    if unknown:
        raise demo.Failure(f"{LIST} does not list {', '.join(unknown)}")
    return {name: path for name, path in pages.items() if not names or name in names}


def take(arguments, data, processes):
    pages = listed(arguments.names)
    test_engine, history, camera = programs(arguments.programs)
    token = demo.import_history(history, test_engine, data)
    server = demo.Server(processes, test_engine, data)
    demo.say("Adding builds, owners, mutes and rules")
    scene = pictures_scene.create(server, token, data / "history")
    demo.say(f"Writing {len(pages)} pictures to {IMAGES}")
    lines = (f"{name} {scene.fill_in(path)}\n" for name, path in pages.items())
    taken = subprocess.run(
        [camera, IMAGES, server.url, server.token], input="".join(lines), text=True, check=False,
        env=demo.clean_environment(data),
    )
    if taken.returncode != 0:
        raise demo.Failure("the pictures could not be taken; the messages are above")


def main():
    options = argparse.ArgumentParser(
        prog="bin/pictures",
        description="Takes the pictures of the documentation; see the first lines of bin/pictures.",
    )
    options.add_argument("names", nargs="*", metavar="NAME", help="only these pictures")
    options.add_argument(
        "--programs",
        type=pathlib.Path,
        metavar="DIRECTORY",
        help="use the programs and examples of this directory instead of building them",
    )
    arguments = options.parse_args()

    def stop(number, _frame):
        raise demo.Stopped(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)

    processes = demo.Processes()
    with tempfile.TemporaryDirectory(prefix="test-engine-pictures-") as data:
        try:
            take(arguments, pathlib.Path(data), processes)
        except demo.Failure as failure:
            print(f"\nbin/pictures failed: {failure}", file=sys.stderr, flush=True)
            return 1
        except demo.Stopped as stopped:
            return 128 + stopped.number
        finally:
            # A second signal must not interrupt this.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            processes.stop_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
