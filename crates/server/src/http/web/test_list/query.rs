//! The query language of the list of tests: `state:muted owner:payments !label:slow adds up`.
//!
//! A query is a list of terms, separated by spaces, which a test has to meet all. A term is a word,
//! which is part of the test's scope or name, or a key and a value. `!` before a term negates it.
//! Quotation marks keep spaces, and make a word of anything: `"a b"`, `label:"very slow"`,
//! `"state:muted"`; in them, `\` stands before `"` and `\`.
//!
//! Parsing and printing are inverse: what [`Query::print`] returns is parsed to the same query.

use std::fmt;

use test_engine_duration::Micros;
use test_engine_store::TestState;

use super::amounts::{Percent, print_duration};
use super::parse::key_of;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) condition: Condition,
    pub(super) is_negated: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// A part of scope and name.
    Name(String),
    State(TestState),
    /// A team, or `none`.
    Owner(String),
    Flaky(bool),
    Broken(bool),
    Duration(Comparison, Micros),
    Reliability(Comparison, Percent),
    Label(String),
    Tag {
        key: String,
        value: String,
        /// The value may be followed by anything.
        is_prefix: bool,
    },
    Branch {
        name: String,
        /// The name may be followed by anything.
        is_prefix: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Comparison {
    /// Longer ones first, because some begin with others.
    pub(super) const ALL: [Self; 4] = [Self::AtMost, Self::AtLeast, Self::Less, Self::More];

    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
        }
    }

    pub(super) fn holds<T: PartialOrd + Copy>(self, value: T, limit: T) -> bool {
        match self {
            Self::Less => value < limit,
            Self::AtMost => value <= limit,
            Self::More => value > limit,
            Self::AtLeast => value >= limit,
        }
    }
}

pub(super) const STATES: [TestState; 3] =
    [TestState::Enabled, TestState::Muted, TestState::Skipped];

impl Query {
    pub(super) fn of_condition(condition: Condition) -> Self {
        let is_negated = false;
        Self {
            terms: vec![Term {
                condition,
                is_negated,
            }],
        }
    }

    pub(super) fn print(&self) -> String {
        let terms: Vec<String> = self.terms.iter().map(ToString::to_string).collect();
        terms.join(" ")
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = |is_prefix: bool| if is_prefix { "*" } else { "" };
        f.write_str(if self.is_negated { "!" } else { "" })?;
        match &self.condition {
            Condition::Name(word) => write_value(f, word, is_like_a_term(word)),
            Condition::State(state) => write!(f, "state:{}", state.name()),
            Condition::Owner(team) => write_keyed(f, "owner", team),
            Condition::Flaky(yes) => write!(f, "flaky:{}", yes_word(*yes)),
            Condition::Broken(yes) => write!(f, "broken:{}", yes_word(*yes)),
            Condition::Duration(comparison, limit) => {
                write!(
                    f,
                    "duration:{}{}",
                    comparison.sign(),
                    print_duration(*limit)
                )
            }
            Condition::Reliability(comparison, limit) => {
                write!(f, "reliability:{}{limit}", comparison.sign())
            }
            Condition::Label(label) => write_keyed(f, "label", label),
            Condition::Tag {
                key,
                value,
                is_prefix,
            } => write_keyed(f, "tag", &format!("{key}={value}{}", star(*is_prefix))),
            Condition::Branch { name, is_prefix } => {
                write_keyed(f, "branch", &format!("{name}{}", star(*is_prefix)))
            }
        }
    }
}

const fn yes_word(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

/// Whether a word needs quotation marks so that it is not taken for something else.
fn is_like_a_term(word: &str) -> bool {
    key_of(word).is_some() || word.starts_with('!')
}

fn write_keyed(f: &mut fmt::Formatter<'_>, key: &str, value: &str) -> fmt::Result {
    write!(f, "{key}:")?;
    write_value(f, value, false)
}

fn write_value(f: &mut fmt::Formatter<'_>, value: &str, is_quoted: bool) -> fmt::Result {
    let is_quoted = is_quoted || value.starts_with('"') || value.contains(char::is_whitespace);
    if !is_quoted {
        return f.write_str(value);
    }
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
    write!(f, "\"{escaped}\"")
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::super::parse::QueryError;
    use super::*;

    fn parse(text: &str) -> Query {
        Query::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn term(condition: Condition) -> Term {
        Term {
            condition,
            is_negated: false,
        }
    }

    fn name(word: &str) -> Term {
        term(Condition::Name(word.to_owned()))
    }

    #[test]
    fn every_term_of_the_language_is_understood() {
        let query = parse(
            "state:muted owner:payments-team flaky:yes !broken:no duration:>2s reliability:<99.5 \
             label:\"very slow\" tag:host.type=c7g.* branch:feature/* Cart::Item \"adds up\" !old",
        );
        let expected = [
            term(Condition::State(TestState::Muted)),
            term(Condition::Owner("payments-team".to_owned())),
            term(Condition::Flaky(true)),
            Term {
                condition: Condition::Broken(false),
                is_negated: true,
            },
            term(Condition::Duration(
                Comparison::More,
                Micros::new(2_000_000),
            )),
            term(Condition::Reliability(
                Comparison::Less,
                Percent::parse("99.5").unwrap(),
            )),
            term(Condition::Label("very slow".to_owned())),
            term(Condition::Tag {
                key: "host.type".to_owned(),
                value: "c7g.".to_owned(),
                is_prefix: true,
            }),
            term(Condition::Branch {
                name: "feature/".to_owned(),
                is_prefix: true,
            }),
            name("Cart::Item"),
            name("adds up"),
            Term {
                condition: Condition::Name("old".to_owned()),
                is_negated: true,
            },
        ];
        assert_eq!(query.terms, expected);
        assert_eq!(parse(&query.print()), query);
    }

    #[test]
    fn quotation_marks_make_a_word_of_anything() {
        for (text, word) in [
            ("\"state:muted\"", "state:muted"),
            ("\"!x\"", "!x"),
            ("\"say \\\"no\\\" \\\\o/\"", "say \"no\" \\o/"),
            ("\"not closed ", "not closed "),
            ("it's\"quoted\"", "it's\"quoted\""),
            ("states:muted", "states:muted"),
            ("C:\\temp", "C:\\temp"),
        ] {
            let query = parse(text);
            assert_eq!(query.terms, [name(word)], "{text}");
            assert_eq!(parse(&query.print()), query, "{text}");
        }
        assert_eq!(parse("  \t ").terms, []);
        assert_eq!(parse("\"\" a \"\"").terms, [name("a")]);
    }

    #[test]
    fn what_is_not_valid_is_named_with_what_is() {
        for (text, problem) in [
            (
                "state:gone",
                "state:gone is not valid: use enabled, muted or skipped.",
            ),
            ("flaky:maybe", "flaky:maybe is not valid: use yes or no."),
            (
                "duration:2s",
                "duration:2s is not valid: use a limit such as >2s or <=500ms.",
            ),
            (
                "reliability:<x",
                "reliability:<x is not valid: use a limit such as <99 or >=99.5.",
            ),
            (
                "tag:host",
                "tag:host is not valid: use a key and a value such as host.type=c7g.*.",
            ),
            (
                "branch:*",
                "branch:* is not valid: use a name, or its start and *.",
            ),
            ("a label: b", "label: has no value."),
            (
                "branch:a branch:b",
                "branch: can be used once, because it selects the results that count.",
            ),
        ] {
            assert_eq!(Query::parse(text).unwrap_err().to_string(), problem);
        }
        assert_eq!(Query::parse(&"a ".repeat(51)), Err(QueryError::TooMany));
        assert_eq!(Query::parse(&"a".repeat(2_001)), Err(QueryError::TooLong));
    }

    pub(crate) fn any_term() -> impl Strategy<Value = Term> {
        // Words that look like syntax, and any others.
        let word = || {
            prop_oneof![
                "[ -~]{1,12}",
                "\\PC{1,8}",
                "!?(state|label|branch):[\"\\\\ *=!a-z]{0,6}",
            ]
        };
        let comparison = || prop::sample::select(Comparison::ALL.to_vec());
        let condition = prop_oneof![
            word().prop_map(Condition::Name),
            prop::sample::select(STATES.to_vec()).prop_map(Condition::State),
            word().prop_map(Condition::Owner),
            any::<bool>().prop_map(Condition::Flaky),
            any::<bool>().prop_map(Condition::Broken),
            (comparison(), 0..100_000_000_000_u64)
                .prop_map(|(sign, micros)| Condition::Duration(sign, Micros::new(micros))),
            (comparison(), 0..=1_000_000_u32)
                .prop_map(|(sign, parts)| Condition::Reliability(sign, Percent::new(parts))),
            word().prop_map(Condition::Label),
            ("[a-z.]{1,8}", word(), any::<bool>()).prop_map(|(key, value, is_prefix)| {
                Condition::Tag {
                    key,
                    value: format!("{value}."),
                    is_prefix,
                }
            }),
        ];
        (condition, any::<bool>()).prop_map(|(condition, is_negated)| Term {
            condition,
            is_negated,
        })
    }

    proptest! {
        #[test]
        fn a_printed_query_is_parsed_to_itself(
            terms in prop::collection::vec(any_term(), 0..8),
            branch in prop::option::of("[a-z/ \"\\\\]{1,6}x"),
        ) {
            let branch = branch.map(|name| term(Condition::Branch { name, is_prefix: true }));
            let query = Query { terms: terms.into_iter().chain(branch).collect() };
            let printed = query.print();
            prop_assert_eq!(Query::parse(&printed), Ok(query), "{}", printed);
        }

        #[test]
        fn any_text_is_refused_or_means_the_same_when_printed(text in "\\PC{0,60}") {
            if let Ok(query) = Query::parse(&text) {
                prop_assert_eq!(Query::parse(&query.print()), Ok(query));
            }
        }

        #[test]
        fn a_text_of_syntax_is_refused_or_means_the_same_when_printed(
            text in "(!|\"|\\\\| |\\*|=|:|>|<|[0-9]|s|state|label|tag|duration|branch|muted){0,24}",
        ) {
            if let Ok(query) = Query::parse(&text) {
                prop_assert_eq!(Query::parse(&query.print()), Ok(query));
            }
        }
    }
}
