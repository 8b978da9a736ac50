//! The verdict on a test: whether it is bad, since when, and why, in a sentence.

use test_engine_insights::Level;
use test_engine_store::{Metrics, TestHealth, TestState, TestedCommit, Timestamp};

use super::Verdict;
use crate::causes::{ConditionBody, CountsBody};
use crate::http::web::format;

/// What is known of a test.
pub(in crate::http::web) struct TestFacts<'a> {
    /// `None` for a test that never failed.
    pub(in crate::http::web) health: Option<&'a TestHealth>,
    /// Over `days`.
    pub(in crate::http::web) metrics: &'a Metrics,
    pub(in crate::http::web) days: i64,
    /// The strongest of the conditions on which its failures depend.
    pub(in crate::http::web) cause: Option<&'a ConditionBody>,
    pub(in crate::http::web) state: TestState,
    pub(in crate::http::web) default_branch: &'a str,
    pub(in crate::http::web) now: Timestamp,
}

pub(in crate::http::web) fn test(facts: &TestFacts<'_>) -> Verdict {
    let mut verdict = judged(facts);
    let note = match facts.state {
        TestState::Enabled => "",
        TestState::Muted => "It is muted: its failures do not fail the build.",
        TestState::Skipped => "It is skipped: nothing new is known about it.",
    };
    let parts = [verdict.details.as_str(), note];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    verdict.details = parts.join(" ");
    verdict
}

fn judged(facts: &TestFacts<'_>) -> Verdict {
    match facts.health {
        Some(health) if health.level == Level::Broken => broken(health, facts),
        Some(health) if health.level == Level::Flaky => flaky(health, facts),
        Some(health) if health.level == Level::Suspect => suspect(health),
        _ => sound(facts),
    }
}

fn broken(health: &TestHealth, facts: &TestFacts<'_>) -> Verdict {
    let branch = facts.default_branch;
    let since = health.broken.as_ref().map(|broken| &broken.since);
    let title = match since {
        Some(since) => format!("Broken on {branch} since {}.", commit(since, facts.now)),
        None => format!("Broken on {branch}."),
    };
    let passed = health
        .broken
        .as_ref()
        .and_then(|broken| broken.last_passed.as_ref());
    let details = match passed {
        Some(passed) => format!(
            "It fails every execution there. It last passed on {}.",
            commit(passed, facts.now)
        ),
        None => "It fails every execution there.".to_owned(),
    };
    Verdict {
        class: "fail",
        title,
        details,
    }
}

fn flaky(health: &TestHealth, facts: &TestFacts<'_>) -> Verdict {
    let score = health.score;
    let (low, high) = (rate(score.low), rate(score.high));
    let mut details = vec![format!(
        "Between {low} and {high}, with a probability of 90%."
    )];
    if health.mixed_groups > 0 {
        let commits = format::counted(health.mixed_groups, "commit");
        let verb = if health.mixed_groups == 1 {
            "has"
        } else {
            "have"
        };
        details.push(format!("{commits} {verb} both results."));
    } else if health.short_breaks > 0 {
        let branch = facts.default_branch;
        let times = match health.short_breaks {
            1 => "once".to_owned(),
            times => format!("{} times", format::count(times)),
        };
        details.push(format!(
            "It failed on at most two commits of {branch} in a row, {times}."
        ));
    }
    if let Some(cause) = facts.cause {
        details.push(format!(
            "It fails {} of the time {}, and otherwise {}.",
            share(&cause.inside),
            cause.text,
            share(&cause.outside)
        ));
    }
    if let Some(since) = health.alarm_since {
        details.push(format!("Considered flaky since {}.", format::date(since)));
    }
    Verdict {
        class: "flaky",
        title: format!(
            "Flaky: fails {} of the time on code that is fine.",
            rate(score.rate)
        ),
        details: details.join(" "),
    }
}

fn suspect(health: &TestHealth) -> Verdict {
    let details = match health.mixed_groups {
        0 => "Its failures so far may have had a reason.".to_owned(),
        1 => "It failed and passed on one commit. A second one would prove it.".to_owned(),
        commits => format!(
            "It failed and passed on {}, among so many passes that this may be a coincidence.",
            format::counted(commits, "commit")
        ),
    };
    Verdict {
        class: "flaky",
        title: "Possibly flaky.".to_owned(),
        details,
    }
}

fn sound(facts: &TestFacts<'_>) -> Verdict {
    let counts = facts.metrics.counts;
    let decided = counts.passed + counts.failed;
    let days = facts.days;
    let (class, title, details) = if counts.executions() == 0 {
        let title = format!("Did not run in the last {days} days.");
        ("skip", title, String::new())
    } else if decided == 0 {
        let title = format!("Did not pass or fail in the last {days} days.");
        let details = "Every execution was skipped, or its outcome is unknown.".to_owned();
        ("skip", title, details)
    } else if counts.failed == 0 {
        let passed = match counts.passed {
            1 => "its only execution".to_owned(),
            passed => format!("all {} executions", format::count(passed)),
        };
        let title = format!("Reliable: passed {passed} in {days} days.");
        ("pass", title, String::new())
    } else {
        let failed = format::counted(counts.failed, "execution");
        let details = format!(
            "{failed} of {} failed in {days} days, none of them without a reason in the code as \
             far as is known.",
            format::count(decided)
        );
        ("pass", "Not flaky.".to_owned(), details)
    };
    Verdict {
        class,
        title,
        details,
    }
}

fn share(counts: &CountsBody) -> String {
    let (failed, passed) = (u64::from(counts.failed), u64::from(counts.passed));
    let millionths = failed * 1_000_000 / (failed + passed).max(1);
    rate(u32::try_from(millionths).unwrap_or(u32::MAX))
}

/// Such as `1a2b3c4d5e, 2 days ago`.
fn commit(commit: &TestedCommit, now: Timestamp) -> String {
    let ago = format::ago(commit.first_at, now);
    match commit.sha.as_deref() {
        Some(sha) => format!("{}, {ago}", format::commit(Some(sha))),
        None => format!("a run without a commit, {ago}"),
    }
}

/// Parts per million in percent, with two digits that matter.
pub(in crate::http::web) fn rate(millionths: u32) -> String {
    match millionths {
        0 => "0%".to_owned(),
        1..1_000 => "<0.1%".to_owned(),
        1_000..95_000 => {
            let tenths = (millionths + 500) / 1_000;
            match (tenths / 10, tenths % 10) {
                (whole, 0) => format!("{whole}%"),
                (whole, tenths) => format!("{whole}.{tenths}%"),
            }
        }
        _ => format!("{}%", (millionths + 5_000) / 10_000),
    }
}

#[cfg(test)]
mod tests {
    use test_engine_insights::{Level, Score};
    use test_engine_store::{
        Broken, Metrics, OutcomeCounts, TestHealth, TestState, TestedCommit, Timestamp,
    };

    use super::{TestFacts, rate, test};

    /// 23 November 2026.
    const NOW: Timestamp = Timestamp::from_millis(1_795_392_000_000);

    fn health(level: Level) -> TestHealth {
        TestHealth {
            level,
            alarm_since: Some(NOW.plus_days(-3)),
            score: Score {
                flaky: 990_000,
                rate: 110_000,
                low: 90_000,
                high: 140_000,
            },
            mixed_groups: 41,
            short_breaks: 0,
            broken: None,
            judged_at: NOW,
            is_current: true,
        }
    }

    fn verdict(
        health: Option<&TestHealth>,
        (passed, failed, skipped): (u64, u64, u64),
        state: TestState,
    ) -> String {
        let metrics = Metrics {
            counts: OutcomeCounts {
                passed,
                failed,
                skipped,
                unknown: 0,
            },
            ..Metrics::default()
        };
        let verdict = test(&TestFacts {
            health,
            metrics: &metrics,
            days: 28,
            cause: None,
            state,
            default_branch: "main",
            now: NOW,
        });
        format!("{}: {} {}", verdict.class, verdict.title, verdict.details)
            .trim()
            .to_owned()
    }

    #[test]
    fn a_test_that_failed_has_a_judgement() {
        let commit = |sha: &str, days: i64| TestedCommit {
            sha: Some(sha.to_owned()),
            first_at: NOW.plus_days(-days),
        };
        let broken = TestHealth {
            broken: Some(Broken {
                since: commit("5f3c9b7e21aa", 2),
                last_passed: Some(commit("0011223344", 3)),
            }),
            ..health(Level::Broken)
        };
        let by_breaks = TestHealth {
            mixed_groups: 0,
            short_breaks: 4,
            alarm_since: None,
            ..health(Level::Flaky)
        };
        let once = TestHealth {
            mixed_groups: 1,
            ..health(Level::Suspect)
        };
        for (health, expected) in [
            (
                broken,
                "fail: Broken on main since 5f3c9b7e21, 2 days ago. It fails every execution \
                 there. It last passed on 0011223344, 3 days ago.",
            ),
            (
                health(Level::Flaky),
                "flaky: Flaky: fails 11% of the time on code that is fine. Between 9% and 14%, \
                 with a probability of 90%. 41 commits have both results. Considered flaky since \
                 20 November 2026.",
            ),
            (
                by_breaks,
                "flaky: Flaky: fails 11% of the time on code that is fine. Between 9% and 14%, \
                 with a probability of 90%. It failed on at most two commits of main in a row, 4 \
                 times.",
            ),
            (
                once,
                "flaky: Possibly flaky. It failed and passed on one commit. A second one would \
                 prove it.",
            ),
        ] {
            let found = verdict(Some(&health), (100, 9, 0), TestState::Enabled);
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_test_without_a_finding_says_what_is_known() {
        let sound = health(Level::Sound);
        for (health, counts, state, expected) in [
            (
                None,
                (0, 0, 0),
                TestState::Enabled,
                "skip: Did not run in the last 28 days.",
            ),
            (
                None,
                (0, 0, 4),
                TestState::Skipped,
                "skip: Did not pass or fail in the last 28 days. Every execution was skipped, or \
                 its outcome is unknown. It is skipped: nothing new is known about it.",
            ),
            (
                None,
                (1, 0, 0),
                TestState::Enabled,
                "pass: Reliable: passed its only execution in 28 days.",
            ),
            (
                Some(&sound),
                (98, 2, 0),
                TestState::Muted,
                "pass: Not flaky. 2 executions of 100 failed in 28 days, none of them without a \
                 reason in the code as far as is known. It is muted: its failures do not fail the \
                 build.",
            ),
        ] {
            assert_eq!(verdict(health, counts, state), expected);
        }
    }

    #[test]
    fn rates_have_the_digits_that_matter() {
        for (millionths, text) in [
            (0, "0%"),
            (999, "<0.1%"),
            (1_000, "0.1%"),
            (12_345, "1.2%"),
            (30_000, "3%"),
            (94_999, "9.5%"),
            (110_000, "11%"),
            (1_000_000, "100%"),
        ] {
            assert_eq!(rate(millionths), text);
        }
    }
}
