//! Commands that change settings, and the audit log that names who ran them.

use serde_json::{Value, json};

use crate::cli::{failure, run, stdout};
use crate::support::{create_database, program};

#[test]
fn suite_set_changes_how_long_tests_are_muted() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    create_database(data);
    stdout(&run(data, &["organization", "create", "acme"]));
    stdout(&run(data, &["suite", "create", "acme/web"]));
    let set = |arguments: &[&str]| {
        let all = [&["suite", "set", "acme/web", "--json"], arguments].concat();
        let set: Value = serde_json::from_str(&stdout(&run(data, &all))).unwrap();
        set["quarantine"].clone()
    };
    assert_eq!(
        set(&["--quarantine-days", "7", "--quarantine-api-days", "30"]),
        json!({"days": 7, "max_days": 90, "api_days": 30})
    );
    assert_eq!(
        set(&["--quarantine-max-days", "60", "--no-quarantine-api-days"]),
        json!({"days": 7, "max_days": 60, "api_days": null})
    );
    let zero = run(
        data,
        &["suite", "set", "acme/web", "--quarantine-days", "0"],
    );
    assert_eq!(zero.status.code(), Some(2));
}

#[test]
fn the_audit_log_names_the_user_of_commands() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let as_user = |arguments: &[&str]| {
        let mut command = program(data);
        command.args(arguments).env("USER", "ada");
        stdout(&command.output().unwrap())
    };
    create_database(data);
    as_user(&["organization", "create", "acme"]);
    as_user(&["suite", "create", "acme/web"]);
    as_user(&["token", "create", "--description", "for me"]);
    let listed = as_user(&["audit", "acme", "--json"]);
    let events: Value = serde_json::from_str(&listed).unwrap();
    let actions: Vec<_> = events
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        [
            "token.created",
            "token.created",
            "rule.created",
            "suite.created",
            "organization.created"
        ]
    );
    assert_eq!(events[0]["subject"]["name"], "for me");
    assert_eq!(
        events[0]["actor"],
        json!({"kind": "command_line", "id": null, "name": "ada"})
    );
    let table = as_user(&["audit", "acme", "--suite", "web", "--limit", "1"]);
    assert!(
        table.contains("token.created") && table.contains("command_line ada"),
        "{table}"
    );
    assert!(!table.contains("organization.created"), "{table}");
    failure(&run(data, &["audit", "other"]));
}
