//! The text of a failure: what was expected, what was there, and the backtrace with the project's
//! own frames apart from those of libraries. Pure.

use test_engine_insights::Frame;
use test_engine_results::FailureDetail;
use test_engine_store::TestedCode;

/// Lines of a value that are compared.
const MAX_DIFF_LINES: usize = 12;

/// What the own parts of a page are limited to.
#[derive(Clone, Copy, Debug)]
pub(in crate::http::web) struct Limits {
    /// Own frames and other lines of a backtrace.
    pub(in crate::http::web) lines: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::http::web) struct FailureText {
    /// Empty if the text does not say what was expected.
    pub(in crate::http::web) diff: Vec<DiffLine>,
    pub(in crate::http::web) text: String,
    pub(in crate::http::web) trace: Vec<TraceLine>,
}

/// A line of the expected value, of the actual one, or of both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http::web) struct DiffLine {
    /// `plus`, `minus` or `same`.
    pub(in crate::http::web) class: &'static str,
    pub(in crate::http::web) sign: &'static str,
    pub(in crate::http::web) before: String,
    /// Where the two differ; may be empty.
    pub(in crate::http::web) marked: String,
    pub(in crate::http::web) after: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http::web) struct TraceLine {
    /// `own`, `library` or `other`.
    pub(in crate::http::web) class: &'static str,
    pub(in crate::http::web) text: String,
    /// Its file is in the commit.
    pub(in crate::http::web) is_changed: bool,
}

impl FailureText {
    pub(in crate::http::web) fn new(
        details: &[FailureDetail],
        code: &TestedCode,
        limits: Limits,
    ) -> Self {
        let expanded: Vec<&str> = details
            .iter()
            .flat_map(|detail| detail.expanded.iter())
            // Unlike `lines`, this keeps an empty text, which ends a value.
            .flat_map(|text| text.strip_suffix('\n').unwrap_or(text).split('\n'))
            .collect();
        let backtrace = details
            .iter()
            .flat_map(|detail| detail.backtrace.iter())
            .flat_map(|text| text.lines());
        Self {
            diff: diff(&expanded),
            text: expanded.join("\n"),
            trace: trace(backtrace, code, limits.lines),
        }
    }
}

/// Frames of libraries that follow each other are one line.
fn trace<'a>(
    lines: impl Iterator<Item = &'a str>,
    code: &TestedCode,
    limit: usize,
) -> Vec<TraceLine> {
    let mut found = Vec::new();
    let mut libraries = 0_u64;
    let mut left_out = 0_u64;
    let flush = |found: &mut Vec<TraceLine>, libraries: &mut u64| {
        if *libraries > 0 {
            found.push(TraceLine {
                class: "library",
                text: match *libraries {
                    1 => "1 frame of a library".to_owned(),
                    frames => format!("{frames} frames of libraries"),
                },
                is_changed: false,
            });
            *libraries = 0;
        }
    };
    for line in lines.filter(|line| !line.trim().is_empty()) {
        let frame = Frame::parse(line);
        if frame.as_ref().is_some_and(Frame::is_library) {
            libraries += 1;
            continue;
        }
        flush(&mut found, &mut libraries);
        if found.len() >= limit {
            left_out += 1;
            continue;
        }
        found.push(TraceLine {
            class: if frame.is_some() { "own" } else { "other" },
            text: line.trim_end().to_owned(),
            is_changed: frame.is_some_and(|frame| code.changes_anywhere(frame.file)),
        });
    }
    flush(&mut found, &mut libraries);
    if left_out > 0 {
        found.truncate(limit);
        found.push(TraceLine {
            class: "library",
            text: format!("and {left_out} more lines"),
            is_changed: false,
        });
    }
    found
}

/// Starts of lines with the expected and the actual value, as runners and assertion libraries
/// write them.
const EXPECTED: [&str; 5] = [
    "expected:",
    "expected :",
    "expected  :",
    "expected to be:",
    "want:",
];
const ACTUAL: [&str; 8] = [
    "got:",
    "received:",
    "actual:",
    "actual :",
    "actual  :",
    "but was:",
    "but got:",
    "was:",
];

fn diff(lines: &[&str]) -> Vec<DiffLine> {
    if let Some((expected, actual)) = values(lines) {
        return compared(&expected, &actual);
    }
    jest_diff(lines)
}

/// The text after the marker that a line starts with.
fn after<'a>(line: &'a str, markers: &[&str]) -> Option<&'a str> {
    let line = line.trim_start().trim_start_matches("E  ").trim_start();
    markers.iter().find_map(|marker| {
        let start = line.get(..marker.len())?;
        start
            .eq_ignore_ascii_case(marker)
            .then(|| line[marker.len()..].trim())
    })
}

/// The lines of the expected and of the actual value.
fn values<'a>(lines: &[&'a str]) -> Option<(Vec<&'a str>, Vec<&'a str>)> {
    if let Some(found) = lines.iter().find_map(|line| in_one_line(line)) {
        return Some((vec![found.0], vec![found.1]));
    }
    let start = lines
        .iter()
        .position(|line| after(line, &EXPECTED).is_some())?;
    let rest = &lines[start..];
    let middle = rest
        .iter()
        .position(|line| after(line, &ACTUAL).is_some())?;
    let end = rest[middle..]
        .iter()
        .position(|line| line.trim().is_empty())
        .map_or(rest.len(), |length| middle + length);
    let value = |lines: &[&'a str], markers: &[&str]| -> Vec<&'a str> {
        let first = lines.first().and_then(|line| after(line, markers));
        let others = lines.iter().skip(1).map(|line| line.trim_end());
        let all = first.into_iter().chain(others);
        all.filter(|line| !line.trim().is_empty()).collect()
    };
    let expected = value(&rest[..middle], &EXPECTED);
    let actual = value(&rest[middle..end], &ACTUAL);
    (!expected.is_empty() && !actual.is_empty()).then_some((expected, actual))
}

/// `expected:<1> but was:<2>` and `assert 2 == 1`, as JUnit and pytest write them.
fn in_one_line(line: &str) -> Option<(&str, &str)> {
    if let Some((_, rest)) = line.split_once("expected:<")
        && let Some((expected, rest)) = rest.split_once("> but was:<")
    {
        return Some((expected, rest.strip_suffix('>').unwrap_or(rest)));
    }
    let line = line.trim_start();
    let line = line.strip_prefix("E ").unwrap_or(line).trim();
    let (actual, expected) = line.strip_prefix("assert ")?.split_once(" == ")?;
    (!expected.contains(" == ")).then(|| (expected.trim(), actual.trim()))
}

/// Jest's and Vitest's diff, in which `-` is expected.
fn jest_diff(lines: &[&str]) -> Vec<DiffLine> {
    let is_legend =
        |line: &&&str| line.trim() == "+ Received" || line.trim().starts_with("+ Received  ");
    let Some(start) = lines.iter().position(|line| is_legend(&line)) else {
        return Vec::new();
    };
    let body = lines[start + 1..]
        .iter()
        .skip_while(|line| line.trim().is_empty());
    let body = body.take_while(|line| !line.trim().is_empty());
    body.take(2 * MAX_DIFF_LINES)
        .map(|line| {
            let line = line.strip_prefix("    ").unwrap_or(line);
            let (class, sign) = match line.chars().next() {
                Some('-') => ("plus", "+"),
                Some('+') => ("minus", "−"),
                _ => ("same", ""),
            };
            DiffLine {
                class,
                sign,
                before: line.get(1..).unwrap_or_default().to_owned(),
                marked: String::new(),
                after: String::new(),
            }
        })
        .collect()
}

/// Lines that are the same are shown once.
fn compared(expected: &[&str], actual: &[&str]) -> Vec<DiffLine> {
    let mut lines = Vec::new();
    let count = expected.len().max(actual.len()).min(MAX_DIFF_LINES);
    for at in 0..count {
        let (expected, actual) = (expected.get(at).copied(), actual.get(at).copied());
        if expected == actual {
            lines.extend(expected.map(|text| line("same", "", text, 0..0)));
            continue;
        }
        let (in_expected, in_actual) =
            difference(expected.unwrap_or_default(), actual.unwrap_or_default());
        lines.extend(expected.map(|text| line("plus", "+", text, in_expected)));
        lines.extend(actual.map(|text| line("minus", "−", text, in_actual)));
    }
    lines
}

fn line(
    class: &'static str,
    sign: &'static str,
    text: &str,
    marked: std::ops::Range<usize>,
) -> DiffLine {
    DiffLine {
        class,
        sign,
        before: text[..marked.start].to_owned(),
        marked: text[marked.clone()].to_owned(),
        after: text[marked.end..].to_owned(),
    }
}

/// Where two texts differ: what is left without their common start and end.
fn difference(one: &str, other: &str) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
    let same = |(a, b): &(char, char)| a == b;
    let start: usize = one
        .chars()
        .zip(other.chars())
        .take_while(same)
        .map(|(c, _)| c.len_utf8())
        .sum();
    let end: usize = one[start..]
        .chars()
        .rev()
        .zip(other[start..].chars().rev())
        .take_while(same)
        .map(|(c, _)| c.len_utf8())
        .sum();
    (start..one.len() - end, start..other.len() - end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(lines: &[&str]) -> Vec<String> {
        diff(lines)
            .into_iter()
            .map(|line| {
                let mark = if line.marked.is_empty() {
                    String::new()
                } else {
                    format!("[{}]", line.marked)
                };
                format!("{}{}{mark}{}", line.sign, line.before, line.after)
            })
            .collect()
    }

    #[test]
    fn what_was_expected_is_found_in_the_texts_of_runners() {
        for (text, expected) in [
            (
                "expected: 4758\n     got: 4757\n\n(compared using ==)",
                "+475[8]\n−475[7]",
            ),
            (
                "    Expected: \"a\"\n    Received: \"b\"",
                "+\"[a]\"\n−\"[b]\"",
            ),
            (
                "  Error: Not equal:\n  expected: 1\n  actual  : 12",
                "+1\n−1[2]",
            ),
            (
                "AssertionFailedError: expected:<3> but was:<4>",
                "+[3]\n−[4]",
            ),
            (
                "E       assert 2 == 1\nE        +  where 2 = add(1)",
                "+[1]\n−[2]",
            ),
            (
                "- Expected\n+ Received\n\n  Object {\n-   \"a\": 1,\n+   \"a\": 2,\n  }",
                " Object {\n+   \"a\": 1,\n−   \"a\": 2,\n }",
            ),
            (
                "expected: \"a\nb\"\n     got: \"a\nc\"",
                "\"a\n+[b]\"\n−[c]\"",
            ),
            ("expected: größer\n got: größen", "+größe[r]\n−größe[n]"),
            ("undefined method `x'", ""),
            ("expected: 1", ""),
            ("assert a == b == c", ""),
        ] {
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(shown(&lines).join("\n"), expected, "{text}");
        }
    }

    #[test]
    fn frames_of_libraries_are_folded_and_changed_files_marked() {
        let details = [FailureDetail {
            expanded: vec!["boom".to_owned()],
            backtrace: [
                "app/services/tax.rb:49:in `call'",
                "/usr/lib/ruby/gems/3.1.0/gems/rspec-core/a.rb:1:in `x'",
                "/usr/lib/ruby/gems/3.1.0/gems/rspec-core/b.rb:1:in `y'",
                "spec/tax_spec.rb:3:in `block'",
                "",
                "not a frame",
            ]
            .map(str::to_owned)
            .to_vec(),
        }];
        let code = TestedCode::new(Some("topic"), "main", Some("app/services/tax.rb"));
        let found = FailureText::new(&details, &code, Limits { lines: 10 });
        let lines: Vec<_> = found
            .trace
            .iter()
            .map(|line| (line.class, line.text.as_str(), line.is_changed))
            .collect();
        assert_eq!(
            lines,
            [
                ("own", "app/services/tax.rb:49:in `call'", true),
                ("library", "2 frames of libraries", false),
                ("own", "spec/tax_spec.rb:3:in `block'", false),
                ("other", "not a frame", false),
            ]
        );
        let short = FailureText::new(&details, &code, Limits { lines: 1 });
        let last = short.trace.last().map(|line| line.text.as_str());
        assert_eq!((short.trace.len(), last), (2, Some("and 2 more lines")));
    }
}
