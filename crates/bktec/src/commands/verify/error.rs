//! Why it is unknown whether every test ran.

use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The message of the error names the file.
    #[error("failed to read the node reports: {0}")]
    Read(#[source] io::Error),
    #[error("failed to read the node reports: {} is larger than {limit_mb} MB", path.display())]
    TooLarge { path: PathBuf, limit_mb: u64 },
    #[error("failed to read {what}: {}: {cause}", path.display())]
    Invalid {
        what: &'static str,
        path: PathBuf,
        cause: String,
    },
    #[error("no node reports found: {searched}")]
    NoReports { searched: String },
    #[error(
        "failed to verify build {expected:?}: {} is a report of build {found:?}", path.display()
    )]
    OtherBuild {
        path: PathBuf,
        found: String,
        expected: String,
    },
    #[error("failed to verify the build: the node reports are of several builds: {0}")]
    SeveralBuilds(String),
    #[error("no report of plan {identifier:?} found: the reports are of {found}")]
    OtherPlan { identifier: String, found: String },
    #[error(
        "failed to verify the build: {expected} plans expected, found {}",
        listed(found)
    )]
    TooFewPlans {
        expected: usize,
        /// Their identifiers.
        found: String,
    },
    #[error("failed to run what is missing: it belongs to several plans: {0}")]
    SeveralIncomplete(String),
    #[error("failed to create a temporary directory: {0}")]
    Temporary(#[source] io::Error),
    #[error("the server knows neither a plan nor a node report of {what}")]
    NothingKnown { what: String },
    #[error(
        "failed to verify plan {identifier:?}: the plan in {} is {found:?}", path.display()
    )]
    OtherPlanFile {
        path: PathBuf,
        identifier: String,
        found: String,
    },
}

fn listed(identifiers: &str) -> &str {
    if identifiers.is_empty() {
        "none"
    } else {
        identifiers
    }
}

impl VerifyError {
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Read(_) | Self::NoReports { .. } => Some(
                "bktec run --report-dir DIR writes a report; download the artifacts of all nodes \
                 first",
            ),
            Self::OtherBuild { .. } | Self::SeveralBuilds(_) => Some(
                "delete reports of earlier builds, or give the build with BUILDKITE_BUILD_ID \
                 (--build-id)",
            ),
            Self::OtherPlan { .. } | Self::OtherPlanFile { .. } => {
                Some("check --plan-identifier; without it, every plan of the build is verified")
            }
            Self::NothingKnown { .. } => Some(
                "nodes report to the server at BUILDKITE_TEST_ENGINE_BASE_URL (--base-url); with \
                 a server that does not store reports, use --reports",
            ),
            Self::SeveralIncomplete(_) => Some(
                "run bktec verify --run-missing for each, with --plan-identifier and, for the leg \
                 of a matrix, --group",
            ),
            Self::TooFewPlans { .. } => Some(
                "--plans is the number of plans of the build: one per test step that bktec runs",
            ),
            Self::Temporary(_) | Self::TooLarge { .. } | Self::Invalid { .. } => None,
        }
    }
}
