//! Query filters as SQL conditions.

use crate::error::StoreError;
use crate::records::{BranchFilter, SuiteId, TestQuery, TestState};
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
        Some(BranchFilter::StartsWith(prefix)) => {
            let length = i64::try_from(prefix.chars().count()).unwrap_or(i64::MAX);
            (
                format!(
                    "AND {column} IN {} ",
                    ids("SUBSTR(name, 1, CAST(? AS INTEGER)) = ?")
                ),
                values![suite.get(), length, prefix.clone()].to_vec(),
            )
        }
    }
}

pub(crate) const IN_STATE: &str = "AND tests.state = ? ";

/// The SQL conditions on the tests themselves, each starting with `AND`, and the values they bind.
pub(crate) fn conditions(query: &TestQuery) -> (String, Vec<Value<'static>>) {
    let mut text = String::new();
    let mut bound = Vec::new();
    if let Some(state) = query.state {
        text.push_str(IN_STATE);
        bound.push(state_code(state).into());
    }
    if let Some(search) = query.search.as_deref().filter(|search| !search.is_empty()) {
        text.push_str("AND LOWER(tests.scope || ' ' || tests.name) LIKE ? ESCAPE '!' ");
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
    (text, bound)
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
fn like_pattern(search: &str) -> String {
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
