//! Packages of the server: the systemd unit, the Debian packages, the Helm chart, the Dockerfile
//! and the files of Compose. Docker, Kubernetes and systemd itself do not run here.

use std::path::{Path, PathBuf};

use rstest::rstest;
use test_engine_testkit::{Finished, bktec, clean_command, root, run_within, test_engine, tool};

use crate::scripts::{SCRIPT_TIMEOUT, run};

/// The highest exposure that `systemd-analyze security` may find, in tenths.
const MAX_EXPOSURE: &str = "15";
const KUBERNETES: &str = "1.33.0";

#[test]
fn the_unit_is_valid_and_sandboxed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test-engine.service");
    let unit =
        fs_err::read_to_string(root().join("packaging/systemd/test-engine.service")).unwrap();
    let program = test_engine();
    let here = unit.replace("/usr/bin/test-engine", program.to_str().unwrap());
    assert_ne!(here, unit);
    fs_err::write(&path, here).unwrap();
    let path = path.to_str().unwrap();
    let analyze = |arguments: &[&str]| run("systemd-analyze", arguments, directory.path());
    let verified = analyze(&["verify", path]);
    verified.expect_code(0);
    assert!(
        !verified.stderr.contains("test-engine.service"),
        "{verified}"
    );
    let threshold = format!("--threshold={MAX_EXPOSURE}");
    analyze(&["security", "--offline=true", &threshold, path]).expect_code(0);
}

/// Makes the package from the built program.
fn debian_package(name: &str, output: &Path) -> PathBuf {
    let mut command = clean_command(tool("release/bin/cargo-deb"), output);
    command
        .envs(std::env::vars_os())
        .args([
            "deb",
            "--package",
            name,
            "--no-build",
            "--profile",
            "dev",
            "--fast",
            "--locked",
        ])
        .arg("--output")
        .arg(output)
        .current_dir(root());
    let made = run_within(command, SCRIPT_TIMEOUT);
    made.expect_code(0);
    let path = PathBuf::from(made.stdout.lines().last().unwrap_or_default());
    assert!(
        path.extension().is_some_and(|found| found == "deb"),
        "{made}"
    );
    path
}

/// A directory where dpkg installs packages. Maintainer scripts run too, but change only it.
struct DebianRoot(tempfile::TempDir);

impl DebianRoot {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("var/lib/dpkg");
        for name in ["info", "updates", "triggers"] {
            fs_err::create_dir_all(database.join(name)).unwrap();
        }
        fs_err::create_dir_all(directory.path().join("var/log")).unwrap();
        for name in ["status", "available"] {
            fs_err::write(database.join(name), "").unwrap();
        }
        Self(directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// As root, or as if.
    #[track_caller]
    fn dpkg(&self, arguments: &[&str]) {
        let root = format!("--root={}", self.0.path().display());
        let command = [
            "dpkg",
            "--force-depends",
            "--force-script-chrootless",
            &root,
        ];
        run("fakeroot", &[&command, arguments].concat(), self.0.path()).expect_code(0);
    }
}

#[test]
fn the_debian_package_of_the_server_is_installed_and_removed() {
    // Fails if the program is outdated, as the package would be.
    test_engine();
    let debian = DebianRoot::new();
    let package = debian_package("test-engine", debian.0.path());
    let package = package.to_str().unwrap();
    debian.dpkg(&["--install", package]);
    let program = debian.path("usr/bin/test-engine");
    run(program.to_str().unwrap(), &["--version"], debian.0.path()).expect_code(0);
    let (unit, settings) = (
        debian.path("usr/lib/systemd/system/test-engine.service"),
        debian.path("etc/default/test-engine"),
    );
    assert!(unit.is_file() && settings.is_file());
    assert!(debian.path("usr/share/doc/test-engine/copyright").is_file());

    // Changed settings survive an upgrade and a removal; data survives everything.
    let data = debian.path("var/lib/test-engine");
    fs_err::create_dir_all(&data).unwrap();
    fs_err::write(data.join("test-engine.db"), "data").unwrap();
    fs_err::write(&settings, "TEST_ENGINE_LISTEN=127.0.0.1:9090\n").unwrap();
    debian.dpkg(&["--install", package]);
    debian.dpkg(&["--remove", "test-engine"]);
    assert!(!program.exists() && !unit.exists());
    assert!(fs_err::read_to_string(&settings).unwrap().contains("9090"));
    debian.dpkg(&["--purge", "test-engine"]);
    assert!(!settings.exists());
    assert!(data.join("test-engine.db").is_file());
}

#[test]
fn the_debian_package_of_the_client_is_installed_and_removed() {
    bktec();
    let debian = DebianRoot::new();
    let package = debian_package("bktec", debian.0.path());
    debian.dpkg(&["--install", package.to_str().unwrap()]);
    let program = debian.path("usr/bin/bktec");
    run(program.to_str().unwrap(), &["--version"], debian.0.path()).expect_code(0);
    assert!(debian.path("usr/bin/bktec-comment").is_file());
    assert!(debian.path("usr/share/man/man1/bktec.1.gz").is_file());
    debian.dpkg(&["--remove", "bktec"]);
    assert!(!program.exists());
}

/// Runs Helm on the chart with these values.
fn helm(command: &[&str], values: &[&str]) -> Finished {
    let home = tempfile::tempdir().unwrap();
    let chart = root().join("packaging/helm/test-engine");
    let mut helm = clean_command(tool("go/bin/helm"), home.path());
    helm.args(command).arg(chart).current_dir(home.path());
    for value in values {
        helm.args(["--set", value]);
    }
    run_within(helm, SCRIPT_TIMEOUT)
}

fn template(values: &[&str]) -> Finished {
    helm(&["template", "--kube-version", KUBERNETES, "tests"], values)
}

const ON_POSTGRES: &[&str] = &[
    "replicas=3",
    "database.existingSecret=database",
    "secretKey.existingSecret=webhooks",
    "publicUrl=https://tests.example.com",
    "ingress.enabled=true",
    "ingress.tlsSecret=tls",
    "settings.TEST_ENGINE_RESULTS_LIMIT=10000",
    "settingsFromSecrets={storage}",
];

#[rstest]
#[case::sqlite(&[], &["kind: StatefulSet", "kind: PodDisruptionBudget", "storage: 20Gi"])]
#[case::postgres(ON_POSTGRES, &[
    "kind: Deployment", "replicas: 3", "name: TEST_ENGINE_DATABASE_URL", "kind: Ingress",
    "host: \"tests.example.com\"", "value: \"10000\"",
])]
fn the_chart_renders_valid_objects(#[case] values: &[&str], #[case] expected: &[&str]) {
    helm(&["lint", "--strict"], values).expect_code(0);
    let rendered = template(values);
    rendered.expect_code(0);
    for text in expected
        .iter()
        .chain(&["path: /readyz", "readOnlyRootFilesystem: true"])
    {
        assert!(rendered.stdout.contains(text), "no {text:?}\n{rendered}");
    }
    let directory = tempfile::tempdir().unwrap();
    fs_err::write(directory.path().join("objects.yaml"), &rendered.stdout).unwrap();
    let validate = tool("packaging/bin/kubernetes-validate");
    let arguments = [
        "--strict",
        "--kubernetes-version",
        KUBERNETES,
        "objects.yaml",
    ];
    run(validate.to_str().unwrap(), &arguments, directory.path()).expect_code(0);
}

#[rstest]
#[case::several_on_sqlite(&["replicas=2"], "existingSecret")]
#[case::no_shared_key(&["database.existingSecret=database"], "existingSecret")]
#[case::misspelt(&["replica=2"], "replica")]
#[case::path_in_url(&["publicUrl=https://example.com/tests"], "publicUrl")]
#[case::other_setting(&["settings.RESULTS_LIMIT=1"], "RESULTS_LIMIT")]
#[case::ingress_without_host(&["ingress.enabled=true"], "requires ingress.host")]
fn the_chart_rejects(#[case] values: &[&str], #[case] text: &str) {
    let rendered = template(values);
    rendered.expect_code(1);
    assert!(rendered.stderr.contains(text), "{rendered}");
}

#[test]
fn the_dockerfile_and_the_compose_files_are_valid() {
    let hadolint = tool("packaging/bin/hadolint");
    run(hadolint.to_str().unwrap(), &["Dockerfile"], &root()).expect_code(0);
    let validate = tool("packaging/bin/check-jsonschema");
    let files = ["compose.yaml", "compose.postgres.yaml"];
    let arguments = [&["--builtin-schema", "vendor.compose-spec"], &files[..]].concat();
    run(validate.to_str().unwrap(), &arguments, &root()).expect_code(0);
}

/// The settings that packages name exist.
#[test]
fn packages_set_variables_of_the_server() {
    let documented = fs_err::read_to_string(root().join("docs/server/configure.md")).unwrap();
    for file in [
        "Dockerfile",
        "compose.yaml",
        "compose.postgres.yaml",
        "packaging/debian/test-engine.default",
        "packaging/helm/test-engine/templates/server.yaml",
        "packaging/helm/test-engine/values.schema.json",
        "packaging/systemd/test-engine.service",
    ] {
        let text = fs_err::read_to_string(root().join(file)).unwrap();
        let is_part =
            |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_';
        let words = text.split(|letter| !is_part(letter));
        let mut names = words
            .filter(|word| word.starts_with("TEST_ENGINE_"))
            .peekable();
        assert!(names.peek().is_some(), "{file} sets nothing");
        for name in names.filter(|name| *name != "TEST_ENGINE_") {
            assert!(documented.contains(&format!("`{name}`")), "{file}: {name}");
        }
    }
}
