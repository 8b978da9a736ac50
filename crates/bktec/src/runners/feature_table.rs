//! The table of what each runner can do, as Markdown for README and docs.
//!
//! Pure: made from the runners' definitions, so that it is never written by hand.

use std::fmt::Write as _;

use super::{Definition, Features, RUNNERS};

type Cell = fn(&Definition) -> String;

const ROWS: &[(&str, Cell)] = &[
    ("Split slow files by example", |it| {
        yes(it, |features| features.split_by_example)
    }),
    ("Filter files by pattern", |it| {
        yes(it, |features| features.filter_by_pattern)
    }),
    ("Filter by tag", |it| {
        yes(it, |features| features.filter_by_tag)
    }),
    ("Retry failed tests", |it| {
        yes(it, |features| features.retry)
    }),
    ("Mute tests", |it| yes(it, |features| features.mute)),
    ("Skip tests", |it| yes(it, |features| features.skip)),
    ("Result formats uploaded", |it| {
        let names: Vec<_> = it
            .upload_formats
            .iter()
            .map(|format| format.name())
            .collect();
        names.join(", ")
    }),
];

/// One column a runner, one row a feature, then the remarks.
pub fn feature_table() -> String {
    let mut table = String::from("| Feature |");
    let mut rule = String::from("| --- |");
    for runner in RUNNERS {
        // Writing to a string cannot fail.
        let _ = write!(table, " {} |", runner.name);
        rule.push_str(" --- |");
    }
    let _ = write!(table, "\n{rule}\n");
    for (feature, cell) in ROWS {
        let _ = write!(table, "| {feature} |");
        for runner in RUNNERS {
            let text = cell(runner);
            let _ = if text.is_empty() {
                write!(table, " |")
            } else {
                write!(table, " {text} |")
            };
        }
        table.push('\n');
    }
    let remarks = RUNNERS
        .iter()
        .filter_map(|runner| Some((runner.name, runner.remark?)));
    for (index, (name, remark)) in remarks.enumerate() {
        let _ = writeln!(
            table,
            "{}- `{name}`: {remark}",
            if index == 0 { "\n" } else { "" }
        );
    }
    table
}

/// What the page of one runner begins with: its commands, its pattern and its column of the table.
pub fn at_a_glance(definition: &Definition) -> String {
    let code = |text: Option<&str>, none: &str| {
        text.map_or_else(
            || none.to_owned(),
            |text| format!("`{}`", text.replace('|', "\\|")),
        )
    };
    let given = |required| if required { "none: give one" } else { "none" };
    let retry = if definition.features.retry {
        code(definition.retry_command, "the test command")
    } else {
        "none".to_owned()
    };
    let mut rows = vec![
        (
            "Test command",
            code(
                definition.test_command,
                given(definition.requires_test_command),
            ),
        ),
        ("Retry command", retry),
        (
            "File pattern",
            code(
                definition.file_pattern,
                given(definition.requires_file_pattern),
            ),
        ),
        (
            "Result path",
            given(definition.requires_result_path)
                .replace("none: give one", "required")
                .replace("none", "not required"),
        ),
    ];
    rows.extend(ROWS.iter().map(|(feature, cell)| {
        let text = cell(definition);
        let text = if text.is_empty() {
            "no".to_owned()
        } else {
            text
        };
        (*feature, text)
    }));
    let mut table = String::from("| | |\n| --- | --- |\n");
    for (name, value) in rows {
        // Writing to a string cannot fail.
        let _ = writeln!(table, "| {name} | {value} |");
    }
    table
}

fn yes(definition: &Definition, feature: fn(&Features) -> bool) -> String {
    if feature(&definition.features) {
        "yes".to_owned()
    } else {
        String::new()
    }
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
    fn what_a_runner_can_do_is_in_its_column() {
        let table = feature_table();
        let columns: Vec<_> = table
            .lines()
            .next()
            .unwrap()
            .split('|')
            .map(str::trim)
            .collect();
        let pytest = columns.iter().position(|name| *name == "pytest").unwrap();
        let cell = |feature: &str| {
            let row = table.lines().find(|line| line.contains(feature)).unwrap();
            row.split('|').nth(pytest).unwrap().trim().to_owned()
        };
        assert_eq!(cell("Filter by tag"), "yes");
        assert_eq!(cell("Result formats"), "junit");
    }

    #[test]
    fn the_readme_carries_it() {
        let readme = include_str!("../../../../README.md");
        let table = feature_table();
        assert!(
            readme.contains(&table),
            "README.md is to hold this table between its runner marks:\n\n{table}"
        );
    }
}
