//! The form fields of the list of tests, and the query that they stand for. Fields and text say the
//! same: what the fields cannot express stays in the text.

use super::query::{Comparison, Condition, Query, Term};

/// What is in the fields; empty fields say nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    /// A part of the name; only from addresses of earlier versions.
    pub(super) search: String,
    pub(super) state: String,
    pub(super) owner: String,
    /// `flaky`, `broken` or empty.
    pub(super) health: String,
    pub(super) label: String,
    /// A duration that tests exceed.
    pub(super) slower: String,
    /// A percentage that the reliability of tests is below.
    pub(super) below: String,
    pub(super) branch: String,
    /// All other terms.
    pub(super) rest: String,
}

impl Fields {
    /// The field with this name.
    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut String> {
        Some(match name {
            "search" => &mut self.search,
            "state" => &mut self.state,
            "owner" => &mut self.owner,
            "health" => &mut self.health,
            "label" => &mut self.label,
            "slower" => &mut self.slower,
            "below" => &mut self.below,
            "branch" => &mut self.branch,
            "rest" => &mut self.rest,
            _ => return None,
        })
    }

    /// Whether any field but that for all other terms says something.
    pub(super) fn is_used(&self) -> bool {
        let rest = self.rest.clone();
        *self
            != Self {
                rest,
                ..Self::default()
            }
    }

    pub(super) fn of(query: &Query) -> Self {
        let mut fields = Self::default();
        let mut rest = Query::default();
        for term in &query.terms {
            let known = fields.place_of(term);
            match known.filter(|(field, _)| field.is_empty()) {
                Some((field, value)) => *field = value,
                None => rest.terms.push(term.clone()),
            }
        }
        fields.rest = rest.print();
        fields
    }

    /// The field that can express a term, and what it would contain.
    fn place_of(&mut self, term: &Term) -> Option<(&mut String, String)> {
        if term.is_negated {
            return None;
        }
        let printed = term.to_string();
        // What follows the key, in a field as it is.
        let after = |key: &str| printed[key.len()..].to_owned();
        Some(match &term.condition {
            Condition::State(state) => (&mut self.state, state.name().to_owned()),
            Condition::Owner(team) if is_trimmed(team) => (&mut self.owner, team.clone()),
            Condition::Flaky(true) => (&mut self.health, "flaky".to_owned()),
            Condition::Broken(true) => (&mut self.health, "broken".to_owned()),
            Condition::Label(label) if is_trimmed(label) => (&mut self.label, label.clone()),
            Condition::Duration(Comparison::More, _) => (&mut self.slower, after("duration:>")),
            Condition::Reliability(Comparison::Less, _) => {
                (&mut self.below, after("reliability:<"))
            }
            Condition::Branch { name, is_prefix } if is_trimmed(name) => {
                let star = if *is_prefix { "*" } else { "" };
                (&mut self.branch, format!("{name}{star}"))
            }
            _ => return None,
        })
    }

    /// The text of the query. Fields with values that are not valid make a query that is not.
    pub(super) fn text(&self) -> String {
        let mut parts = vec![self.rest.trim().to_owned()];
        let word = self.search.trim();
        if !word.is_empty() {
            let term = Term {
                condition: Condition::Name(word.to_owned()),
                is_negated: false,
            };
            parts.push(term.to_string());
        }
        let health = match self.health.as_str() {
            "flaky" | "broken" => "yes",
            _ => "",
        };
        for (key, sign, value) in [
            ("state", "", self.state.as_str()),
            ("owner", "", self.owner.as_str()),
            (self.health.as_str(), "", health),
            ("label", "", self.label.as_str()),
            ("duration", ">", self.slower.as_str()),
            ("reliability", "<", self.below.as_str()),
            ("branch", "", self.branch.as_str()),
        ] {
            let value = value.trim();
            if !value.is_empty() {
                parts.push(keyed(key, &format!("{sign}{value}")));
            }
        }
        parts.retain(|part| !part.is_empty());
        parts.join(" ")
    }
}

/// Whether a field keeps a value as it is.
fn is_trimmed(value: &str) -> bool {
    value.trim() == value
}

/// A term with a key, whatever its value is.
fn keyed(key: &str, value: &str) -> String {
    // Quoting does not depend on the key.
    let printed = Term {
        condition: Condition::Label(value.to_owned()),
        is_negated: false,
    };
    format!("{key}:{}", &printed.to_string()["label:".len()..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::query::tests::any_term;
    use super::*;

    fn fields(text: &str) -> Fields {
        Fields::of(&Query::parse(text).unwrap())
    }

    #[test]
    fn fields_have_what_they_can_express() {
        let found = fields(
            "state:muted owner:shop flaky:yes label:\"very slow\" duration:>1.5s reliability:<99 \
             branch:feature/* adds !label:x duration:<9s broken:yes",
        );
        let expected = Fields {
            search: String::new(),
            state: "muted".to_owned(),
            owner: "shop".to_owned(),
            health: "flaky".to_owned(),
            label: "very slow".to_owned(),
            slower: "1.5s".to_owned(),
            below: "99".to_owned(),
            branch: "feature/*".to_owned(),
            rest: "adds !label:x duration:<9s broken:yes".to_owned(),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn the_text_is_that_of_the_fields() {
        let of = |change: fn(&mut Fields)| {
            let mut fields = Fields::default();
            change(&mut fields);
            fields.text()
        };
        assert_eq!(of(|_| {}), "");
        assert_eq!(
            of(|fields| fields.search = " adds up ".into()),
            "\"adds up\""
        );
        assert_eq!(of(|fields| fields.health = "broken".into()), "broken:yes");
        assert_eq!(of(|fields| fields.health = "other".into()), "");
        assert_eq!(of(|fields| fields.slower = "2s".into()), "duration:>2s");
        // Nothing that is typed into a field becomes another term.
        let slower = of(|fields| fields.slower = "2s state:muted".into());
        assert_eq!(slower, "duration:\">2s state:muted\"");
        assert!(Query::parse(&slower).is_err());
    }

    fn sorted(query: &Query) -> Vec<String> {
        let mut terms: Vec<String> = query.terms.iter().map(ToString::to_string).collect();
        terms.sort_unstable();
        terms
    }

    proptest! {
        #[test]
        fn a_query_has_the_same_terms_after_the_fields(
            terms in prop::collection::vec(any_term(), 0..8),
        ) {
            let query = Query { terms };
            let again = Query::parse(&Fields::of(&query).text());
            prop_assert_eq!(again.as_ref().map(sorted), Ok(sorted(&query)));
        }
    }
}
