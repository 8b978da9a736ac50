//! The Test Anything Protocol, versions 13 and 14.
//!
//! A subtest is a group: its tests are indented by four spaces and precede the line with its
//! result, or follow it in braces, as node-tap writes them.

use test_engine_results::Outcome;

use super::result::{Converted, Failure};
use super::{Problem, Read};

/// The indentation of a group.
const GROUP_INDENT: usize = 4;

#[derive(Default)]
struct Level {
    indent: usize,
    results: Vec<Converted>,
    /// The number of tests that the plan announces.
    planned: Option<usize>,
    tests: usize,
    /// The result line of this group.
    result: Option<Point>,
    /// Whether a YAML block belongs to the last result.
    can_be_explained: bool,
}

/// A line with a result.
struct Point {
    ok: bool,
    name: String,
    directive: Option<Directive>,
    seconds: Option<f64>,
    opens_group: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Directive {
    Skip,
    Todo,
}

/// The YAML block of a result. It directly follows the result and is indented more; `---` anywhere
/// else is output.
struct Block<'t> {
    indent: usize,
    lines: Vec<&'t str>,
}

pub(super) fn read(text: &str) -> Read {
    let mut reader = Reader::default();
    for line in text.lines() {
        reader.read_line(line.trim_end());
    }
    reader.finish()
}

struct Reader<'t> {
    levels: Vec<Level>,
    block: Option<Block<'t>>,
    /// The indentation of the line before, if it is a result.
    after_result: Option<usize>,
    is_tap: bool,
    has_bailed_out: bool,
}

impl Default for Reader<'_> {
    fn default() -> Self {
        Self {
            levels: vec![Level::default()],
            block: None,
            after_result: None,
            is_tap: false,
            has_bailed_out: false,
        }
    }
}

impl<'t> Reader<'t> {
    fn read_line(&mut self, line: &'t str) {
        let content = line.trim_start();
        let indent = line.len() - content.len();
        if let Some(block) = &mut self.block {
            // A block that is cut off ends with its indentation.
            let belongs_to_it = content.is_empty() || indent >= block.indent;
            if belongs_to_it && (content, indent) != ("...", block.indent) {
                block.lines.push(content);
                return;
            }
            self.end_block();
            if belongs_to_it {
                return;
            }
        }
        let after_result = self.after_result.take();
        if content == "---" && after_result.is_some_and(|result| indent > result) {
            let lines = Vec::new();
            self.block = Some(Block { indent, lines });
        } else if let Some(reason) = content.strip_prefix("Bail out!") {
            self.is_tap = true;
            self.has_bailed_out = true;
            let message = format!("Bail out!{reason}");
            close(&mut self.levels, 0);
            let bail_out = Converted::failed_outside_tests("", "Bail out!", message);
            if let Some(level) = self.levels.last_mut() {
                level.results.push(bail_out);
            }
        } else if content.starts_with("TAP version ") {
            self.is_tap = true;
        } else if let Some(plan) = plan_of(content) {
            self.is_tap = true;
            enter(&mut self.levels, indent);
            close(&mut self.levels, indent);
            if let Some(level) = self.levels.last_mut() {
                level.planned = Some(plan);
            }
        } else if let Some(point) = Point::parse(content) {
            self.is_tap = true;
            enter(&mut self.levels, indent);
            add(&mut self.levels, indent, point);
            self.after_result = Some(indent);
        } else if content == "}" {
            close(&mut self.levels, indent);
        }
    }

    fn end_block(&mut self) {
        if let Some(block) = self.block.take() {
            explain(&mut self.levels, &block.lines);
        }
    }

    fn finish(mut self) -> Read {
        self.end_block();
        close(&mut self.levels, 0);
        if !self.is_tap {
            return Err(Problem::at_start("no plan and no result found"));
        }
        let Some(mut top) = self.levels.pop() else {
            return Ok(Vec::new());
        };
        if top.planned.is_none() && !self.has_bailed_out {
            let message = "there is no plan (1..N), so tests may be missing".to_owned();
            let missing = Converted::failed_outside_tests("", "plan", message);
            top.results.push(missing);
        }
        let missing = missing(&top);
        top.results.extend(missing);
        Ok(top.results)
    }
}

/// `1..N`
fn plan_of(content: &str) -> Option<usize> {
    let count = content.strip_prefix("1..")?.split_whitespace().next()?;
    count.parse().ok()
}

impl Point {
    fn parse(content: &str) -> Option<Self> {
        let (ok, rest) = match content.strip_prefix("not ok") {
            Some(rest) => (false, rest),
            None => (true, content.strip_prefix("ok")?),
        };
        if !rest.is_empty() && !rest.starts_with(' ') {
            return None;
        }
        let rest = rest.trim();
        let (rest, opens_group) = match rest.strip_suffix('{') {
            Some(rest) => (rest.trim_end(), true),
            None => (rest, false),
        };
        let (description, comment) = split_comment(rest);
        let digits = description.bytes().take_while(u8::is_ascii_digit).count();
        let (number, name) = description.split_at(digits);
        let name = name.trim_start();
        let name = name.strip_prefix("- ").unwrap_or(name).trim();
        let name = match (name.is_empty(), number) {
            (false, _) => name.replace("\\#", "#").replace("\\\\", "\\"),
            (true, "") => "test".to_owned(),
            (true, number) => format!("test {number}"),
        };
        let starts_with = |word: &str| {
            let start = comment.get(..word.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(word))
        };
        let directive = if starts_with("skip") {
            Some(Directive::Skip)
        } else {
            starts_with("todo").then_some(Directive::Todo)
        };
        let milliseconds = comment.strip_prefix("time=");
        let milliseconds = milliseconds.and_then(|time| time.strip_suffix("ms")?.parse().ok());
        Some(Self {
            ok,
            name,
            directive,
            seconds: milliseconds.map(|milliseconds: f64| milliseconds / 1e3),
            opens_group,
        })
    }

    fn into_result(self) -> Converted {
        let outcome = match (self.ok, self.directive) {
            (_, Some(Directive::Skip)) | (false, Some(Directive::Todo)) => Outcome::Skipped,
            (true, _) => Outcome::Passed,
            (false, None) => Outcome::Failed,
        };
        Converted {
            name: self.name,
            outcome,
            seconds: self.seconds,
            ..Converted::default()
        }
    }
}

/// At the first `#` after a space that is not escaped.
fn split_comment(text: &str) -> (&str, &str) {
    let mut hashes = text.match_indices(" #");
    let hash = hashes.find(|&(at, _)| !text[..at].ends_with('\\'));
    match hash {
        Some((at, _)) => (&text[..at], text[at + 2..].trim()),
        None => (text, ""),
    }
}

/// Opens a group for lines that are indented more than those before.
fn enter(levels: &mut Vec<Level>, indent: usize) {
    if levels.last().is_some_and(|level| level.indent < indent) {
        levels.push(Level {
            indent,
            ..Level::default()
        });
    }
}

/// Ends the groups that are indented more than `indent`.
fn close(levels: &mut Vec<Level>, indent: usize) {
    while levels.len() > 1 && levels.last().is_some_and(|level| level.indent > indent) {
        if let Some(level) = levels.pop() {
            end_group(levels, level);
        }
    }
}

fn add(levels: &mut Vec<Level>, indent: usize, point: Point) {
    // The outermost of the groups that end here has this line as its result.
    while levels
        .iter()
        .rev()
        .nth(1)
        .is_some_and(|level| level.indent > indent)
    {
        if let Some(level) = levels.pop() {
            end_group(levels, level);
        }
    }
    let ends_group = levels.len() > 1 && levels.last().is_some_and(|level| level.indent > indent);
    let group = if ends_group { levels.pop() } else { None };
    if let Some(level) = levels.last_mut() {
        level.tests += 1;
    }
    if point.opens_group {
        levels.push(Level {
            indent: indent + GROUP_INDENT,
            result: Some(point),
            ..Level::default()
        });
    } else if let Some(group) = group {
        let result = Some(point);
        end_group(levels, Level { result, ..group });
    } else if let Some(level) = levels.last_mut() {
        level.results.push(point.into_result());
        level.can_be_explained = true;
    }
}

/// Adds the results of a group to the group around it. Its own result is one of them only if its
/// tests do not show it.
fn end_group(levels: &mut [Level], mut group: Level) {
    group.results.extend(missing(&group));
    let Some(around) = levels.last_mut() else {
        return;
    };
    let has_failed = |result: &Converted| result.outcome == Outcome::Failed;
    let shows_failure = group.results.iter().any(has_failed);
    let is_empty = group.results.is_empty();
    around.can_be_explained = false;
    for mut result in group.results {
        if let Some(point) = &group.result {
            let scope = format!("{} {}", point.name, result.scope);
            scope.trim().clone_into(&mut result.scope);
        }
        around.results.push(result);
    }
    if let Some(point) = group.result {
        let result = point.into_result();
        if is_empty || (has_failed(&result) && !shows_failure) {
            around.results.push(result);
            around.can_be_explained = true;
        }
    }
}

fn missing(level: &Level) -> Option<Converted> {
    let planned = level.planned.filter(|&planned| planned != level.tests)?;
    let tests = level.tests;
    let message = format!("planned {planned} tests, found {tests}");
    Some(Converted::failed_outside_tests("", "plan", message))
}

/// Adds the lines of a YAML block to the result before it.
fn explain(levels: &mut [Level], lines: &[&str]) {
    let level = levels.last_mut().filter(|level| level.can_be_explained);
    let Some(result) = level.and_then(|level| level.results.last_mut()) else {
        return;
    };
    let milliseconds = value_of(lines, "duration_ms:");
    let milliseconds = milliseconds.and_then(|text| text.parse::<f64>().ok());
    let seconds = milliseconds.map(|milliseconds| milliseconds / 1e3);
    result.seconds = seconds.or(result.seconds);
    if result.outcome == Outcome::Failed {
        let reason = value_of(lines, "message:").or_else(|| value_of(lines, "error:"));
        let lines = reason.into_iter().chain(lines.iter().copied());
        result.failure = Failure {
            message: lines.collect::<Vec<_>>().join("\n"),
            backtrace: String::new(),
        };
    }
}

/// The value of a key; its first line, if it is a block.
fn value_of<'l>(lines: &[&'l str], key: &str) -> Option<&'l str> {
    let mut lines = lines.iter();
    let value = lines.find_map(|line| line.strip_prefix(key))?.trim();
    let value = if value.starts_with(['|', '>']) {
        lines.next()?
    } else {
        value
    };
    Some(value.trim_matches(['"', '\'']))
}
