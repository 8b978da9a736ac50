//! A generated project whose tests pass, and that can kill the client which runs it.
//!
//! Each test appends its ID to the file of the variable `RAN`. Variables make the tests kill the
//! client or cut off its server at a known moment.

use std::collections::BTreeSet;
use std::path::Path;

/// Seconds per unit. On three nodes, a plan by time differs from one by number: it has `unit_0`
/// alone on a node, and `unit_1` and `unit_4` on different ones, each with one or two of the rest.
const UNITS: [f64; 6] = [0.25, 0.15, 0.05, 0.05, 0.15, 0.05];
/// Of a unit that is not one of them.
const EXTRA_UNIT: f64 = 0.05;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Runner {
    Pytest,
    Rspec,
}

/// Faults that the tests themselves cause.
#[derive(Clone, Copy, Debug)]
pub(super) enum TestFault {
    /// Kills client and runner inside the second test of a unit.
    KillInUnit(usize),
    /// Kills the client after the last test.
    KillAtEnd,
}

impl TestFault {
    pub(super) fn variable(self) -> (&'static str, String) {
        match self {
            Self::KillInUnit(unit) => ("KILL_IN", format!("unit_{unit}")),
            Self::KillAtEnd => ("KILL_AT_END", "1".to_owned()),
        }
    }
}

impl Runner {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pytest => "pytest",
            Self::Rspec => "rspec",
        }
    }

    /// The path of a unit, which is one target.
    pub(super) fn file(self, unit: &str) -> String {
        match self {
            Self::Pytest => format!("tests/test_{unit}.py"),
            Self::Rspec => format!("spec/{unit}_spec.rb"),
        }
    }

    pub(super) fn write_project(self, directory: &Path) {
        let write = |path: &str, text: &str| {
            let path = directory.join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        };
        match self {
            Self::Pytest => write("tests/conftest.py", CONFTEST),
            Self::Rspec => {
                write(".rspec", "--require ./spec/support.rb\n");
                write("spec/support.rb", SUPPORT);
            }
        }
        for (unit, pause) in UNITS.into_iter().enumerate() {
            write(&self.file(&format!("unit_{unit}")), &self.unit(unit, pause));
        }
    }

    /// A unit that [`Self::write_project`] does not write.
    pub(super) fn add_unit(self, directory: &Path, unit: usize) {
        let path = directory.join(self.file(&format!("unit_{unit}")));
        fs_err::write(path, self.unit(unit, EXTRA_UNIT)).unwrap();
    }

    /// A file that matches the pattern of test files and has no tests.
    pub(super) fn add_empty_unit(self, directory: &Path) {
        fs_err::write(directory.join(self.file("empty")), "").unwrap();
    }

    pub(super) fn focus_one_test(self, directory: &Path) {
        let path = directory.join(self.file("unit_3"));
        let text = fs_err::read_to_string(&path).unwrap();
        let focused = text.replace("it \"runs a\" do", "it \"runs a\", :focus do");
        assert_ne!(focused, text, "{self:?} has no focus");
        fs_err::write(path, focused).unwrap();
    }

    fn unit(self, unit: usize, pause: f64) -> String {
        let template = match self {
            Self::Pytest => PYTEST_UNIT,
            Self::Rspec => RSPEC_UNIT,
        };
        let text = template.replace("UNIT", &format!("unit_{unit}"));
        text.replace("PAUSE", &pause.to_string())
    }
}

/// The IDs of the tests of these units.
pub(super) fn tests_of(units: impl IntoIterator<Item = usize>) -> BTreeSet<String> {
    let tests = units
        .into_iter()
        .flat_map(|unit| ["a", "b"].map(|test| format!("unit_{unit} {test}")));
    tests.collect()
}

pub(super) fn all_tests() -> BTreeSet<String> {
    tests_of(0..UNITS.len())
}

const CONFTEST: &str = r#"
import os
import signal

ran_tests = False


def record(unit, test):
    global ran_tests
    ran_tests = True
    first = os.environ.get("REMOVE_FIRST")
    if first and os.path.exists(first):
        os.remove(first)
    with open(os.environ["RAN"], "a") as ran:
        ran.write(f"{unit} {test}\n")


def kill_in(unit):
    if os.environ.get("KILL_IN") == unit:
        os.kill(os.getppid(), signal.SIGKILL)
        os._exit(9)


def pytest_unconfigure(config):
    # Not when it only lists the tests.
    if ran_tests and "KILL_AT_END" in os.environ:
        os.kill(os.getppid(), signal.SIGKILL)
"#;

const PYTEST_UNIT: &str = r#"
import time

from conftest import kill_in, record


def test_a():
    record("UNIT", "a")
    time.sleep(PAUSE)


def test_b():
    kill_in("UNIT")
    record("UNIT", "b")
"#;

const SUPPORT: &str = r##"
def record(unit, test)
  File.open(ENV["RAN"], "a") { |ran| ran.write("#{unit} #{test}\n") }
end

def kill_in(unit)
  return unless ENV["KILL_IN"] == unit
  Process.kill(:KILL, Process.ppid)
  exit!(9)
end

RSpec.configure do |config|
  config.filter_run_when_matching :focus
  config.before(:suite) do
    first = ENV["REMOVE_FIRST"]
    File.delete(first) if first && File.exist?(first)
  end
  config.after(:suite) do
    Process.kill(:KILL, Process.ppid) if ENV["KILL_AT_END"]
  end
end
"##;

const RSPEC_UNIT: &str = r#"
RSpec.describe "UNIT" do
  it "runs a" do
    record("UNIT", "a")
    sleep PAUSE
  end

  it "runs b" do
    kill_in("UNIT")
    record("UNIT", "b")
  end
end
"#;
