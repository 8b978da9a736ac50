//! Verdicts as at most [`MAX_LINES`] lines of Markdown. Pure.
//!
//! Everything that a test or a person has chosen is in code spans: it cannot format the text,
//! mention people or link to other places.

use test_engine_insights::FailureVerdict;

use super::FailedInBuild;

/// Longer comments are not read.
pub(super) const MAX_LINES: usize = 20;
/// Characters of a name.
const MAX_NAME: usize = 120;
/// Characters of the first line of a reason.
const MAX_REASON: usize = 160;
/// Lines that each section gets before the first one gets more.
const MIN_ITEMS: usize = 2;

/// What the first line says.
pub(super) struct Heading<'a> {
    pub(super) suite: &'a str,
    pub(super) number: Option<&'a str>,
    /// Of the page with all failures.
    pub(super) address: String,
    pub(super) default_branch: &'a str,
}

/// A test that failed.
pub(super) struct Item<'a> {
    verdict: FailureVerdict,
    /// It failed to the end in some job, and is not muted.
    fails_build: bool,
    /// Its scope and name.
    name: String,
    /// Of its page.
    address: String,
    reason: &'a str,
    passed_in_another_job: bool,
}

impl<'a> Item<'a> {
    pub(super) fn new(found: &'a FailedInBuild, address: String) -> Self {
        let failed = &found.failed;
        let test = &failed.test;
        Self {
            verdict: found.verdict,
            fails_build: found.end.fails_build(),
            name: format!("{} {}", test.scope, test.name).trim().to_owned(),
            address,
            reason: failed.reason.as_deref().unwrap_or_default(),
            passed_in_another_job: failed.failed_lanes > 0 && failed.passed_lanes > 0,
        }
    }

    fn line(&self) -> String {
        let mut text = format!("- [{}]({})", code(&self.name, MAX_NAME), self.address);
        if !self.fails_build && self.verdict != FailureVerdict::Muted {
            text.push_str(", passed on retry");
        } else if self.passed_in_another_job {
            text.push_str(", passed in another job");
        }
        if let Some(line) = self.reason.trim().lines().next() {
            text.push_str(": ");
            text.push_str(&code(line, MAX_REASON));
        }
        text
    }
}

struct Section {
    title: String,
    items: Vec<String>,
}

/// `None` if nothing failed the build.
pub(super) fn summary(
    heading: &Heading<'_>,
    mut items: Vec<Item<'_>>,
    errors_outside_tests: &[String],
) -> Option<String> {
    let failing = items.iter().filter(|item| item.fails_build).count();
    if failing == 0 && errors_outside_tests.is_empty() {
        return None;
    }
    items.sort_by_key(|item| (item.verdict, !item.fails_build));
    let of = |wanted: &[FailureVerdict]| -> Vec<String> {
        let chosen = items.iter().filter(|item| wanted.contains(&item.verdict));
        chosen.map(Item::line).collect()
    };
    let errors = errors_outside_tests.iter();
    let elsewhere = format!("Also failing on {}", code(heading.default_branch, MAX_NAME));
    let sections = [
        (
            "Errors outside tests",
            errors
                .map(|error| format!("- {}", code(error, MAX_REASON)))
                .collect(),
        ),
        ("New", of(&[FailureVerdict::New])),
        (&elsewhere, of(&[FailureVerdict::AlsoOnMain])),
        ("Infrastructure", of(&[FailureVerdict::Infrastructure])),
        (
            "Flaky",
            of(&[FailureVerdict::KnownFlaky, FailureVerdict::FlakyHere]),
        ),
        ("Muted", of(&[FailureVerdict::Muted])),
    ];
    let mut sections: Vec<Section> = sections
        .into_iter()
        .filter(|(_, items)| !items.is_empty())
        .map(|(title, items)| Section {
            title: format!("#### {title} ({})", items.len()),
            items,
        })
        .collect();
    limit(&mut sections, MAX_LINES - 1);
    let mut text = title(heading, failing);
    for section in sections {
        text.push('\n');
        text.push_str(&section.title);
        for item in section.items {
            text.push('\n');
            text.push_str(&item);
        }
    }
    text.push('\n');
    Some(text)
}

fn title(heading: &Heading<'_>, failing: usize) -> String {
    let what = match failing {
        0 => "No test failed, but the build did".to_owned(),
        1 => "1 test failed".to_owned(),
        several => format!("{several} tests failed"),
    };
    let number = heading.number.map(|number| format!(" #{number}"));
    let run = format!("{}{}", heading.suite, number.unwrap_or_default());
    format!(
        "### ❌ {what}: [{}]({})",
        code(&run, MAX_NAME),
        heading.address
    )
}

/// Shortens lists until all lines fit: each section keeps some, and the first ones keep more.
fn limit(sections: &mut [Section], lines: usize) {
    let mut left = lines.saturating_sub(sections.len());
    let mut kept: Vec<usize> = Vec::with_capacity(sections.len());
    for section in sections.iter() {
        let first = section.items.len().min(MIN_ITEMS);
        kept.push(first);
        left = left.saturating_sub(first);
    }
    for (section, kept) in sections.iter_mut().zip(kept) {
        let more = (section.items.len() - kept).min(left);
        left -= more;
        shorten(&mut section.items, kept + more);
    }
}

fn shorten(items: &mut Vec<String>, kept: usize) {
    if items.len() > kept {
        let rest = items.len() - (kept - 1);
        items.truncate(kept - 1);
        items.push(format!("- … and {rest} more"));
    }
}

/// One line as a code span, shortened to this many characters.
pub(crate) fn code(text: &str, limit: usize) -> String {
    let mut line: String = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(limit + 1)
        .collect();
    if line.chars().count() > limit {
        line = line.chars().take(limit - 1).chain(['…']).collect();
    }
    let line = line.trim();
    if line.is_empty() {
        return "` `".to_owned();
    }
    // A span ends at the first run of as many backticks as it starts with.
    let runs = line.split(|letter| letter != '`');
    let longest = runs.map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let gap = if line.starts_with('`') || line.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{gap}{line}{gap}{fence}")
}

#[cfg(test)]
mod tests {
    use test_engine_insights::FailureVerdict::{
        AlsoOnMain, FlakyHere, Infrastructure, KnownFlaky, Muted, New,
    };

    use super::{FailureVerdict, Heading, Item, MAX_LINES, code, summary};

    /// A test that passed on retry or is muted if the verdict says so, else failed to the end.
    fn item(name: &str, verdict: FailureVerdict) -> Item<'static> {
        Item {
            verdict,
            fails_build: !matches!(verdict, FlakyHere | Muted),
            name: format!("Cart {name}"),
            address: format!("https://x/tests/{name}"),
            reason: "expected 1\ngot 2",
            passed_in_another_job: false,
        }
    }

    fn of(items: Vec<Item<'_>>, errors: &[String]) -> Option<String> {
        let heading = Heading {
            suite: "Web",
            number: Some("412"),
            address: "https://x/runs/1".to_owned(),
            default_branch: "main",
        };
        summary(&heading, items, errors)
    }

    #[test]
    fn failures_are_listed_by_verdict() {
        let in_one_job = Item {
            passed_in_another_job: true,
            ..item("pays", New)
        };
        let without_reason = Item {
            reason: " ",
            ..item("ships", AlsoOnMain)
        };
        let items = vec![
            item("retries", FlakyHere),
            item("waits", Muted),
            item("adds", New),
            without_reason,
            in_one_job,
            item("polls", KnownFlaky),
            item("sails", Infrastructure),
        ];
        let expected = "\
### ❌ 5 tests failed: [`Web #412`](https://x/runs/1)
#### New (2)
- [`Cart adds`](https://x/tests/adds): `expected 1`
- [`Cart pays`](https://x/tests/pays), passed in another job: `expected 1`
#### Also failing on `main` (1)
- [`Cart ships`](https://x/tests/ships)
#### Infrastructure (1)
- [`Cart sails`](https://x/tests/sails): `expected 1`
#### Flaky (2)
- [`Cart polls`](https://x/tests/polls): `expected 1`
- [`Cart retries`](https://x/tests/retries), passed on retry: `expected 1`
#### Muted (1)
- [`Cart waits`](https://x/tests/waits): `expected 1`
";
        assert_eq!(of(items, &[]).as_deref(), Some(expected));
    }

    #[test]
    fn a_build_that_did_not_fail_has_no_summary() {
        assert_eq!(of(Vec::new(), &[]), None);
        let repaired = vec![item("retries", FlakyHere), item("waits", Muted)];
        assert_eq!(of(repaired, &[]), None);
        let text = of(Vec::new(), &["ImportError: no module".to_owned()]).unwrap();
        assert!(text.contains("No test failed, but the build did"), "{text}");
        assert!(text.contains("- `ImportError: no module`"), "{text}");
    }

    #[test]
    fn long_lists_are_cut_and_every_section_is_kept() {
        let many = |verdicts: &[FailureVerdict], count: usize| -> Vec<Item<'static>> {
            let each = verdicts.iter().flat_map(|verdict| {
                (0..count).map(move |number| item(&number.to_string(), *verdict))
            });
            each.collect()
        };
        let all = [New, AlsoOnMain, KnownFlaky, FlakyHere, Muted];
        let errors = vec!["error".to_owned(); 30];
        let text = of(many(&all, 30), &errors).unwrap();
        assert_eq!(text.lines().count(), MAX_LINES, "{text}");
        assert_eq!(text.matches("#### ").count(), 5);
        assert_eq!(text.matches("- … and ").count(), 5);
        assert!(text.contains("#### Flaky (60)"), "{text}");
        assert!(text.ends_with("- … and 29 more\n"), "{text}");

        let two = of(many(&all[..2], 18), &[]).unwrap();
        assert_eq!(two.lines().count(), MAX_LINES, "{two}");
        let long_then_short = "- … and 4 more\n#### Also failing on `main` (18)\n";
        assert!(two.contains(long_then_short), "{two}");
        let fits = of(many(&all[..1], MAX_LINES - 2), &[]).unwrap();
        assert_eq!(fits.lines().count(), MAX_LINES);
        assert!(!fits.contains('…'), "{fits}");
    }

    #[test]
    fn names_cannot_format_the_text() {
        for (text, expected) in [
            ("@team <b>", "`@team <b>`"),
            ("a\n# b", "`a # b`"),
            ("`x`", "`` `x` ``"),
            ("a``b", "```a``b```"),
            (" ", "` `"),
        ] {
            assert_eq!(code(text, 20), expected);
        }
        assert_eq!(code("abcdef", 4), "`abc…`");
        assert_eq!(code("abcd", 4), "`abcd`");
    }
}
