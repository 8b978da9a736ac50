//! The query parameters of lists of tests, as the store's [`TestQuery`].

use serde::Deserialize;
use test_engine_store::{
    BranchFilter, LabelFilter, Page, Period, TestOrder, TestQuery, TestState, Timestamp,
};
use utoipa::IntoParams;
use utoipa::openapi::Schema;

use super::test_terms::{self, Term};
use crate::http::openapi;

const DEFAULT_DAYS: i64 = 7;
const STATES: [(&str, TestState); 3] = [
    ("enabled", TestState::Enabled),
    ("muted", TestState::Muted),
    ("skipped", TestState::Skipped),
];
const ORDERS: [(&str, TestOrder); 5] = [
    ("duration_avg", TestOrder::DurationMean),
    ("duration_sum", TestOrder::DurationSum),
    ("duration_min", TestOrder::DurationMin),
    ("duration_max", TestOrder::DurationMax),
    ("reliability", TestOrder::Reliability),
];
const DIRECTIONS: [(&str, bool); 2] = [("desc", true), ("asc", false)];
/// Executions are counted by day, so shorter periods mean their day.
const PERIOD_DAYS: [(&str, i64); 6] = [
    ("1hour", 1),
    ("4hours", 1),
    ("1day", 1),
    ("7days", 7),
    ("14days", 14),
    ("28days", 28),
];

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TestsQuery {
    /// A name, `!name` for all other branches, or `prefix*`.
    #[param(pattern = r"^(?!\s*[!*]\s*$)")]
    pub(super) branch: Option<String>,
    /// Empty: in any state.
    #[param(pattern = "^(enabled|muted|skipped|)$")]
    pub(super) state: Option<String>,
    /// A substring of scope and name.
    pub(super) search: Option<String>,
    #[param(
        pattern = "^(duration_avg|duration_sum|duration_min|duration_max|reliability|)$",
        default = "duration_avg"
    )]
    pub(super) sort_by: Option<String>,
    #[param(pattern = "^(asc|desc|)$", default = "desc")]
    pub(super) order: Option<String>,
    /// A single label. With `labels`, tests have to match both.
    pub(super) label: Option<String>,
    /// `a,!b`: with label `a` and without label `b`. At most 50.
    #[param(pattern = r"^(?!(.*,)?\s*!\s*(,|$))")]
    pub(super) labels: Option<String>,
    /// `a,!b`: owned by team `a` and not by team `b`. At most 50.
    #[param(pattern = r"^(?!(.*,)?\s*!\s*(,|$))")]
    pub(super) owners: Option<String>,
    /// Tags of the executions: `key:value,!key:value,key:prefix*`. `result:failed` matches tests
    /// with at least one failure, `result:^passed` those that only passed, and `!result:failed`
    /// those without failures. At most 50.
    #[param(
        pattern = "^(?:\\s*(!?result:!?~?|result:\\^)(passed|failed|skipped|unknown)\\s*(,|$)|\
                   \\s*!?\\s*(?!result\\s*:)[^\\s,:!][^,:]*:\\s*!?[^\\s,!][^,]*(,|$)|\
                   \\s*(,|$))*$"
    )]
    pub(super) tags: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PeriodQuery {
    /// Executions are counted by UTC day.
    #[param(
        pattern = "^(1hour|4hours|1day|7days|14days|28days|)$",
        default = "7days"
    )]
    pub(super) period: Option<String>,
    /// With `period`, only executions in both count.
    #[param(schema_with = optional_time)]
    pub(super) min_timestamp: Option<String>,
    /// With `period`, only executions in both count.
    #[param(schema_with = optional_time)]
    pub(super) max_timestamp: Option<String>,
}

fn optional_time() -> Schema {
    openapi::optional_text("date-time")
}

impl TestsQuery {
    /// What the database can decide; an error names the invalid parameter.
    pub(super) fn to_store(
        &self,
        period: &PeriodQuery,
        page: Page,
        now: Timestamp,
    ) -> Result<TestQuery, String> {
        Ok(TestQuery {
            period: period.to_store(now)?,
            branch: branch(present(self.branch.as_ref()))?,
            state: choose("state", self.state.as_ref(), &STATES)?,
            search: present(self.search.as_ref()).map(str::to_owned),
            labels: self.labels()?,
            terms: Vec::new(),
            order: choose("sort_by", self.sort_by.as_ref(), &ORDERS)?
                .unwrap_or(TestOrder::DurationMean),
            descending: choose("order", self.order.as_ref(), &DIRECTIONS)?.unwrap_or(true),
            page,
        })
    }

    fn labels(&self) -> Result<Vec<LabelFilter>, String> {
        let one = present(self.label.as_ref()).map(|label| Term {
            word: label.to_owned(),
            is_wanted: true,
        });
        let several = test_terms::terms("labels", present(self.labels.as_ref()))?;
        let filters = one.into_iter().chain(several).map(|term| LabelFilter {
            label: term.word,
            must_have: term.is_wanted,
        });
        Ok(filters.collect())
    }
}

impl PeriodQuery {
    fn to_store(&self, now: Timestamp) -> Result<Period, String> {
        let from = present(self.min_timestamp.as_ref());
        let to = present(self.max_timestamp.as_ref());
        let days = choose("period", self.period.as_ref(), &PERIOD_DAYS)?;
        let to = to.map_or(Ok(now), |text| timestamp("max_timestamp", text))?;
        let from = match from {
            Some(text) => timestamp("min_timestamp", text)?,
            None if days.is_some() => Timestamp::from_millis(0),
            None => to.plus_days(1 - DEFAULT_DAYS),
        };
        let between = Period::between(from, to);
        let Some(days) = days else {
            return Ok(between);
        };
        let last = Period::last_days(days, now);
        Ok(Period {
            first_day: between.first_day.max(last.first_day),
            last_day: between.last_day.min(last.last_day),
        })
    }
}

/// A parameter without surrounding whitespace; `None` if it is empty.
pub(super) fn present(value: Option<&String>) -> Option<&str> {
    value
        .map(|value| value.trim())
        .filter(|value| !value.is_empty())
}

/// The value with this name, of a parameter that takes one of several names; `None` if it is empty.
pub(super) fn choose<T: Copy>(
    parameter: &str,
    value: Option<&String>,
    choices: &[(&str, T)],
) -> Result<Option<T>, String> {
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    if let Some((_, choice)) = choices.iter().find(|(name, _)| *name == value) {
        return Ok(Some(*choice));
    }
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    let names = names.join(", ");
    Err(format!(
        "Invalid {parameter} {value:?}: use one of {names}."
    ))
}

fn branch(value: Option<&str>) -> Result<Option<BranchFilter>, String> {
    let Some(value) = value else { return Ok(None) };
    if ["!", "*"].contains(&value) {
        return Err(format!("Invalid branch {value:?}: the name is missing."));
    }
    Ok(Some(
        match (value.strip_prefix('!'), value.strip_suffix('*')) {
            (Some(name), _) => BranchFilter::IsNot(name.to_owned()),
            (None, Some(prefix)) => BranchFilter::StartsWith(prefix.to_owned()),
            (None, None) => BranchFilter::Is(value.to_owned()),
        },
    ))
}

/// A time in RFC 3339, or the message of a response.
pub(in crate::http) fn timestamp(parameter: &str, text: &str) -> Result<Timestamp, String> {
    let parsed: jiff::Timestamp = text.parse().map_err(|_error| {
        format!("Invalid {parameter} {text:?}: use the format 2026-08-01T00:00:00Z.")
    })?;
    Ok(Timestamp::from_millis(parsed.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use test_engine_store::{
        BranchFilter, Page, Period, TestOrder, TestQuery, TestState, Timestamp,
    };

    use super::{PeriodQuery, TestsQuery};

    const DAY_100: Timestamp = Timestamp::from_millis(100 * 86_400_000);

    fn parse(query: &str) -> Result<TestQuery, String> {
        let tests: TestsQuery = serde_urlencoded::from_str(query).unwrap();
        let period: PeriodQuery = serde_urlencoded::from_str(query).unwrap();
        tests.to_store(&period, Page::new(1, 30), DAY_100)
    }

    #[test]
    fn the_default_is_the_slowest_tests_of_a_week() {
        let query = parse("state=&search=").unwrap();
        let week = Period {
            first_day: 94,
            last_day: 100,
        };
        assert_eq!(
            (query.period, query.order, query.descending, query.state),
            (week, TestOrder::DurationMean, true, None)
        );
    }

    #[test]
    fn all_parameters_are_used() {
        let query = parse(
            "state=muted&sort_by=reliability&order=asc&branch=feature/*&labels=slow, !flaky,\
             &min_timestamp=1970-01-02T10:00:00Z&max_timestamp=1970-01-03T00:00:00Z",
        )
        .unwrap();
        let period = Period {
            first_day: 1,
            last_day: 2,
        };
        assert_eq!((query.period, query.descending), (period, false));
        assert_eq!(query.order, TestOrder::Reliability);
        assert_eq!(query.state, Some(TestState::Muted));
        let branch = BranchFilter::StartsWith("feature/".to_owned());
        assert_eq!(query.branch, Some(branch));
        let labels = query.labels.iter();
        let labels: Vec<_> = labels
            .map(|filter| (filter.label.as_str(), filter.must_have))
            .collect();
        assert_eq!(labels, [("slow", true), ("flaky", false)]);
    }

    #[test]
    fn parameters_that_overlap_narrow_each_other() {
        let query = parse("label=a&labels=b,!c").unwrap();
        let labels: Vec<_> = query.labels.iter().map(|it| it.label.as_str()).collect();
        assert_eq!(labels, ["a", "b", "c"]);
        for (times, first_day, last_day) in [
            ("", 94, 100),
            ("&min_timestamp=1970-01-02T10:00:00Z", 94, 100),
            ("&min_timestamp=1970-04-09T10:00:00Z", 98, 100),
            ("&max_timestamp=1970-04-07T10:00:00Z", 94, 96),
        ] {
            let period = parse(&format!("period=7days{times}")).unwrap().period;
            let expected = Period {
                first_day,
                last_day,
            };
            assert_eq!(period, expected, "{times}");
        }
    }

    #[test]
    fn invalid_values_are_rejected_rather_than_ignored() {
        for query in [
            "state=gone",
            "sort_by=name",
            "order=up",
            "branch=*",
            "period=1year",
            "min_timestamp=yesterday",
            "labels=a,!",
            "state= muted",
        ] {
            assert!(parse(query).is_err(), "{query}");
        }
    }
}
