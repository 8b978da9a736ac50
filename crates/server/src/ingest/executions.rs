//! Derives the paths, selector and tags of each execution.
//!
//! Plans look durations up by selector, so the selector must match the one that plan requests
//! contain: see [`crate::selectors`].

use std::borrow::Cow;
use std::collections::BTreeMap;

use test_engine_results::{Format, TestResult};
use test_engine_store::NewExecution;

use super::known_files::KnownFiles;
use super::names;
use super::pytest_names;
use super::run_env::RunEnv;
use super::tags;
use crate::selectors;

struct Source<'a> {
    format: Format,
    runner: String,
    cwd: &'a str,
    prefix: &'a str,
    files: &'a KnownFiles,
}

/// Without causes of failures, spans, and texts that are not in memory.
pub(super) fn derive(
    format: Format,
    results: Vec<TestResult<'_>>,
    run_env: &RunEnv,
    upload_tags: &BTreeMap<String, String>,
    files: &KnownFiles,
    errors: &mut Vec<String>,
) -> Vec<NewExecution> {
    let source = Source {
        format,
        runner: run_env.runner(),
        cwd: run_env.get("cwd").unwrap_or_default(),
        prefix: run_env.get("location_prefix").unwrap_or_default(),
        files,
    };
    let upload_selector = upload_tags.get(tags::SELECTOR).map(String::as_str);
    results
        .into_iter()
        .enumerate()
        .map(|(index, mut result)| {
            let sent_tags = if result.extras.tags.is_empty() {
                BTreeMap::new()
            } else {
                std::mem::take(&mut result.extras.tags)
            };
            let mut own_tags = if sent_tags.is_empty() {
                sent_tags
            } else {
                tags::keep_valid(&sent_tags, &format!("result {index}"), errors)
            };
            let explicit = own_tags.remove(tags::SELECTOR);
            own_tags.retain(|key, value| upload_tags.get(key) != Some(value));
            source.resolve_paths(&mut result);
            names::limit(&mut result);
            let selector = source.selector(explicit.as_deref().or(upload_selector), &result);
            NewExecution {
                result: result.into_owned(),
                selector,
                tags: own_tags,
                spans: None,
                cause: None,
                kept_texts: None,
            }
        })
        .collect()
}

impl Source<'_> {
    /// Makes the paths of a result relative to the repository.
    fn resolve_paths(&self, result: &mut TestResult<'_>) {
        let is_pytest = pytest_names::is_pytest(&self.runner);
        if result.file_name.is_none() && self.format == Format::Junit && is_pytest {
            let class_name = if result.scope.is_empty() {
                &result.name
            } else {
                &result.scope
            };
            let file = pytest_names::file_of(class_name, self.prefix, self.files);
            result.file_name = file.map(Cow::Owned);
        }
        for path in [&mut result.file_name, &mut result.location] {
            if let Some(given) = path {
                *path = Some(self.in_repository(given))
                    .filter(|path| !path.is_empty())
                    .map(Cow::Owned);
            }
        }
    }

    fn in_repository(&self, path: &str) -> String {
        let relative = selectors::relative_to(self.cwd, path);
        if selectors::canonical(self.prefix).is_empty() {
            return relative;
        }
        match self.format {
            // Written by collectors, most of which know the prefix.
            Format::Json => relative,
            _ => selectors::with_prefix(self.prefix, &relative),
        }
    }

    /// The canonical selector; `None` without a tag, package or file.
    fn selector(&self, explicit: Option<&str>, result: &TestResult<'_>) -> Option<String> {
        let selector = if let Some(explicit) = explicit {
            selectors::with_prefix_once(self.prefix, explicit)
        } else if self.is_by_package() {
            selectors::with_prefix(self.prefix, &result.scope)
        } else {
            let file = result.file_name.as_deref()?;
            match self.format {
                Format::Json => selectors::with_prefix_once(self.prefix, file),
                // `resolve_paths` has added the prefix.
                _ => selectors::canonical(file).into_owned(),
            }
        };
        (!selector.is_empty()).then_some(selector)
    }

    /// Go tests run by package, which is the scope of their results.
    fn is_by_package(&self) -> bool {
        self.format == Format::GoJsonl || (self.format == Format::Junit && self.runner == "gotest")
    }
}
