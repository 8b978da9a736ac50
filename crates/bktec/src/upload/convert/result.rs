//! A converted result, and how it is written as Test Engine JSON.

use serde::Serialize;
use test_engine_results::Outcome;
use uuid::Uuid;

#[derive(Debug, Default, PartialEq)]
pub(super) struct Converted {
    pub(super) scope: String,
    pub(super) name: String,
    pub(super) file: Option<String>,
    pub(super) line: Option<String>,
    pub(super) outcome: Outcome,
    pub(super) seconds: Option<f64>,
    pub(super) failure: Failure,
}

#[derive(Debug, Default, PartialEq)]
pub(super) struct Failure {
    pub(super) message: String,
    pub(super) backtrace: String,
}

impl Converted {
    /// A failure that belongs to no test, as a test of its own: Test Engine JSON has nothing else
    /// for it.
    pub(super) fn failed_outside_tests(scope: &str, name: &str, message: String) -> Self {
        Self {
            scope: scope.to_owned(),
            name: name.to_owned(),
            outcome: Outcome::Failed,
            failure: Failure {
                message,
                backtrace: String::new(),
            },
            ..Self::default()
        }
    }
}

#[derive(Serialize)]
struct ResultJson<'r> {
    id: Uuid,
    scope: &'r str,
    name: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_name: Option<&'r str>,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_reason: Option<&'r str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failure_expanded: Vec<FailureJson<'r>>,
    history: History,
}

#[derive(Serialize)]
struct FailureJson<'r> {
    expanded: Vec<&'r str>,
    backtrace: Vec<&'r str>,
}

#[derive(Serialize)]
struct History {
    section: &'static str,
    start_at: f64,
    end_at: Option<f64>,
    duration: Option<f64>,
}

pub(super) fn to_json(results: &[Converted]) -> Vec<u8> {
    let results: Vec<_> = results.iter().map(json_of).collect();
    // Serializing strings and numbers to memory cannot fail.
    serde_json::to_vec(&results).unwrap_or_default()
}

fn json_of(result: &Converted) -> ResultJson<'_> {
    let failure = &result.failure;
    let has_failed = result.outcome == Outcome::Failed;
    let expanded = FailureJson {
        expanded: lines(&failure.message),
        backtrace: lines(&failure.backtrace),
    };
    let has_text = !expanded.expanded.is_empty() || !expanded.backtrace.is_empty();
    let place = result.file.as_deref().zip(result.line.as_deref());
    ResultJson {
        id: Uuid::new_v4(),
        scope: &result.scope,
        name: &result.name,
        location: place.map(|(file, line)| format!("{file}:{line}")),
        file_name: result.file.as_deref(),
        result: result.outcome.name(),
        failure_reason: expanded.expanded.first().copied().filter(|_| has_failed),
        failure_expanded: Vec::from_iter((has_failed && has_text).then_some(expanded)),
        history: History {
            section: "top",
            start_at: 0.0,
            end_at: result.seconds,
            duration: result.seconds,
        },
    }
}

fn lines(text: &str) -> Vec<&str> {
    text.trim().lines().map(str::trim_end).collect()
}

/// `hh:mm:ss.fffffff` or `d.hh:mm:ss`, as .NET writes durations.
pub(super) fn dotnet_seconds(text: &str) -> Option<f64> {
    let (days, time) = match text.split_once(':')?.0.split_once('.') {
        Some((days, _)) => (days.parse().ok()?, text.split_once('.')?.1),
        None => (0.0, text),
    };
    let parts = time.split(':').map(|part| part.parse::<f64>().ok());
    let parts: Vec<f64> = parts.collect::<Option<_>>()?;
    let [hours, minutes, seconds] = parts.try_into().ok()?;
    Some(days * 86_400.0 + hours * 3_600.0 + minutes * 60.0 + seconds)
}

/// The name without the class or group that precedes it.
pub(super) fn without_prefix<'n>(name: &'n str, scope: &str) -> &'n str {
    let rest = name
        .strip_prefix(scope)
        .and_then(|rest| rest.strip_prefix('.'));
    rest.filter(|rest| !scope.is_empty() && !rest.is_empty())
        .unwrap_or(name)
}
