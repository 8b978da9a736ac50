//! Parses queries of the list of tests; [`Query`] describes the language.

use super::amounts::{Percent, duration};
use super::query::{Comparison, Condition, Query, STATES, Term};

/// Terms of a query.
const MAX_TERMS: usize = 50;
/// In characters.
pub(super) const MAX_QUERY: usize = 2_000;

/// What is wrong with a query.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum QueryError {
    #[error("The query is longer than {MAX_QUERY} characters.")]
    TooLong,
    #[error("The query has more than {MAX_TERMS} terms.")]
    TooMany,
    #[error("{0}: has no value.")]
    NoValue(&'static str),
    #[error("{key}:{value} is not valid: use {expected}.")]
    Invalid {
        key: &'static str,
        value: String,
        expected: &'static str,
    },
    #[error("branch: can be used once, because it selects the results that count.")]
    TwoBranches,
}

/// The keys, and what may follow them.
const KEYS: [(&str, &str); 9] = [
    ("state", "enabled, muted or skipped"),
    ("owner", "the name of a team, or none"),
    ("flaky", "yes or no"),
    ("broken", "yes or no"),
    ("duration", "a limit such as >2s or <=500ms"),
    ("reliability", "a limit such as <99 or >=99.5"),
    ("label", "a label"),
    ("tag", "a key and a value such as host.type=c7g.*"),
    ("branch", "a name, or its start and *"),
];

/// The key that a text begins with, and what may follow it.
pub(super) fn key_of(text: &str) -> Option<(&'static str, &'static str)> {
    let found = KEYS.iter().find(|(key, _)| {
        let rest = text.strip_prefix(key);
        rest.is_some_and(|rest| rest.starts_with(':'))
    });
    found.copied()
}

impl Query {
    /// Fails if a value is not valid, or if the text or the list of terms is too long.
    pub(super) fn parse(text: &str) -> Result<Self, QueryError> {
        if text.chars().count() > MAX_QUERY {
            return Err(QueryError::TooLong);
        }
        let mut terms = Vec::new();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let term;
            (term, rest) = parse_term(rest)?;
            terms.extend(term);
            rest = rest.trim_start();
        }
        if terms.len() > MAX_TERMS {
            return Err(QueryError::TooMany);
        }
        let is_branch = |term: &&Term| matches!(term.condition, Condition::Branch { .. });
        if terms.iter().filter(is_branch).count() > 1 {
            return Err(QueryError::TwoBranches);
        }
        Ok(Self { terms })
    }
}

/// The first term of a text that does not begin with a space, and the text after it. There is no
/// term if it says nothing, as in `""`.
fn parse_term(text: &str) -> Result<(Option<Term>, &str), QueryError> {
    let after_sign = text.strip_prefix('!');
    let text = after_sign.unwrap_or(text);
    let Some((key, expected)) = key_of(text) else {
        let (word, rest) = value(text);
        let term = (!word.is_empty()).then_some(Term {
            condition: Condition::Name(word),
            is_negated: after_sign.is_some(),
        });
        return Ok((term, rest));
    };
    let (value, rest) = value(&text[key.len() + 1..]);
    if value.is_empty() {
        return Err(QueryError::NoValue(key));
    }
    let Some(condition) = condition(key, &value) else {
        return Err(QueryError::Invalid {
            key,
            value,
            expected,
        });
    };
    let term = Term {
        condition,
        is_negated: after_sign.is_some(),
    };
    Ok((Some(term), rest))
}

/// A quoted text or a word, and the text after it. A quotation that does not end reaches to the end
/// of the text.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, next)| next)),
            other => value.push(other),
        }
    }
    (value, "")
}

fn condition(key: &str, value: &str) -> Option<Condition> {
    Some(match key {
        "state" => Condition::State(STATES.into_iter().find(|state| state.name() == value)?),
        "owner" => Condition::Owner(value.to_owned()),
        "flaky" => Condition::Flaky(yes_or_no(value)?),
        "broken" => Condition::Broken(yes_or_no(value)?),
        "duration" => {
            let (comparison, limit) = compared(value)?;
            Condition::Duration(comparison, duration(limit)?)
        }
        "reliability" => {
            let (comparison, limit) = compared(value)?;
            Condition::Reliability(comparison, Percent::parse(limit)?)
        }
        "label" => Condition::Label(value.to_owned()),
        "tag" => {
            let (key, value) = value.split_once('=')?;
            let (value, is_prefix) = pattern(value);
            if key.is_empty() || (value.is_empty() && !is_prefix) {
                return None;
            }
            Condition::Tag {
                key: key.to_owned(),
                value,
                is_prefix,
            }
        }
        _ => {
            let (name, is_prefix) = pattern(value);
            if name.is_empty() {
                return None;
            }
            Condition::Branch { name, is_prefix }
        }
    })
}

fn yes_or_no(value: &str) -> Option<bool> {
    match value {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

fn compared(value: &str) -> Option<(Comparison, &str)> {
    Comparison::ALL
        .into_iter()
        .find_map(|comparison| Some((comparison, value.strip_prefix(comparison.sign())?)))
}

/// A text, and whether `*` follows it.
fn pattern(value: &str) -> (String, bool) {
    let before = value.strip_suffix('*');
    (before.unwrap_or(value).to_owned(), before.is_some())
}
