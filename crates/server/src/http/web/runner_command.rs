//! The command that runs some tests again with their own runner. Pure.

use std::collections::BTreeSet;

use test_engine_results::Format;
use test_engine_store::Test;

/// Tests in a command; a longer one is not pasted.
const MAX_TESTS: usize = 30;

/// `framework` is the tag `test.framework.name`. `None` if the runner or its addresses of the tests
/// are not known.
pub(super) fn runner_command(
    framework: Option<&str>,
    format: Format,
    tests: &[&Test],
) -> Option<String> {
    if tests.is_empty() || tests.len() > MAX_TESTS {
        return None;
    }
    let framework = framework.map(str::to_lowercase).unwrap_or_default();
    match (framework.as_str(), format) {
        ("rspec", _) | ("", Format::RspecJson) => {
            with_addresses("bundle exec rspec", tests, |test| {
                test.identifier.clone().or_else(|| test.location.clone())
            })
        }
        ("pytest", _) => with_addresses("pytest", tests, |test| {
            test.identifier.clone().or_else(|| test.file_name.clone())
        }),
        ("jest", _) | ("", Format::JestJson) => by_name("npx jest", tests),
        ("vitest", _) => by_name("npx vitest run", tests),
        ("playwright", _) | ("", Format::PlaywrightJson) => {
            with_addresses("npx playwright test", tests, |test| {
                test.location.clone().or_else(|| test.file_name.clone())
            })
        }
        ("cucumber", _) | ("", Format::CucumberJson) => {
            with_addresses("bundle exec cucumber", tests, |test| test.location.clone())
        }
        ("go" | "gotest" | "go test", _) | ("", Format::GoJsonl) => go(tests),
        _ => None,
    }
}

/// Whether a text is what runners print, and not something that is an option to them.
fn is_address(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('-') && !text.chars().any(char::is_control)
}

fn with_addresses(
    runner: &str,
    tests: &[&Test],
    address: impl Fn(&Test) -> Option<String>,
) -> Option<String> {
    let addresses: Option<BTreeSet<String>> = tests
        .iter()
        .map(|test| address(test).filter(|address| is_address(address)))
        .collect();
    let addresses = addresses?;
    let quoted: Vec<String> = addresses.iter().map(|address| quoted(address)).collect();
    Some(format!("{runner} {}", quoted.join(" ")))
}

/// Runners that select by file and by a regular expression for the name.
fn by_name(runner: &str, tests: &[&Test]) -> Option<String> {
    let files = with_addresses(runner, tests, |test| test.file_name.clone())?;
    let names: BTreeSet<String> = tests
        .iter()
        .map(|test| escaped(format!("{} {}", test.scope, test.name).trim()))
        .collect();
    let names: Vec<String> = names.into_iter().collect();
    Some(format!("{files} -t {}", quoted(&names.join("|"))))
}

/// The selector of a Go test is its package; subtests run with their test.
fn go(tests: &[&Test]) -> Option<String> {
    let packages = with_addresses("go test", tests, |test| test.selector.clone())?;
    let names: BTreeSet<&str> = tests
        .iter()
        .filter_map(|test| test.name.split('/').next())
        .collect();
    let names: Vec<String> = names.into_iter().map(escaped).collect();
    Some(format!(
        "{packages} -run {}",
        quoted(&format!("^({})$", names.join("|")))
    ))
}

/// For a POSIX shell.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_./:=@%+,-".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// As a part of a regular expression.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\^$.|?*+()[]{}".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use test_engine_store::{SuiteId, TestId, TestState, Timestamp};
    use uuid::Uuid;

    use super::*;

    fn test(scope: &str, name: &str, place: &str) -> Test {
        let file = place.split(':').next().map(str::to_owned);
        Test {
            id: TestId::default(),
            uuid: Uuid::nil(),
            suite: SuiteId::default(),
            scope: scope.to_owned(),
            name: name.to_owned(),
            location: Some(place.to_owned()),
            file_name: file,
            identifier: None,
            selector: Some("./cart".to_owned()),
            state: TestState::Enabled,
            state_changed_at: None,
            first_seen_at: Timestamp::from_millis(0),
            last_seen_at: Timestamp::from_millis(0),
        }
    }

    #[test]
    fn each_runner_has_its_own_command() {
        let one = test("Cart", "adds (1+1)", "spec/cart_spec.rb:3");
        let other = test("Cart", "it's empty", "spec/cart spec.rb:9");
        for (framework, format, expected) in [
            (
                Some("RSpec"),
                Format::Junit,
                "bundle exec rspec 'spec/cart spec.rb:9' spec/cart_spec.rb:3",
            ),
            (
                Some("jest"),
                Format::Junit,
                "npx jest 'spec/cart spec.rb' spec/cart_spec.rb \
                 -t 'Cart adds \\(1\\+1\\)|Cart it'\\''s empty'",
            ),
            (
                None,
                Format::GoJsonl,
                "go test ./cart -run '^(adds \\(1\\+1\\)|it'\\''s empty)$'",
            ),
            (
                Some("pytest"),
                Format::Json,
                "pytest 'spec/cart spec.rb' spec/cart_spec.rb",
            ),
        ] {
            let found = runner_command(framework, format, &[&one, &other]);
            assert_eq!(found.as_deref(), Some(expected), "{framework:?} {format:?}");
        }
    }

    #[test]
    fn unknown_runners_and_options_have_no_command() {
        let plain = test("", "a", "a_test.x:1");
        assert_eq!(runner_command(None, Format::Junit, &[&plain]), None);
        assert_eq!(
            runner_command(Some("nunit"), Format::Junit, &[&plain]),
            None
        );
        let option = test("", "a", "--init=/tmp/x");
        assert_eq!(
            runner_command(Some("rspec"), Format::Json, &[&option]),
            None
        );
        let many = vec![&plain; MAX_TESTS + 1];
        assert_eq!(runner_command(Some("rspec"), Format::Json, &many), None);
        assert_eq!(runner_command(Some("rspec"), Format::Json, &[]), None);
    }
}
