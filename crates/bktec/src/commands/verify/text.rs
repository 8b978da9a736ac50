//! The verdict for people: a headline, a table of nodes, and lists. Pure.

use std::fmt::Write as _;

use comfy_table::presets::{ASCII_MARKDOWN, NOTHING};
use comfy_table::{CellAlignment, Table, TableStyle};
use jiff::Timestamp;
use test_engine_accounting::{
    Accounting, Accountings, GroupAccounting, Level, NodeRow, Section, Verdict, sections,
};
use test_engine_wire::{NodeState, PlanSource};

const NOTHING_KNOWN: &str = "❔ Unknown: there is neither a plan nor a node report";

/// For a log. Each plan is a log section.
pub(super) fn text(accountings: &Accountings) -> String {
    let mut text = String::new();
    for accounting in &accountings.accountings {
        let _ = writeln!(text, "+++ Test accounting of {}", accounting.identifier);
        for group in &accounting.groups {
            let _ = writeln!(text, "{}\n\n{}", headline(group), table(group, NOTHING));
            for section in sections(group) {
                let _ = writeln!(text, "\n{}{}:", mark(section.level), section.title);
                for entry in section.entries.iter().chain(rest(&section).as_ref()) {
                    let _ = writeln!(text, "  {entry}");
                }
            }
            text.push('\n');
        }
        add_unknown(&mut text, accounting);
    }
    if accountings.accountings.is_empty() {
        let _ = writeln!(text, "{NOTHING_KNOWN}");
    }
    text
}

/// For a summary page of a CI.
pub(super) fn markdown(accountings: &Accountings) -> String {
    let mut text = String::new();
    for accounting in &accountings.accountings {
        let identifier = accounting.identifier.replace('`', "'");
        let _ = writeln!(text, "### Test accounting of `{identifier}`\n");
        for group in &accounting.groups {
            let table = table(group, ASCII_MARKDOWN);
            let _ = writeln!(text, "{}\n\n{table}\n", escaped(&headline(group)));
            for section in sections(group) {
                let title = escaped(section.title);
                let _ = writeln!(text, "{}**{title}**\n", mark(section.level));
                for entry in section.entries.iter().chain(rest(&section).as_ref()) {
                    let _ = writeln!(text, "- {}", escaped(entry));
                }
                text.push('\n');
            }
        }
        add_unknown(&mut text, accounting);
    }
    if accountings.accountings.is_empty() {
        let _ = writeln!(text, "{NOTHING_KNOWN}\n");
    }
    text
}

fn add_unknown(text: &mut String, accounting: &Accounting) {
    if accounting.groups.is_empty() {
        let _ = writeln!(text, "{NOTHING_KNOWN}\n");
    }
}

/// What stands for the entries that are not shown.
fn rest(section: &Section) -> Option<String> {
    let hidden = section.hidden;
    (hidden > 0).then(|| format!("… and {hidden} more (--output json lists all)"))
}

fn mark(level: Level) -> &'static str {
    match level {
        Level::Failure => "❌ ",
        Level::Warning => "⚠️ ",
        Level::Note => "",
    }
}

fn headline(group: &GroupAccounting) -> String {
    let leg = if group.group.is_empty() {
        String::new()
    } else {
        format!(" ({})", group.group)
    };
    let counts = format!(
        "{} of {} ran to the end on {}, with {}",
        number(group.complete_targets),
        counted(group.targets, "target"),
        counted(u64::from(group.parallelism), "node"),
        counted(group.tests, "test")
    );
    let verdict = match group.verdict {
        Verdict::Complete => "✅ Complete",
        Verdict::Incomplete => "❌ Incomplete",
        Verdict::Unknown => "❔ Unknown",
    };
    format!("{verdict}{leg}: {counts}")
}

fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", number(count))
}

/// With a comma after each three digits.
fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn table(group: &GroupAccounting, style: TableStyle) -> String {
    let mut table = Table::new();
    table.load_style(style);
    table.set_header([
        "Node",
        "Plan",
        "Targets",
        "Ran",
        "Estimated",
        "Actual",
        "State",
    ]);
    for row in &group.nodes {
        table.add_row([
            if row.runs_missing_targets {
                "missing".to_owned()
            } else {
                row.node.to_string()
            },
            row.source.map_or("–", source).to_owned(),
            number(row.planned),
            number(row.ran),
            row.estimated_ms.map_or_else(unknown, duration),
            actual_ms(row).map_or_else(unknown, duration),
            state(row),
        ]);
    }
    for index in [0, 2, 3, 4, 5] {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let text = table.to_string();
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n")
}

fn unknown() -> String {
    "–".to_owned()
}

fn source(source: PlanSource) -> &'static str {
    match source {
        PlanSource::Server => "server",
        PlanSource::File => "file",
        PlanSource::Fallback => "fallback",
    }
}

fn state(row: &NodeRow) -> String {
    let exit = row
        .exit_code
        .map_or_else(String::new, |code| format!(", exit {code}"));
    match row.state {
        None => "no report".to_owned(),
        Some(NodeState::Started) => "started, end not reported".to_owned(),
        Some(NodeState::Failed) => format!("aborted{exit}"),
        Some(NodeState::Finished) => format!("finished{exit}"),
    }
}

fn actual_ms(row: &NodeRow) -> Option<u64> {
    let started: Timestamp = row.started_at.parse().ok()?;
    let finished: Timestamp = row.finished_at.as_ref()?.parse().ok()?;
    u64::try_from(started.duration_until(finished).as_millis()).ok()
}

fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds.div_ceil(1000);
    let (minutes, rest) = (seconds / 60, seconds % 60);
    if minutes == 0 {
        format!("{rest}s")
    } else {
        format!("{minutes}m {rest:02}s")
    }
}

/// Names of tests may contain characters that Markdown interprets.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '&' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            '\n' | '\r' => escaped.push(' '),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_separators_and_durations_minutes() {
        let numbers = [0, 999, 1_000, 1_234_567].map(number);
        assert_eq!(numbers, ["0", "999", "1,000", "1,234,567"]);
        let durations = [0, 1, 59_001, 125_000].map(duration);
        assert_eq!(durations, ["0s", "1s", "1m 00s", "2m 05s"]);
    }

    #[test]
    fn names_cannot_format_markdown() {
        assert_eq!(
            escaped("a_b[<script>]\n# `x`"),
            r"a\_b\[\<script\>\] \# \`x\`"
        );
    }
}
