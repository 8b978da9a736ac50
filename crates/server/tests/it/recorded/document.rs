//! Checks that the OpenAPI document is valid and agrees with every recorded response.

use std::path::Path;

use super::folder;

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the document is checked by another program"
)]
fn the_document_is_valid_and_agrees_with_recorded_responses() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = root.join(".tools/openapi/bin/python");
    let document = root.join("docs/server/openapi.yaml");
    let output = std::process::Command::new(&python)
        .arg(root.join("crates/server/tests/openapi/check.py"))
        .args([document, folder()])
        .output()
        .unwrap_or_else(|error| panic!("run bin/setup first: {}: {error}", python.display()));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let problems: Vec<String> = serde_json::from_slice(&output.stdout).unwrap();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
