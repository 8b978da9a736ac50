//! Which crate may depend on which: the table of ARCHITECTURE.md, compared with the manifests.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::tracked;

type Arrows = BTreeMap<String, BTreeSet<String>>;

const PREFIX: &str = "test-engine-";

/// A package without its prefix; the server's package has the prefix's own name.
fn short(package: &str) -> String {
    match package {
        "test-engine" => "server".to_owned(),
        other => other.strip_prefix(PREFIX).unwrap_or(other).to_owned(),
    }
}

fn arrows_of_manifests() -> Arrows {
    let is_manifest = |path: &str| {
        path.ends_with("/Cargo.toml")
            && (path.starts_with("crates/") || path.starts_with("benches/"))
    };
    tracked(is_manifest)
        .iter()
        .map(|manifest| {
            let table: toml::Table = manifest.text.parse().expect("a manifest is TOML");
            let package = table["package"]["name"]
                .as_str()
                .expect("a name")
                .to_owned();
            let dependencies = table
                .get("dependencies")
                .and_then(toml::Value::as_table)
                .into_iter()
                .flat_map(|table| table.keys());
            let ours = dependencies
                .filter(|name| {
                    *name == "bktec" || *name == "test-engine" || name.starts_with(PREFIX)
                })
                .map(|name| short(name))
                .collect();
            (short(&package), ours)
        })
        .collect()
}

/// Rows of the map: `| folder | package | purpose | may use | … |`.
fn arrows_of_architecture() -> Arrows {
    let sources = tracked(|path| path == "ARCHITECTURE.md");
    sources[0]
        .text
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let package = cells.get(2)?.strip_prefix('`')?.strip_suffix('`')?;
            let uses = cells.get(4)?.split(',').map(str::trim);
            let uses = uses
                .filter(|name| *name != "–")
                .map(str::to_owned)
                .collect();
            Some((short(package), uses))
        })
        .collect()
}

#[test]
fn crates_depend_on_each_other_as_architecture_md_says() {
    assert_eq!(arrows_of_manifests(), arrows_of_architecture());
}
