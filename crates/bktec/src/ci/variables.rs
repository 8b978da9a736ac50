//! Reads variables of a CI: values that remember which variable they came from.

use std::collections::BTreeMap;

/// Something that a CI says, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The text, never blank.
    pub text: String,
    /// The variable it came from; of several, the first.
    pub from: &'static str,
}

/// Variables by their names. Blank ones are not there.
#[derive(Clone, Copy, Debug)]
pub struct Variables<'a>(&'a BTreeMap<&'static str, String>);

impl<'a> Variables<'a> {
    /// Over what was read from the environment.
    pub fn new(variables: &'a BTreeMap<&'static str, String>) -> Self {
        Self(variables)
    }

    /// The text without blanks around it; empty when it is not set.
    pub(super) fn text(self, name: &str) -> &'a str {
        self.0.get(name).map_or("", |text| text.trim())
    }

    /// Whether it says yes: anything but nothing and `false`.
    pub(super) fn is_set(self, name: &str) -> bool {
        let text = self.text(name);
        !text.is_empty() && !text.eq_ignore_ascii_case("false")
    }

    /// What the variable says.
    pub fn value(self, name: &'static str) -> Option<Value> {
        self.derived(name, self.text(name))
    }

    /// A value that was made of the variable's text.
    #[expect(clippy::unused_self, reason = "reads like its neighbours")]
    pub(super) fn derived(self, from: &'static str, text: impl Into<String>) -> Option<Value> {
        let text = text.into();
        (!text.trim().is_empty()).then_some(Value { text, from })
    }

    /// The first that is set.
    pub(super) fn first(self, names: &[&'static str]) -> Option<Value> {
        names.iter().find_map(|name| self.value(name))
    }

    /// All of them joined, or nothing when one is missing: half a name is somebody else's.
    pub(super) fn all(self, names: &[&'static str], joint: &str) -> Option<Value> {
        let texts: Vec<&str> = names.iter().map(|name| self.text(name)).collect();
        if texts.iter().any(|text| text.is_empty()) {
            return None;
        }
        Some(Value {
            text: texts.join(joint),
            from: names.first()?,
        })
    }

    /// A branch without what git puts in front of it.
    pub(super) fn branch(self, names: &[&'static str], prefix: &str) -> Option<Value> {
        let value = self.first(names)?;
        let text = value.text.strip_prefix(prefix).unwrap_or(&value.text);
        self.derived(value.from, text)
    }

    /// A count of attempts that begins at 1, as a count of retries. Nothing when it is no such count.
    pub(super) fn retries(self, name: &'static str) -> Option<Value> {
        let attempt: u32 = self.text(name).parse().ok()?;
        self.derived(name, attempt.checked_sub(1)?.to_string())
    }
}
