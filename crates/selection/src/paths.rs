//! What a changed file is, by its path: documentation, configuration, or source (§3, §4 of the
//! design).

use crate::words::{extension, file_name, folder};

const DOCUMENT_FOLDERS: [&str; 4] = ["changelog", "changes", "doc", "docs"];
const DOCUMENT_NAMES: [&str; 7] = [
    "changelog",
    "changes",
    "contributing",
    "licence",
    "license",
    "notice",
    "readme",
];
const DOCUMENT_EXTENSIONS: [&str; 7] = ["jpg", "md", "png", "po", "rst", "svg", "txt"];

const CONFIGURATION_FOLDERS: [&str; 8] = [
    ".buildkite",
    ".circleci",
    ".github",
    "__snapshots__",
    "fixtures",
    "requirements",
    "support",
    "testdata",
];
const CONFIGURATION_NAMES: [&str; 24] = [
    ".gitlab-ci.yml",
    ".nvmrc",
    ".rspec",
    ".ruby-version",
    ".tool-versions",
    ".travis.yml",
    "bun.lockb",
    "cargo.toml",
    "conftest.py",
    "gemfile",
    "go.mod",
    "go.sum",
    "go.work",
    "go.work.sum",
    "makefile",
    "noxfile.py",
    "npm-shrinkwrap.json",
    "package.json",
    "packages.lock.json",
    "pyproject.toml",
    "pytest.ini",
    "structure.sql",
    "tox.ini",
    "package-lock.json",
];
/// A file name starts with the first and ends with the second.
const CONFIGURATION_AFFIXES: [(&str, &str); 16] = [
    ("", ".lock"),
    ("", ".lockfile"),
    ("", "-lock.json"),
    ("", "-lock.yaml"),
    ("", "_helper.rb"),
    (".mocharc", ""),
    ("babel.config", ""),
    ("cucumber.", ""),
    ("cypress.config", ""),
    ("dockerfile", ""),
    ("jest.config.", ""),
    ("playwright.config.", ""),
    ("requirements", ".txt"),
    ("setup.", ""),
    ("tsconfig", ""),
    ("vitest.", ""),
];

fn is_in_any(path: &str, folders: &[&str]) -> bool {
    let mut components = path.split('/').rev().skip(1);
    components.any(|component| folders.contains(&component))
}

/// Whether a file documents and cannot break a test.
pub(crate) fn is_document(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let (name, extension) = (file_name(&path), extension(&path));
    DOCUMENT_EXTENSIONS.contains(&extension)
        || extension.is_empty() && DOCUMENT_NAMES.contains(&name)
        || is_in_any(&path, &DOCUMENT_FOLDERS)
}

/// Whether a file may affect every test.
pub(crate) fn is_configuration(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let name = file_name(&path);
    let has_affixes = |(start, end): &(&str, &str)| {
        name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
    };
    CONFIGURATION_NAMES.contains(&name)
        || CONFIGURATION_AFFIXES.iter().any(has_affixes)
        || is_in_any(&path, &CONFIGURATION_FOLDERS)
        || name == "schema.rb" && file_name(folder(&path)) == "db"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_recognized() {
        let documents = [
            "README",
            "README.md",
            "docs/conf.py",
            "src/docs/a.css",
            "LICENSE",
            "a/CHANGELOG.rst",
            "logo.SVG",
        ];
        for path in documents {
            assert!(is_document(path), "{path}");
        }
        // Source files whose names are those of documents.
        for path in [
            "src/change.rs",
            "src/changes.py",
            "a/readme.js",
            "src/docs.rb",
            "doc",
        ] {
            assert!(!is_document(path), "{path}");
        }
    }

    #[test]
    fn configuration_is_recognized() {
        let configuration = [
            "Gemfile.lock",
            "app/package-lock.json",
            "pnpm-lock.yaml",
            "yarn.lock",
            "package.json",
            "Gemfile",
            "go.mod",
            "crates/a/Cargo.toml",
            "pyproject.toml",
            "requirements-dev.txt",
            "requirements/dev.txt",
            "setup.cfg",
            "tox.ini",
            "noxfile.py",
            "tests/conftest.py",
            "spec/rails_helper.rb",
            "jest.config.ts",
            "vitest.workspace.ts",
            "playwright.config.js",
            "Makefile",
            "docker/Dockerfile.test",
            ".github/workflows/ci.yml",
            ".buildkite/pipeline.yml",
            ".circleci/config.yml",
            ".gitlab-ci.yml",
            "spec/fixtures/a.json",
            "spec/support/a.rb",
            "pkg/testdata/x",
            "src/__snapshots__/a.snap",
            "tsconfig.build.json",
            "babel.config.js",
            "pytest.ini",
            ".rspec",
            ".mocharc.yml",
            "cucumber.js",
            "cypress.config.ts",
            "db/schema.rb",
            "db/structure.sql",
            ".ruby-version",
            ".nvmrc",
            ".tool-versions",
        ];
        for path in configuration {
            assert!(is_configuration(path), "{path}");
        }
        let others = [
            "src/block.py",
            "src/clock.rs",
            "app/schema.rb",
            "setup",
            "supported.rb",
            "requirements.py",
            "a/makefile.py",
        ];
        for path in others {
            assert!(!is_configuration(path), "{path}");
        }
    }
}
