//! RSpec, which is asked with a hook of ours that replaces the loading of spec files.

use bktec::internals::RunnerSettings;
use rstest::rstest;

use super::{found, strict_error};
use crate::project::{Project, discover, settings};
use crate::tools;

const COMMAND: &str = "rspec --format json --out {{resultPath}} {{testExamples}}";
const PASSES: &str = "RSpec.describe('S') { it('passes') {} }\n";

fn project(files: &[(&str, &str)]) -> Project {
    let project = Project::new(&[
        ("spec/a_spec.rb", PASSES),
        ("spec/models/b_spec.rb", PASSES),
        ("spec/models/check_c.rb", PASSES),
        ("other/d_spec.rb", PASSES),
        // Listing files must not load them.
        ("spec/exits_spec.rb", "exit!(3)\n"),
    ]);
    for (file, content) in files {
        project.write(file, content);
    }
    project.tool_printing_with("rspec", &tools::on_path("rspec"), "--require")
}

const DEFAULT: &[&str] = &[
    "spec/a_spec.rb",
    "spec/exits_spec.rb",
    "spec/models/b_spec.rb",
];

#[rstest]
#[case("unused", "", DEFAULT)]
#[case(
    ".rspec",
    "--pattern spec/models/**/{*_spec,check_*}.rb\n",
    &["spec/models/b_spec.rb", "spec/models/check_c.rb"]
)]
#[case(".rspec", "--default-path other\n", &["other/d_spec.rb"])]
#[case(
    ".rspec-local",
    "--exclude-pattern **/models/**/*_spec.rb\n",
    &["spec/a_spec.rb", "spec/exits_spec.rb"]
)]
fn rspec_decides_which_files_have_tests(
    #[case] file: &str,
    #[case] content: &str,
    #[case] expected: &[&str],
) {
    let project = project(&[(file, content)]);
    let runner = project.runner("rspec", settings(COMMAND, "out.json"));
    assert_eq!(discover(&*runner), expected, "{}", project.log());
}

/// The helper is loaded, but its exit handlers, which would report coverage, do not run.
#[test]
fn a_helper_can_set_the_pattern() {
    let helper = "at_exit { File.write('handled', '') }\n\
                  RSpec.configure { |config| config.pattern = '**/check_*.rb' }\n";
    let files = [
        (".rspec", "--require ./helper\n--format doc\n"),
        ("helper.rb", helper),
    ];
    let project = project(&files);
    let runner = project.runner("rspec", settings(COMMAND, "out.json"));
    assert_eq!(discover(&*runner), ["spec/models/check_c.rb"]);
    assert!(!project.root().join("handled").exists());
    assert!(!project.root().join("out.json").exists());
}

#[rstest]
#[case("rspec --default-path other", "", &["other/d_spec.rb"])]
#[case("rspec spec/models {{testExamples}}", "", &["spec/models/b_spec.rb"])]
#[case("rspec", "--pattern **/d_spec.rb --default-path .", &["other/d_spec.rb"])]
fn options_of_the_command_and_the_environment_count(
    #[case] command: &str,
    #[case] options: &str,
    #[case] expected: &[&str],
) {
    let project = project(&[]);
    let settings = RunnerSettings {
        environment: vec![("SPEC_OPTS".into(), options.into())],
        ..settings(command, "out.json")
    };
    assert_eq!(discover(&*project.runner("rspec", settings)), expected);
}

/// With the pattern, `check_c.rb` would never run and `exits_spec.rb` would fail.
#[test]
fn an_rspec_suite_with_its_own_file_names_runs_completely() {
    let project = project(&[(".rspec", "--pattern spec/**/{a_spec,check_*}.rb\n")]);
    let runner = project.runner("rspec", settings(COMMAND, "out.json"));
    project.run_all(&*runner, &[], 0).assert(
        0,
        &[
            "./spec/a_spec.rb[1:1] | S | passes | passed",
            "./spec/models/check_c.rb[1:1] | S | passes | passed",
        ],
    );
}

#[rstest]
#[case("sh -c 'rspec \"$@\"' - {{testExamples}}", "", None)]
#[case("rspec --drb", "", None)]
#[case(COMMAND, "--require ./broken\n", Some("is broken"))]
fn the_pattern_is_used_where_rspec_cannot_be_asked(
    #[case] command: &str,
    #[case] options: &str,
    #[case] warning: Option<&str>,
) {
    let files = [(".rspec", options), ("broken.rb", "raise 'is broken'\n")];
    let project = project(&files);
    let runner = project.runner("rspec", settings(command, "out.json"));
    let (files, warnings) = found(&*runner);
    assert_eq!(files, DEFAULT);
    assert_eq!(warnings.len(), usize::from(warning.is_some()));
    for text in warning.into_iter().chain(["rspec could not list"]) {
        assert!(warnings.iter().all(|warning| warning.contains(text)));
    }
}

#[test]
fn strict_discovery_compares_the_pattern_with_rspec() {
    let project = project(&[(".rspec", "--pattern spec/**/{*_spec,check_*}.rb\n")]);
    let settings = RunnerSettings {
        file_pattern: Some("spec/**/*_spec.rb".to_owned()),
        strict_discovery: true,
        ..settings(COMMAND, "out.json")
    };
    let error = strict_error(&*project.runner("rspec", settings)).unwrap();
    assert!(
        error.contains("misses: spec/models/check_c.rb\n"),
        "{error}"
    );
}
