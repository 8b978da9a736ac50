//! The reference pages are generated from the program. `UPDATE_DOCS=1` rewrites them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use bktec::internals;
use clap::{Arg, Command};

use crate::bktec::Bktec;

/// In the help of an argument that exists only for its variable.
const VARIABLE_ONLY: &str = "set by variable only";

#[test]
fn reference_pages_are_up_to_date() {
    for (name, expected) in [
        ("cli.md", command_page()),
        ("environment.md", variable_page()),
        ("bktec.1", manual_page()),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../docs/reference")
            .join(name);
        if update() {
            fs_err::write(&path, expected).unwrap();
            continue;
        }
        let there = fs_err::read_to_string(&path).unwrap_or_default();
        assert!(
            there == expected,
            "docs/reference/{name} is out of date: run UPDATE_DOCS=1 cargo test -p bktec --test it \
             reference"
        );
    }
}

/// The output of `bktec man` without the version.
fn manual_page() -> String {
    let manual = Bktec::bare(&["man"]).run();
    assert_eq!(manual.code, 0, "{manual}");
    manual.stdout.replace("bktec VERSION", "bktec")
}

pub(crate) fn update() -> bool {
    #[expect(clippy::disallowed_methods, reason = "a switch of this test")]
    let value = std::env::var_os("UPDATE_DOCS");
    value.is_some_and(|value| !value.is_empty())
}

/// The leaf commands with their full names.
fn commands() -> Vec<(String, Command)> {
    let mut found = Vec::new();
    let mut root = internals::command();
    root.build();
    for command in root.get_subcommands() {
        if command.get_name() == "help" {
            continue;
        }
        let inner: Vec<_> = command
            .get_subcommands()
            .filter(|inner| inner.get_name() != "help")
            .collect();
        if inner.is_empty() {
            found.push((command.get_name().to_owned(), command.clone()));
        }
        for inner in inner {
            found.push((
                format!("{} {}", command.get_name(), inner.get_name()),
                inner.clone(),
            ));
        }
    }
    found
}

fn help(argument: &Arg) -> String {
    argument
        .get_help()
        .map(|help| help.to_string().replace('|', "\\|"))
        .unwrap_or_default()
}

fn variable(argument: &Arg) -> Option<String> {
    Some(argument.get_env()?.to_string_lossy().into_owned())
}

/// `--name VALUE`, or the name of a positional argument.
fn syntax(argument: &Arg) -> String {
    let value = argument
        .get_value_names()
        .and_then(|names| names.first())
        .map(|name| name.as_str().to_owned());
    let Some(long) = argument.get_long() else {
        return value.unwrap_or_default();
    };
    match value {
        Some(value) if argument.is_require_equals_set() => format!("--{long}[={value}]"),
        Some(value) if argument.get_action().takes_values() => format!("--{long} {value}"),
        _ => format!("--{long}"),
    }
}

fn is_listed(argument: &Arg) -> bool {
    !matches!(argument.get_id().as_str(), "help" | "version")
        && !help(argument).contains(VARIABLE_ONLY)
}

fn command_page() -> String {
    let mut page = "# Commands and options of `bktec`\n\n\
        Generated from the program by its tests; do not edit. Every option can also be set by the \
        environment\nvariable that is named; the option wins. Durations look like `2m30s`, \
        booleans like `true` or `false`.\n*Hidden* options are not shown by `--help`: a CI sets \
        their variables.\n"
        .to_owned();
    for (name, command) in commands() {
        let about = command.get_about().map(ToString::to_string);
        let _ = write!(
            page,
            "\n## `bktec {name}`\n\n{}.\n",
            about.unwrap_or_default()
        );
        let mut groups: Vec<(String, String)> = Vec::new();
        for argument in command
            .get_arguments()
            .filter(|argument| is_listed(argument))
        {
            let heading = argument.get_help_heading().unwrap_or("Options").to_owned();
            let mark = if argument.is_hide_set() {
                "*Hidden.* "
            } else {
                ""
            };
            let variable = variable(argument).map_or_else(String::new, |name| format!("`{name}`"));
            let row = format!(
                "| `{}` | {variable} | {mark}{} |\n",
                syntax(argument),
                help(argument)
            );
            match groups.iter_mut().find(|(other, _)| *other == heading) {
                Some((_, rows)) => rows.push_str(&row),
                None => groups.push((heading, row)),
            }
        }
        for (heading, rows) in groups {
            let _ = write!(
                page,
                "\n### {heading}\n\n| option | variable | description |\n\
                 | --- | --- | --- |\n{rows}"
            );
        }
    }
    page
}

fn variable_page() -> String {
    let mut options: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut descriptions: BTreeMap<String, String> = BTreeMap::new();
    for (name, command) in commands() {
        for argument in command.get_arguments() {
            let Some(variable) = variable(argument) else {
                continue;
            };
            let option = match argument.get_long() {
                Some(long) if is_listed(argument) => format!("`{name} --{long}`"),
                _ => format!("`{name}`"),
            };
            let described = descriptions.entry(variable.clone());
            described.or_insert_with(|| help(argument));
            options.entry(variable).or_default().push(option);
        }
    }
    let mut page = "# Environment variables of `bktec`\n\n\
        Generated from the program by its tests; do not edit. A variable that is set but empty \
        counts as not set.\nAn option wins over its variable.\n\n\
        | variable | option of | description |\n| --- | --- | --- |\n"
        .to_owned();
    for (name, own_description) in internals::ALL {
        let options = options.remove(*name).unwrap_or_default().join(", ");
        let description = match own_description.trim() {
            "" => &descriptions[*name],
            own => own,
        };
        let _ = writeln!(page, "| `{name}` | {options} | {description} |");
    }
    assert!(options.is_empty(), "not in the table: {options:?}");
    page.push_str(
        "\n## Variables of CIs\n\nOn these CIs, `run`, `plan` and `upload` read values that \
         neither an option nor a variable above sets.\nSee [docs/ci.md](../ci.md).\n\n\
         | variable | description |\n| --- | --- |\n",
    );
    for (name, description) in internals::CI {
        let _ = writeln!(page, "| `{name}` | {} |", description.trim());
    }
    page
}
