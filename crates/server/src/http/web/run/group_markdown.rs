//! A group of failures as Markdown, for a chat or a pull request. Pure.
//!
//! Everything that a test or a person has chosen is in code spans, as in the summary of a build.

use std::fmt::Write as _;

use crate::build_summary::code;

/// Characters of a name, of the message, and of a frame.
const MAX_TEXT: usize = 160;

/// What is said of a group.
pub(super) struct GroupText<'a> {
    /// `New here`.
    pub(super) label: &'a str,
    pub(super) message: &'a str,
    /// The first own frame of the failures.
    pub(super) frame: Option<&'a str>,
    /// Names of tests, and addresses of their pages.
    pub(super) tests: Vec<(String, String)>,
    /// Tests that are not among them.
    pub(super) more_tests: usize,
    /// Empty if it is not known.
    pub(super) command: &'a str,
    /// What the run is called, and the address of the group on its page.
    pub(super) run: (&'a str, String),
}

impl GroupText<'_> {
    pub(super) fn markdown(&self) -> String {
        let message = self.message.lines().next().unwrap_or_default();
        let (run, address) = &self.run;
        let mut text = format!(
            "**{}** in [{}]({address}): {}",
            self.label,
            code(run, MAX_TEXT),
            code(message, MAX_TEXT)
        );
        for (name, address) in &self.tests {
            let _infallible = write!(text, "\n- [{}]({address})", code(name, MAX_TEXT));
        }
        if self.more_tests > 0 {
            let _infallible = write!(text, "\n- … and {} more", self.more_tests);
        }
        if let Some(frame) = self.frame {
            let _infallible = write!(text, "\n\nIn {}", code(frame, MAX_TEXT));
        }
        if !self.command.is_empty() {
            let _infallible = write!(text, "\n\n```sh\n{}\n```", self.command);
        }
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::GroupText;

    #[test]
    fn a_group_is_a_line_with_its_tests_and_the_command() {
        let address = |name: &str| format!("https://x/tests/{name}");
        let group = GroupText {
            label: "New here",
            message: "expected `4758`\ngot 4757",
            frame: Some("lib/tax.rb:3"),
            tests: vec![
                ("Cart adds".to_owned(), address("adds")),
                ("Cart pays".to_owned(), address("pays")),
            ],
            more_tests: 3,
            command: "rspec a.rb:1",
            run: ("Run #412", "https://x/runs/1#failure-2".to_owned()),
        };
        assert_eq!(
            group.markdown(),
            "**New here** in [`Run #412`](https://x/runs/1#failure-2): `` expected `4758` ``\n\
             - [`Cart adds`](https://x/tests/adds)\n\
             - [`Cart pays`](https://x/tests/pays)\n\
             - … and 3 more\n\n\
             In `lib/tax.rb:3`\n\n\
             ```sh\nrspec a.rb:1\n```\n"
        );
        let short = GroupText {
            frame: None,
            tests: Vec::new(),
            more_tests: 0,
            command: "",
            message: "",
            ..group
        };
        assert_eq!(
            short.markdown(),
            "**New here** in [`Run #412`](https://x/runs/1#failure-2): ` `\n"
        );
    }
}
