//! The command line: databases that are created only on purpose, and tokens that do not pile up.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::cli::{failure, run, secret_after, stderr, stdout};
use crate::process::Process;
use crate::support::{Ask, program};
use crate::waiting::until;

/// The value that `init` exports for a variable.
fn exported<'a>(exports: &'a str, name: &str) -> Option<&'a str> {
    let start = format!("export {name}=");
    exports.lines().find_map(|line| line.strip_prefix(&start))
}

fn live_tokens(data: &Path) -> usize {
    let tokens = stdout(&run(data, &["token", "list", "--json"]));
    let tokens: Vec<Value> = serde_json::from_str(&tokens).unwrap();
    assert!(
        tokens.iter().all(|token| token["state"] == "live"),
        "{tokens:?}"
    );
    tokens.len()
}

#[test]
fn no_other_command_creates_a_database() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("mistyped");
    let url = format!("sqlite://{}/mistyped.db", directory.path().display());
    let id = "01234567-89ab-7def-8123-456789abcdef";
    for arguments in [
        vec!["organization", "create", "acme"],
        vec!["organization", "list"],
        vec!["suite", "create", "acme/web"],
        vec!["suite", "list", "acme"],
        vec!["suite", "set", "acme/web", "--no-oidc-policy"],
        vec!["suite", "delete", "acme/web", "--yes"],
        vec!["token", "create"],
        vec!["token", "list"],
        vec!["token", "revoke", id],
        vec!["user", "list"],
        vec!["user", "create", "priya"],
        vec!["sign-in-rule", "list"],
        vec!["session", "list"],
        vec!["retention"],
        vec!["retention", "--dry-run"],
        vec!["audit", "acme"],
        vec!["webhook", "list", "acme"],
    ] {
        let message = failure(&run(&missing, &arguments));
        assert!(
            message.contains("there is no database at"),
            "{arguments:?}: {message}"
        );
        assert!(message.contains("mistyped/test-engine.db"), "{message}");
        let on_url = [&arguments[..], &["--database-url", &url]].concat();
        let message = failure(&run(&missing, &on_url));
        assert!(message.contains("mistyped.db"), "{arguments:?}: {message}");
    }
    assert!(fs_err::read_dir(directory.path()).unwrap().next().is_none());
}

/// The README starts a server in the background and runs `init` right after it.
#[test]
fn concurrent_inits_of_a_new_database_all_succeed() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let start = |number: usize| {
        program(&data)
            .args(["init", &format!("acme/suite-{}", number / 2)])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let started: Vec<_> = (0..12).map(start).collect();
    for process in started {
        let exports = stdout(&process.wait_with_output().unwrap());
        assert!(exported(&exports, "BUILDKITE_ANALYTICS_TOKEN").is_some());
    }
    let suites = stdout(&run(&data, &["suite", "list", "acme"]));
    assert_eq!(suites.lines().count(), 6, "{suites}");
}

#[test]
fn init_can_be_repeated_without_more_tokens() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let first = run(&data, &["init", "acme/web"]);
    let said = stderr(&first);
    let path = data.join("test-engine.db");
    assert!(
        said.contains(&format!("the new database {}", path.display())),
        "{said}"
    );
    assert!(said.contains("--scope read_suites,write_suites"), "{said}");
    let first = stdout(&first);
    let second = run(&data, &["init", "acme/web"]);
    assert!(
        stderr(&second).contains("using the database"),
        "{}",
        stderr(&second)
    );
    let second = stdout(&second);
    for name in [
        "BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN",
        "BUILDKITE_ANALYTICS_TOKEN",
    ] {
        assert_ne!(
            exported(&first, name).unwrap(),
            exported(&second, name).unwrap()
        );
    }
    assert_eq!(live_tokens(&data), 2);
    assert_eq!(
        stdout(&run(&data, &["suite", "list", "acme"])),
        "acme/web\n"
    );

    // Tokens in use are kept until somebody says otherwise.
    let server = Process::serve(program(&data));
    let access = exported(&second, "BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN").unwrap();
    let uses = || {
        let url = format!("{}/v2/access-token", server.base);
        Ask::new("GET", &url).bearer(access).send().status
    };
    assert_eq!(uses(), 200);
    // In the background. Until then, `init` would replace the token.
    until("the time of use", || {
        let listed = stdout(&run(&data, &["token", "list"]));
        listed.lines().skip(1).any(|token| !token.contains("never"))
    });
    let third = run(&data, &["init", "acme/web"]);
    assert!(
        stderr(&third).contains("--new-tokens"),
        "{}",
        stderr(&third)
    );
    let said = stdout(&third);
    assert_eq!(
        exported(&said, "BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN"),
        None
    );
    assert!(exported(&said, "BUILDKITE_ANALYTICS_TOKEN").is_some());
    assert!(
        said.contains("# BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN: as printed"),
        "{said}"
    );
    // With the address of the running server.
    let base = exported(&said, "BUILDKITE_TEST_ENGINE_BASE_URL").unwrap();
    assert_eq!(base, server.base);
    assert_eq!(live_tokens(&data), 2);
    stdout(&run(&data, &["init", "acme/web", "--new-tokens"]));
    assert_eq!(uses(), 401);
    assert_eq!(live_tokens(&data), 2);
    drop(server);
    let listen = ["init", "acme/web", "--listen", "0.0.0.0:9090"];
    let said = stdout(&run(&data, &listen));
    let base = exported(&said, "BUILDKITE_TEST_ENGINE_BASE_URL");
    assert_eq!(base, Some("http://127.0.0.1:9090"), "the server was killed");
}

#[test]
fn deletes_suites_only_if_confirmed() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    stdout(&run(data, &["init", "acme/web"]));
    let message = failure(&run(data, &["suite", "delete", "acme/web"]));
    assert!(message.contains("suite delete acme/web --yes"), "{message}");
    assert_eq!(stdout(&run(data, &["suite", "list", "acme"])), "acme/web\n");
    let said = stdout(&run(data, &["suite", "delete", "acme/web", "--yes"]));
    assert_eq!(said, "deleted suite acme/web\n");
    assert_eq!(stdout(&run(data, &["suite", "list", "acme"])), "");
    let message = failure(&run(data, &["suite", "delete", "acme/web", "--yes"]));
    assert!(message.contains("there is no suite acme/web"), "{message}");
}

#[test]
fn revoking_names_what_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    stdout(&run(data, &["init", "acme/web"]));
    let made = stdout(&run(data, &["token", "create"]));
    let secret = secret_after(&made, "shown only this once");
    let id = made.split_whitespace().nth(4).unwrap();
    let message = failure(&run(data, &["token", "revoke", &secret]));
    assert!(
        message.contains("this is the secret of a token"),
        "{message}"
    );
    assert!(!message.contains(&secret), "{message}");
    let message = failure(&run(data, &["token", "revoke", "web"]));
    assert!(message.contains("which is a UUID"), "{message}");
    let unknown = "01234567-89ab-7def-8123-456789abcdef";
    let message = failure(&run(data, &["token", "revoke", unknown]));
    assert!(message.contains("there is no token"), "{message}");
    stdout(&run(data, &["token", "revoke", id]));
    let message = failure(&run(data, &["token", "revoke", id]));
    assert!(message.contains("was revoked already, at 2"), "{message}");
}
