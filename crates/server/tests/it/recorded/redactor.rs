//! Replaces ids and secrets, which differ from run to run.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Fields of the form for commit archives that differ from run to run.
pub(super) const SEALED: [&str; 1] = ["signature"];

/// Replaces values that differ from run to run by numbers, in order of appearance.
#[derive(Default)]
pub(super) struct Redactor {
    known: BTreeMap<String, String>,
}

impl Redactor {
    pub(super) fn redact(&mut self, value: &mut Value, base: &str) {
        match value {
            Value::String(text) => *text = self.text(text, base),
            Value::Array(items) => items.iter_mut().for_each(|item| self.redact(item, base)),
            Value::Object(fields) => {
                for (name, field) in fields.iter_mut() {
                    if name == "graphql_id" {
                        *field = json!("U3VpdGUtLS0=");
                    } else if SEALED.contains(&name.as_str()) {
                        *field = json!("(sealed)");
                    } else {
                        self.redact(field, base);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    pub(super) fn text(&mut self, text: &str, base: &str) -> String {
        let mut rest = text.replace(base, "http://server");
        let mut done = String::new();
        while let Some((start, length)) = variable(&rest) {
            let found = rest[start..start + length].to_owned();
            let number = self.known.len() + 1;
            let replacement = self.known.entry(found.clone()).or_insert_with(|| {
                if found.starts_with("te") {
                    format!("{}{number:040}", &found[..4])
                } else {
                    format!("00000000-0000-4000-8000-{number:012}")
                }
            });
            done.push_str(&rest[..start]);
            done.push_str(replacement);
            rest = rest[start + length..].to_owned();
        }
        done + &rest
    }
}

/// The range of the first UUID or secret.
pub(super) fn variable(text: &str) -> Option<(usize, usize)> {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    (0..text.len()).find_map(|start| {
        let uuid = text.get(start..start + 36).filter(|uuid| {
            let parts: Vec<&str> = uuid.split('-').collect();
            parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
                && parts.iter().all(|part| is_hex(part))
        });
        let secret = text.get(start..start + 44).filter(|secret| {
            ["tea_", "tes_", "teh_"]
                .iter()
                .any(|kind| secret.starts_with(kind))
                && is_hex(&secret[4..])
        });
        uuid.or(secret).map(|found| (start, found.len()))
    })
}
