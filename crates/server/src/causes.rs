//! What the failures of a test depend on, as the API shows it.
//!
//! `insights` tests the conditions, and the store says under which circumstances the test was
//! executed. The time of day depends on where the team is, so the request says how far its clocks
//! are from UTC.

use jiff::tz::{Offset, TimeZone};
use serde::Serialize;
use test_engine_duration::Micros;
use test_engine_insights::{self as insights, Cause, Causes, Counts, FirstExecution};
use test_engine_store::Timestamp;
use test_engine_store::{Circumstances, Examined, SharedCause, Store, StoreError, Suite, Test};
use utoipa::ToSchema;

use crate::clock::rfc3339;
use crate::links::Links;

/// A node of which nothing is known is not slow.
const NOT_SLOW: u32 = 100;

const WEEKDAYS: [&str; 7] = [
    "Mondays",
    "Tuesdays",
    "Wednesdays",
    "Thursdays",
    "Fridays",
    "Saturdays",
    "Sundays",
];

/// What the failures of a test depend on, by its first executions in the runs of the last 60 days,
/// without outages. Only what statistics support is reported.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = TestCauses)]
pub(crate) struct CausesBody {
    /// First executions that were examined.
    executions: usize,
    /// Of those, the failed ones.
    failed: usize,
    /// When the oldest of them was received.
    #[schema(format = "date-time")]
    since: Option<String>,
    /// False if only the newest executions were examined, because the suite has very many.
    is_complete: bool,
    /// Of the hours, days of the week and days of the month below.
    utc_offset: String,
    /// Conditions that were tested.
    conditions_tested: u32,
    /// Those on which the failures depend, the strongest first.
    pub(crate) conditions: Vec<ConditionBody>,
    /// In seconds: all failures take about this long, and passes at most half as long.
    timeout: Option<f64>,
    /// At least nine of ten retries pass.
    passes_on_retry: bool,
    /// Causes of failures that at least two other tests have too.
    shared: Vec<SharedCauseBody>,
}

/// A condition under which the test fails at least three times as often as otherwise.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = TestCondition)]
pub(crate) struct ConditionBody {
    #[schema(pattern = "^(order|load|slow_node|hours|weekday|month_end|tag)$")]
    kind: &'static str,
    /// For people, such as `between 22:00 and 02:00`.
    pub(crate) text: String,
    /// Of a tag.
    key: Option<String>,
    /// Of a tag; for `order`, what identifies the tests that ran before it in its upload.
    value: Option<String>,
    /// First executions under the condition.
    pub(crate) inside: CountsBody,
    /// The others.
    pub(crate) outside: CountsBody,
    /// Of Fisher's exact test, multiplied by the number of conditions tested.
    #[schema(minimum = 0)]
    p_value: f64,
}

#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = ExecutionCounts)]
pub(crate) struct CountsBody {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
}

/// A fingerprint that failures of several tests have.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = SharedCause)]
pub(crate) struct SharedCauseBody {
    /// 16 hexadecimal digits.
    fingerprint: String,
    /// On which this test failed with it.
    commits: u64,
    /// This one and the others, in the latest runs with this fingerprint.
    tests_count: u64,
    /// Up to ten of the others.
    others: Vec<SharedTestBody>,
}

#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = SharedCauseTest)]
pub(crate) struct SharedTestBody {
    #[schema(format = "uuid")]
    id: String,
    scope: String,
    name: String,
    /// Of its page.
    url: String,
}

/// Where a team is: how far its clocks are from UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UtcOffset(Offset);

impl UtcOffset {
    pub(crate) const UTC: Self = Self(Offset::UTC);

    /// Such as `+02:00` or `-03:30`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let sign = match text.as_bytes().first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let (hours, minutes) = text.get(1..)?.split_once(':')?;
        let number = |text: &str| {
            let is_two_digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<i32>().ok().filter(|_| is_two_digits)
        };
        let (hours, minutes) = (number(hours)?, number(minutes)?);
        if hours > 14 || minutes > 59 {
            return None;
        }
        let seconds = sign * (hours * 3_600 + minutes * 60);
        Offset::from_seconds(seconds).ok().map(Self)
    }

    fn text(self) -> String {
        let seconds = self.0.seconds();
        let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
        format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

/// What can be said of a test; `None` if it has failed too rarely.
pub(crate) struct Sources<'a> {
    pub(crate) store: &'a Store,
    pub(crate) links: &'a Links,
    pub(crate) suite: &'a Suite,
}

/// The executions to examine, and what other tests share with this one.
pub(crate) struct Evidence {
    examined: Examined,
    shared: Vec<SharedCauseBody>,
}

impl Sources<'_> {
    /// `None` for a test that failed less than eight times: nothing can be said of it.
    pub(crate) async fn load(
        &self,
        test: &Test,
        now: Timestamp,
    ) -> Result<Option<Evidence>, StoreError> {
        let Some(examined) = self.store.circumstances(test, now).await? else {
            return Ok(None);
        };
        let shared = self.store.shared_causes(test, now).await?;
        let shared = shared.into_iter().map(|cause| self.shared(cause)).collect();
        Ok(Some(Evidence { examined, shared }))
    }

    fn shared(&self, cause: SharedCause) -> SharedCauseBody {
        let others = cause.others.into_iter().map(|test| SharedTestBody {
            id: test.uuid.to_string(),
            url: self.links.test_page(self.suite, test.uuid),
            scope: test.scope,
            name: test.name,
        });
        SharedCauseBody {
            fingerprint: cause.fingerprint.to_string(),
            commits: cause.commits,
            tests_count: cause.tests_count,
            others: others.collect(),
        }
    }
}

impl Evidence {
    /// Takes some milliseconds.
    pub(crate) fn causes(self, offset: UtcOffset) -> CausesBody {
        let executions = &self.examined.executions;
        let tags: Vec<Vec<(&str, &str)>> = executions
            .iter()
            .map(|one| {
                let tags = one.tags.iter();
                tags.map(|(key, value)| (key.as_str(), value.as_str()))
                    .collect()
            })
            .collect();
        let firsts: Vec<FirstExecution> = executions
            .iter()
            .zip(&tags)
            .map(|(one, tags)| first_execution(one, tags, offset))
            .collect();
        let found = insights::causes(&firsts);
        body(&found, &self.examined, self.shared, offset)
    }
}

fn first_execution<'a>(
    one: &Circumstances,
    tags: &'a [(&'a str, &'a str)],
    offset: UtcOffset,
) -> FirstExecution<'a> {
    let time = jiff::Timestamp::from_millisecond(one.at.millis()).unwrap_or_default();
    let time = time.to_zoned(TimeZone::fixed(offset.0));
    let small = |number: i8| u8::try_from(number).unwrap_or_default();
    FirstExecution {
        failed: one.failed,
        passed_on_retry: one.passed_on_retry.filter(|_| one.failed),
        hour: small(time.hour()),
        weekday: small(time.weekday().to_monday_zero_offset()),
        day_of_month: small(time.day()),
        overlapping_uploads: one.overlapping_uploads,
        slowness_percent: one.slowness_percent.unwrap_or(NOT_SLOW),
        order: one.order,
        duration: one.duration.map_or(0, Micros::get),
        tags,
    }
}

fn body(
    found: &Causes,
    examined: &Examined,
    shared: Vec<SharedCauseBody>,
    offset: UtcOffset,
) -> CausesBody {
    let failed = examined.executions.iter().filter(|one| one.failed);
    #[expect(clippy::cast_precision_loss, reason = "shown in seconds")]
    let seconds = |micros: u64| micros as f64 / 1e6;
    CausesBody {
        executions: examined.executions.len(),
        failed: failed.count(),
        since: examined.since.map(rfc3339),
        is_complete: examined.is_complete,
        utc_offset: offset.text(),
        conditions_tested: found.splits_tried,
        conditions: found.conditions.iter().map(condition).collect(),
        timeout: found.timeout.map(seconds),
        passes_on_retry: found.passes_on_retry,
        shared,
    }
}

fn condition(tested: &insights::TestedCause) -> ConditionBody {
    let (kind, text) = named(&tested.cause);
    let (key, value) = match &tested.cause {
        Cause::Tag { key, value } => (Some(key.clone()), Some(value.clone())),
        Cause::Order(order) => (None, Some(format!("{order:016x}"))),
        _ => (None, None),
    };
    let counts = |counts: Counts| CountsBody {
        passed: counts.passed,
        failed: counts.failed,
    };
    ConditionBody {
        kind,
        text,
        key,
        value,
        inside: counts(tested.inside),
        outside: counts(tested.outside),
        p_value: tested.p_value,
    }
}

fn named(cause: &Cause) -> (&'static str, String) {
    match cause {
        Cause::Order(_) => ("order", "after the same tests".to_owned()),
        Cause::OverlappingUploads(least) => {
            let text = match least {
                1 => "with uploads of other runs at the same time".to_owned(),
                least => format!("with {least} or more uploads of other runs at the same time"),
            };
            ("load", text)
        }
        Cause::SlowNode(percent) => {
            let text = format!("if other tests take {percent}% of their median or more");
            ("slow_node", text)
        }
        Cause::Hours { from, count } => {
            let to = (from + count) % 24;
            ("hours", format!("between {from:02}:00 and {to:02}:00"))
        }
        Cause::Weekday(day) => {
            let name = WEEKDAYS.get(usize::from(*day)).unwrap_or(&WEEKDAYS[0]);
            ("weekday", format!("on {name}"))
        }
        Cause::EndOfMonth => ("month_end", "from the 28th of a month on".to_owned()),
        Cause::Tag { key, value } => ("tag", format!("if {key} is {value}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_have_a_sign_hours_and_minutes() {
        for text in ["+02:00", "-03:30", "+00:00", "+14:00"] {
            assert_eq!(UtcOffset::parse(text).unwrap().text(), text);
        }
        for text in [
            "", "2", "02:00", "+2:00", "+15:00", "+02:60", "+02", "+é:00", "++1:00",
        ] {
            assert_eq!(UtcOffset::parse(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_those_of_the_team() {
        let one = Circumstances {
            failed: true,
            passed_on_retry: Some(true),
            // 2026-11-30T23:30:00Z, a Monday.
            at: Timestamp::from_millis(1_796_081_400_000),
            overlapping_uploads: 2,
            slowness_percent: None,
            order: None,
            duration: None,
            tags: std::collections::BTreeMap::new(),
        };
        let time = |offset: &str| {
            let first = first_execution(&one, &[], UtcOffset::parse(offset).unwrap());
            (first.hour, first.weekday, first.day_of_month)
        };
        assert_eq!(time("+00:00"), (23, 0, 30));
        assert_eq!(time("+01:00"), (0, 1, 1));
    }

    #[test]
    fn conditions_read_as_the_end_of_a_sentence() {
        let cases = [
            (
                Cause::Hours { from: 22, count: 4 },
                "hours",
                "between 22:00 and 02:00",
            ),
            (Cause::Weekday(6), "weekday", "on Sundays"),
            (
                Cause::OverlappingUploads(1),
                "load",
                "with uploads of other runs at the same time",
            ),
            (
                Cause::Tag {
                    key: "host.type".to_owned(),
                    value: "arm64".to_owned(),
                },
                "tag",
                "if host.type is arm64",
            ),
        ];
        for (cause, kind, text) in cases {
            assert_eq!(named(&cause), (kind, text.to_owned()));
        }
    }
}
