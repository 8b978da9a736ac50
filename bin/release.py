"""Makes the release archive of this platform; bin/release starts this.

What depends on the machine or the time stays out of the archive: entries are sorted and have no
owner, their time is that of the commit, and paths of the machine are replaced in the programs.
Uploading is not its job: see .github/workflows/release.yml.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools" / "release"
PROGRAMS = ("bktec", "test-engine")
PACKAGES = {"bktec": "crates/bktec", "test-engine": "crates/server"}
CYCLONEDX = "cargo-cyclonedx@0.5.9"
GLIBC = "2.28"
# The names of completion files that the shells look for.
COMPLETIONS = {
    "bash": "share/bash-completion/completions/bktec",
    "zsh": "share/zsh/site-functions/_bktec",
    "fish": "share/fish/vendor_completions.d/bktec.fish",
}
DOCUMENTS = "share/doc/test-engine"
LICENCE_FILE = re.compile(r"(?i)^(licen[cs]e|copying|notice|unlicense|copyright)")


class Failure(Exception):
    """The release cannot be made; the text says why."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(*arguments, **options):
    """Runs a program, and returns its stdout as bytes."""
    finished = subprocess.run(
        [str(argument) for argument in arguments], stdout=subprocess.PIPE, check=False,
        stdin=subprocess.DEVNULL, **options,
    )
    if finished.returncode != 0:
        line = " ".join(str(argument) for argument in arguments)
        raise Failure(f"exit code {finished.returncode} of: {line}")
    return finished.stdout


def git(*arguments):
    return run("git", "-c", "safe.directory=*", *arguments, cwd=ROOT).decode().strip()


def find_version():
    """The version of the tag of this commit; without a tag, the next version and the commit."""
    manifest = (ROOT / "Cargo.toml").read_text(encoding="utf-8")
    version = re.search(r'(?ms)^\[workspace\.package\].*?^version = "([^"]+)"', manifest)[1]
    tags = git("tag", "--points-at", "HEAD", "--list", "v[0-9]*").split()
    is_changed = git("status", "--porcelain", "--untracked-files=no") != ""
    if not tags or is_changed:
        suffix = "-changed" if is_changed else ""
        return f"{version}-g{git('rev-parse', '--short=12', 'HEAD')}{suffix}"
    if tags != [f"v{version}"]:
        raise Failure(
            f"the commit has the tag {' and '.join(tags)}, but Cargo.toml has version {version}\n"
            f"hint: set the version in Cargo.toml, run cargo update --workspace, and tag that"
        )
    return version


def find_epoch():
    """The time of all files of the archive, in seconds since 1970."""
    return int(os.environ.get("SOURCE_DATE_EPOCH") or git("log", "-1", "--format=%ct"))


def host_target():
    lines = run("rustc", "-vV", cwd=ROOT).decode().splitlines()
    return next(line.removeprefix("host: ") for line in lines if line.startswith("host: "))


def platform_name(libc):
    system = {"Linux": "linux", "Darwin": "macos"}.get(platform.system())
    machine = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine())
    if system is None or machine is None:
        raise Failure(f"no releases for {platform.system()} on {platform.machine()}")
    return f"{system}-{machine}" if system == "macos" else f"{system}-{machine}-{libc}"


def newest_glibc(programs):
    """The oldest glibc that all programs run with, such as `2.28`; `None` for static ones."""
    versions = set()
    for program in programs:
        versions.update(re.findall(rb"GLIBC_(\d+)\.(\d+)", program.read_bytes()))
    newest = max((tuple(map(int, version)) for version in versions), default=None)
    return newest and ".".join(map(str, newest))


def install_zig():
    """Installs the linker once, and returns the directory with its programs."""
    requirements = ROOT / "packaging" / "zig.txt"
    environment = TOOLS / "zig"
    stamp = environment / ".installed"
    if not stamp.exists() or stamp.read_bytes() != requirements.read_bytes():
        say(f"installing {environment.relative_to(ROOT)}")
        shutil.rmtree(environment, ignore_errors=True)
        run(sys.executable, "-m", "venv", environment)
        run(environment / "bin" / "python", "-m", "pip", "install", "--quiet",
            "--disable-pip-version-check", "--requirement", requirements)
        stamp.write_bytes(requirements.read_bytes())
    return environment / "bin"


def cargo_home():
    return pathlib.Path(os.environ.get("CARGO_HOME") or pathlib.Path.home() / ".cargo")


def build(libc):
    """Builds both programs optimized, and returns the directory that has them."""
    target = host_target()
    environment = dict(os.environ)
    # Files in panic messages must not depend on the machine.
    maps = {ROOT: "/source", cargo_home(): "/cargo"}
    environment["RUSTFLAGS"] = " ".join(f"--remap-path-prefix={a}={b}" for a, b in maps.items())
    environment["CFLAGS"] = " ".join(f"-ffile-prefix-map={a}={b}" for a, b in maps.items())
    command = ["cargo", "build"]
    zig_target = target
    if libc != "native":
        environment["PATH"] = f"{install_zig()}{os.pathsep}{environment['PATH']}"
        command = ["cargo-zigbuild", "zigbuild"]
        zig_target = f"{target}.{GLIBC}"
    if libc == "musl":
        target = zig_target = target.replace("-gnu", "-musl")
    packages = [word for name in PROGRAMS for word in ("--package", name)]
    say(f"building for {zig_target}")
    run(*command, "--release", "--locked", "--bins", "--target", zig_target, *packages,
        cwd=ROOT, env=environment)
    built = pathlib.Path(environment.get("CARGO_TARGET_DIR") or ROOT / "target")
    directory = built / target / "release"
    for name in PROGRAMS:
        content = (directory / name).read_bytes()
        for path in maps:
            if str(path).encode() in content:
                raise Failure(f"{name} contains the path {path} of this machine")
    return directory


def metadata(target):
    output = run("cargo", "metadata", "--format-version", "1", "--locked",
                 "--filter-platform", target, cwd=ROOT)
    return json.loads(output)


def dependencies(target):
    """The packages from registries that the programs are built from, by name and version."""
    data = metadata(target)
    packages = {package["id"]: package for package in data["packages"]}
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    waiting = [key for key, package in packages.items() if package["name"] in PROGRAMS]
    found = {}
    while waiting:
        key = waiting.pop()
        if key in found:
            continue
        found[key] = packages[key]
        for dependency in nodes[key]["deps"]:
            if any(kind["kind"] != "dev" for kind in dependency["dep_kinds"]):
                waiting.append(dependency["pkg"])
    external = [package for package in found.values() if package["source"]]
    return sorted(external, key=lambda package: (package["name"], package["version"]))


def third_party_licences(target):
    """The licence texts of all dependencies, each text once."""
    users = {}
    for package in dependencies(target):
        directory = pathlib.Path(package["manifest_path"]).parent
        name = f"{package['name']} {package['version']}"
        texts = [
            path.read_text(encoding="utf-8", errors="replace").strip()
            for path in sorted(directory.iterdir())
            if path.is_file() and LICENCE_FILE.match(path.name)
        ]
        for text in texts or [f"Licence: {package['license']} (the package has no text of it)"]:
            users.setdefault(text, []).append(name)
    sections = ["Licences of the libraries that bktec and test-engine contain."]
    for text, names in sorted(users.items(), key=lambda item: item[1]):
        sections.append(f"{', '.join(names)}:\n\n{text}")
    separator = f"\n\n{'-' * 72}\n\n"
    return f"{separator.join(sections)}\n".encode()


def bills_of_materials(target, epoch):
    """The dependencies of each program as CycloneDX, by the file name."""
    tool = TOOLS / "bin" / "cargo-cyclonedx"
    # Does nothing if this version is installed.
    run("cargo", "install", "--quiet", "--debug", "--locked", "--root", TOOLS, CYCLONEDX,
        cwd=ROOT, env={**os.environ, "CARGO_PROFILE_DEV_DEBUG": "0"})
    found = {}
    with tempfile.TemporaryDirectory() as directory:
        # It writes next to the manifests, so it gets a copy of them.
        copy = pathlib.Path(directory).resolve() / "source"
        copy.mkdir()
        files = git("ls-files", "Cargo.*", "rust-toolchain.toml", "crates", "benches").split("\n")
        for name in files:
            if (ROOT / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, copy / name)
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}
        run(tool, "cyclonedx", "--format", "json", "--spec-version", "1.5", "--quiet",
            "--target", target, "--no-build-deps", cwd=copy, env=environment)
        for name, package in PACKAGES.items():
            text = (copy / package / f"{name}.cdx.json").read_text(encoding="utf-8")
            text = text.replace(str(copy), "/source")
            if directory in text:
                raise Failure(f"the dependencies of {name} contain the path {directory}")
            found[f"{DOCUMENTS}/{name}.cdx.json"] = text.encode()
    return found


def contents(programs, target, epoch):
    """Everything in the archive: content and mode by path."""
    files = {}
    for name in PROGRAMS:
        files[f"bin/{name}"] = ((programs / name).read_bytes(), 0o755)
    files["bin/bktec-comment"] = ((ROOT / "integrations" / "bktec-comment").read_bytes(), 0o755)
    client = programs / "bktec"
    # The client must not read settings of the machine.
    environment = {"PATH": os.environ["PATH"], "HOME": os.devnull}
    documents = {"share/man/man1/bktec.1": run(client, "man", env=environment)}
    for shell, path in COMPLETIONS.items():
        documents[path] = run(client, "completions", shell, env=environment)
    for name in ("LICENSE-APACHE", "LICENSE-MIT", "CHANGELOG.md"):
        documents[f"{DOCUMENTS}/{name}"] = (ROOT / name).read_bytes()
    documents[f"{DOCUMENTS}/THIRD-PARTY-LICENSES.txt"] = third_party_licences(target)
    documents |= bills_of_materials(target, epoch)
    files |= {path: (content, 0o644) for path, content in documents.items()}
    return files


def write_archive(path, files, epoch):
    """Writes a tar.gz whose bytes depend only on the arguments."""
    top = path.name.removesuffix(".tar.gz")
    with open(path, "wb") as output, gzip.GzipFile("", "wb", 6, output, mtime=0) as compressed:
        with tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for name, (content, mode) in sorted(files.items()):
                entry = tarfile.TarInfo(f"{top}/{name}")
                entry.size, entry.mode, entry.mtime = len(content), mode, epoch
                archive.addfile(entry, io.BytesIO(content))


def write_checksums(directory):
    """Writes the checksums of all archives of the directory."""
    archives = sorted(directory.glob("test-engine-*.tar.gz"))
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in archives]
    (directory / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")


def arguments():
    parser = argparse.ArgumentParser(
        prog="bin/release", description="Makes the release archive of this platform.")
    parser.add_argument(
        "--libc", choices=["glibc", "musl", "native"],
        default="glibc" if platform.system() == "Linux" else "native",
        help=f"C library of the programs: glibc {GLIBC} or newer, musl (static, if rustup has the "
        "target), or that of this machine [default: %(default)s]")
    parser.add_argument(
        "--output", type=pathlib.Path, default=ROOT / "target" / "release-archives",
        metavar="DIR", help="directory for the archive, SHA256SUMS and install.sh "
        "[default: %(default)s]")
    parser.add_argument(
        "--programs", type=pathlib.Path, metavar="DIR",
        help="pack the programs of this directory instead of building them")
    return parser.parse_args()


def main():
    options = arguments()
    version, epoch = find_version(), find_epoch()
    programs = options.programs or build(options.libc)
    glibc = newest_glibc([programs / name for name in PROGRAMS])
    libc = f"glibc{glibc}" if glibc and options.libc != "musl" else "musl"
    if options.libc == "glibc" and not options.programs:
        if glibc is None or tuple(map(int, glibc.split("."))) > tuple(map(int, GLIBC.split("."))):
            raise Failure(f"the programs need glibc {glibc}, but must run with {GLIBC}")
        libc = f"glibc{GLIBC}"
    name = f"test-engine-{version}-{platform_name(libc)}.tar.gz"
    options.output.mkdir(parents=True, exist_ok=True)
    files = contents(programs.resolve(), host_target(), epoch)
    write_archive(options.output / name, files, epoch)
    write_checksums(options.output)
    shutil.copy(ROOT / "install.sh", options.output)
    print(options.output / name)


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        say(f"bin/release: {failure}")
        sys.exit(1)
