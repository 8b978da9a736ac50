//! Filter terms of lists of tests, as in `tags=team:shop,!result:failed`.

use std::collections::BTreeMap;

use test_engine_results::Outcome;
use test_engine_store::Metrics;

const MAX_TERMS: usize = 50;
/// The key in `tags` that filters by the results of a test's executions.
const RESULT_KEY: &str = "result";
const RESULTS: [&str; 4] = ["passed", "failed", "skipped", "unknown"];

/// A word, negated with `!`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) word: String,
    pub(super) is_wanted: bool,
}

/// A condition on the tags of an execution.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TagTerm {
    key: String,
    value: TagValue,
    is_wanted: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum TagValue {
    Is(String),
    StartsWith(String),
}

impl TagTerm {
    pub(super) fn matches(&self, tags: &BTreeMap<String, String>) -> bool {
        let is_present = tags.get(&self.key).is_some_and(|tag| match &self.value {
            TagValue::Is(value) => tag == value,
            TagValue::StartsWith(prefix) => tag.starts_with(prefix),
        });
        is_present == self.is_wanted
    }
}

/// A condition on the results of all executions of a test.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ResultTerm {
    result: String,
    occurs: Occurs,
}

#[derive(Debug, PartialEq, Eq)]
enum Occurs {
    AtLeastOnce,
    Always,
    Never,
}

impl ResultTerm {
    pub(super) fn matches(&self, metrics: &Metrics) -> bool {
        let counts = &metrics.counts;
        let count = match self.result.as_str() {
            "passed" => counts.passed,
            "failed" => counts.failed,
            "skipped" => counts.skipped,
            _ => counts.unknown,
        };
        match self.occurs {
            Occurs::AtLeastOnce => count > 0,
            Occurs::Always => count > 0 && count == counts.executions(),
            Occurs::Never => count == 0,
        }
    }

    /// Whether an execution is one of those that the term is about.
    pub(super) fn includes(&self, outcome: Outcome) -> bool {
        self.occurs == Occurs::Never || self.result == outcome.name()
    }

    pub(super) fn parse(value: &str, is_wanted: bool) -> Result<Self, String> {
        let always = value.strip_prefix('^');
        let result = always.or_else(|| value.strip_prefix('~')).unwrap_or(value);
        if !RESULTS.contains(&result) {
            return Err(format!(
                "Invalid result {result:?}: use one of {}.",
                RESULTS.join(", ")
            ));
        }
        let occurs = match (always, is_wanted) {
            (Some(_), true) => Occurs::Always,
            (Some(_), false) => return Err("A result cannot have both ! and ^.".to_owned()),
            (None, true) => Occurs::AtLeastOnce,
            (None, false) => Occurs::Never,
        };
        Ok(Self {
            result: result.to_owned(),
            occurs,
        })
    }
}

/// Parses comma-separated terms of the parameter.
pub(super) fn terms(parameter: &str, value: Option<&str>) -> Result<Vec<Term>, String> {
    let words = value.unwrap_or_default().split(',').map(str::trim);
    let terms: Vec<Term> = words
        .filter(|word| !word.is_empty())
        .map(|word| {
            let negated = word.strip_prefix('!');
            Term {
                word: negated.unwrap_or(word).trim().to_owned(),
                is_wanted: negated.is_none(),
            }
        })
        .collect();
    if terms.iter().any(|term| term.word.is_empty()) {
        return Err(format!("{parameter} has a ! without a value."));
    }
    if terms.len() > MAX_TERMS {
        return Err(format!("{parameter} has more than {MAX_TERMS} terms."));
    }
    Ok(terms)
}

/// Parses `key:value`, negated by `!` before the key or the value; `*` after the value makes it a
/// prefix.
pub(super) fn tag_terms(value: Option<&str>) -> Result<(Vec<TagTerm>, Vec<ResultTerm>), String> {
    let (mut tags, mut results) = (Vec::new(), Vec::new());
    for term in terms("tags", value)? {
        let invalid = || format!("Invalid tag {:?}: use the format key:value.", term.word);
        let (key, value) = term.word.split_once(':').ok_or_else(invalid)?;
        let (key, value) = (key.trim(), value.trim());
        let negated = value.strip_prefix('!');
        let is_wanted = term.is_wanted && negated.is_none();
        let value = negated.unwrap_or(value);
        if key.is_empty() || value.is_empty() {
            return Err(invalid());
        }
        if key == RESULT_KEY {
            results.push(ResultTerm::parse(value, is_wanted)?);
            continue;
        }
        tags.push(TagTerm {
            key: key.to_owned(),
            value: match value.strip_suffix('*') {
                Some(prefix) => TagValue::StartsWith(prefix.to_owned()),
                None => TagValue::Is(value.to_owned()),
            },
            is_wanted,
        });
    }
    Ok((tags, results))
}

#[cfg(test)]
mod tests {
    use super::{Occurs, TagTerm, TagValue, Term, tag_terms, terms};

    #[test]
    fn terms_can_be_negated() {
        let term = |word: &str, is_wanted| Term {
            word: word.to_owned(),
            is_wanted,
        };
        let parsed = terms("owners", Some("shop, !web,"));
        assert_eq!(parsed, Ok(vec![term("shop", true), term("web", false)]));
        assert_eq!(terms("owners", None), Ok(Vec::new()));
    }

    #[test]
    fn tags_and_results_are_separated() {
        let (tags, results) = tag_terms(Some(
            "team:shop,!host.arch:arm*,cloud:!gcp,result:^passed,result:!failed",
        ))
        .unwrap();
        let tag = |key: &str, value, is_wanted| TagTerm {
            key: key.to_owned(),
            value,
            is_wanted,
        };
        assert_eq!(
            tags,
            [
                tag("team", TagValue::Is("shop".to_owned()), true),
                tag("host.arch", TagValue::StartsWith("arm".to_owned()), false),
                tag("cloud", TagValue::Is("gcp".to_owned()), false),
            ]
        );
        let results = results.iter();
        let results: Vec<_> = results
            .map(|term| (term.result.as_str(), &term.occurs))
            .collect();
        assert_eq!(
            results,
            [("passed", &Occurs::Always), ("failed", &Occurs::Never)]
        );
    }

    #[test]
    fn incomplete_terms_are_rejected() {
        for tags in ["team", ":x", "x:", "result:broken", "!result:^passed", "!"] {
            assert!(tag_terms(Some(tags)).is_err(), "{tags}");
        }
        assert!(terms("owners", Some(&"a,".repeat(51))).is_err());
    }
}
