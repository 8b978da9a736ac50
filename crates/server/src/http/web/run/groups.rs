//! The failures of a run by cause: why each failed, what it says, and how to run it.

use std::collections::{BTreeMap, HashMap};

use test_engine_insights::{FailureVerdict, Fingerprint};
use test_engine_results::Format;
use test_engine_store::{
    FailedExecution, FailureGroup, Page as ListPage, Quarantine, Run, Suite, TestId, TestedCode,
    Timestamp,
};

use super::failure_text::{FailureText, Limits};
use super::group_markdown::GroupText;
use crate::App;
use crate::build_summary::{End, FailedInBuild};
use crate::http::text_budget::{fair_share, html_size, start_of};
use crate::http::web::format;
use crate::http::web::mute_form::mute_address;
use crate::http::web::page::PageError;
use crate::http::web::run_rows;
use crate::http::web::runner_command::runner_command;
use crate::http::web::words::why;
use crate::links::Links;

/// Groups on a page.
pub(super) const PAGE_SIZE: u32 = 25;
/// Tests and lines of the first groups of a page; the others are folded and say less.
const FIRST: Details = Details {
    groups: 3,
    tests: 10,
    lines: 14,
};
const OTHERS: Details = Details {
    groups: usize::MAX,
    tests: 2,
    lines: 5,
};
/// Executions that are counted for the tests of a page.
const MAX_EXECUTIONS: u32 = 2_000;
/// Other causes of the run that are looked up.
const MAX_CAUSES: u32 = 1_000;
/// Tries of a test that are drawn.
const MAX_TRIES: usize = 8;
/// Tests of a group as text; more are counted.
const MAX_TESTS_AS_TEXT: usize = 3;
/// Characters of names and of messages.
const MAX_NAME: usize = 300;
const MAX_MESSAGE: usize = 600;

#[derive(Clone, Copy)]
struct Details {
    groups: usize,
    tests: usize,
    lines: usize,
}

/// What the groups of a run are made of.
pub(super) struct Source<'a> {
    pub(super) app: &'a App,
    pub(super) suite: &'a Suite,
    pub(super) run: &'a Run,
    pub(super) code: &'a TestedCode,
    /// Of the first upload.
    pub(super) framework: Option<&'a str>,
    pub(super) format: Format,
    /// Of the ids of the groups.
    pub(super) id_prefix: &'a str,
    /// Bytes of all long texts.
    pub(super) max_texts: usize,
    /// Whether the viewer may mute tests.
    pub(super) may_write: bool,
    /// The page that the form which mutes a test leads back to.
    pub(super) back: &'a str,
    pub(super) now: Timestamp,
}

/// Failures with one cause and one verdict.
pub(in crate::http::web) struct Group {
    pub(in crate::http::web) id: String,
    pub(in crate::http::web) class: &'static str,
    /// `New here`, `Also on main`.
    pub(in crate::http::web) label: String,
    pub(in crate::http::web) is_open: bool,
    pub(in crate::http::web) message: String,
    /// `4 tests with the same message and first frame`; empty for one test.
    pub(in crate::http::web) together: String,
    pub(in crate::http::web) facts: [(&'static str, String); 3],
    /// The runs with the same cause; empty if there are no others.
    pub(in crate::http::web) runs_address: String,
    pub(in crate::http::web) tests: Vec<GroupTest>,
    /// Tests that are not shown.
    pub(in crate::http::web) more_tests: String,
    pub(in crate::http::web) text: FailureText,
    pub(in crate::http::web) is_truncated: bool,
    /// As Markdown.
    pub(in crate::http::web) as_text: String,
    /// Runs the tests again; empty if the runner is not known.
    pub(in crate::http::web) command: String,
    /// Where its only test is muted; empty if the viewer may not, or if it is.
    pub(in crate::http::web) mute_address: String,
}

pub(in crate::http::web) struct GroupTest {
    pub(in crate::http::web) name: String,
    pub(in crate::http::web) scope: String,
    pub(in crate::http::web) address: String,
    pub(in crate::http::web) location: String,
    /// The classes of the marks of its tries.
    pub(in crate::http::web) tries: Vec<&'static str>,
    /// `3 tries failed, then 1 passed`.
    pub(in crate::http::web) tries_text: String,
}

/// Tests with one cause and one verdict, before they are shown.
pub(super) struct Cause<'a> {
    verdict: FailureVerdict,
    fingerprint: Option<Fingerprint>,
    tests: Vec<&'a FailedInBuild>,
}

/// In the order of the verdicts; those of most tests first.
pub(super) fn causes<'a>(tests: impl Iterator<Item = &'a FailedInBuild>) -> Vec<Cause<'a>> {
    let mut places = BTreeMap::new();
    let mut causes: Vec<Cause<'a>> = Vec::new();
    for found in tests {
        let fingerprint = found.failed.history.fingerprint;
        // Without a fingerprint, the message tells.
        let message = fingerprint
            .is_none()
            .then(|| found.failed.reason.clone().unwrap_or_default());
        let key = (
            (found.verdict, found.end.fails_build()),
            fingerprint.map(|one| one.0),
            message,
        );
        let place = *places.entry(key).or_insert_with(|| {
            causes.push(Cause {
                verdict: found.verdict,
                fingerprint,
                tests: Vec::new(),
            });
            causes.len() - 1
        });
        causes[place].tests.push(found);
    }
    causes.sort_by_key(|cause| {
        let fails_build = cause.tests.iter().any(|found| found.end.fails_build());
        (
            !fails_build,
            cause.verdict,
            std::cmp::Reverse(cause.tests.len()),
        )
    });
    causes
}

impl Source<'_> {
    /// The groups of one page.
    pub(super) async fn groups(
        &self,
        causes: &[Cause<'_>],
        page: ListPage,
    ) -> Result<Vec<Group>, PageError> {
        let start = (page.number as usize - 1).saturating_mul(page.size as usize);
        let shown: Vec<(&Cause<'_>, Details)> = causes
            .iter()
            .skip(start)
            .take(page.size as usize)
            .enumerate()
            .map(|(at, cause)| (cause, if at < FIRST.groups { FIRST } else { OTHERS }))
            .collect();
        let store = &self.app.store;
        let listed: Vec<TestId> = shown
            .iter()
            .flat_map(|(cause, details)| cause.tests.iter().take(details.tests))
            .map(|found| found.failed.test.id)
            .collect();
        let first: Vec<TestId> = shown
            .iter()
            .filter_map(|(cause, _)| cause.tests.first())
            .map(|found| found.failed.test.id)
            .collect();
        let tries = store
            .failures_of_tests(self.run, &listed, MAX_EXECUTIONS, false)
            .await?;
        let texts = store
            .failures_of_tests(self.run, &first, 4 * PAGE_SIZE, true)
            .await?;
        let page = ListPage::new(1, MAX_CAUSES);
        let elsewhere = store.failure_groups(self.run, page).await?.items;
        let elsewhere: HashMap<u64, FailureGroup> = elsewhere
            .into_iter()
            .filter_map(|group| Some((group.fingerprint?.0, group)))
            .collect();
        let quarantines = store.quarantines(&listed).await?;
        let known = Known {
            tries: by_test(&tries),
            texts: by_test(&texts),
            elsewhere,
            quarantines,
        };
        let sizes = texts.iter().map(|failure| html_size(&joined(failure)));
        let budget = fair_share(sizes, self.max_texts);
        let groups = shown.iter().enumerate();
        Ok(groups
            .map(|(at, (cause, details))| {
                let is_open =
                    start == 0 && at == 0 || cause.verdict == FailureVerdict::New && at < 2;
                self.group(cause, *details, &known, budget, is_open)
            })
            .collect())
    }

    fn group(
        &self,
        cause: &Cause<'_>,
        details: Details,
        known: &Known<'_>,
        budget: usize,
        is_open: bool,
    ) -> Group {
        let found = cause.tests[0];
        let execution = known
            .texts
            .get(&found.failed.test.id)
            .and_then(|all| all.first());
        let text = execution.map(|execution| {
            let limits = Limits {
                lines: details.lines,
            };
            FailureText::new(&execution.failure_expanded, self.code, limits)
        });
        let mut text = text.unwrap_or_default();
        let shown = start_of(&text.text, budget, html_size).to_owned();
        let is_truncated = shown.len() < text.text.len();
        text.text = shown;
        let reason = execution.and_then(|execution| execution.failure_reason.as_deref());
        let reason = reason
            .or(found.failed.reason.as_deref())
            .unwrap_or_default();
        // The text repeats the message of most runners.
        if text.text.trim() == reason.trim() {
            text.text = String::new();
        }
        for line in &mut text.diff {
            for part in [&mut line.before, &mut line.marked, &mut line.after] {
                *part = format::shortened(part, MAX_MESSAGE);
            }
        }
        for line in &mut text.trace {
            line.text = format::shortened(&line.text, MAX_NAME);
        }
        let all: Vec<_> = cause.tests.iter().map(|found| &found.failed.test).collect();
        let tests = cause.tests.len();
        let together = match (tests, cause.fingerprint) {
            (1, _) => String::new(),
            (_, None) => format!(
                "{} with the same message",
                format::counted(tests as u64, "test")
            ),
            (_, Some(_)) => format!(
                "{} with the same message and first frame",
                format::counted(tests as u64, "test")
            ),
        };
        let (class, label) = self.label(cause, known);
        let anchor = match cause.fingerprint {
            None => format!("failure-{}", found.failed.test.uuid),
            Some(fingerprint) => format!("failure-{fingerprint}-{class}"),
        };
        let message = match reason.trim() {
            "" => "No message".to_owned(),
            reason => format::shortened(reason, MAX_MESSAGE),
        };
        let command = runner_command(self.framework, self.format, &all).unwrap_or_default();
        let as_text = GroupText {
            label: &label,
            message: &message,
            frame: found.failed.history.frame.as_deref(),
            tests: self.names(cause),
            more_tests: tests.saturating_sub(MAX_TESTS_AS_TEXT),
            command: &command,
            run: (
                &run_rows::number(self.run),
                format!(
                    "{}#{anchor}",
                    self.app.links.run_page(self.suite, self.run.uuid)
                ),
            ),
        };
        let as_text = as_text.markdown();
        Group {
            id: format!("{}{anchor}", self.id_prefix),
            as_text,
            class,
            label,
            is_open,
            message,
            together,
            facts: self.facts(cause, known),
            runs_address: self.runs_address(cause, known),
            tests: cause
                .tests
                .iter()
                .take(details.tests)
                .map(|found| self.test(found, known))
                .collect(),
            more_tests: match tests.saturating_sub(details.tests) {
                0 => String::new(),
                more => format!("and {} more", format::counted(more as u64, "test")),
            },
            text,
            is_truncated,
            mute_address: if self.may_write && tests == 1 && cause.verdict != FailureVerdict::Muted
            {
                mute_address(self.suite, found.failed.test.uuid, self.back)
            } else {
                String::new()
            },
            command,
        }
    }

    /// Names of the first tests, with the addresses of their pages.
    fn names(&self, cause: &Cause<'_>) -> Vec<(String, String)> {
        let tests = cause.tests.iter().take(MAX_TESTS_AS_TEXT);
        let named = tests.map(|found| {
            let test = &found.failed.test;
            let name = format!("{} {}", test.scope, test.name);
            let address = self.app.links.test_page(self.suite, test.uuid);
            (name.trim().to_owned(), address)
        });
        named.collect()
    }

    fn runs_address(&self, cause: &Cause<'_>, known: &Known<'_>) -> String {
        let fingerprint = cause.fingerprint.filter(|fingerprint| {
            let group = known.elsewhere.get(&fingerprint.0);
            group.is_some_and(|group| group.other_runs > 0)
        });
        let base = Links::suite_path(self.suite);
        fingerprint.map_or_else(String::new, |fingerprint| {
            format!("{base}/runs?cause={fingerprint}")
        })
    }

    /// Of the page of a test.
    fn address(&self, found: &FailedInBuild) -> String {
        let base = Links::suite_path(self.suite);
        format!("{base}/tests/{}", found.failed.test.uuid)
    }

    fn label(&self, cause: &Cause<'_>, known: &Known<'_>) -> (&'static str, String) {
        let found = cause.tests[0];
        let main = &self.suite.default_branch;
        let (class, label) = match cause.verdict {
            FailureVerdict::New => ("fail", "New here".to_owned()),
            FailureVerdict::AlsoOnMain => ("fail", format!("Also on {main}")),
            FailureVerdict::Infrastructure => ("outage", "Infrastructure".to_owned()),
            FailureVerdict::KnownFlaky => ("flaky", "Known flaky".to_owned()),
            FailureVerdict::FlakyHere => ("flaky", "Flaky here".to_owned()),
            FailureVerdict::Muted => {
                let end = known.quarantines.get(&found.failed.test.id);
                let end = end.and_then(|known| known.details.ends_at);
                let label = end.map_or_else(
                    || "Muted".to_owned(),
                    |end| format!("Muted, {}", format::left(end, self.now)),
                );
                ("mute", label)
            }
        };
        if found.end == End::Passed && !matches!(cause.verdict, FailureVerdict::FlakyHere) {
            return (class, format!("{label}, passed on retry"));
        }
        (class, label)
    }

    /// Why, where else, and how often it was tried.
    fn facts(&self, cause: &Cause<'_>, known: &Known<'_>) -> [(&'static str, String); 3] {
        let found = cause.tests[0];
        let history = &found.failed.history;
        let muted = known.quarantines.get(&found.failed.test.id);
        let why = match (cause.verdict, muted) {
            (FailureVerdict::Muted, Some(known)) => {
                format!(
                    "Muted: “{}”",
                    format::shortened(&known.details.reason, MAX_NAME)
                )
            }
            (verdict, _) => why(
                verdict,
                &history.main,
                history.branches_with_fingerprint,
                &self.suite.default_branch,
            ),
        };
        let group = cause
            .fingerprint
            .and_then(|fingerprint| known.elsewhere.get(&fingerprint.0));
        let elsewhere = match group {
            Some(group) if group.other_runs > 0 => {
                let runs = format::counted(group.other_runs, "other run");
                let last = group
                    .last_seen_elsewhere
                    .map(|at| format::ago(at, self.now));
                last.map_or_else(|| runs.clone(), |last| format!("{runs}, last {last}"))
            }
            Some(_) => "No other run".to_owned(),
            None => "Not known".to_owned(),
        };
        let failed = group.map_or_else(
            || format::counted(cause.tests.len() as u64, "failed test"),
            |group| format!("{} failed", format::counted(group.executions, "execution")),
        );
        [
            ("Why", why),
            ("Also failing elsewhere", elsewhere),
            ("Tries in this run", failed),
        ]
    }

    fn test(&self, found: &FailedInBuild, known: &Known<'_>) -> GroupTest {
        let test = &found.failed.test;
        let executions = known.tries.get(&test.id).map_or(&[][..], Vec::as_slice);
        let failed = executions.len().max(1);
        let mark = |muted| if muted { "mute" } else { "fail" };
        let mut tries: Vec<&'static str> = executions
            .iter()
            .take(MAX_TRIES)
            .map(|execution| mark(execution.muted))
            .collect();
        let passed = found.failed.passed_lanes;
        let mut tries_text = match failed {
            1 => "1 try failed".to_owned(),
            failed => format!("{failed} tries failed"),
        };
        if passed > 0 {
            tries.push("pass");
            tries_text.push_str(match found.end {
                End::Passed => ", then one passed",
                _ => ", one passed in another job",
            });
        }
        GroupTest {
            name: format::shortened(&test.name, MAX_NAME),
            scope: format::shortened(&test.scope, MAX_NAME),
            address: self.address(found),
            location: format::shortened(
                test.location
                    .as_deref()
                    .or(test.file_name.as_deref())
                    .unwrap_or_default(),
                MAX_NAME,
            ),
            tries,
            tries_text,
        }
    }
}

/// What is read for the groups of a page.
struct Known<'a> {
    tries: BTreeMap<TestId, Vec<&'a FailedExecution>>,
    texts: BTreeMap<TestId, Vec<&'a FailedExecution>>,
    elsewhere: HashMap<u64, FailureGroup>,
    quarantines: BTreeMap<TestId, Quarantine>,
}

fn by_test(executions: &[FailedExecution]) -> BTreeMap<TestId, Vec<&FailedExecution>> {
    let mut by_test: BTreeMap<TestId, Vec<&FailedExecution>> = BTreeMap::new();
    for execution in executions {
        by_test
            .entry(execution.test.id)
            .or_default()
            .push(execution);
    }
    by_test
}

fn joined(failure: &FailedExecution) -> String {
    let details = failure.failure_expanded.iter();
    details
        .flat_map(|detail| detail.expanded.iter())
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join("\n")
}
