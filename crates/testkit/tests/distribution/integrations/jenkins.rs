//! Jenkins: the shell scripts of the Jenkinsfile, in the order in which it runs them.
//! Jenkins itself does not run here.

use test_engine_testkit::Finished;

use super::machine::{Machine, Values, read, values};
use crate::forge::Forge;

/// The scripts of all `sh` steps that are written out, in the order of the file.
fn scripts(jenkinsfile: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = jenkinsfile;
    while let Some((_, after)) = rest.split_once("sh") {
        rest = after;
        let after = after
            .trim_start_matches("(returnStdout: true, script: ")
            .trim_start();
        let quote = if after.starts_with("'''") { "'''" } else { "'" };
        let Some(script) = after.strip_prefix(quote) else {
            continue;
        };
        let (script, after) = script.split_once(quote).unwrap();
        found.push(script.to_owned());
        rest = after;
    }
    found
}

#[test]
fn the_scripts_run_every_test() {
    let machine = Machine::new("pytest");
    let prefix = machine.example.project().join(".bktec");
    let mut variables = machine.settings();
    variables.extend(values([
        ("JENKINS_URL", "https://jenkins.example.com/"),
        ("BUILD_TAG", "jenkins-shop-47"),
        ("BUILD_NUMBER", "47"),
        ("BRANCH_NAME", "PR-12"),
        ("CHANGE_BRANCH", "feature"),
        ("CHANGE_URL", "https://github.example.com/acme/shop/pull/12"),
        ("GIT_COMMIT", "0123456789abcdef0123456789abcdef01234567"),
        // Those of `withCredentials` and `withEnv`.
        (
            "BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN",
            &machine.connection.access_token,
        ),
        ("BUILDKITE_ANALYTICS_TOKEN", &machine.connection.suite_token),
        ("GITHUB_TOKEN", Forge::token()),
        ("TEST_ENGINE_PREFIX", prefix.to_str().unwrap()),
        ("BUILDKITE_TEST_ENGINE_SUITE_SLUG", "pytest"),
        ("BUILDKITE_TEST_ENGINE_TEST_RUNNER", "pytest"),
        ("BUILDKITE_TEST_ENGINE_RESULT_PATH", ""),
        ("BUILDKITE_TEST_ENGINE_UPLOAD_RESULTS", "true"),
        (
            "BUILDKITE_TEST_ENGINE_PLAN_IDENTIFIER",
            "jenkins-shop-47/pytest",
        ),
    ]));
    let jenkinsfile = read("jenkins/Jenkinsfile");
    for name in variables
        .keys()
        .filter(|name| name.starts_with("BUILDKITE_"))
    {
        assert!(
            jenkinsfile.contains(name.as_str()),
            "the Jenkinsfile does not set {name}"
        );
    }
    let scripts = scripts(&jenkinsfile);
    let [install, plan, test, verify] = scripts.as_slice() else {
        panic!("{scripts:#?}");
    };
    let run = |script: &str, more: Values| {
        let mut variables = variables.clone();
        variables.extend(more);
        machine.bash(script, &variables, &[prefix.join("bin")])
    };
    run(install, Values::new()).expect_code(0);
    let planned = run(plan, Values::new());
    planned.expect_code(0);
    let count: usize = planned.stdout.trim().parse().unwrap();
    let node = |index: usize| {
        let node = values([
            ("BUILDKITE_PARALLEL_JOB", &index.to_string()),
            ("BUILDKITE_PARALLEL_JOB_COUNT", &count.to_string()),
        ]);
        run(test, node)
    };
    let nodes: Vec<Finished> = (0..count).map(node).collect();
    machine.expect_all_ran(&nodes);
    let verified = run(verify, Values::new());
    Machine::expect_complete(&verified);
    machine.expect_one_comment(&verified);
}
