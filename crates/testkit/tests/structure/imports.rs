//! Finds which modules of its own crate a Rust file imports. Reads text, not syntax trees: paths
//! that begin with `crate::`, outside comments and test modules.

use std::collections::BTreeMap;

/// One import: the line it is on, from 1, and the first segment after `crate::`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) line: usize,
    pub(crate) module: String,
}

/// Every `crate::…` path of a file. Everything from the first `#[cfg(test)]` that opens an inline
/// module is left out: tests may look upwards.
pub(crate) fn imports(text: &str) -> Vec<Import> {
    let code = without_comments(without_tests(text));
    let mut found = Vec::new();
    for (at, marker) in code.match_indices("crate::") {
        let is_word =
            code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
        if is_word {
            continue;
        }
        let line = code[..at].matches('\n').count() + 1;
        for module in first_segments(&code[at + marker.len()..]) {
            found.push(Import { line, module });
        }
    }
    found
}

fn without_tests(text: &str) -> &str {
    let opens = [
        "#[cfg(test)]\nmod tests {",
        "#[cfg(test)]\npub(crate) mod testing {",
    ];
    let end = opens.iter().filter_map(|open| text.find(open)).min();
    end.map_or(text, |end| &text[..end])
}

/// The same lines with `//` comments blanked.
fn without_comments(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    for line in text.lines() {
        let is_comment = line.trim_start().starts_with("//");
        if !is_comment {
            code.push_str(line);
        }
        code.push('\n');
    }
    code
}

/// The first segments of a path, or of each path in a group: `a::B` or `{a::B, c::{D, E}}`.
fn first_segments(rest: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        text.trim_start()
            .chars()
            .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
            .collect()
    };
    let Some(group) = rest.strip_prefix('{') else {
        return vec![name(rest)];
    };
    let mut depth = 0_usize;
    let mut start = 0;
    let mut segments = Vec::new();
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            '}' | ',' if depth == 0 => {
                segments.push(name(&group[start..at]));
                start = at + 1;
                if letter == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    segments.retain(|segment| !segment.is_empty());
    segments
}

/// Items that `lib.rs` re-exports from its modules, each with its module.
pub(crate) fn re_exports(lib: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for statement in lib.split(';') {
        let Some((before, path)) = statement.rsplit_once("use ") else {
            continue;
        };
        if !before.trim_end().ends_with([')', 'b']) {
            continue;
        }
        let path = path
            .trim_start_matches("self::")
            .trim_start_matches("crate::");
        if let Some((module, items)) = path.split_once("::") {
            let items = first_segments(items);
            found.extend(items.into_iter().map(|item| (item, module.to_owned())));
        }
    }
    found
}

#[test]
fn re_exports_are_found_with_their_modules() {
    let lib = "mod a;\npub use a::{B, C};\npub(crate) use self::d::E;\nuse std::fmt;\n";
    let expected = [("B", "a"), ("C", "a"), ("E", "d")];
    let expected = expected.map(|(item, module)| (item.to_owned(), module.to_owned()));
    assert_eq!(re_exports(lib), BTreeMap::from(expected));
}

#[test]
fn paths_and_groups_are_found_with_their_lines() {
    let text = "\
//! About crate::nothing.
use crate::a::{B, C};
use crate::{
    d::{E, F},
    g, H,
};
fn f() { crate::i::j(); mycrate::k(); }
#[cfg(test)]
mod tests {
    use crate::l;
}
";
    let found: Vec<_> = imports(text)
        .into_iter()
        .map(|import| (import.line, import.module))
        .collect();
    let expected = [(2, "a"), (3, "d"), (3, "g"), (3, "H"), (7, "i")];
    assert_eq!(found, expected.map(|(line, name)| (line, name.to_owned())));
}
