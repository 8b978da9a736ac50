//! Which files exist, as far as plans and earlier results tell.

use std::collections::HashSet;

use super::{Submission, pytest_names};
use crate::selectors;
use test_engine_results::Format;

/// Whether the suite has results of a file.
type HasResults = dyn Fn(&str) -> bool + Send + Sync;

/// The files of a suite. The default knows none.
#[derive(Default)]
pub(crate) struct KnownFiles {
    planned: HashSet<String>,
    /// `None` if the suite has no results of files.
    recorded: Option<Box<HasResults>>,
}

impl KnownFiles {
    pub(crate) fn new(
        planned: impl IntoIterator<Item = String>,
        recorded: Option<Box<HasResults>>,
    ) -> Self {
        Self {
            planned: planned.into_iter().collect(),
            recorded,
        }
    }

    /// Nothing is known, so nothing can be concluded from what is not.
    pub(super) fn is_empty(&self) -> bool {
        self.planned.is_empty() && self.recorded.is_none()
    }

    /// The first of the paths, relative to the project, that is a file of the build's plans; else
    /// the first with results.
    pub(super) fn first_of(&self, paths: &[String], location_prefix: &str) -> Option<usize> {
        let has_results = |path: &str| self.recorded.as_ref().is_some_and(|known| known(path));
        let is_known = |path: &str, exists: &dyn Fn(&str) -> bool| {
            exists(&selectors::with_prefix(location_prefix, path)) || exists(path)
        };
        let find =
            |exists: &dyn Fn(&str) -> bool| paths.iter().position(|path| is_known(path, exists));
        find(&|path| self.planned.contains(path)).or_else(|| find(&has_results))
    }
}

impl Submission {
    /// `run_env[key]` if [`KnownFiles`] matter for these results: pytest's JUnit reports have class
    /// names instead of files.
    pub(crate) fn build_with_class_names(&self) -> Option<String> {
        let runner = self.run_env_value("test_runner")?;
        let is_pytest = pytest_names::is_pytest(&runner.to_lowercase());
        (self.format == Format::Junit && is_pytest).then(|| self.run_key().unwrap_or_default())
    }
}
