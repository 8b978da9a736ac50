//! Sections that a CI shows folded, in the syntax of that CI. Pure.
//!
//! The input is in Buildkite's syntax: a line that begins with `+++`, `---` or `~~~` opens a
//! section. Scripts look for these lines, so they stay unless the CI is known to have another
//! syntax. A section ends with its text, so that it does not include the runner's own output.

use crate::ci::Folding;

/// Begins the titles of sections that are rarely of interest. Only these are folded: all others
/// have what people look for, and some CIs cannot show a section open.
const CLOSED: &str = "Buildkite Test Engine Client";

const MARKS: [&str; 3] = ["+++ ", "--- ", "~~~ "];

/// `text` in the syntax of `folding`. `seconds` is the Unix time; `number` must differ between all
/// texts of this process.
pub fn folded(text: &str, folding: Folding, seconds: i64, number: u32) -> String {
    if folding == Folding::Marks {
        return text.to_owned();
    }
    let mut lines: Vec<String> = Vec::new();
    let mut open: Option<String> = None;
    let mut sections = 0;
    for line in text.lines() {
        let Some(title) = title_of(line) else {
            lines.push(line.to_owned());
            continue;
        };
        lines.extend(open.take());
        sections += 1;
        let is_closed = title.starts_with(CLOSED);
        match folding {
            Folding::GitHub if is_closed => {
                lines.push(format!("::group::{title}"));
                open = Some("::endgroup::".to_owned());
            }
            Folding::Azure if is_closed => {
                lines.push(format!("##[group]{title}"));
                open = Some("##[endgroup]".to_owned());
            }
            Folding::GitLab => {
                let name = format!("bktec_{number}_{sections}");
                let option = if is_closed { "[collapsed=true]" } else { "" };
                lines.push(format!(
                    "\u{1b}[0Ksection_start:{seconds}:{name}{option}\r\u{1b}[0K{title}"
                ));
                open = Some(format!("\u{1b}[0Ksection_end:{seconds}:{name}\r\u{1b}[0K"));
            }
            Folding::GitHub | Folding::Azure | Folding::Marks => lines.push(title.to_owned()),
        }
    }
    lines.extend(open);
    lines.join("\n")
}

fn title_of(line: &str) -> Option<&str> {
    MARKS.iter().find_map(|mark| line.strip_prefix(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "+++ Buildkite Test Engine Client: bktec 1\n\n logo\n+++ Failed Tests:\n- a +++ b";

    fn shown(folding: Folding) -> String {
        folded(TEXT, folding, 1_700_000_000, 3)
            .replace("\u{1b}[0K", "^")
            .replace('\r', "CR")
    }

    #[test]
    fn keeps_buildkites_marks() {
        assert_eq!(shown(Folding::Marks), TEXT);
    }

    #[test]
    fn github_folds_only_closed_sections() {
        insta::assert_snapshot!(shown(Folding::GitHub), @"
        ::group::Buildkite Test Engine Client: bktec 1

         logo
        ::endgroup::
        Failed Tests:
        - a +++ b
        ");
    }

    #[test]
    fn gitlab_has_open_sections() {
        insta::assert_snapshot!(shown(Folding::GitLab), @"
        ^section_start:1700000000:bktec_3_1[collapsed=true]CR^Buildkite Test Engine Client: bktec 1

         logo
        ^section_end:1700000000:bktec_3_1CR^
        ^section_start:1700000000:bktec_3_2CR^Failed Tests:
        - a +++ b
        ^section_end:1700000000:bktec_3_2CR^
        ");
    }

    #[test]
    fn azure_folds_as_github_does() {
        insta::assert_snapshot!(shown(Folding::Azure), @"
        ##[group]Buildkite Test Engine Client: bktec 1

         logo
        ##[endgroup]
        Failed Tests:
        - a +++ b
        ");
    }

    #[test]
    fn keeps_text_without_sections() {
        for folding in [Folding::GitHub, Folding::GitLab, Folding::Azure] {
            assert_eq!(folded("a\n\n b", folding, 0, 0), "a\n\n b");
        }
    }
}
