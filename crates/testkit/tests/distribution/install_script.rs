//! `install.sh` with a local file server: what it installs, and what it refuses.

use std::path::{Path, PathBuf};

use rstest::rstest;
use tempfile::TempDir;
use test_engine_testkit::{Finished, clean_command, installed, root, run_within};

use crate::file_server::FileServer;
use crate::scripts::{SCRIPT_TIMEOUT, run, without_root, write_program};

const GLIBC: &str = "test-engine-1.2.3-linux-x86_64-glibc2.28.tar.gz";

/// A user without root on Linux x86-64 with glibc 2.36, and a server with releases.
struct Machine {
    directory: TempDir,
    server: FileServer,
    sums: String,
}

impl Machine {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["home", "platform"] {
            fs_err::create_dir(directory.path().join(name)).unwrap();
        }
        let machine = Self {
            directory,
            server: FileServer::start(),
            sums: String::new(),
        };
        machine.set_platform("Linux", "x86_64", "glibc 2.36");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn installed(&self, name: &str) -> PathBuf {
        self.path("home/.local").join(name)
    }

    /// Replaces `uname` and `getconf`, the programs that tell the platform.
    fn set_platform(&self, system: &str, machine: &str, libc: &str) {
        let uname = format!("case $1 in -s) echo '{system}' ;; -m) echo '{machine}' ;; esac");
        self.write_program("platform/uname", &uname);
        self.write_program("platform/getconf", &format!("echo '{libc}'"));
    }

    fn write_program(&self, name: &str, script: &str) {
        write_program(&self.path(name), script);
    }

    /// Serves an archive whose programs print `version`, and adds it to the checksums.
    fn release(&mut self, archive: &str, version: &str) -> Vec<u8> {
        let bytes = self.pack(archive, version);
        self.server.serve(archive, bytes.clone());
        self.list(archive);
        bytes
    }

    /// Creates an archive in the directory of the machine.
    fn pack(&self, archive: &str, version: &str) -> Vec<u8> {
        let name = archive.strip_suffix(".tar.gz").unwrap();
        let top = self.path(name);
        for program in ["bktec", "test-engine"] {
            let script = format!("echo '{program} {version}'");
            write_program(&top.join("bin").join(program), &script);
        }
        let manual = top.join("share/man/man1/bktec.1");
        fs_err::create_dir_all(manual.parent().unwrap()).unwrap();
        fs_err::write(&manual, version).unwrap();
        run("tar", &["-czf", archive, name], self.directory.path()).expect_code(0);
        fs_err::remove_dir_all(top).unwrap();
        fs_err::read(self.path(archive)).unwrap()
    }

    /// Adds the archive in the directory of the machine to the checksums.
    fn list(&mut self, archive: &str) {
        let line = run("sha256sum", &[archive], self.directory.path()).stdout;
        self.sums.push_str(&line);
        self.server.serve("SHA256SUMS", self.sums.as_str());
    }

    fn checksum(&self, archive: &str) -> &str {
        let line = self.sums.lines().find(|line| line.ends_with(archive));
        line.unwrap().split_whitespace().next().unwrap()
    }

    fn install(&self) -> Finished {
        self.install_with(&[], &[])
    }

    fn install_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Finished {
        self.install_in(&["sh"], variables, arguments)
    }

    fn install_in(
        &self,
        shell: &[&str],
        variables: &[(&str, &str)],
        arguments: &[&str],
    ) -> Finished {
        let script = self.path("install.sh");
        fs_err::copy(root().join("install.sh"), &script).unwrap();
        let mut line = without_root(self.directory.path());
        line.extend(shell.iter().map(|&word| word.to_owned()));
        let platform = self.path("platform");
        let mut command = clean_command(installed(&line[0]), &self.path("home"));
        let search_path = format!("{}:/usr/bin:/bin", platform.display());
        command
            .args(&line[1..])
            .arg(&script)
            .args(arguments)
            .current_dir(self.directory.path())
            .env("PATH", search_path)
            .env("TEST_ENGINE_DOWNLOAD_URL", self.server.url())
            .envs(variables.iter().copied());
        run_within(command, SCRIPT_TIMEOUT)
    }

    /// Fails the test unless the script failed with this text and left nothing behind.
    #[track_caller]
    fn expect_refusal(&self, finished: &Finished, text: &str) {
        finished.expect_code(1);
        assert!(finished.stderr.contains(text), "no {text:?}\n{finished}");
        assert_eq!(files(&self.path("home")), [""; 0], "{finished}");
    }
}

/// The paths of all files below a directory, sorted.
fn files(directory: &Path) -> Vec<String> {
    walkdir::WalkDir::new(directory)
        .sort_by_file_name()
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let path = entry.path().strip_prefix(directory).unwrap();
            path.to_str().unwrap().to_owned()
        })
        .collect()
}

#[test]
fn installs_programs_and_manual_without_root() {
    let mut machine = Machine::new();
    machine.release(GLIBC, "1.2.3");
    let finished = machine.install();
    finished.expect_code(0);
    let expected = [
        ".local/bin/bktec",
        ".local/bin/test-engine",
        ".local/share/man/man1/bktec.1",
        ".local/share/test-engine/installed",
    ];
    assert_eq!(files(&machine.path("home")), expected);
    let bin = machine.installed("bin");
    let text = format!(
        "installed bktec 1.2.3 as {0}/bktec\n\
         installed test-engine 1.2.3 as {0}/test-engine\n\
         hint: add {0} to PATH: export PATH=\"{0}:$PATH\"\n",
        bin.display()
    );
    assert_eq!(finished.stdout, text);
    let program = run(bin.join("bktec").to_str().unwrap(), &[], &bin);
    assert_eq!(program.stdout, "bktec 1.2.3\n");
}

#[test]
fn installs_only_the_client_to_a_given_directory() {
    let mut machine = Machine::new();
    machine.release(GLIBC, "1.2.3");
    let prefix = machine.path("tools");
    let variables = [("TEST_ENGINE_PREFIX", prefix.to_str().unwrap())];
    machine
        .install_with(&variables, &["--client"])
        .expect_code(0);
    assert_eq!(
        files(&prefix),
        [
            "bin/bktec",
            "share/man/man1/bktec.1",
            "share/test-engine/installed"
        ]
    );
}

#[test]
fn the_second_run_changes_nothing() {
    let mut machine = Machine::new();
    machine.release(GLIBC, "1.2.3");
    machine.install().expect_code(0);
    let written_at = |name| {
        fs_err::metadata(machine.installed(name))
            .unwrap()
            .modified()
            .unwrap()
    };
    let before = written_at("bin/bktec");
    machine.server.take_requests();

    let second = machine.install();
    second.expect_code(0);
    assert!(second.stdout.contains("is installed already"), "{second}");
    assert_eq!(machine.server.take_requests(), ["SHA256SUMS"]);
    assert_eq!(written_at("bin/bktec"), before);
}

#[test]
fn repairs_a_changed_program_and_upgrades() {
    let mut machine = Machine::new();
    machine.release(GLIBC, "1.2.3");
    machine.install().expect_code(0);
    let program = machine.installed("bin/bktec");
    write_program(&program, "echo changed");
    machine.install().expect_code(0);
    let version = || fs_err::read_to_string(&program).unwrap();
    assert!(version().contains("bktec 1.2.3"), "{}", version());

    machine.sums.clear();
    machine.release(&GLIBC.replace("1.2.3", "1.3.0"), "1.3.0");
    machine.install().expect_code(0);
    assert!(version().contains("bktec 1.3.0"), "{}", version());
}

#[test]
fn a_failed_upgrade_leaves_the_installed_version() {
    let mut machine = Machine::new();
    machine.release(GLIBC, "1.2.3");
    machine.install().expect_code(0);
    let before = files(&machine.path("home"));
    machine.sums.clear();
    let newer = GLIBC.replace("1.2.3", "1.3.0");
    let bytes = machine.release(&newer, "1.3.0");
    machine.server.serve(&newer, &bytes[..bytes.len() - 1]);
    machine.install().expect_code(1);
    assert_eq!(files(&machine.path("home")), before);
    let program = fs_err::read_to_string(machine.installed("bin/bktec")).unwrap();
    assert!(program.contains("1.2.3"), "{program}");
}

const APPLETS: [&str; 14] = [
    "sh",
    "cat",
    "cut",
    "dirname",
    "find",
    "head",
    "mkdir",
    "mktemp",
    "mv",
    "rm",
    "sed",
    "sha256sum",
    "tar",
    "wget",
];

/// Installs with only these tools of BusyBox.
fn install_with_busybox(machine: &mut Machine, applets: &[&str]) -> Finished {
    machine.release("test-engine-1.2.3-linux-x86_64-musl.tar.gz", "1.2.3");
    machine.set_platform("Linux", "x86_64", "");
    let platform = machine.path("platform");
    let busybox = installed("busybox");
    for applet in applets {
        fs_err::os::unix::fs::symlink(&busybox, platform.join(applet)).unwrap();
    }
    let search_path = platform.to_str().unwrap();
    let shell = platform.join("sh");
    machine.install_in(&[shell.to_str().unwrap()], &[("PATH", search_path)], &[])
}

/// An Alpine image has neither bash nor the GNU tools.
#[test]
fn works_with_the_tools_of_busybox() {
    let mut machine = Machine::new();
    let finished = install_with_busybox(&mut machine, &APPLETS);
    finished.expect_code(0);
    assert!(machine.installed("bin/test-engine").is_file(), "{finished}");
}

/// Minimal images of Red Hat have neither.
#[rstest]
fn names_missing_tools(#[values("find", "tar")] missing: &str) {
    let applets: Vec<&str> = APPLETS
        .into_iter()
        .filter(|&applet| applet != missing)
        .collect();
    let mut machine = Machine::new();
    let finished = install_with_busybox(&mut machine, &applets);
    machine.expect_refusal(&finished, &format!("{missing} is not on PATH"));
    assert!(finished.stderr.contains("hint: install it"), "{finished}");
}

#[rstest]
#[case::linux("Linux", "x86_64", "glibc 2.36", "linux-x86_64-glibc2.28")]
#[case::same_glibc("Linux", "x86_64", "glibc 2.28", "linux-x86_64-glibc2.28")]
#[case::old_glibc("Linux", "x86_64", "glibc 2.17", "linux-x86_64-musl")]
#[case::no_glibc("Linux", "x86_64", "", "linux-x86_64-musl")]
#[case::arm("Linux", "aarch64", "glibc 2.36", "linux-arm64-glibc2.34")]
#[case::newest_glibc("Linux", "aarch64", "glibc 3.0", "linux-arm64-glibc2.100")]
#[case::mac("Darwin", "arm64", "", "macos-arm64")]
fn chooses_the_archive_of_the_platform(
    #[case] system: &str,
    #[case] machine_name: &str,
    #[case] libc: &str,
    #[case] expected: &str,
) {
    let mut machine = Machine::new();
    for platform in [
        "linux-arm64-glibc2.28",
        "linux-arm64-glibc2.100",
        "linux-arm64-glibc2.34",
        "linux-x86_64-glibc2.28",
        "linux-x86_64-musl",
        "macos-arm64",
    ] {
        machine.release(&format!("test-engine-1.2.3-{platform}.tar.gz"), "1.2.3");
    }
    machine.set_platform(system, machine_name, libc);
    let finished = machine.install();
    finished.expect_code(0);
    let archive = format!("test-engine-1.2.3-{expected}.tar.gz");
    assert_eq!(
        machine.server.take_requests(),
        ["SHA256SUMS", archive.as_str()],
        "{finished}"
    );
}

#[rstest]
#[case::system("FreeBSD", "amd64", "", "lists no archive for FreeBSD-x86_64")]
#[case::machine("Linux", "riscv64", "glibc 2.36", "lists no archive for linux-riscv64")]
#[case::glibc(
    "Linux",
    "x86_64",
    "glibc 2.27",
    "glibc 2.28 or newer is required, found 2.27"
)]
#[case::no_glibc("Linux", "x86_64", "", "glibc 2.28 or newer is required, found none")]
fn refuses_other_platforms(
    #[case] system: &str,
    #[case] machine_name: &str,
    #[case] libc: &str,
    #[case] text: &str,
) {
    let mut machine = Machine::new();
    machine.release(GLIBC, "1.2.3");
    machine.set_platform(system, machine_name, libc);
    machine.expect_refusal(&machine.install(), text);
}

#[test]
fn refuses_what_it_cannot_verify() {
    let mut machine = Machine::new();
    let bytes = machine.release(GLIBC, "1.2.3");

    let mut changed = bytes.clone();
    *changed.last_mut().unwrap() ^= 1;
    machine.server.serve(GLIBC, changed);
    machine.expect_refusal(&machine.install(), "its SHA-256 is");
    machine.server.serve(GLIBC, &bytes[..bytes.len() / 2]);
    machine.expect_refusal(&machine.install(), "its SHA-256 is");
    machine.server.serve_half(GLIBC, bytes.as_slice());
    machine.expect_refusal(&machine.install(), "downloading");
    machine.server.serve(GLIBC, bytes);

    let checksum = machine.checksum(GLIBC).to_owned();
    let other = checksum.replace(|digit: char| digit.is_ascii_digit(), "0");
    for (sums, text) in [
        (String::new(), "lists no archive"),
        (format!("{} {GLIBC}\n", &checksum[..63]), "lists no archive"),
        (format!("{checksum}  ../{GLIBC}\n"), "lists no archive"),
        // Cut off within the name.
        (
            format!("{checksum}  {}", &GLIBC[..GLIBC.len() - 3]),
            "lists no archive",
        ),
        (format!("{other}  {GLIBC}\n"), "its SHA-256 is"),
    ] {
        machine.server.serve("SHA256SUMS", sums);
        machine.expect_refusal(&machine.install(), text);
    }
}

#[test]
fn refuses_a_release_without_checksums_or_archive() {
    let mut machine = Machine::new();
    machine.server.serve(GLIBC, machine.pack(GLIBC, "1.2.3"));
    machine.expect_refusal(&machine.install(), "SHA256SUMS failed");

    let other = GLIBC.replace("1.2.3", "1.2.4");
    machine.pack(&other, "1.2.4");
    machine.list(&other);
    machine.expect_refusal(&machine.install(), "test-engine-1.2.4");
}

#[test]
fn refuses_an_archive_that_is_not_the_pinned_one() {
    let mut machine = Machine::new();
    machine.release(GLIBC, "1.2.3");
    let checksum = machine.checksum(GLIBC).to_owned();
    let wrong = "0".repeat(64);
    let finished = machine.install_with(&[("TEST_ENGINE_SHA256", &wrong)], &[]);
    machine.expect_refusal(&finished, "is not the expected one");
    machine
        .install_with(&[("TEST_ENGINE_SHA256", &checksum)], &[])
        .expect_code(0);
}

#[test]
fn takes_the_given_version_of_several() {
    let mut machine = Machine::new();
    machine.release(GLIBC, "1.2.3");
    machine.release(&GLIBC.replace("1.2.3", "1.2.3-rc.1"), "1.2.3-rc.1");
    let text = "several versions: 1.2.3 1.2.3-rc.1";
    machine.expect_refusal(&machine.install(), text);
    let absent = machine.install_with(&[("TEST_ENGINE_VERSION", "1.2")], &[]);
    machine.expect_refusal(&absent, "lists no archive for version 1.2");
    let finished = machine.install_with(&[("TEST_ENGINE_VERSION", "1.2.3-rc.1")], &[]);
    finished.expect_code(0);
    assert!(finished.stdout.contains("bktec 1.2.3-rc.1"), "{finished}");
}

#[test]
fn refuses_programs_that_do_not_run() {
    let mut machine = Machine::new();
    let name = GLIBC.strip_suffix(".tar.gz").unwrap();
    for program in ["bktec", "test-engine"] {
        write_program(&machine.path(name).join("bin").join(program), "exit 1");
    }
    run("tar", &["-czf", GLIBC, name], machine.directory.path()).expect_code(0);
    machine
        .server
        .serve(GLIBC, fs_err::read(machine.path(GLIBC)).unwrap());
    machine.list(GLIBC);
    machine.expect_refusal(&machine.install(), "does not run on this machine");
}

#[rstest]
#[case::missing("", "TEST_ENGINE_DOWNLOAD_URL is not set")]
#[case::http("http://downloads.example.com/v1", "refused to download from http://")]
#[case::similar("http://127.0.0.1.example.com/v1", "refused to download from http://")]
#[case::ftp(
    "ftp://downloads.example.com/v1",
    "unsupported TEST_ENGINE_DOWNLOAD_URL"
)]
fn refuses_addresses(#[case] url: &str, #[case] text: &str) {
    let machine = Machine::new();
    let finished = machine.install_with(&[("TEST_ENGINE_DOWNLOAD_URL", url)], &[]);
    machine.expect_refusal(&finished, text);
}

#[test]
fn a_script_that_was_cut_off_does_nothing() {
    let mut machine = Machine::new();
    machine.release(GLIBC, "1.2.3");
    let script = fs_err::read_to_string(root().join("install.sh")).unwrap();
    let without_last_line = script.trim_end().rsplit_once('\n').unwrap().0;
    let cut = machine.path("cut.sh");
    fs_err::write(&cut, without_last_line).unwrap();
    let url = machine.server.url().to_owned();
    let script = format!("TEST_ENGINE_DOWNLOAD_URL={url} sh {}", cut.display());
    run("sh", &["-c", &script], &machine.path("home")).expect_code(0);
    assert_eq!(machine.server.take_requests(), [""; 0]);
    assert_eq!(files(&machine.path("home")), [""; 0]);
}
