//! What a rule would have done, on its page and its form.

use std::fmt::Write as _;

use test_engine_store::{RuleSettings, Suite};

use super::super::format;
use super::super::page::PageError;
use crate::App;
use crate::http::api::replay_rule;
use crate::links::Links;

/// Days that are replayed.
const DAYS: i32 = 60;
/// Tests on the page.
const MAX_TESTS: usize = 30;

pub(super) struct Preview {
    pub(super) sentence: String,
    pub(super) tests: Vec<PreviewedTest>,
    pub(super) rest: String,
}

pub(super) struct PreviewedTest {
    pub(super) address: String,
    pub(super) scope: String,
    pub(super) name: String,
    pub(super) is_flagged: bool,
    pub(super) was_broken: bool,
    /// How many alarms it would have had, and from when to when the last one.
    pub(super) alarms: String,
    pub(super) last: String,
}

pub(super) async fn of(
    app: &App,
    suite: &Suite,
    settings: &RuleSettings,
) -> Result<Preview, PageError> {
    let found = replay_rule(app, suite, settings, DAYS).await?;
    let base = Links::suite_path(suite);
    let day = |time: &str| time.chars().take(10).collect::<String>();
    let tests = found.tests.iter().take(MAX_TESTS).map(|one| PreviewedTest {
        address: format!("{base}/tests/{}", one.test.id),
        scope: one.test.scope.clone().unwrap_or_default(),
        name: one.test.name.clone(),
        is_flagged: one.is_flagged,
        was_broken: one.was_broken,
        alarms: format::counted(one.alarms.len() as u64, "alarm"),
        last: one.alarms.last().map_or_else(String::new, |alarm| {
            let began = day(&alarm.began_at);
            match &alarm.ended_at {
                Some(ended) => format!("{began} to {}", day(ended)),
                None => format!("since {began}"),
            }
        }),
    });
    let counted = |number: usize, thing: &str| format::counted(number as u64, thing);
    let mut sentence = format!(
        "In the last {DAYS} days it would have flagged {}, {} of them still now.",
        counted(found.tests_count, "test"),
        format::count(found.flagged_tests as u64),
    );
    if found.flaps > 0 {
        let flaps = format::counted(found.flaps.into(), "alarm");
        let _infallible = write!(sentence, " {flaps} would have come back after the end.");
    }
    if found.broken_tests > 0 {
        let _infallible = write!(
            sentence,
            " {} broken on the default branch about then: such failures are real.",
            match found.broken_tests {
                1 => "1 test was".to_owned(),
                more => format!("{} were", counted(more, "test")),
            }
        );
    }
    if let Some(since) = &found.since {
        let day = day(since);
        let _infallible = write!(
            sentence,
            " There are many executions, so only those since {day} were read."
        );
    }
    Ok(Preview {
        sentence,
        rest: match found.tests_count.saturating_sub(MAX_TESTS) {
            0 => String::new(),
            rest => format!("and {}", counted(rest, "more test")),
        },
        tests: tests.collect(),
    })
}
