//! Finds the format of a result file by its content. Pure.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use test_engine_results::xml::{Token, Tokens};
use test_engine_results::{Format, decode};

use crate::result_format::{ConvertedFormat, ResultFormat};

/// `None` if the content is in none of the formats. Finds the format of damaged files, too.
pub(crate) fn by_content(bytes: &[u8]) -> Option<ResultFormat> {
    let (text, _) = decode(bytes);
    let text = text.trim_start();
    match text.as_bytes().first()? {
        b'<' => by_root(text),
        b'[' => by_first_item(text),
        b'{' => by_keys(&keys_of(text)),
        _ => is_tap(text).then_some(ResultFormat::Converted(ConvertedFormat::Tap)),
    }
}

fn by_root(text: &str) -> Option<ResultFormat> {
    let mut tokens = Tokens::new(text);
    let root = loop {
        match tokens.next_token().ok()? {
            Token::Start(name) => break name,
            Token::Eof => return None,
            _ => {}
        }
    };
    if matches!(root, "testsuites" | "testsuite") {
        return Some(ResultFormat::Uploaded(Format::Junit));
    }
    ConvertedFormat::of_root(root).map(ResultFormat::Converted)
}

/// The arrays among the formats are those of Cucumber and of Test Engine JSON.
fn by_first_item(text: &str) -> Option<ResultFormat> {
    let item = text.strip_prefix('[')?.trim_start();
    let keys = if item.starts_with('{') {
        keys_of(item)
    } else {
        Vec::new()
    };
    let has = |key: &str| keys.iter().any(|known| known == key);
    if has("elements") || (has("uri") && has("keyword")) {
        Some(ResultFormat::Uploaded(Format::CucumberJson))
    } else {
        has("name").then_some(ResultFormat::Uploaded(Format::Json))
    }
}

fn by_keys(keys: &[String]) -> Option<ResultFormat> {
    let has = |key: &str| keys.iter().any(|known| known == key);
    let format = if has("testResults") {
        Format::JestJson
    } else if has("examples") {
        Format::RspecJson
    } else if has("suites") {
        Format::PlaywrightJson
    } else if has("Action") {
        Format::GoJsonl
    } else {
        return None;
    };
    Some(ResultFormat::Uploaded(format))
}

/// The keys of the object at the start of a text, as far as it can be read.
fn keys_of(text: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let _ = Keys(&mut keys).deserialize(&mut deserializer);
    keys
}

struct Keys<'k>(&'k mut Vec<String>);

impl<'de> DeserializeSeed<'de> for Keys<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Keys<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(key) = members.next_key()? {
            self.0.push(key);
            members.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

fn is_tap(text: &str) -> bool {
    let first = text
        .lines()
        .map(str::trim_end)
        .find(|line| !line.starts_with('#'));
    first.is_some_and(|line| {
        line.starts_with("TAP version ")
            || line.strip_prefix("1..").is_some_and(|count| {
                let count = count.split(' ').next().unwrap_or_default();
                !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit())
            })
            || line.starts_with("ok 1")
            || line.starts_with("not ok 1")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognizes_formats_by_their_content() {
        let table = [
            (
                "<?xml version='1.0'?><!-- x --><testsuites><testsu",
                "junit",
            ),
            ("\u{FEFF}<TestRun xmlns='x'/>", "trx"),
            ("<test-run/>", "nunit3"),
            ("<assemblies/>", "xunit2"),
            ("<Site Name='x'/>", "ctest"),
            ("<coverage/>", "none"),
            (r#"{"numFailedTests": 1, "testResults": [{"#, "jest-json"),
            (r#"{"version": "3", "examples": []}"#, "rspec-json"),
            (r#"{"config": {}, "suites": []}"#, "playwright-json"),
            (
                r#"[{"uri": "a.feature", "keyword": "Feature"}]"#,
                "cucumber-json",
            ),
            (r#"[{"id": 1, "name": "a"}]"#, "json"),
            (
                "{\"Time\":\"\",\"Action\":\"start\"}\n{\"Action\"",
                "go-jsonl",
            ),
            (r#"{"name": "package", "version": "1.0.0"}"#, "none"),
            ("[]", "none"),
            ("[1]", "none"),
            ("TAP version 14\n1..1", "tap"),
            ("# hello\n1..2 # SKIP", "tap"),
            ("ok 1 - works", "tap"),
            ("okay", "none"),
            ("", "none"),
        ];
        for (content, expected) in table {
            let format = by_content(content.as_bytes());
            let name = format.map_or("none", ResultFormat::name);
            assert_eq!(name, expected, "{content}");
        }
    }
}
