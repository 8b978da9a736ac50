//! RSpec from Debian.

use bktec::internals::{Capacity, Managed, RunStatus, VerdictOptions};

use test_engine_wire::TestIdentity;

use crate::project::{Project, discover, named, selector, settings};
use crate::tools;

const COMMAND: &str = "rspec --format progress --format json --out {{resultPath}} {{testExamples}}";

const MIXED: &str = r#"
RSpec.describe "Clinic" do
  def once(name)
    seen = File.exist?(name)
    File.write(name, "")
    seen
  end

  it("passes") {}
  it("fails") { expect(1).to eq 2 }
  it("is flaky") { expect(once("flaky")).to be true }
  xit("is pending") {}
  context "twice (the same)" do
    it("name") {}
    it("name") { expect(once("twice")).to be true }
  end
end
"#;

const RESULTS: &str = "tmp/rspec.json";

fn project(files: &[(&str, &str)]) -> Project {
    // RSpec writes the list of examples to a file, so its output is not needed.
    Project::new(files).tool("rspec", &tools::on_path("rspec"))
}

#[test]
fn results_are_read_and_failed_examples_rerun() {
    let project = project(&[("spec/a_spec.rb", MIXED)]);
    let runner = project.runner("rspec", settings(COMMAND, RESULTS));
    let ran = project.run_all(&*runner, &[], 2);
    ran.assert(
        1,
        &[
            "./spec/a_spec.rb[1:2] | Clinic | fails | failed failed failed",
            "./spec/a_spec.rb[1:3] | Clinic | is flaky | failed passed",
            "./spec/a_spec.rb[1:4] | Clinic | is pending | skipped",
            "./spec/a_spec.rb[1:1] | Clinic | passes | passed",
            "./spec/a_spec.rb[1:5:1] | Clinic twice (the same) | name | passed",
            "./spec/a_spec.rb[1:5:2] | Clinic twice (the same) | name | failed passed",
        ],
    );
    assert!(
        ran.events[2].ends_with(" './spec/a_spec.rb[1:2]'"),
        "{:?}",
        ran.events
    );
}

#[test]
fn a_run_whose_failures_are_muted_passes() {
    let project = project(&[("spec/a_spec.rb", MIXED)]);
    let runner = project.runner("rspec", settings(COMMAND, RESULTS));
    let ran = project.run_all(&*runner, &[("Clinic", "fails")], 1);
    assert_eq!(
        (ran.outcome.exit_code, ran.outcome.status()),
        (0, RunStatus::Passed)
    );
    assert_eq!(ran.outcome.statistics().muted_failed, 1);
}

#[test]
fn odd_paths_are_run_and_rerun() {
    let fails_once = r#"RSpec.describe "S" do
  it("t") do
    seen = File.exist?(__FILE__ + '.seen')
    File.write(__FILE__ + '.seen', '')
    expect(seen).to be true
  end
end
"#;
    let files = [
        ("spec/sp ace/it's_spec.rb", fails_once),
        ("spec/ünï_spec.rb", fails_once),
        ("-dash/a_spec.rb", fails_once),
        ("(group)/b_spec.rb", fails_once),
    ];
    let project = project(&files);
    let mut settings = settings(COMMAND, RESULTS);
    settings.file_pattern = Some("**/*_spec.rb".to_owned());
    let runner = project.runner("rspec", settings);
    let ran = project.run_all(&*runner, &[], 1);
    assert_eq!(
        ran.outcome.exit_code,
        0,
        "{:#?}\n{}",
        ran.events,
        project.log()
    );
    assert_eq!(ran.outcome.statistics().passed_on_retry, 4);
}

#[test]
fn listed_examples_have_the_names_of_results() {
    let project = project(&[
        ("spec/a_spec.rb", MIXED),
        ("spec/b_spec.rb", "RSpec.describe('B') { it('x') {} }"),
    ]);
    let runner = project.runner("rspec", settings(COMMAND, RESULTS));
    let files = discover(&*runner);
    let examples = runner.examples(&files).unwrap();
    assert_eq!(examples.len(), 7);
    assert!(
        !project.root().join(RESULTS).exists(),
        "listing examples wrote results"
    );
    let cases = [named(&examples, "passes"), named(&examples, "x")];
    project.run(&*runner, &cases, &[], 0).assert(
        0,
        &[
            "./spec/b_spec.rb[1:1] | B | x | passed",
            "./spec/a_spec.rb[1:1] | Clinic | passes | passed",
        ],
    );
}

/// The name of a one-liner depends on the matcher that it calls, so the list of examples does not
/// have it.
#[test]
fn a_skipped_one_liner_runs_and_is_muted() {
    let code = "RSpec.describe('one') { subject { 1 }
  it { is_expected.to eq(2) }
  it('fine') { }
}
";
    let project = project(&[("spec/a_spec.rb", code)]);
    let runner = project.runner("rspec", settings(COMMAND, RESULTS));
    let examples = runner.examples(&discover(&*runner)).unwrap();
    let listed = examples.iter().map(|case| (&*case.scope, &*case.name));
    assert_eq!(
        listed.collect::<Vec<_>>(),
        [("one", "example at ./spec/a_spec.rb:2"), ("one", "fine")]
    );
    let skipped = [TestIdentity {
        scope: "one".to_owned(),
        name: "is expected to eq 2".to_owned(),
        path: String::new(),
    }];
    let managed = Managed {
        muted: &[],
        skipped: &skipped,
    };
    let ran = project.run_managed(&*runner, &examples, managed, 1);
    let mut tests = ran.outcome.tests.iter();
    let one_liner = tests.find(|test| test.key.name == skipped[0].name);
    assert!(one_liner.unwrap().ran_despite_skip());
    ran.assert(
        0,
        &[
            "./spec/a_spec.rb[1:2] | one | fine | passed",
            "./spec/a_spec.rb[1:1] | one | is expected to eq 2 | failed failed (muted)",
        ],
    );
}

#[test]
fn a_file_that_does_not_load_is_an_error_despite_mutes() {
    let project = project(&[
        ("spec/a_spec.rb", MIXED),
        ("spec/broken_spec.rb", "require 'nothere'\n"),
    ]);
    let runner = project.runner("rspec", settings(COMMAND, RESULTS));
    let ran = project.run_all(&*runner, &[("Clinic", "fails"), ("Clinic", "is flaky")], 1);
    assert_eq!(
        (ran.outcome.exit_code, ran.outcome.status()),
        (1, RunStatus::Error)
    );
    assert_eq!(ran.outcome.retries, 0);
    let error = runner
        .examples(&["spec/broken_spec.rb".to_owned()])
        .unwrap_err();
    assert!(error.to_string().contains("--dry-run"), "{error}");
}

#[test]
fn an_example_that_vanishes_before_its_retry_stays_failed() {
    // RSpec exits with 0 when an id matches nothing.
    let vanishing = "if File.exist?('seen')
  RSpec.describe('V') { it('other') {} }
else
  RSpec.describe('V') { it('other') {}; it('t') { File.write('seen', ''); raise 'x' } }
end
";
    let project = project(&[("spec/v_spec.rb", vanishing)]);
    let runner = project.runner("rspec", settings(COMMAND, RESULTS));
    let ran = project.run_all(&*runner, &[], 1);
    ran.assert(
        1,
        &[
            "./spec/v_spec.rb[1:1] | V | other | passed",
            "./spec/v_spec.rb[1:2] | V | t | failed (in doubt)",
        ],
    );
}

#[test]
fn the_error_names_a_missing_program() {
    let project = Project::new(&[("spec/a_spec.rb", MIXED)]);
    let runner = project.runner("rspec", settings("no-such-rspec {{testExamples}}", RESULTS));
    let options = bktec::internals::AttemptOptions {
        retries: 0,
        retry_muted: true,
        require_results: false,
        verdict: VerdictOptions::default(),
        capacity: Capacity::of_system(runner.execution_env()),
    };
    let cases = [selector("spec/a_spec.rb")];
    let error = bktec::internals::run(&*runner, &cases, Managed::default(), &options, &mut |_| {})
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("Cannot start `no-such-rspec`: not found on PATH"),
        "{error}"
    );
}
