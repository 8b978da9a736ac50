//! The table of runners and features, as Markdown for README and docs.

use std::fmt::Write as _;

use super::discovery_check::DiscoveryBy;
use super::{Definition, RUNNERS};

type Cell = fn(&Definition) -> String;

/// A cell of an empty string means `no`.
const ROWS: &[(&str, Cell)] = &[
    ("Split slow files by example", |it| {
        yes(it.features.split_by_example)
    }),
    ("Filter files by pattern", |it| {
        yes(it.features.filter_by_pattern)
    }),
    ("Filter by tag", |it| yes(it.features.filter_by_tag)),
    ("Retry failed tests", |it| yes(it.features.retry)),
    ("Mute tests", |it| yes(it.features.mute)),
    ("Skip tests", |it| yes(it.features.skip)),
    ("Result formats uploaded", |it| {
        let names = it.upload_formats.iter().map(|format| format.name());
        names.collect::<Vec<_>>().join(", ")
    }),
];

/// Remarks are wrapped, as Markdown is everywhere in the repository.
const MAX_COLUMNS: usize = 100;

/// One column per runner, one row per feature, then the remarks.
pub fn feature_table() -> String {
    let mut table = String::from("| Feature |");
    for runner in RUNNERS {
        // Writing to a string cannot fail.
        let _ = write!(table, " {} |", runner.name);
    }
    let _ = writeln!(table, "\n| --- |{}", " --- |".repeat(RUNNERS.len()));
    for (feature, cell) in ROWS {
        let _ = write!(table, "| {feature} |");
        for runner in RUNNERS {
            let text = cell(runner);
            let gap = if text.is_empty() { "" } else { " " };
            let _ = write!(table, "{gap}{text} |");
        }
        table.push('\n');
    }
    table.push('\n');
    for runner in RUNNERS {
        if let Some(remark) = runner.remark {
            let item = format!("- `{}`: {remark}", runner.name);
            let mut columns = 0;
            for word in item.split(' ') {
                let is_first = columns == 0;
                columns += 1 + word.chars().count();
                let starts_line = !is_first && columns > MAX_COLUMNS + 1;
                if starts_line {
                    columns = 3 + word.chars().count();
                }
                let separator = match (is_first, starts_line) {
                    (true, _) => "",
                    (_, true) => "\n  ",
                    (_, false) => " ",
                };
                table.push_str(separator);
                table.push_str(word);
            }
            table.push('\n');
        }
    }
    table
}

/// The table at the top of a runner's page: its defaults and its column of the feature table.
pub fn at_a_glance(definition: &Definition) -> String {
    let code = |text: Option<&str>, none: &str| match text {
        Some(text) => format!("`{}`", text.replace('|', "\\|")),
        None => none.to_owned(),
    };
    let or_required = |required| if required { "required" } else { "none" };
    let result_path = if definition.requires_result_path {
        "required"
    } else {
        "not required"
    };
    let retry = if definition.features.retry {
        code(definition.retry_command, "the test command")
    } else {
        "none".to_owned()
    };
    let test = or_required(definition.requires_test_command);
    let pattern = or_required(definition.requires_file_pattern);
    let decides = match (definition.discovery_by, definition.file_pattern) {
        _ if definition.chooses_tests => "by the runner, when it runs",
        (DiscoveryBy::Pattern, _) => "by the pattern",
        (DiscoveryBy::Runner, None) => "by the runner",
        (DiscoveryBy::Runner, Some(_)) => "by the runner; by the pattern where it cannot be asked",
    };
    let mut rows = vec![
        ("Test command", code(definition.test_command, test)),
        ("Retry command", retry),
        ("File pattern", code(definition.file_pattern, pattern)),
        ("Test files are found", decides.to_owned()),
        ("Result path", result_path.to_owned()),
    ];
    rows.extend(ROWS.iter().map(|(feature, cell)| {
        let text = Some(cell(definition)).filter(|text| !text.is_empty());
        (*feature, text.unwrap_or_else(|| "no".to_owned()))
    }));
    let mut table = String::from("| | |\n| --- | --- |\n");
    for (name, value) in rows {
        // Writing to a string cannot fail.
        let _ = writeln!(table, "| {name} | {value} |");
    }
    table
}

fn yes(feature: bool) -> String {
    if feature { "yes" } else { "" }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_cell_for_every_runner() {
        let table = feature_table();
        let rows: Vec<_> = table
            .lines()
            .take_while(|line| line.starts_with('|'))
            .collect();
        assert_eq!(rows.len(), ROWS.len() + 2);
        for row in rows {
            assert_eq!(row.matches('|').count(), RUNNERS.len() + 2, "{row}");
        }
    }

    #[test]
    fn features_of_a_runner_are_in_its_column() {
        let table = feature_table();
        let pytest = RUNNERS.iter().position(|runner| runner.name == "pytest");
        let cell = |feature: &str| {
            let row = table.lines().find(|line| line.contains(feature)).unwrap();
            row.split('|')
                .nth(pytest.unwrap() + 2)
                .unwrap()
                .trim()
                .to_owned()
        };
        assert_eq!(cell("Filter by tag"), "yes");
        assert_eq!(cell("Result formats"), "junit");
    }

    #[test]
    fn the_readme_contains_the_table() {
        let readme = include_str!("../../../../README.md");
        let table = feature_table();
        assert!(
            readme.contains(&table),
            "README.md does not contain this table between its runner markers:\n\n{table}"
        );
    }
}
