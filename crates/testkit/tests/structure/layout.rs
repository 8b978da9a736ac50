//! Files stay short enough to have one purpose, and lines short enough to read.

use crate::source::{Source, has_extension, tracked};

const MAX_LINES: usize = 500;
const MAX_COLUMNS: usize = 100;

/// Markdown between fences, tables, and lines that a link makes long are not wrapped.
fn may_be_wide(source: &Source, line: &str, is_fenced: bool) -> bool {
    let is_markdown = has_extension(&source.path, "md");
    is_markdown && (is_fenced || line.trim_start().starts_with('|') || line.contains("]("))
}

fn is_shell(source: &Source) -> bool {
    has_extension(&source.path, "sh") || source.text.starts_with("#!/usr/bin/env bash")
}

fn wide_lines(source: &Source) -> Vec<String> {
    let mut is_fenced = false;
    let mut wide = Vec::new();
    for (index, line) in source.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        }
        let columns = line.chars().count();
        if columns > MAX_COLUMNS && !may_be_wide(source, line, is_fenced) {
            wide.push(format!("{}:{}: {columns} columns", source.path, index + 1));
        }
    }
    wide
}

#[test]
fn lines_fit_in_100_columns() {
    // Generated, or recorded with its line numbers.
    let is_exempt = |path: &str| path.starts_with("docs/reference/") || path.contains("/fixtures/");
    let is_text = |path: &str| {
        let mut extensions = ["rs", "md", "py"].iter();
        extensions.any(|extension| has_extension(path, extension))
    };
    let wide: Vec<String> = tracked(|path| {
        let is_program = path.starts_with("bin/") || path.starts_with(".ci/");
        let may_be_text = is_text(path) || is_program || has_extension(path, "sh");
        may_be_text && !is_exempt(path)
    })
    .iter()
    .filter(|source| is_text(&source.path) || is_shell(source))
    .flat_map(wide_lines)
    .collect();
    assert!(wide.is_empty(), "wrap these lines:\n{}", wide.join("\n"));
}

#[test]
fn rust_files_have_at_most_500_lines() {
    let long: Vec<String> = tracked(|path| has_extension(path, "rs"))
        .iter()
        .map(|source| (source.text.lines().count(), &source.path))
        .filter(|(lines, _)| *lines > MAX_LINES)
        .map(|(lines, path)| format!("{path}: {lines} lines"))
        .collect();
    assert!(
        long.is_empty(),
        "what second purpose does each of these files have?\n{}",
        long.join("\n")
    );
}

#[test]
fn tables_links_and_fences_of_markdown_may_be_wide() {
    let long = "x".repeat(MAX_COLUMNS + 1);
    let source = |path: &str, text: String| Source {
        path: path.to_owned(),
        text,
    };
    let text = format!("{long}\n| {long} |\n[{long}](a.md)\n```\n{long}\n```\n{long}\n");
    let found = wide_lines(&source("a.md", text.clone()));
    assert_eq!(found, ["a.md:1: 101 columns", "a.md:7: 101 columns"]);
    assert_eq!(wide_lines(&source("a.rs", text)).len(), 5);
}
