//! The installed pytests, and settings that make pytest stop early.

/// pytest alone, whose results are JUnit XML.
pub(crate) const JUNIT: &str = ".tools/pytest/bin/pytest";
pub(crate) const COLLECTOR: &str = ".tools/pytest-collector/bin/pytest";
pub(crate) const XDIST: &str = ".tools/pytest-xdist/bin/pytest";

pub(crate) const COMMAND: &str = "pytest {{testExamples}} --junit-xml={{resultPath}}";

/// A configuration file.
pub(crate) const STEPWISE: &str = "[pytest]\naddopts = --stepwise\n";

/// A `conftest.py` that stops after a failure.
pub(crate) const SHOULDFAIL: &str = "
def pytest_sessionstart(session):
    global current
    current = session

def pytest_runtest_logreport(report):
    if report.failed:
        current.shouldfail = 'enough'
";
