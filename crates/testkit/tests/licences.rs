//! Every dependency has a licence that `deny.toml` allows.
//!
//! `cargo deny` checks more, but is not always installed; this test needs only cargo.

use std::time::Duration;

use serde::Deserialize;
use spdx::{Expression, ParseMode};
use test_engine_testkit::{clean_command, root, run_within};

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
}

fn dependencies() -> Vec<Package> {
    let home = tempfile::tempdir().expect("a temporary directory can be created");
    let mut command = clean_command(env!("CARGO"), home.path());
    // Cargo reads its registry, cache and toolchain from the environment. It may have to download
    // packages for other platforms.
    command.envs(std::env::vars_os()).current_dir(root()).args([
        "metadata",
        "--format-version",
        "1",
        "--locked",
    ]);
    let finished = run_within(command, Duration::from_mins(5));
    finished.expect_code(0);
    let metadata: Metadata = serde_json::from_str(&finished.stdout).expect("cargo prints JSON");
    metadata.packages
}

fn allowed_licences() -> Vec<String> {
    let text = fs_err::read_to_string(root().join("deny.toml")).expect("deny.toml exists");
    let deny: toml::Table = text.parse().expect("deny.toml is TOML");
    deny["licenses"]["allow"]
        .as_array()
        .expect("licenses.allow is a list")
        .iter()
        .map(|licence| licence.as_str().expect("licences are strings").to_owned())
        .collect()
}

/// Why a licence expression is not allowed; `None` when it is.
fn objection(licence: Option<&str>, allowed: &[String]) -> Option<String> {
    let Some(licence) = licence else {
        return Some("has no licence".to_owned());
    };
    let expression = match Expression::parse_mode(licence, ParseMode::LAX) {
        Ok(expression) => expression,
        Err(error) => return Some(format!("has the unreadable licence {licence:?}: {error}")),
    };
    let allows =
        |requirement: &spdx::LicenseReq| allowed.iter().any(|one| *one == requirement.to_string());
    (!expression.evaluate(allows)).then(|| format!("has the licence {licence:?}"))
}

#[test]
fn every_dependency_has_an_allowed_licence() {
    let allowed = allowed_licences();
    let external: Vec<Package> = dependencies()
        .into_iter()
        .filter(|package| package.source.is_some())
        .collect();
    assert!(
        external.len() > 50,
        "only {} dependencies were found",
        external.len()
    );
    let objections: Vec<String> = external
        .iter()
        .filter_map(|package| {
            objection(package.license.as_deref(), &allowed)
                .map(|why| format!("{} {} {why}", package.name, package.version))
        })
        .collect();
    assert!(
        objections.is_empty(),
        "deny.toml does not allow:\n{}",
        objections.join("\n")
    );
}

#[test]
fn rejects_licences_that_are_not_allowed() {
    let allowed = ["MIT".to_owned(), "Apache-2.0".to_owned()];
    assert_eq!(objection(Some("MIT OR GPL-3.0-only"), &allowed), None);
    assert_eq!(objection(Some("MIT/Apache-2.0"), &allowed), None);
    assert!(objection(Some("MIT AND GPL-3.0-only"), &allowed).is_some());
    assert!(objection(Some("not a licence"), &allowed).is_some());
    assert!(objection(None, &allowed).is_some());
}
