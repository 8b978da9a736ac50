//! Runs the real binary against a test server.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::sample::{Sample, all_commits, lines};
use crate::server::Server;

/// A repository with a few commits, cloned.
pub(crate) fn small() -> (Sample, PathBuf, Vec<String>) {
    let mut sample = Sample::new("sha1");
    for n in 0..5 {
        sample.write("file", lines(9, &[n]));
        sample.commit(&format!("commit {n}"));
    }
    let clone = sample.clone_to("clone", &[]);
    let commits = all_commits(&mut sample, &clone);
    (sample, clone, commits)
}

pub(crate) fn command(
    directory: &Path,
    server: &Server,
    arguments: &[&str],
) -> std::process::Command {
    #[expect(clippy::disallowed_methods, reason = "the program under test")]
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_bktec"));
    let temporary = directory.parent().unwrap().join("tmp");
    fs_err::create_dir_all(&temporary).unwrap();
    command
        .args(["tools", "backfill-commit-metadata"])
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", directory.parent().unwrap())
        .env("TMPDIR", temporary)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("BKTEC_TEST_BUDGET_SCALE", "0.02")
        .env("BUILDKITE_ORGANIZATION_SLUG", "acme")
        .env("BUILDKITE_TEST_ENGINE_SUITE_SLUG", "web")
        .env("BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN", "secret-token")
        .env("BUILDKITE_TEST_ENGINE_BASE_URL", &server.base)
        .stdin(Stdio::null());
    command
}

/// Exit code and standard error. Standard output must be empty.
pub(crate) fn finish(mut command: std::process::Command) -> (i32, String) {
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!stderr.contains("secret-token"), "{stderr}");
    (output.status.code().unwrap(), stderr)
}

pub(crate) fn run(directory: &Path, server: &Server, arguments: &[&str]) -> (i32, String) {
    finish(command(directory, server, arguments))
}

pub(crate) fn leftover_files(directory: &Path) -> Vec<String> {
    let temporary = directory.parent().unwrap().join("tmp");
    fs_err::read_dir(temporary)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect()
}

pub(crate) type Archive = (String, Vec<serde_json::Value>, serde_json::Value);

/// The name of the directory, the records, the metadata.
pub(crate) fn unpack(bytes: &[u8]) -> Archive {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes));
    let mut files = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let mut content = String::new();
        entry.read_to_string(&mut content).unwrap();
        files.insert(path, content);
    }
    assert_eq!(files.len(), 2);
    let directory = files
        .keys()
        .next()
        .unwrap()
        .split('/')
        .next()
        .unwrap()
        .to_owned();
    let records = files[&format!("{directory}/commit-metadata.jsonl")]
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let metadata = serde_json::from_str(&files[&format!("{directory}/metadata.json")]).unwrap();
    (directory, records, metadata)
}

/// The file of a multipart body. Checks that it is the last field.
pub(crate) fn sent_file(head: &[String], body: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(body);
    let key = text.find("name=\"key\"").unwrap();
    let zeta = text.find("name=\"zeta\"").unwrap();
    let file = text.find("name=\"archive\"; filename=").unwrap();
    assert!(key < zeta && zeta < file);
    assert!(
        head.iter()
            .any(|line| line.to_lowercase().starts_with("content-length:"))
    );
    assert!(
        !head
            .iter()
            .any(|line| line.to_lowercase().starts_with("authorization:"))
    );
    let start = body
        .windows(2)
        .position(|bytes| bytes == [0x1f, 0x8b])
        .unwrap();
    let boundary = text.lines().next().unwrap();
    body[start..body.len() - boundary.len() - "\r\n--\r\n".len()].to_vec()
}

/// Puts a shell script named `git` into a new directory and returns the directory.
pub(crate) fn fake_git(clone: &Path, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let programs = clone.parent().unwrap().join("programs");
    fs_err::create_dir(&programs).unwrap();
    let git = programs.join("git");
    fs_err::write(&git, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs_err::set_permissions(&git, std::fs::Permissions::from_mode(0o755)).unwrap();
    programs
}
