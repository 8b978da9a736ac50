//! `GET …/tests`: the tests with executions in a period, in pages.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde::Deserialize;
use test_engine_store::{Period, TestOrder, TestQuery, TestState, Timestamp};

use super::version::WithMetrics;
use crate::App;
use crate::http::auth::{ReadSuites, SuiteAccess};
use crate::http::error::ApiError;
use crate::http::paging::{self, PageQuery};
use crate::http::query::Params;
use crate::http::shapes::{self, TestWithMetrics};

/// Days looked at unless asked otherwise.
const DEFAULT_DAYS: i64 = 7;

#[derive(Default, Deserialize)]
pub(super) struct Filter {
    branch: Option<String>,
    state: Option<String>,
    search: Option<String>,
    sort_by: Option<String>,
    order: Option<String>,
    period: Option<String>,
    min_timestamp: Option<String>,
    max_timestamp: Option<String>,
    label: Option<String>,
    labels: Option<String>,
    owners: Option<String>,
    tags: Option<String>,
}

pub(super) async fn get(
    State(app): State<App>,
    access: SuiteAccess<ReadSuites>,
    WithMetrics(with_metrics): WithMetrics,
    Params(paging): Params<PageQuery>,
    Params(filter): Params<Filter>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let page = paging.page();
    let mut query = query(&filter, app.clock.now()).map_err(ApiError::bad_request)?;
    query.page = page;
    let suite = &access.suite;
    let listed = app.store.tests(suite.id, &query).await?;
    let base = app.links.public_url();
    if with_metrics {
        let tests: Vec<_> = listed
            .items
            .iter()
            .map(|item| TestWithMetrics::new(&item.test, &item.metrics, suite, &app.links))
            .collect();
        return Ok(paging::answer(&tests, page, listed.total, base, &uri));
    }
    let tests: Vec<_> = listed
        .items
        .iter()
        .map(|item| shapes::test(&item.test, suite, &app.links))
        .collect();
    Ok(paging::answer(&tests, page, listed.total, base, &uri))
}

/// The store's query, or what is wrong with the filters.
fn query(filter: &Filter, now: Timestamp) -> Result<TestQuery, String> {
    let unsupported = [
        ("label", &filter.label),
        ("labels", &filter.labels),
        ("owners", &filter.owners),
        ("tags", &filter.tags),
    ];
    if let Some((name, _)) = unsupported
        .into_iter()
        .find(|(_, value)| present(value.as_ref()).is_some())
    {
        return Err(format!("This server has no filter {name}. Leave it out."));
    }
    let state = match present(filter.state.as_ref()) {
        None => None,
        Some("enabled") => Some(TestState::Enabled),
        Some("muted") => Some(TestState::Muted),
        Some("skipped") => Some(TestState::Skipped),
        Some(other) => {
            return Err(format!(
                "The state {other:?} is none of enabled, muted, skipped."
            ));
        }
    };
    let order = match present(filter.sort_by.as_ref()) {
        None | Some("duration_avg") => TestOrder::DurationMean,
        Some("duration_sum") => TestOrder::DurationSum,
        Some("duration_min") => TestOrder::DurationMin,
        Some("duration_max") => TestOrder::DurationMax,
        Some("reliability") => TestOrder::Reliability,
        Some(other) => {
            return Err(format!(
                "sort_by {other:?} is none of duration_avg, duration_sum, duration_min, \
                 duration_max, reliability."
            ));
        }
    };
    let descending = match present(filter.order.as_ref()) {
        None | Some("desc") => true,
        Some("asc") => false,
        Some(other) => return Err(format!("The order {other:?} is none of asc, desc.")),
    };
    Ok(TestQuery {
        period: period(filter, now)?,
        branch: present(filter.branch.as_ref()).map(str::to_owned),
        state,
        search: present(filter.search.as_ref()).map(str::to_owned),
        order,
        descending,
        page: PageQuery::default().page(),
    })
}

fn present(value: Option<&String>) -> Option<&str> {
    value
        .map(String::as_str)
        .map(str::trim)
        .filter(|value| !value.is_empty())
}

/// Executions are counted by the day, so shorter periods are their day.
fn period(filter: &Filter, now: Timestamp) -> Result<Period, String> {
    let from = present(filter.min_timestamp.as_ref());
    let to = present(filter.max_timestamp.as_ref());
    if let Some(name) = present(filter.period.as_ref()) {
        if from.is_some() || to.is_some() {
            return Err("Send either period, or min_timestamp and max_timestamp.".to_owned());
        }
        let days = match name {
            "1hour" | "4hours" | "1day" => 1,
            "7days" => 7,
            "14days" => 14,
            "28days" => 28,
            other => {
                return Err(format!(
                    "The period {other:?} is none of 1hour, 4hours, 1day, 7days, 14days, 28days."
                ));
            }
        };
        return Ok(Period::last_days(days, now));
    }
    let to = to.map_or(Ok(now), |text| timestamp("max_timestamp", text))?;
    let from = from.map_or(Ok(to.plus_days(1 - DEFAULT_DAYS)), |text| {
        timestamp("min_timestamp", text)
    })?;
    Ok(Period::between(from, to))
}

fn timestamp(field: &str, text: &str) -> Result<Timestamp, String> {
    let parsed: jiff::Timestamp = text.parse().map_err(|_error| {
        format!("{field} {text:?} is not a time such as 2026-08-01T00:00:00Z.")
    })?;
    Ok(Timestamp::from_millis(parsed.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use test_engine_store::{Period, TestOrder, TestState, Timestamp};

    use super::{Filter, query};

    fn text(value: &str) -> String {
        value.to_owned()
    }

    #[test]
    fn the_default_is_a_week_of_the_slowest() {
        let now = Timestamp::from_millis(0).plus_days(100);
        let query = query(&Filter::default(), now).unwrap();
        assert_eq!(
            query.period,
            Period {
                first_day: 94,
                last_day: 100
            }
        );
        assert_eq!(
            (query.order, query.descending, query.state),
            (TestOrder::DurationMean, true, None)
        );
    }

    #[test]
    fn filters_are_understood() {
        let filter = Filter {
            state: Some(text("muted")),
            sort_by: Some(text("reliability")),
            order: Some(text("asc")),
            branch: Some(text("main")),
            min_timestamp: Some(text("1970-01-02T10:00:00Z")),
            max_timestamp: Some(text("1970-01-03T00:00:00Z")),
            ..Filter::default()
        };
        let query = query(&filter, Timestamp::from_millis(0)).unwrap();
        assert_eq!(
            query.period,
            Period {
                first_day: 1,
                last_day: 2
            }
        );
        assert_eq!(
            (query.order, query.descending),
            (TestOrder::Reliability, false)
        );
        assert_eq!(
            (query.state, query.branch.as_deref()),
            (Some(TestState::Muted), Some("main"))
        );
    }

    #[test]
    fn what_is_not_known_is_refused_rather_than_ignored() {
        let now = Timestamp::from_millis(0);
        for filter in [
            Filter {
                state: Some(text("gone")),
                ..Filter::default()
            },
            Filter {
                sort_by: Some(text("name")),
                ..Filter::default()
            },
            Filter {
                order: Some(text("up")),
                ..Filter::default()
            },
            Filter {
                period: Some(text("1year")),
                ..Filter::default()
            },
            Filter {
                period: Some(text("7days")),
                min_timestamp: Some(text("1970-01-02T10:00:00Z")),
                ..Filter::default()
            },
            Filter {
                min_timestamp: Some(text("yesterday")),
                ..Filter::default()
            },
            Filter {
                labels: Some(text("a")),
                ..Filter::default()
            },
        ] {
            assert!(query(&filter, now).is_err());
        }
    }
}
