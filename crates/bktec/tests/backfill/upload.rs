//! Scopes of the token, and what happens to the finished archive.

use crate::server::Server;
use crate::support::{command, fake_git, finish, run, sent_file, small, unpack};

#[test]
fn output_file_is_not_uploaded_and_can_be_uploaded_later() {
    let (_sample, clone, commits) = small();
    let server = Server::start(&commits);
    let output = clone.parent().unwrap().join("out.tar.gz");
    let (code, stderr) = run(
        &clone,
        &server,
        &["--output", "../out.tar.gz", "--skip-diffs"],
    );
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(
        server.requests(),
        ["GET /v2/access-token", "GET /commits?days=90", "GET "]
    );
    let archive = fs_err::read(&output).unwrap();
    let (_, records, metadata) = unpack(&archive);
    assert_eq!(metadata["skipped_diffs"], true);
    assert_eq!(records.len(), 5);
    for record in &records {
        assert!(record.get("git_diff").is_none() && record.get("git_diff_raw").is_none());
        assert_eq!(record["files_changed"], "file");
    }
    // Upload it from outside a repository, with a token that may only write.
    server.state().scopes = Some(vec!["write_suites"]);
    server.state().requests.clear();
    let elsewhere = clone.parent().unwrap().join("elsewhere");
    fs_err::create_dir(&elsewhere).unwrap();
    let (code, stderr) = run(
        &elsewhere,
        &server,
        &["--upload", "../out.tar.gz", "--days", "nonsense"],
    );
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(
        server.requests(),
        [
            "GET /v2/access-token",
            "POST /commit-metadata-backfill/presigned-upload",
            "POST /storage"
        ]
    );
    let state = server.state();
    let (head, body) = &state.stored[0];
    assert!(sent_file(head, body) == archive);
}

#[test]
fn missing_scope_fails_before_git_starts() {
    let (_sample, clone, commits) = small();
    let server = Server::start(&commits);
    let marker = clone.parent().unwrap().join("git-ran");
    let programs = fake_git(&clone, &format!("echo ran >> {}\nexit 1", marker.display()));
    let with_fake_git = |arguments: &[&str]| {
        let mut command = command(&clone, &server, arguments);
        command.env("PATH", &programs);
        finish(command)
    };
    for (scopes, arguments, missing) in [
        (
            vec!["write_suites"],
            [].as_slice(),
            "the scope read_suites\n",
        ),
        (vec!["read_suites"], &[], "the scope write_suites\n"),
        (vec![], &[], "the scope read_suites and write_suites\n"),
        (
            vec!["write_suites"],
            &["--output", "../out"],
            "the scope read_suites\n",
        ),
    ] {
        server.state().scopes = Some(scopes);
        let (code, stderr) = with_fake_git(arguments);
        assert_eq!(code, 16, "{stderr}");
        assert!(stderr.contains(missing), "{stderr}");
        assert!(!marker.exists(), "git started");
    }
    // The fake git is the one that would have started.
    server.state().scopes = None;
    let (code, stderr) = with_fake_git(&[]);
    assert_eq!(code, 16, "{stderr}");
    assert!(marker.exists());
    // `--output` needs fewer scopes.
    server.state().scopes = Some(vec!["read_suites"]);
    let (code, stderr) = run(&clone, &server, &["--output", "../out"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("lacks the scope write_suites"), "{stderr}");
}

#[test]
fn replaces_a_rejected_form_once() {
    let (_sample, clone, commits) = small();
    let server = Server::start(&commits);
    server.state().storage = [403].into();
    let (code, stderr) = run(&clone, &server, &[]);
    assert_eq!(code, 0, "{stderr}");
    let state = server.state();
    let keys: Vec<bool> = state
        .stored
        .iter()
        .map(|(_, body)| String::from_utf8_lossy(body).contains("form-2"))
        .collect();
    assert_eq!(keys, [false, true]);
}

#[test]
fn keeps_an_archive_whose_upload_failed() {
    let (_sample, clone, commits) = small();
    let server = Server::start(&commits);
    for (statuses, uploads) in [
        (vec![403, 403], 2),
        (vec![400], 1),
        (vec![503, 503, 503], 3),
    ] {
        server.state().storage = statuses.into();
        server.state().stored.clear();
        let (code, stderr) = run(&clone, &server, &[]);
        assert_eq!(code, 16, "{stderr}");
        assert_eq!(server.state().stored.len(), uploads);
        let path = stderr
            .lines()
            .find_map(|line| line.split_once("The archive was kept: "))
            .unwrap()
            .1
            .trim_end_matches("\u{1b}[0m")
            .to_owned();
        assert!(stderr.contains(&format!("--upload {path}")), "{stderr}");
        let (code, stderr) = run(&clone, &server, &["--upload", &path]);
        assert_eq!(code, 0, "{stderr}");
        let state = server.state();
        let (head, body) = state.stored.last().unwrap();
        assert_eq!(unpack(&sent_file(head, body)).1.len(), 5);
        drop(state);
        fs_err::remove_file(path).unwrap();
    }
}
