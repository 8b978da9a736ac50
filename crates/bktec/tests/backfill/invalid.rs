//! Invalid settings, paths and remotes.

use crate::server::Server;
use crate::support::{command, finish, leftover_files, run, small};

#[test]
fn reports_all_invalid_settings_together() {
    let (_sample, clone, _) = small();
    let server = Server::start(&[]);
    let mut command = command(
        &clone,
        &server,
        &["--days", "91", "--concurrency", "0", "--skip-diffs=maybe"],
    );
    command
        .env_remove("BUILDKITE_ORGANIZATION_SLUG")
        .env("BUILDKITE_TEST_ENGINE_SUITE_SLUG", " ")
        .env("BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN", "")
        .env("BUILDKITE_TEST_ENGINE_OIDC", "false");
    let (code, stderr) = finish(command);
    assert_eq!(code, 16);
    assert_eq!(
        stderr,
        "bktec tools backfill-commit-metadata: invalid configuration:\n\
        BUILDKITE_ORGANIZATION_SLUG must not be blank (or give --organization-slug)\n\
        BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN must not be blank (or give --access-token), \
        since OIDC is off\n\
        BUILDKITE_TEST_ENGINE_BACKFILL_CONCURRENCY was \"0\", \
        must be greater than or equal to 1 (--concurrency)\n\
        BUILDKITE_TEST_ENGINE_BACKFILL_DAYS was \"91\", must be 1 to 90 (--days)\n\
        BUILDKITE_TEST_ENGINE_SKIP_DIFFS was \"maybe\", must be true or false (--skip-diffs)\n\
        BUILDKITE_TEST_ENGINE_SUITE_SLUG must not be blank (or give --suite-slug)\n"
    );
    for days in ["0", "-1", "91", "ten"] {
        let (code, stderr) = run(&clone, &server, &["--days", days]);
        assert_eq!(code, 16, "{stderr}");
        assert!(
            stderr.contains("1 to 90") || stderr.contains("a whole number"),
            "{stderr}"
        );
    }
    assert_eq!(server.requests(), Vec::<String>::new());
}

#[test]
fn rejects_unusable_paths_remotes_and_directories() {
    let (_sample, clone, commits) = small();
    let server = Server::start(&commits);
    fs_err::write(clone.join("empty"), "").unwrap();
    fs_err::write(clone.join("text"), "not an archive").unwrap();
    for (arguments, reason) in [
        (["--upload", "missing.tar.gz"], "missing.tar.gz"),
        (["--upload", "."], "it is not a file"),
        (["--upload", "empty"], "it is empty"),
        (["--upload", "text"], "it is not a gzip archive"),
    ] {
        let (code, stderr) = run(&clone, &server, &arguments);
        assert_eq!(code, 16, "{stderr}");
        assert!(stderr.contains(reason), "{stderr}");
        assert_eq!(
            server.requests(),
            Vec::<String>::new(),
            "no request was sent"
        );
    }
    let (code, stderr) = run(&clone, &server, &["--output", "no/such/directory/out"]);
    assert_eq!(code, 16, "{stderr}");
    assert!(stderr.contains("no/such/directory/out"), "{stderr}");
    let (code, stderr) = run(
        &clone,
        &server,
        &["--remote", "nowhere", "--output", "../out"],
    );
    assert_eq!(code, 16, "{stderr}");
    for name in ["nowhere/HEAD", "nowhere/main", "nowhere/master"] {
        assert!(stderr.contains(name), "{stderr}");
    }
    let elsewhere = clone.parent().unwrap().join("elsewhere");
    fs_err::create_dir(&elsewhere).unwrap();
    let (code, stderr) = run(&elsewhere, &server, &[]);
    assert_eq!(code, 16, "{stderr}");
    assert!(stderr.contains("not a git repository"), "{stderr}");
    assert_eq!(leftover_files(&clone), Vec::<String>::new());
}
