//! Everything that the program stores is readable only by its own user.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::process::Process;
use crate::support::{Ask, program};

/// Paths below a directory, itself included, that others have any access to.
fn open_to_others(path: &Path, found: &mut Vec<String>) {
    let metadata = fs_err::metadata(path).unwrap();
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        found.push(format!("{} {mode:o}", path.display()));
    }
    if metadata.is_dir() {
        for entry in fs_err::read_dir(path).unwrap() {
            open_to_others(&entry.unwrap().path(), found);
        }
    }
}

#[track_caller]
fn assert_private(path: &Path) {
    let mut found = Vec::new();
    open_to_others(path, &mut found);
    assert!(found.is_empty(), "{found:?}");
}

fn secret(text: &str) -> &str {
    text.rsplit(": ").next().unwrap().trim()
}

#[test]
fn stored_data_and_backups_are_private() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let mut command = program(&data);
    command.env("TEST_ENGINE_KEEP_RAW_UPLOADS", "true");
    let mut server = Process::serve(command);
    let run = |arguments: &[&str]| {
        let output = program(&data).args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let suite = run(&["suite", "create", "default/web"]);
    let body = serde_json::json!({
        "format": "json", "run_env": {"key": "k"},
        "data": [{"name": "a", "result": "passed", "history": {"duration": 1}}],
    });
    let sent = Ask::new("POST", &format!("{}/v1/uploads", server.base))
        .bearer(secret(&suite))
        .json(&body)
        .send();
    assert_eq!(sent.status, 202, "{}", sent.text());
    // With its write-ahead log.
    assert!(data.join("test-engine.db-wal").is_file());
    assert_private(&data);
    let backup = directory.path().join("backups/first");
    run(&["backup", "--to", backup.to_str().unwrap()]);
    assert_private(&directory.path().join("backups"));
    server.stop();
    assert!(data.join("blobs").is_dir(), "the raw upload was stored");
    assert_private(&data);
}
