use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn parse(text: &str) -> Pattern {
    Pattern::parse(text, Some(Path::new("/home/me"))).unwrap()
}

#[rstest]
#[case("a.py", &["a.py"], &["b.py", "aXpy", "x/a.py", "a.py/", ""])]
#[case("?.py", &["a.py", "é.py", "..py"], &["ab.py", "/.py", ".py"])]
#[case("*.py", &["a.py", ".py", "a b.py", ".hidden.py"], &["x/a.py", "a.pyc"])]
#[case("a*b", &["ab", "axxb"], &["a/b", "abc"])]
#[case("a**b", &["ab", "axb", "a/x/b", "a/b"], &["ba"])]
#[case("a/**/b", &["a/b", "a/x/b", "a/x/y/b"], &["ab", "a/xb", "xa/b"])]
#[case("**/b", &["b", "a/b", "x/y/b"], &["ab", "b/c"])]
#[case("a/**", &["a/b", "a/b/c", "a/"], &["a", "ab"])]
#[case("a**/b", &["a/b", "ax/b", "a/x/b"], &["ab"])]
#[case("**", &["a", "a/b/c"], &[])]
#[case("***", &["a", "a/b/c"], &[])]
#[case("**/**/b", &["b", "a/b", "a/x/b"], &["xb"])]
#[case("{a,b}.py", &["a.py", "b.py"], &["c.py", ".py", "a,b.py"])]
#[case("a{,b}.py", &["a.py", "ab.py"], &["abb.py"])]
#[case("{a,b{c,d{e,}}}", &["a", "bc", "bd", "bde"], &["b", "be"])]
#[case("{a,**/b,c/**}", &["a", "b", "x/b", "c/d/e"], &["c", "xb"])]
#[case("x/{**/,}a", &["x/a", "x/y/a"], &["xa"])]
#[case("{x/,}**/a", &["a", "x/a", "y/a", "x/y/a"], &["xa"])]
#[case("a{}b", &["ab"], &["a{}b"])]
#[case("[abc].py", &["a.py", "c.py"], &["d.py", "ab.py"])]
#[case("[^abc].py", &["d.py", "é.py"], &["a.py", "/.py"])]
#[case("x[/]y", &[], &["x/y"])]
#[case("x[/a]y", &["xay"], &["x/y"])]
#[case("x[^a]y", &["xby"], &["x/y", "xay"])]
#[case("[a-c]x", &["ax", "bx", "cx"], &["dx", "-x"])]
#[case("[a-]x", &["ax", "-x"], &["bx"])]
#[case(r"[\]\\^]x", &["]x", r"\x", "^x"], &["ax"])]
#[case("[!a]x", &["!x", "ax"], &["bx"])]
#[case("[&&~~-]x", &["&x", "~x", "-x"], &["ax"])]
#[case(r"a\*b", &["a*b"], &["axb", r"a\*b"])]
#[case(r"\{a,b\}", &["{a,b}"], &["a"])]
#[case(r"\[id\]/*.js", &["[id]/a.js"], &["i/a.js"])]
#[case("a,b", &["a,b"], &["a"])]
#[case("a]b", &["a]b"], &[])]
#[case("a.+(x)$|^", &["a.+(x)$|^"], &["a"])]
#[case("~/x/*.py", &["/home/me/x/a.py"], &["~/x/a.py"])]
#[case("~a.py", &["~a.py"], &[])]
#[case("a~", &["a~"], &[])]
#[case("./spec/*.rb", &["./spec/a.rb"], &["spec/a.rb"])]
#[case("spec/**/*_spec.rb", &["spec/a_spec.rb", "spec/x/y/a_spec.rb"], &["a_spec.rb", "spec/a.rb"])]
#[case(
    "**/{__tests__/**/*,*.spec,*.test}.{ts,js,tsx,jsx}",
    &[
        "a.test.js",
        "src/a.spec.tsx",
        "__tests__/a.js",
        "x/__tests__/y/z.ts",
        "(group)/[id]/a.test.ts",
    ],
    &["a.js", "x__tests__/a.js", "a.test.jsonc", "a.test.js.snap"]
)]
#[case("**/{*_test,test_*}.py", &["test_a.py", "x/a_test.py"], &["test.py", "x/conftest.py"])]
fn a_pattern_matches(#[case] pattern: &str, #[case] matching: &[&str], #[case] others: &[&str]) {
    let pattern = parse(pattern);
    for path in matching {
        assert!(pattern.is_match(path.as_bytes()), "should match {path:?}");
        let name = path.rsplit('/').next().unwrap();
        assert!(
            pattern.may_end(name.as_bytes()),
            "the ending excludes {name:?}"
        );
    }
    for path in others {
        assert!(
            !pattern.is_match(path.as_bytes()),
            "should not match {path:?}"
        );
    }
}

#[rstest]
#[case("", "it is empty")]
#[case("a{b", "`{` at character 2 has no `}`")]
#[case("a{b,{c}", "`{` at character 2 has no `}`")]
#[case(
    "ab}",
    r"`}` at character 3 has no `{` (write `\}` for a literal brace)"
)]
#[case("a[bc", "`[` at character 2 has no `]`")]
#[case(r"a[b\", "`[` at character 2 has no `]`")]
#[case("a[]b", "the brackets at character 2 are empty")]
#[case("a[^]b", "the brackets at character 2 are empty")]
#[case("[z-a]", "the range `z-a` at character 4 is reversed")]
#[case(r"a\", r"it ends with an unfinished escape `\`")]
#[case("~/{a", "`{` at character 3 has no `}`")]
#[case(
    "{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}",
    "its braces have more than 4096 alternatives"
)]
fn an_invalid_pattern_is_quoted_with_the_position(#[case] pattern: &str, #[case] reason: &str) {
    let error = Pattern::parse(pattern, Some(Path::new("/home/me"))).unwrap_err();
    assert_eq!(error.reason, reason);
    assert!(
        error.to_string().contains(&format!("{pattern:?}")),
        "{error}"
    );
}

#[test]
fn an_unknown_home_is_an_error() {
    let error = Pattern::parse("~/a", None).unwrap_err();
    assert!(error.reason.contains("home directory"), "{error}");
}

#[test]
fn names_that_are_not_utf8_can_match() {
    assert!(parse("**/*_spec.rb").is_match(b"spec/\xff_spec.rb"));
    assert!(!parse("?.rb").is_match(b"\xff.rb"));
}

#[rstest]
#[case("spec/features/", "spec/features")]
#[case("./spec/features", "spec/features")]
fn exclude_patterns_ignore_leading_dots_and_trailing_slashes(
    #[case] text: &str,
    #[case] path: &str,
) {
    let pattern = Pattern::parse_exclude(text, None).unwrap();
    assert!(pattern.is_match(path.as_bytes()));
}

#[rstest]
#[case("**/*.js", &[""])]
#[case("src/**/*.js", &["src/"])]
#[case("./a/b/c*.js", &["./a/b/"])]
#[case("../x/y.js", &["../x/"])]
#[case("/abs/*.js", &["/abs/"])]
#[case("{a,b/c}/*.js", &["a/", "b/c/"])]
#[case("a*/b/*.js", &[""])]
#[case("y.js", &[""])]
fn the_root_is_the_literal_part(#[case] pattern: &str, #[case] roots: &[&str]) {
    let pattern = parse(pattern);
    let found: Vec<_> = pattern
        .alternatives()
        .iter()
        .map(|one| one.root.as_str())
        .collect();
    assert_eq!(found, roots);
}

#[rstest]
#[case("*/test/*.js", 0, "a", true)]
#[case("*/test/*.js", 1, "test", true)]
#[case("*/test/*.js", 1, "src", false)]
#[case("*/test/*.js", 2, "deeper", false)]
#[case("*.js", 0, "a.js", false)]
#[case("a*/**/b/*.js", 0, "ab", true)]
#[case("a*/**/b/*.js", 0, "ba", false)]
#[case("a*/**/b/*.js", 7, "any", true)]
#[case("a**.js", 0, "any", true)]
fn only_directories_that_can_match_are_entered(
    #[case] pattern: &str,
    #[case] depth: usize,
    #[case] name: &str,
    #[case] enters: bool,
) {
    let entered = parse(pattern).alternatives()[0].enters(depth, name.as_bytes());
    assert_eq!(entered, enters);
}

proptest! {
    #[test]
    fn no_pattern_panics(text in r"[ab/.*?{},\[\]^\\~!é-]{0,24}", path in "[ab/.é]{0,12}") {
        if let Ok(pattern) = Pattern::parse(&text, Some(Path::new("/h"))) {
            let matches = pattern.is_match(path.as_bytes());
            let name = path.rsplit('/').next().unwrap_or("");
            prop_assert!(!matches || pattern.may_end(name.as_bytes()));
        }
    }

    #[test]
    fn the_walk_reaches_every_match(
        text in r"[ab]?(/|\*|\*\*|\*\*/|\?|\{a,b/\}|a|b){1,8}",
        path in "[ab](/[ab]){0,4}",
    ) {
        let Ok(pattern) = Pattern::parse(&text, None) else { return Ok(()) };
        if pattern.is_match(path.as_bytes()) {
            let reached = pattern.alternatives().iter().any(|alternative| {
                path.strip_prefix(&alternative.root).is_some_and(|below| {
                    let parts: Vec<_> = below.split('/').collect();
                    parts[..parts.len() - 1]
                        .iter()
                        .enumerate()
                        .all(|(depth, part)| alternative.enters(depth, part.as_bytes()))
                })
            });
            prop_assert!(reached, "{text:?} matches {path:?}, but the walk does not reach it");
        }
    }

    #[test]
    fn a_literal_pattern_matches_only_itself(
        text in "[a-z/.()$+|#& é-]{1,16}",
        other in "[a-z/.]{1,16}",
    ) {
        let pattern = Pattern::parse(&text, None).unwrap();
        prop_assert!(pattern.is_match(text.as_bytes()));
        prop_assert_eq!(pattern.is_match(other.as_bytes()), text == other);
    }
}
