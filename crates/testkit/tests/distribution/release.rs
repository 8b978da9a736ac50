//! `bin/release`: what an archive contains, that it is reproducible, and that it can be installed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rstest::rstest;
use serde_json::Value;
use test_engine_testkit::{
    Finished, bktec, clean_command, free_address, installed, root, run_within, search_path_after,
    test_engine,
};

use crate::file_server::FileServer;
use crate::scripts::{SCRIPT_TIMEOUT, run};

const DOCUMENTS: &str = "share/doc/test-engine";

/// Runs `bin/release` of a checkout, which needs the toolchain of the user.
pub(crate) fn release(checkout: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Finished {
    let mut command = clean_command(checkout.join("bin/release"), checkout);
    command
        .envs(std::env::vars_os())
        .env_remove("SOURCE_DATE_EPOCH")
        .envs(variables.iter().copied())
        .args(arguments)
        .current_dir(checkout);
    run_within(command, SCRIPT_TIMEOUT)
}

/// The path of the archive, which the script prints.
#[track_caller]
pub(crate) fn archive_of(finished: &Finished) -> PathBuf {
    finished.expect_code(0);
    PathBuf::from(finished.stdout.trim_end())
}

/// Copies the built programs without their debug information.
fn programs(directory: &Path) -> String {
    for program in [bktec(), test_engine()] {
        let name = program.file_name().unwrap().to_str().unwrap();
        run("strip", &["-o", name, program.to_str().unwrap()], directory).expect_code(0);
    }
    directory.to_str().unwrap().to_owned()
}

#[test]
fn archives_are_reproducible_and_can_be_installed() {
    let directory = tempfile::tempdir().unwrap();
    let built = directory.path().join("built");
    fs_err::create_dir(&built).unwrap();
    let built = programs(&built);
    let make = |output: &str, variables: &[(&str, &str)]| {
        let output = directory.path().join(output);
        let output = output.to_str().unwrap();
        archive_of(&release(
            &root(),
            &["--programs", &built, "--output", output],
            variables,
        ))
    };
    let first = make("first", &[]);
    let second = make(
        "second",
        &[
            ("TZ", "Asia/Tokyo"),
            ("LC_ALL", "C"),
            ("PYTHONHASHSEED", "1"),
        ],
    );
    assert_eq!(first.file_name(), second.file_name());
    assert!(
        fs_err::read(&first).unwrap() == fs_err::read(&second).unwrap(),
        "{} and {} differ",
        first.display(),
        second.display()
    );
    let name = first.file_name().unwrap().to_str().unwrap().to_owned();
    let version = env!("CARGO_PKG_VERSION");
    assert!(
        name.starts_with(&format!("test-engine-{version}")),
        "{name}"
    );
    assert!(
        name.contains("-linux-") && name.contains("-glibc2."),
        "{name}"
    );

    let server = FileServer::start();
    for entry in fs_err::read_dir(first.parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        server.serve(&name, fs_err::read(entry.path()).unwrap());
    }
    follow_the_readme(&server, directory.path());
    let prefix = directory.path().join(".local");
    for program in ["bktec", "test-engine"] {
        let path = prefix.join("bin").join(program);
        let finished = run(path.to_str().unwrap(), &["--version"], directory.path());
        finished.expect_code(0);
        assert!(finished.stdout.contains(version), "{finished}");
    }
    let text = |path: &str| fs_err::read_to_string(prefix.join(path)).unwrap();
    assert!(text("share/man/man1/bktec.1").contains(".TH"));
    let completions = text("share/bash-completion/completions/bktec");
    assert!(completions.contains("--parallelism"), "{completions}");
    assert!(text("share/zsh/site-functions/_bktec").starts_with("#compdef bktec"));
    assert!(text("share/fish/vendor_completions.d/bktec.fish").contains("complete -c bktec"));
    assert!(text(&format!("{DOCUMENTS}/LICENSE-MIT")).contains("MIT License"));
    check_dependencies(&text);
}

/// The first commands of the README, which end with a plan.
#[track_caller]
fn follow_the_readme(server: &FileServer, home: &Path) {
    let readme = fs_err::read_to_string(root().join("README.md")).unwrap();
    let section = readme.split_once("## Three commands").unwrap().1;
    let commands = section
        .split("```")
        .nth(1)
        .unwrap()
        .strip_prefix("sh\n")
        .unwrap();
    let project = home.join("project");
    fs_err::create_dir_all(project.join("tests")).unwrap();
    for number in 0..4 {
        let test = project.join(format!("tests/test_{number}.py"));
        fs_err::write(test, "def test(): pass\n").unwrap();
    }
    let script = format!("set -e\ntrap 'kill %1' EXIT\n{commands}");
    let mut bash = clean_command(installed("bash"), home);
    bash.args(["-c", &script])
        .current_dir(project)
        .env("PATH", search_path_after(&home.join(".local/bin")))
        .env("TEST_ENGINE_DOWNLOAD_URL", server.url())
        .env("TEST_ENGINE_LISTEN", free_address().to_string());
    let finished = run_within(bash, SCRIPT_TIMEOUT);
    finished.expect_code(0);
    let plan = finished
        .stdout
        .split_once("\n{\n")
        .unwrap_or_else(|| panic!("{finished}"))
        .1;
    let plan: Value = serde_json::from_str(&format!("{{{plan}")).unwrap();
    for number in 0..4 {
        let test = format!("tests/test_{number}.py");
        assert!(plan["tasks"].to_string().contains(&test), "{plan}");
    }
    assert_eq!(plan["parallelism"], 4, "{plan}");
}

/// The list of dependencies of each program is its own, and each has a licence text.
fn check_dependencies(text: &dyn Fn(&str) -> String) {
    let packages = |program: &str| -> BTreeSet<String> {
        let bill = text(&format!("{DOCUMENTS}/{program}.cdx.json"));
        let bill: Value = serde_json::from_str(&bill).unwrap();
        assert_eq!(bill["metadata"]["component"]["name"], program);
        let components = bill["components"].as_array().unwrap().iter();
        let name = |package: &Value| {
            let part = |key: &str| package[key].as_str().unwrap().to_owned();
            format!("{} {}", part("name"), part("version"))
        };
        components.map(name).collect()
    };
    let (client, server) = (packages("bktec"), packages("test-engine"));
    let has = |packages: &BTreeSet<String>, name: &str| {
        packages
            .iter()
            .any(|package| package.starts_with(&format!("{name} ")))
    };
    assert!(
        has(&client, "ureq") && has(&server, "axum"),
        "{client:?}\n{server:?}"
    );
    assert!(!has(&client, "axum"), "{client:?}");
    let licences = text(&format!("{DOCUMENTS}/THIRD-PARTY-LICENSES.txt"));
    let is_ours = |package: &&String| package.ends_with(&format!(" {}", env!("CARGO_PKG_VERSION")));
    for package in client.union(&server).filter(|package| !is_ours(package)) {
        assert!(
            licences.contains(package.as_str()),
            "no licence of {package}"
        );
    }
}

#[test]
fn the_version_is_that_of_the_tag() {
    let directory = tempfile::tempdir().unwrap();
    let source = format!("file://{}", root().display());
    let clone = [
        "-c",
        "safe.directory=*",
        "clone",
        "--quiet",
        "--depth=1",
        &source,
        "clone",
    ];
    run("git", &clone, directory.path()).expect_code(0);
    let checkout = directory.path().join("clone");
    let tools = root().join(".tools");
    fs_err::os::unix::fs::symlink(tools, checkout.join(".tools")).unwrap();
    let programs = directory.path().join("programs");
    fs_err::create_dir(&programs).unwrap();
    for name in ["bktec", "test-engine"] {
        run("install", &["-m", "755", "/bin/true", name], &programs).expect_code(0);
    }
    let programs = programs.to_str().unwrap();
    let arguments = ["--programs", programs, "--output", "archives"];
    let make = || release(&checkout, &arguments, &[]);
    let git = |arguments: &[&str]| {
        run("git", arguments, &checkout)
            .expect_code(0)
            .stdout
            .clone()
    };
    let version = env!("CARGO_PKG_VERSION");

    let commit = git(&["rev-parse", "--short=12", "HEAD"]);
    let archive = archive_of(&make()).display().to_string();
    assert!(
        archive.contains(&format!("-{version}-g{}-linux-", commit.trim())),
        "{archive}"
    );

    git(&["tag", "v99.0.0"]);
    let finished = make();
    finished.expect_code(1);
    assert!(
        finished.stderr.contains("has the tag v99.0.0"),
        "{finished}"
    );

    git(&["tag", "-d", "v99.0.0"]);
    git(&["tag", &format!("v{version}")]);
    let archive = archive_of(&make()).display().to_string();
    assert!(
        archive.contains(&format!("/test-engine-{version}-linux-")),
        "{archive}"
    );
}

/// `cargo binstall` and the release workflow use the names that bin/release gives.
#[rstest]
#[case("x86_64-unknown-linux-gnu", "linux-x86_64-glibc2.28")]
#[case("aarch64-unknown-linux-gnu", "linux-arm64-glibc2.28")]
#[case("x86_64-apple-darwin", "macos-x86_64")]
#[case("aarch64-apple-darwin", "macos-arm64")]
fn binstall_finds_the_archives(#[case] target: &str, #[case] platform: &str) {
    for package in ["bktec", "server"] {
        let manifest = root().join("crates").join(package).join("Cargo.toml");
        let manifest: toml::Table = fs_err::read_to_string(manifest).unwrap().parse().unwrap();
        let binstall = &manifest["package"]["metadata"]["binstall"]["overrides"][target];
        let name = format!("test-engine-{{ version }}-{platform}");
        assert_eq!(
            binstall["pkg-url"].as_str().unwrap(),
            format!("{{ repo }}/releases/download/v{{ version }}/{name}.tar.gz")
        );
        assert_eq!(
            binstall["bin-dir"].as_str().unwrap(),
            format!("{name}/bin/{{ bin }}")
        );
    }
}
