//! Reads the plan that `bktec plan --plan-out` wrote.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::value::RawValue;
use test_engine_wire::Plan;

#[derive(Debug, thiserror::Error)]
pub enum PlanFileError {
    #[error("failed to read the plan file: {0}")]
    Unreadable(#[source] io::Error),
    #[error("failed to read the plan file {}: it is not a test plan: {problem}", .path.display())]
    Invalid { path: PathBuf, problem: String },
    #[error(
        "the plan file {} is of another plan: its identifier is {found:?}, but this run's is \
         {expected:?} (--plan-identifier)", .path.display()
    )]
    OtherPlan {
        path: PathBuf,
        found: String,
        expected: String,
    },
}

impl PlanFileError {
    pub const HINT: &'static str =
        "give this job the file that bktec plan --plan-out wrote in an earlier job of this build";
}

/// The keys without which a JSON object is no plan.
#[derive(serde::Deserialize)]
struct Required<'a> {
    #[serde(borrow)]
    #[expect(dead_code, reason = "only checked to be present")]
    tasks: &'a RawValue,
}

/// `expected` is the identifier that the plan must have, if it is known.
pub(in crate::commands) fn read(
    path: &Path,
    expected: Option<&str>,
) -> Result<Plan, PlanFileError> {
    let text = fs_err::read_to_string(path).map_err(PlanFileError::Unreadable)?;
    let plan = parse(&text).map_err(|problem| PlanFileError::Invalid {
        path: path.to_owned(),
        problem,
    })?;
    match expected {
        Some(expected) if plan.identifier != expected => Err(PlanFileError::OtherPlan {
            path: path.to_owned(),
            found: plan.identifier,
            expected: expected.to_owned(),
        }),
        _ => Ok(plan),
    }
}

fn parse(text: &str) -> Result<Plan, String> {
    if !text.trim_start().starts_with('{') {
        return Err("it is not a JSON object".to_owned());
    }
    let checked = serde_json::from_str::<Required<'_>>(text);
    let plan = checked.and_then(|_| serde_json::from_str(text));
    plan.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::empty("", "it is not a JSON object")]
    #[case::list("[]", "it is not a JSON object")]
    #[case::other_output(
        r#"{"BUILDKITE_TEST_ENGINE_PARALLELISM":"2"}"#,
        "missing field `tasks`"
    )]
    #[case::truncated(r#"{"tasks":{"0":{"tests":["#, "EOF while parsing")]
    #[case::wrong_type(r#"{"tasks":{"0":[]}}"#, "invalid length")]
    fn rejects_what_is_not_a_plan(#[case] text: &str, #[case] expected: &str) {
        let problem = parse(text).unwrap_err();
        assert!(problem.contains(expected), "{problem}");
    }

    #[test]
    fn reads_an_error_plan() {
        let plan = parse(r#"{"identifier":"a","parallelism":2,"tasks":{}}"#).unwrap();
        assert_eq!((plan.identifier.as_str(), plan.tasks.len()), ("a", 0));
    }
}
