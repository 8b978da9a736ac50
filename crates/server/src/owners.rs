//! Who owns which tests: reading a TESTOWNERS file, which follows the rules of CODEOWNERS.
//!
//! A line is a pattern and the teams that own what it matches; the last line that matches wins.
//! `#` begins a comment. Patterns are those of .gitignore, without `!`, except that `folder/*`
//! means the files of that folder and not what lies deeper. Pure: a text in, answers out.

/// A file of owners, read.
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
    /// Lines that are no rules are left out and told by [`Self::ignored`].
    pub(crate) fn parse(text: &str) -> Self {
        let mut owners = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            let mut words = words(line).into_iter();
            let Some(pattern) = words.next() else {
                continue;
            };
            let teams: Vec<String> = words.collect();
            if teams.is_empty() {
                owners
                    .ignored
                    .push(format!("line {number}: the pattern has no team"));
            } else if pattern.starts_with('!') {
                owners
                    .ignored
                    .push(format!("line {number}: patterns cannot begin with !"));
            } else {
                let pattern = Pattern::new(&pattern);
                owners.rules.push(Rule { pattern, teams });
            }
        }
        owners
    }

    /// The teams that own the file at this path, the default owner first; none when nobody does.
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

    /// How many rules there are.
    pub(crate) fn rules(&self) -> usize {
        self.rules.len()
    }

    /// Every team that is named, sorted.
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

    /// What was left out, and why.
    pub(crate) fn ignored(&self) -> &[String] {
        &self.ignored
    }
}

/// The words of a line up to its comment; `\` takes the meaning from a space or `#`.
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

/// A pattern, part by part of its path.
#[derive(Debug)]
struct Pattern {
    parts: Vec<Part>,
    /// Whether what it matches must be a folder.
    is_folder: bool,
    /// Whether it ends in `/*`: the files of a folder and nothing deeper.
    is_shallow: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// `**`: any number of parts.
    Any,
    /// One part, with its signs.
    Name(Vec<char>),
}

impl Pattern {
    fn new(text: &str) -> Self {
        let is_folder = text.ends_with('/');
        let trimmed = text.trim_end_matches('/');
        // A slash that is not the last character ties the pattern to the top.
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
            // Several in a row mean what one means.
            if part != Part::Any || parts.last() != Some(&Part::Any) {
                parts.push(part);
            }
        }
        Self {
            is_shallow: is_anchored && !is_folder && trimmed.ends_with("/*"),
            parts,
            is_folder,
        }
    }

    /// Whether it matches the path, or a folder that the path is in.
    fn matches(&self, path: &[&str]) -> bool {
        let mut reached = vec![false; path.len() + 1];
        reached[0] = true;
        for part in &self.parts {
            let mut next = vec![false; path.len() + 1];
            for (place, is_reached) in reached.iter().enumerate() {
                if !is_reached {
                    continue;
                }
                match part {
                    Part::Any => next[place..].fill(true),
                    Part::Name(name) => {
                        if path.get(place).is_some_and(|part| matches_part(name, part)) {
                            next[place + 1] = true;
                        }
                    }
                }
            }
            reached = next;
        }
        // What is reached before the end is a folder on the way to the path.
        let ends_with_any = self.parts.last() == Some(&Part::Any);
        let as_folder = reached[1..path.len()].iter().any(|is_reached| *is_reached);
        let as_path = reached[path.len()];
        if self.is_shallow || ends_with_any {
            as_path
        } else if self.is_folder {
            as_folder
        } else {
            as_folder || as_path
        }
    }
}

/// One part of a path against `*`, `?`, `[…]` and `\`. Never goes back further than one star.
fn matches_part(pattern: &[char], part: &str) -> bool {
    let text: Vec<char> = part.chars().collect();
    let (mut at, mut place) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while place < text.len() {
        if pattern.get(at) == Some(&'*') {
            star = Some((at, place));
            at += 1;
        } else if let Some(length) = matches_one(&pattern[at..], text[place]) {
            at += length;
            place += 1;
        } else if let Some((star_at, star_place)) = star {
            at = star_at + 1;
            place = star_place + 1;
            star = Some((star_at, place));
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|sign| *sign == '*')
}

/// How many signs of the pattern stand for this character, when the first one does.
fn matches_one(pattern: &[char], character: char) -> Option<usize> {
    match pattern {
        ['?', ..] => Some(1),
        ['\\', escaped, ..] => (*escaped == character).then_some(2),
        ['[', rest @ ..] => match set(rest) {
            Some(set) => {
                let is_member = set
                    .ranges
                    .iter()
                    .any(|(first, last)| (*first..=*last).contains(&character));
                (is_member != set.is_negated).then_some(set.length + 1)
            }
            // Without an end it is an ordinary sign.
            None => (character == '[').then_some(1),
        },
        [sign, ..] => (*sign == character).then_some(1),
        [] => None,
    }
}

/// What stands between brackets.
struct Set {
    ranges: Vec<(char, char)>,
    is_negated: bool,
    /// Signs up to the closing one, which is counted.
    length: usize,
}

/// The set that ends in these signs, when it ends.
fn set(rest: &[char]) -> Option<Set> {
    let is_negated = matches!(rest.first(), Some('!' | '^'));
    let mut at = usize::from(is_negated);
    let mut ranges = Vec::new();
    let first = at;
    loop {
        match rest.get(at..)? {
            [']', ..] if at > first => {
                let length = at + 1;
                return Some(Set {
                    ranges,
                    is_negated,
                    length,
                });
            }
            [from, '-', to, ..] if *to != ']' => {
                ranges.push((*from, *to));
                at += 3;
            }
            [one, ..] => {
                ranges.push((*one, *one));
                at += 1;
            }
            [] => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Owners;

    fn owner(rules: &str, path: &str) -> String {
        Owners::parse(rules).of(path).join(" ")
    }

    #[test]
    fn patterns_match_as_those_of_code_owners_do() {
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
        let rules = "* everybody\n/api/ backend ops # two teams\n\n# a comment\napi/docs/ writers";
        assert_eq!(owner(rules, "web/a.rb"), "everybody");
        assert_eq!(owner(rules, "api/a.rb"), "backend ops");
        assert_eq!(owner(rules, "api/docs/a.rb"), "writers");
        assert_eq!(owner("api/ backend", "web/a.rb"), "");
        assert_eq!(owner("* everybody", ""), "");
    }

    #[test]
    fn a_pattern_without_team_leaves_the_owner_before_it() {
        let owners = Owners::parse("* everybody\nsecret/\n!x team");
        assert_eq!(owners.of("secret/a.rb"), ["everybody"]);
        assert_eq!(owners.rules(), 1);
        assert_eq!(owners.teams(), ["everybody"]);
        assert_eq!(
            owners.ignored(),
            [
                "line 2: the pattern has no team",
                "line 3: patterns cannot begin with !"
            ]
        );
    }

    #[test]
    fn spaces_and_signs_can_be_part_of_a_path() {
        assert_eq!(owner("my\\ folder/ team", "my folder/a.rb"), "team");
        assert_eq!(owner("a\\#b team", "a#b"), "team");
        assert_eq!(owner("a\\*b team", "a*b"), "team");
        assert_eq!(owner("a\\*b team", "aXb"), "");
        assert_eq!(owner("end\\", "end"), "");
    }

    #[test]
    fn many_stars_take_no_time() {
        let pattern = format!("{}x team", "**/*a*a*a*/".repeat(40));
        let path = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/".repeat(60);
        assert_eq!(owner(&pattern, &path), "");
    }
}
