//! Lists of globs in parameters.

use glob::{MatchOptions, Pattern};

const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// Globs, any of which may match. `*` and `?` do not match `/`, `**` does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patterns(Vec<Pattern>);

impl Patterns {
    /// Parses globs of paths, separated by commas. One without a slash matches a file of that name
    /// in any directory; one that ends with a slash matches everything below.
    ///
    /// # Errors
    ///
    /// The first invalid glob, and why.
    pub(crate) fn parse_paths(text: &str) -> Result<Self, String> {
        Self::parse(text, |glob| {
            let glob = glob.strip_prefix("./").unwrap_or(glob);
            let below = if glob.ends_with('/') { "**" } else { "" };
            let is_anchored = glob.trim_end_matches('/').contains('/') || glob.starts_with('/');
            let anywhere = if is_anchored { "" } else { "**/" };
            format!("{anywhere}{}{below}", glob.trim_start_matches('/'))
        })
    }

    /// Parses globs of branch names, separated by commas.
    ///
    /// # Errors
    ///
    /// The first invalid glob, and why.
    pub(crate) fn parse_branches(text: &str) -> Result<Self, String> {
        Self::parse(text, str::to_owned)
    }

    fn parse(text: &str, complete: impl Fn(&str) -> String) -> Result<Self, String> {
        let globs = text
            .split(',')
            .map(str::trim)
            .filter(|glob| !glob.is_empty());
        let patterns: Result<Vec<Pattern>, String> = globs
            .map(|glob| {
                let pattern = Pattern::new(&complete(glob));
                pattern.map_err(|error| format!("{glob:?} is not a glob: {}", error.msg))
            })
            .collect();
        match patterns {
            Ok(patterns) if patterns.is_empty() => Err("the list is empty".to_owned()),
            other => other.map(Self),
        }
    }

    /// Whether any glob matches.
    pub(crate) fn matches(&self, text: &str) -> bool {
        self.0
            .iter()
            .any(|pattern| pattern.matches_with(text, OPTIONS))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_of_paths_match_like_those_of_gitignore() {
        let cases = [
            ("*.proto", "api/v1/a.proto", true),
            ("*.proto", "a.proto", true),
            ("api/*.proto", "api/v1/a.proto", false),
            ("api/**/*.proto", "api/v1/a.proto", true),
            ("/a.proto", "a.proto", true),
            ("/a.proto", "api/a.proto", false),
            ("config/", "config/a/b.yml", true),
            ("config/", "app/config/a.yml", true),
            ("./a/b.py", "a/b.py", true),
            ("x, *.py", "a.py", true),
            ("", "a.py", false),
        ];
        for (globs, path, expected) in cases {
            let matches = Patterns::parse_paths(globs).is_ok_and(|globs| globs.matches(path));
            assert_eq!(matches, expected, "{globs} {path}");
        }
    }

    #[test]
    fn globs_of_branches_match_whole_names() {
        let branches = Patterns::parse_branches("release/*,hotfix").unwrap();
        let names = ["release/1", "release/1/x", "hotfix", "a/hotfix"];
        let matches = names.map(|name| branches.matches(name));
        assert_eq!(matches, [true, false, true, false]);
    }

    #[test]
    fn invalid_globs_are_named() {
        let error = Patterns::parse_paths("a,***b").unwrap_err();
        assert!(error.starts_with("\"***b\" is not a glob: "), "{error}");
        assert_eq!(
            Patterns::parse_branches(" , ").unwrap_err(),
            "the list is empty"
        );
    }
}
