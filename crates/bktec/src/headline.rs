//! Errors as one line, for those whose whole text, often with a traceback, is in the log already:
//! the runner printed it, or will.

/// The start of the lines in which pytest quotes the exception.
const PYTEST_MARK: &str = "E ";

/// Of an error before its stack trace.
const MAX_LINES: usize = 3;

/// The first line, and the error that the rest gives as its cause, if any.
pub fn headline(error: &str) -> String {
    let mut lines = error.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let rest: Vec<&str> = lines.collect();
    match cause(&rest) {
        Some(cause) if !first.contains(&cause) => {
            let first = first.trim_end_matches('.');
            format!("{first}: {cause}")
        }
        _ => first.to_owned(),
    }
}

/// The error that a program's output ends in. If none is recognized: the lines before the stack
/// trace at the end, or the last line.
pub fn reason(output: &str) -> String {
    let lines: Vec<&str> = output.lines().map(str::trim).collect();
    cause(&lines).unwrap_or_else(|| end_of(&lines))
}

fn end_of(lines: &[&str]) -> String {
    let is_text = |line: &&str| !line.is_empty() && !is_frame(line);
    let Some(last) = lines.iter().rposition(is_text) else {
        return String::new();
    };
    if !lines[last + 1..].iter().any(|line| is_frame(line)) {
        return lines[last].to_owned();
    }
    let before = lines[..last].iter().rposition(|line| !is_text(line));
    let first = before.map_or(0, |at| at + 1);
    lines[first.max((last + 1).saturating_sub(MAX_LINES))..=last].join(" ")
}

/// Whether the line is a part of a stack trace of Ruby or JavaScript.
fn is_frame(line: &str) -> bool {
    let is_ruby = (line.contains(":in `") || line.contains(":in '")) && line.ends_with('\'');
    is_ruby || line.starts_with("at ")
}

fn cause(lines: &[&str]) -> Option<String> {
    let quoted = lines.iter().rev();
    let quoted = quoted.filter_map(|line| line.strip_prefix(PYTEST_MARK));
    if let Some(quoted) = quoted.map(str::trim).find(|text| names_error(text)) {
        return Some(quoted.to_owned());
    }
    // Python's tracebacks end with the exception; RSpec's errors have their text on the next line.
    let is_python = lines.iter().any(|line| line.starts_with("Traceback"));
    let at = if is_python {
        lines.iter().rposition(|line| names_error(line))
    } else {
        lines.iter().position(|line| names_error(line))
    }?;
    let text = lines[at];
    let next = lines.get(at + 1).filter(|_| text.ends_with(':'));
    Some(next.map_or_else(|| text.to_owned(), |next| format!("{text} {next}")))
}

/// Whether the line starts with the name of an error class: `ModuleNotFoundError: …`.
fn names_error(line: &str) -> bool {
    let class = line.split(' ').next().unwrap_or_default();
    let class = class.trim_end_matches(':');
    let is_name = |letter: char| letter.is_alphanumeric() || "_.:".contains(letter);
    (class.ends_with("Error") || class.ends_with("Exception")) && class.chars().all(is_name)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::one_line("broken", "broken")]
    #[case::pytest(
        "pytest could not collect tests.test_a: ImportError while importing test module 'a.py'.\n\
         Hint: make sure your test modules/packages have valid Python names.\n\
         Traceback:\n\
         lib/importlib/__init__.py:126: in import_module\n    return x\n\
         a.py:1: in <module>\n    import nope\n\
         E   ModuleNotFoundError: No module named 'nope'",
        "pytest could not collect tests.test_a: ImportError while importing test module 'a.py': \
         ModuleNotFoundError: No module named 'nope'"
    )]
    #[case::pytest_syntax(
        "could not collect a.py\n  E     File \"a.py\", line 1\nE       def (\n\
         E           ^\nE   SyntaxError: invalid syntax",
        "could not collect a.py: SyntaxError: invalid syntax"
    )]
    #[case::python(
        "setup failed\nTraceback (most recent call last):\n  File \"x.py\", line 1, in x\n\
         ValueError: odd",
        "setup failed: ValueError: odd"
    )]
    #[case::rspec(
        "\nAn error occurred while loading ./spec/a_spec.rb.\nFailure/Error: require 'nope'\n\n\
         LoadError:\n  cannot load such file -- nope\n# ./spec/a_spec.rb:1:in 'require'\n",
        "An error occurred while loading ./spec/a_spec.rb: LoadError: cannot load such file -- nope"
    )]
    #[case::jest(
        "a.test.js: Cannot find module './nope' from 'a.test.js'\n\nRequire stack:\n  a.test.js\n\n\
         \x20   at Resolver._throwModNotFoundError (node_modules/jest-resolve/build/index.js:1:1)",
        "a.test.js: Cannot find module './nope' from 'a.test.js'"
    )]
    #[case::named_already(
        "TypeError: x is not a function\n    at TypeError: x is not a function",
        "TypeError: x is not a function"
    )]
    fn has_the_cause_and_no_traceback(#[case] error: &str, #[case] expected: &str) {
        assert_eq!(headline(error), expected);
    }

    #[test]
    fn reason_is_the_error_or_the_last_line() {
        let pytest = "=== test session starts ===\nplatform linux\nE   RuntimeError: broken\n\
            === 1 error in 0.1s ===\n";
        assert_eq!(reason(pytest), "RuntimeError: broken");
        assert_eq!(
            reason("usage: x\nunknown option -q\n\n"),
            "unknown option -q"
        );
        assert_eq!(reason(""), "");
        let ruby = "features/a.feature: Parser errors:\n(1:1): expected: #EOF (ParseError)\n\
            parser.rb:30:in `rescue in document'\n/usr/bin/cucumber:7:in `<main>'\n";
        let expected = "features/a.feature: Parser errors: (1:1): expected: #EOF (ParseError)";
        assert_eq!(reason(ruby), expected);
        let required = "a.rb:1:in `require': cannot load such file -- x (LoadError)";
        assert_eq!(
            reason(&format!("{required}\n\tfrom b.rb:2:in `<main>'\n")),
            required
        );
    }
}
