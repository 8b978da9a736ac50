//! Users, sign-in rules and sessions on the command line.

use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::cli::{failure, run, stdout};
use crate::support::{create_database, program};

fn with_input(data: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = program(data)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

fn listed(data: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&stdout(&run(data, arguments))).unwrap()
}

#[test]
fn users_are_created_listed_changed_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    create_database(data);
    stdout(&run(data, &["organization", "create", "acme"]));
    let created = stdout(&run(data, &["user", "create", "priya", "--role", "writer"]));
    assert!(created.contains("created user priya ("), "{created}");
    let (_, password) = created.split_once("shown only this once: ").unwrap();
    assert_eq!(password.trim().len(), 24);
    let again = failure(&run(data, &["user", "create", "priya"]));
    assert!(again.contains("test-engine user set-role priya"), "{again}");
    for (arguments, part) in [
        (&["user", "create", "a b"][..], "is not a login"),
        (&["user", "set-role", "nobody", "admin"], "there is no user"),
        (&["user", "create", "x", "--organization", "no"], "\"no\""),
        (&["user", "remove", "nobody"], "there is no user"),
    ] {
        let message = failure(&run(data, arguments));
        assert!(message.contains(part), "{arguments:?}: {message}");
    }

    let role = run(data, &["user", "set-role", "priya", "owner"]);
    assert_eq!(role.status.code(), Some(2));
    let message = String::from_utf8(role.stderr).unwrap();
    assert!(
        message.contains("the roles are reader, writer"),
        "{message}"
    );

    let create = ["user", "create", "sam", "--password-stdin"];
    let printed = stdout(&with_input(data, &create, "correct horse battery\n"));
    assert!(!printed.contains("password"), "{printed}");
    let change = ["user", "password", "sam", "--password-stdin"];
    let short = failure(&with_input(data, &change, "short\n"));
    assert!(short.contains("at least 12 characters"), "{short}");
    let none = failure(&with_input(data, &change, "\n"));
    assert!(none.contains("stdin has no password"), "{none}");
    stdout(&run(data, &["user", "password", "sam"]));

    stdout(&run(data, &["user", "set-role", "sam", "admin"]));
    let users = listed(data, &["user", "list", "--json"]);
    assert_eq!(users[0]["name"], "priya");
    assert_eq!(users[0]["roles"][0]["role"], "writer");
    assert_eq!(users[1]["roles"][0]["role"], "admin");
    let table = stdout(&run(data, &["user", "list", "--organization", "acme"]));
    assert!(table.contains("acme: writer"), "{table}");
    stdout(&run(data, &["user", "remove", "priya"]));
    let users = listed(data, &["user", "list", "--json"]);
    assert_eq!(users.as_array().unwrap().len(), 1);
    let audit = stdout(&run(data, &["audit", "acme"]));
    for action in ["user.added", "user.password_changed", "user.removed"] {
        assert!(audit.contains(action), "{audit}");
    }
}

#[test]
fn sign_in_rules_are_created_listed_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    create_database(data);
    stdout(&run(data, &["organization", "create", "acme"]));
    let rule = |kind, value, role| run(data, &["sign-in-rule", "create", kind, value, role]);
    stdout(&rule("email_domain", "example.com", "reader"));
    stdout(&rule("claim", "groups=engineering", "writer"));
    stdout(&rule("subject", "42", "none"));
    let again = failure(&rule("email_domain", "example.com", "admin"));
    assert!(again.contains("a rule for the same people"), "{again}");
    let role = failure(&rule("subject", "43", "owner"));
    assert!(role.contains("is not a role"), "{role}");
    let rules = listed(data, &["sign-in-rule", "list", "--json"]);
    assert_eq!(rules[1]["value"], "groups=engineering");
    assert_eq!(rules[2]["role"], "none");
    let table = stdout(&run(data, &["sign-in-rule", "list"]));
    assert!(table.contains("email_domain"), "{table}");
    let id = rules[0]["id"].as_str().unwrap();
    stdout(&run(data, &["sign-in-rule", "remove", id]));
    let gone = failure(&run(data, &["sign-in-rule", "remove", id]));
    assert!(gone.contains("there is no sign-in rule"), "{gone}");
    let nothing = failure(&run(data, &["session", "end", id]));
    assert!(nothing.contains("there is no session"), "{nothing}");
    assert!(stdout(&run(data, &["session", "list"])).contains("WHO"));
}
