//! Parsing and matching TESTOWNERS files, which follow the rules of CODEOWNERS.
//!
//! A line is a pattern and the teams that own what it matches; the last matching line wins. `#`
//! starts a comment. Patterns are those of .gitignore, without `!`, except that `directory/*`
//! matches the files directly in that directory only.

#[derive(Debug, Default)]
pub(crate) struct Owners {
    rules: Vec<Rule>,
    ignored: Vec<String>,
}

#[derive(Debug)]
struct Rule {
    pattern: Pattern,
    teams: Vec<String>,
}

impl Owners {
    /// [`Self::ignored`] lists the invalid lines.
    pub(crate) fn parse(text: &str) -> Self {
        let mut owners = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            let mut words = words(line).into_iter();
            let Some(pattern) = words.next() else {
                continue;
            };
            let teams: Vec<String> = words.collect();
            let problem = if teams.is_empty() {
                "the pattern has no team"
            } else if pattern.starts_with('!') {
                "patterns cannot start with !"
            } else {
                let pattern = Pattern::new(&pattern);
                owners.rules.push(Rule { pattern, teams });
                continue;
            };
            owners.ignored.push(format!("line {number}: {problem}"));
        }
        owners
    }

    /// The teams that own the file at this path, the default owner first; empty if there are none.
    pub(crate) fn of(&self, path: &str) -> &[String] {
        let parts: Vec<&str> = path
            .split('/')
            .filter(|part| !part.is_empty() && *part != ".")
            .collect();
        self.rules
            .iter()
            .rev()
            .find(|rule| !parts.is_empty() && rule.pattern.matches(&parts))
            .map_or(&[], |rule| &rule.teams)
    }

    pub(crate) fn rules(&self) -> usize {
        self.rules.len()
    }

    pub(crate) fn teams(&self) -> Vec<&str> {
        let mut teams: Vec<&str> = self
            .rules
            .iter()
            .flat_map(|rule| rule.teams.iter().map(String::as_str))
            .collect();
        teams.sort_unstable();
        teams.dedup();
        teams
    }

    /// Line numbers and reasons.
    pub(crate) fn ignored(&self) -> &[String] {
        &self.ignored
    }
}

/// The words of a line up to its comment; `\` escapes a space or `#`.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            '#' => break,
            '\\' => match characters.next() {
                Some(next @ (' ' | '#')) => word.push(next),
                Some(next) => word.extend(['\\', next]),
                None => word.push('\\'),
            },
            space if space.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            other => word.push(other),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[derive(Debug)]
struct Pattern {
    parts: Vec<Part>,
    /// Matches only directories.
    is_directory: bool,
    /// Ends in `/*`: matches the files directly in a directory only.
    is_shallow: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// `**`: any number of parts.
    Any,
    /// One part, which may contain wildcards.
    Name(Vec<char>),
}

impl Pattern {
    fn new(text: &str) -> Self {
        let is_directory = text.ends_with('/');
        let trimmed = text.trim_end_matches('/');
        // A slash that is not the last character anchors the pattern to the root.
        let is_anchored = trimmed.contains('/');
        let mut parts: Vec<Part> = Vec::new();
        if !is_anchored {
            parts.push(Part::Any);
        }
        for part in trimmed.split('/').filter(|part| !part.is_empty()) {
            let part = if part == "**" {
                Part::Any
            } else {
                Part::Name(part.chars().collect())
            };
            // Several `**` in a row are equivalent to one.
            if part != Part::Any || parts.last() != Some(&Part::Any) {
                parts.push(part);
            }
        }
        Self {
            is_shallow: is_anchored && !is_directory && trimmed.ends_with("/*"),
            parts,
            is_directory,
        }
    }

    /// Whether it matches the path or one of its parent directories.
    fn matches(&self, path: &[&str]) -> bool {
        // Which prefixes of the path, by their number of parts, the pattern so far matches.
        let mut reached = vec![false; path.len() + 1];
        reached[0] = true;
        for part in &self.parts {
            let mut next = vec![false; path.len() + 1];
            for (length, is_reached) in reached.iter().enumerate() {
                if !is_reached {
                    continue;
                }
                match part {
                    Part::Any => next[length..].fill(true),
                    Part::Name(name) => {
                        let part = path.get(length);
                        if part.is_some_and(|part| matches_part(name, part)) {
                            next[length + 1] = true;
                        }
                    }
                }
            }
            reached = next;
        }
        let ends_with_any = self.parts.last() == Some(&Part::Any);
        let as_directory = reached[1..path.len()].iter().any(|is_reached| *is_reached);
        let as_path = reached[path.len()];
        if self.is_shallow || ends_with_any {
            as_path
        } else if self.is_directory {
            as_directory
        } else {
            as_directory || as_path
        }
    }
}

/// Matches one part of a path against `*`, `?`, `[…]` and `\`. Backtracks only to the last `*`, so
/// that the time is bounded.
fn matches_part(pattern: &[char], part: &str) -> bool {
    let text: Vec<char> = part.chars().collect();
    let (mut in_pattern, mut in_text) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while in_text < text.len() {
        if pattern.get(in_pattern) == Some(&'*') {
            star = Some((in_pattern, in_text));
            in_pattern += 1;
        } else if let Some(length) = matches_one(&pattern[in_pattern..], text[in_text]) {
            in_pattern += length;
            in_text += 1;
        } else if let Some((star_in_pattern, star_in_text)) = star {
            in_pattern = star_in_pattern + 1;
            in_text = star_in_text + 1;
            star = Some((star_in_pattern, in_text));
        } else {
            return false;
        }
    }
    pattern[in_pattern..].iter().all(|c| *c == '*')
}

/// The length of the start of the pattern that matches this character.
fn matches_one(pattern: &[char], character: char) -> Option<usize> {
    match pattern {
        ['?', ..] => Some(1),
        ['\\', escaped, ..] => (*escaped == character).then_some(2),
        ['[', rest @ ..] => match matches_set(rest, character) {
            Some((is_match, length)) => is_match.then_some(length + 1),
            // Without a closing bracket it is an ordinary character.
            None => (character == '[').then_some(1),
        },
        [literal, ..] => (*literal == character).then_some(1),
        [] => None,
    }
}

/// Whether the set after an opening bracket matches, and its length up to and including the closing
/// bracket; `None` without one.
fn matches_set(rest: &[char], character: char) -> Option<(bool, usize)> {
    let is_negated = matches!(rest.first(), Some('!' | '^'));
    let first = usize::from(is_negated);
    let mut at = first;
    let mut is_member = false;
    loop {
        let (from, to, length) = match rest.get(at..)? {
            [']', ..] if at > first => return Some((is_member != is_negated, at + 1)),
            [from, '-', to, ..] if *to != ']' => (*from, *to, 3),
            [one, ..] => (*one, *one, 1),
            [] => return None,
        };
        is_member |= (from..=to).contains(&character);
        at += length;
    }
}

#[cfg(test)]
mod tests {
    use super::Owners;

    fn owner(rules: &str, path: &str) -> String {
        Owners::parse(rules).of(path).join(" ")
    }

    #[test]
    fn patterns_match_like_those_of_codeowners() {
        for (pattern, path, expected) in [
            ("*", "a.rb", true),
            ("*", "deep/er/a.rb", true),
            ("*.rb", "spec/a_spec.rb", true),
            ("*.rb", "spec/a_spec.js", false),
            ("spec", "spec/a.rb", true),
            ("spec", "lib/spec/a.rb", true),
            ("spec", "spec", true),
            ("spec", "specs/a.rb", false),
            ("spec/", "spec/a.rb", true),
            ("spec/", "lib/spec/a.rb", true),
            ("spec/", "spec", false),
            ("/spec/", "spec/a.rb", true),
            ("/spec/", "lib/spec/a.rb", false),
            ("/spec", "./spec/a.rb", true),
            ("/spec", "/spec/a.rb", true),
            ("docs/*", "docs/a.md", true),
            ("docs/*", "docs/deep/a.md", false),
            ("docs/**", "docs/deep/a.md", true),
            ("spec/models", "spec/models/a.rb", true),
            ("spec/models", "lib/spec/models/a.rb", false),
            ("**/models/*.rb", "a/b/models/c.rb", true),
            ("**/models/*.rb", "models/c.rb", true),
            ("spec/**/a.rb", "spec/a.rb", true),
            ("spec/**/a.rb", "spec/x/y/a.rb", true),
            ("spec/**/a.rb", "spec/x/y/b.rb", false),
            ("a?c.py", "abc.py", true),
            ("a?c.py", "ac.py", false),
            ("[ab]*.py", "b1.py", true),
            ("[!ab]*.py", "b1.py", false),
            ("[0-9].py", "7.py", true),
            ("[x", "[x", true),
            ("größe/*", "größe/ü.py", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
        ] {
            let is_owned = !owner(&format!("{pattern} team"), path).is_empty();
            assert_eq!(is_owned, expected, "{pattern} {path}");
        }
    }

    #[test]
    fn the_last_line_that_matches_wins() {
        let rules = "* default\n/api/ backend ops # two teams\n\n# a comment\napi/docs/ writers";
        assert_eq!(owner(rules, "web/a.rb"), "default");
        assert_eq!(owner(rules, "api/a.rb"), "backend ops");
        assert_eq!(owner(rules, "api/docs/a.rb"), "writers");
        assert_eq!(owner("api/ backend", "web/a.rb"), "");
        assert_eq!(owner("* default", ""), "");
    }

    #[test]
    fn ignores_invalid_lines() {
        let owners = Owners::parse("* default\nsecret/\n!x team");
        assert_eq!(owners.of("secret/a.rb"), ["default"]);
        assert_eq!(owners.rules(), 1);
        assert_eq!(owners.teams(), ["default"]);
        let [second, third] = owners.ignored() else {
            panic!("{owners:?}")
        };
        assert_eq!(second, "line 2: the pattern has no team");
        assert_eq!(third, "line 3: patterns cannot start with !");
    }

    #[test]
    fn a_backslash_escapes_spaces_and_special_characters() {
        assert_eq!(owner("my\\ dir/ team", "my dir/a.rb"), "team");
        assert_eq!(owner("a\\#b team", "a#b"), "team");
        assert_eq!(owner("a\\*b team", "a*b"), "team");
        assert_eq!(owner("a\\*b team", "aXb"), "");
        assert_eq!(owner("end\\", "end"), "");
    }

    #[test]
    fn many_stars_match_quickly() {
        let pattern = format!("{}x team", "**/*a*a*a*/".repeat(40));
        let path = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/".repeat(60);
        assert_eq!(owner(&pattern, &path), "");
    }
}
