//! Query filters as SQL conditions.

use test_engine_insights::Level;

use crate::error::StoreError;
use crate::records::{BranchFilter, SuiteId, TestCondition, TestQuery, TestState, TestTerm};
use crate::sql::{Value, values};

/// An SQL condition on a column with a branch id (0: no branch), starting with `AND`, and the
/// values it binds. Empty without a filter.
pub(crate) fn branch_condition(
    suite: SuiteId,
    branch: Option<&BranchFilter>,
    column: &str,
) -> (String, Vec<Value<'static>>) {
    let ids = |condition| format!("(SELECT id FROM branches WHERE suite_id = ? AND {condition})");
    match branch {
        None => (String::new(), Vec::new()),
        Some(BranchFilter::Is(name)) => (
            format!("AND {column} IN {} ", ids("name = ?")),
            values![suite.get(), name.clone()].to_vec(),
        ),
        Some(BranchFilter::IsNot(name)) => (
            format!("AND {column} NOT IN {} ", ids("name = ?")),
            values![suite.get(), name.clone()].to_vec(),
        ),
        Some(BranchFilter::StartsWith(prefix) | BranchFilter::DoesNotStartWith(prefix)) => {
            let is_in = match branch {
                Some(BranchFilter::DoesNotStartWith(_)) => "NOT IN",
                _ => "IN",
            };
            let length = i64::try_from(prefix.chars().count()).unwrap_or(i64::MAX);
            (
                format!(
                    "AND {column} {is_in} {} ",
                    ids("SUBSTR(name, 1, CAST(? AS INTEGER)) = ?")
                ),
                values![suite.get(), length, prefix.clone()].to_vec(),
            )
        }
    }
}

pub(crate) const IN_STATE: &str = "AND tests.state = ? ";

/// The SQL conditions on the tests themselves, each starting with `AND`, and the values they bind.
pub(crate) fn conditions(suite: SuiteId, query: &TestQuery) -> (String, Vec<Value<'static>>) {
    let mut text = String::new();
    let mut bound = Vec::new();
    if let Some(state) = query.state {
        text.push_str(IN_STATE);
        bound.push(state_code(state).into());
    }
    if let Some(search) = query.search.as_deref().filter(|search| !search.is_empty()) {
        text.push_str("AND ");
        text.push_str(NAME_CONTAINS);
        bound.push(like_pattern(search).into());
    }
    for filter in &query.labels {
        let not = if filter.must_have { "" } else { "NOT " };
        text.push_str("AND ");
        text.push_str(not);
        text.push_str(
            "EXISTS (SELECT 1 FROM test_labels WHERE test_labels.suite_id = tests.suite_id \
             AND test_labels.label = ? AND test_labels.test_id = tests.id) ",
        );
        bound.push(filter.label.clone().into());
    }
    for term in &query.terms {
        add_term(suite, term, (&mut text, &mut bound));
    }
    (text, bound)
}

pub(crate) const NAME_CONTAINS: &str = "LOWER(tests.scope || ' ' || tests.name) LIKE ? ESCAPE '!' ";

fn add_term(
    suite: SuiteId,
    term: &TestTerm,
    (text, bound): (&mut String, &mut Vec<Value<'static>>),
) {
    text.push_str(if term.must_have { "AND " } else { "AND NOT " });
    let level = match &term.condition {
        TestCondition::Name(part) => {
            text.push_str(NAME_CONTAINS);
            bound.push(like_pattern(part).into());
            return;
        }
        TestCondition::State(state) => {
            text.push_str("tests.state = ? ");
            bound.push(state_code(*state).into());
            return;
        }
        TestCondition::Flaky => Level::Flaky,
        TestCondition::Broken => Level::Broken,
    };
    // Few tests have a level, so they are read first. Worded like the partial index.
    text.push_str(
        "tests.id IN (SELECT test_health.test_id FROM test_health \
         WHERE test_health.suite_id = ? AND test_health.level > 0 AND test_health.level = ?) ",
    );
    bound.extend(values![suite.get(), level_code(level)]);
}

pub(crate) const fn level_code(level: Level) -> i64 {
    match level {
        Level::Sound => 0,
        Level::Suspect => 1,
        Level::Flaky => 2,
        Level::Broken => 3,
    }
}

pub(crate) fn level_of(code: i64) -> Result<Level, StoreError> {
    let found = Level::ALL
        .into_iter()
        .find(|level| level_code(*level) == code);
    found.ok_or(StoreError::Damaged {
        what: "level of a test",
    })
}

pub(crate) const fn state_code(state: TestState) -> i64 {
    match state {
        TestState::Enabled => 0,
        TestState::Muted => 1,
        TestState::Skipped => 2,
    }
}

pub(crate) fn state_of(code: i64) -> Result<TestState, StoreError> {
    match code {
        0 => Ok(TestState::Enabled),
        1 => Ok(TestState::Muted),
        2 => Ok(TestState::Skipped),
        _ => Err(StoreError::Damaged { what: "test state" }),
    }
}

/// A pattern for `LIKE … ESCAPE '!'` that matches the text anywhere, literally.
pub(crate) fn like_pattern(search: &str) -> String {
    let mut pattern = String::from("%");
    for character in search.chars() {
        if matches!(character, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(character.to_ascii_lowercase());
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_wildcards_in_searches() {
        assert_eq!(like_pattern("50% OFF_a!"), "%50!% off!_a!!%");
    }
}
