//! Typed access to the variables of a CI.

use std::collections::BTreeMap;

/// A value that a CI reports, and the variable it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Never blank.
    pub text: String,
    /// The first of several variables.
    pub from: &'static str,
}

impl Value {
    pub(super) fn new(from: &'static str, text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        (!text.trim().is_empty()).then_some(Self { text, from })
    }
}

/// Variables by name. Blank ones count as not set.
#[derive(Clone, Copy, Debug)]
pub struct Variables<'a>(&'a BTreeMap<&'static str, String>);

impl<'a> Variables<'a> {
    pub fn new(variables: &'a BTreeMap<&'static str, String>) -> Self {
        Self(variables)
    }

    /// The trimmed text; empty if it is not set.
    pub(super) fn text(self, name: &str) -> &'a str {
        self.0.get(name).map_or("", |text| text.trim())
    }

    /// Whether it is set to anything but `false`.
    pub(super) fn is_set(self, name: &str) -> bool {
        let text = self.text(name);
        !text.is_empty() && !text.eq_ignore_ascii_case("false")
    }

    pub fn value(self, name: &'static str) -> Option<Value> {
        Value::new(name, self.text(name))
    }

    /// The first that is set.
    pub(super) fn first(self, names: &[&'static str]) -> Option<Value> {
        names.iter().find_map(|name| self.value(name))
    }

    /// All of them joined. `None` if one is missing, since an incomplete name is not unique.
    pub(super) fn all(self, names: &[&'static str], joint: &str) -> Option<Value> {
        let texts: Vec<&str> = names.iter().map(|name| self.text(name)).collect();
        if texts.contains(&"") {
            return None;
        }
        Value::new(names.first()?, texts.join(joint))
    }

    /// The name of the branch or tag in the first that is set, which may be a full ref.
    pub(super) fn branch(self, names: &[&'static str]) -> Option<Value> {
        let value = self.first(names)?;
        Value::new(value.from, without_ref_prefix(&value.text))
    }

    /// Like [`Self::branch`], for CIs that report what git checked out: `origin/main`,
    /// `origin/tags/v1`.
    pub(super) fn remote_branch(self, names: &[&'static str]) -> Option<Value> {
        let value = self.branch(names)?;
        let name = without_prefixes(&value.text, &["remotes/origin/", "origin/"]);
        Value::new(value.from, without_prefixes(name, &["tags/"]))
    }

    /// The tag in the first that is set, which may be a full ref.
    pub(super) fn tag(self, names: &[&'static str]) -> Option<Value> {
        let value = self.first(names)?;
        let tag = without_prefixes(&value.text, &["refs/tags/", "origin/tags/"]);
        Value::new(value.from, tag)
    }

    /// The tag, if this full ref is one.
    pub(super) fn tag_of_ref(self, name: &'static str) -> Option<Value> {
        Value::new(name, self.text(name).strip_prefix("refs/tags/")?)
    }

    /// The tag, if git checked out one: `refs/tags/v1`, `origin/tags/v1`, `tags/v1`.
    pub(super) fn remote_tag(self, name: &'static str) -> Option<Value> {
        let prefixes = [
            "refs/remotes/origin/",
            "remotes/origin/",
            "origin/",
            "refs/",
        ];
        let text = without_prefixes(self.text(name), &prefixes);
        Value::new(name, text.strip_prefix("tags/")?)
    }

    /// A retry count from a number of attempts, which starts at 1.
    pub(super) fn retries(self, name: &'static str) -> Option<Value> {
        let attempt: u32 = self.text(name).parse().ok()?;
        Value::new(name, attempt.checked_sub(1)?.to_string())
    }
}

/// Only full refs are cut, since `origin/a` and `tags/a` are also valid names of branches.
fn without_ref_prefix(text: &str) -> &str {
    without_prefixes(text, &["refs/heads/", "refs/tags/", "refs/remotes/origin/"])
}

/// Without the first of the prefixes that the text has.
fn without_prefixes<'a>(text: &'a str, prefixes: &[&str]) -> &'a str {
    let rest = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix));
    rest.unwrap_or(text)
}
