//! The OpenAPI document: valid, of the same operations as the server's routes, and in agreement
//! with every recorded answer.

use std::path::Path;

use serde_json::Value;

use super::folder;

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the document is read by another program"
)]
fn the_document_is_valid_and_says_what_the_server_does() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = root.join(".tools/openapi/bin/python");
    let output = std::process::Command::new(&python)
        .arg(root.join("crates/server/tests/openapi/check.py"))
        .arg(root.join("docs/server/openapi.yaml"))
        .arg(folder())
        .output()
        .unwrap_or_else(|error| panic!("run bin/setup first: {}: {error}", python.display()));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let problems: Vec<&str> = found["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem.as_str().unwrap())
        .collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    let mut served: Vec<String> = test_engine::api_addresses()
        .into_iter()
        .map(|(method, path)| format!("{method} {path}"))
        .collect();
    served.sort();
    let documented: Vec<&str> = found["operations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|operation| operation.as_str().unwrap())
        .collect();
    assert_eq!(documented, served);
}
