//! A machine of a CI: a checkout of a sample project, where scripts of a configuration run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;
use test_engine_testkit::{
    Connection, Example, Finished, ServerProgram, bktec, clean_command, installed, root,
    run_within, search_path, tool,
};

use crate::file_server::FileServer;
use crate::forge::Forge;
use crate::release::{archive_of, release};
use crate::scripts::{SCRIPT_TIMEOUT, run};

/// Variables of a script, or values of the expressions of a configuration.
pub(super) type Values = BTreeMap<String, String>;

pub(super) fn values<const N: usize>(pairs: [(&str, &str); N]) -> Values {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Parses a configuration, such as `github/suite.yml`.
#[track_caller]
pub(super) fn load(name: &str) -> Value {
    parse(&read(name))
}

pub(super) fn read(name: &str) -> String {
    fs_err::read_to_string(root().join("integrations").join(name)).unwrap()
}

#[track_caller]
pub(super) fn parse(yaml: &str) -> Value {
    serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"))
}

/// Replaces each expression, such as `${{ inputs.suite }}`. Fails the test if it has no value.
#[track_caller]
pub(super) fn expand(text: &str, (open, close): (&str, &str), values: &Values) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(open) {
        let (name, after) = after.split_once(close).expect("an expression ends");
        let name = name.trim();
        let value = values
            .get(name)
            .unwrap_or_else(|| panic!("no value of {name:?}: {text}"));
        expanded.push_str(before);
        expanded.push_str(value);
        rest = after;
    }
    expanded + rest
}

/// The entries of a mapping with their values as text; empty if there is no mapping.
pub(super) fn entries(mapping: &Value) -> Values {
    let mapping = mapping.as_object().into_iter().flatten();
    mapping
        .map(|(name, value)| (name.clone(), text(value)))
        .collect()
}

/// A scalar as text.
pub(super) fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// The texts of a list.
pub(super) fn lines(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(text).collect()
}

/// The archive of a release whose client is the built one. Its server does nothing.
fn archive() -> &'static Path {
    static ARCHIVE: OnceLock<PathBuf> = OnceLock::new();
    ARCHIVE.get_or_init(|| {
        // Statics are not dropped, so this is a directory that the next run replaces.
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("release");
        if directory.exists() {
            fs_err::remove_dir_all(&directory).unwrap();
        }
        fs_err::create_dir_all(&directory).unwrap();
        let client = bktec();
        run(
            "strip",
            &["-o", "bktec", client.to_str().unwrap()],
            &directory,
        )
        .expect_code(0);
        run(
            "install",
            &["-m", "755", "/bin/true", "test-engine"],
            &directory,
        )
        .expect_code(0);
        let programs = directory.to_str().unwrap();
        let output = directory.join("archives");
        let arguments = ["--programs", programs, "--output", output.to_str().unwrap()];
        archive_of(&release(&root(), &arguments, &[]))
    })
}

/// A machine with a checkout of a project that has a failing test, a suite for it on a server, and
/// a release to install.
pub(super) struct Machine {
    pub(super) example: Example,
    pub(super) connection: Connection,
    pub(super) forge: Forge,
    server: ServerProgram,
    downloads: FileServer,
}

impl Machine {
    pub(super) fn new(project: &str) -> Self {
        let downloads = FileServer::start();
        let archive = archive();
        for path in [
            archive,
            &archive.with_file_name("SHA256SUMS"),
            &root().join("install.sh"),
        ] {
            let name = path.file_name().unwrap().to_str().unwrap();
            downloads.serve(name, fs_err::read(path).unwrap());
        }
        let server = ServerProgram::start();
        let connection = server.create_suite(project);
        let machine = Self {
            example: Example::copy(project),
            connection,
            forge: Forge::start(),
            server,
            downloads,
        };
        fs_err::create_dir(machine.temporary_directory()).unwrap();
        machine
    }

    /// Creates another suite, whose tests are those of the same project.
    pub(super) fn add_suite(&self, slug: &str) {
        self.server.create_suite(slug);
    }

    pub(super) fn url(&self) -> &str {
        self.downloads.url()
    }

    pub(super) fn temporary_directory(&self) -> PathBuf {
        self.example.temporary_path("tmp")
    }

    /// The directory that install.sh installs to by default.
    pub(super) fn programs(&self) -> PathBuf {
        self.example.home().join(".local/bin")
    }

    /// The variables that each CI stores: addresses, and no tokens.
    pub(super) fn settings(&self) -> Values {
        values([
            ("TEST_ENGINE_DOWNLOAD_URL", self.url()),
            ("BUILDKITE_TEST_ENGINE_BASE_URL", &self.connection.base_url),
            (
                "BUILDKITE_TEST_ENGINE_UPLOAD_BASE_URL",
                &self.connection.base_url,
            ),
            ("BUILDKITE_ORGANIZATION_SLUG", &self.connection.organization),
        ])
    }

    /// Runs a script in the checkout. Nothing but these variables and the installed runners is
    /// there; `directories` are searched first.
    pub(super) fn bash(
        &self,
        script: &str,
        variables: &Values,
        directories: &[PathBuf],
    ) -> Finished {
        let mut command = clean_command(installed("bash"), &self.example.home());
        let runner = tool("pytest/bin");
        let path = search_path();
        let path = directories
            .iter()
            .cloned()
            .chain([runner])
            .chain(std::env::split_paths(&path));
        command
            .args(["-eo", "pipefail", "-c", script])
            .current_dir(self.example.project())
            .env("PATH", std::env::join_paths(path).unwrap())
            .env("TMPDIR", self.temporary_directory())
            .env("EXAMPLE_STATE", self.example.state())
            .env("EXAMPLE_PACE", "0.02")
            .env("BUILDKITE_TEST_ENGINE_RETRY_COUNT", "1")
            .env("GITHUB_API_URL", self.forge.url())
            .envs(self.example.environment());
        if self.example.name() == "rspec" {
            // Debian's RSpec does not include bundler.
            command.env(
                "BUILDKITE_TEST_ENGINE_TEST_CMD",
                "rspec --format progress --format json --out {{resultPath}} {{testExamples}}",
            );
        }
        command.envs(variables);
        run_within(command, SCRIPT_TIMEOUT)
    }

    /// Fails the test unless every test of the project ran on these nodes, of which one failed.
    #[track_caller]
    pub(super) fn expect_all_ran(&self, nodes: &[Finished]) {
        assert!(nodes.len() > 1, "{nodes:?}");
        let mut codes: Vec<i32> = nodes.iter().map(Finished::code).collect();
        codes.sort_unstable();
        let failed = codes.pop();
        assert!(
            failed == Some(1) && codes.iter().all(|code| *code == 0),
            "{nodes:#?}"
        );
        let stored = self.server.stored_results();
        let stored = stored.outcomes(&self.connection.organization, &self.connection.suite);
        assert_eq!(stored.len(), self.example.tests().len(), "{stored:#?}");
    }

    /// Fails the test unless the output of `bktec verify` says so.
    #[track_caller]
    pub(super) fn expect_complete(verified: &Finished) {
        verified.expect_code(0);
        assert!(verified.stdout.contains("✅ Complete"), "{verified}");
    }

    /// Fails the test unless the pull request has one comment, with the failed test.
    #[track_caller]
    pub(super) fn expect_one_comment(&self, commented: &Finished) {
        commented.expect_code(0);
        let added = self.forge.added();
        assert_eq!(added.len(), 1, "{added:?}\n{commented}");
        assert!(added[0].starts_with("<!-- bktec "), "{added:?}");
        assert!(added[0].contains("failed"), "{added:?}");
    }
}
