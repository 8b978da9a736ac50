//! The words in paths and names (§4 of the design).

/// Words that nearly every path or test name has.
const STOP_WORDS: [&str; 19] = [
    "a", "and", "for", "in", "init", "js", "lib", "main", "of", "py", "rb", "spec", "specs", "src",
    "test", "tests", "the", "to", "ts",
];

/// Removed from the start of a file name, once.
const PREFIXES: [&str; 3] = ["test_", "tests_", "t_"];
/// Removed from the end of a file name, once.
const SUFFIXES: [&str; 8] = [
    "_test", "_tests", "_spec", ".spec", ".test", "-test", "-spec", ".cy",
];
/// Removed from the end of a file name in camel case, once.
const CAMEL_SUFFIXES: [&str; 2] = ["Test", "Spec"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Upper,
    /// Letters without case count as lower case.
    Lower,
    Digit,
    Other,
}

fn class(letter: char) -> Class {
    if letter.is_ascii_digit() {
        Class::Digit
    } else if letter.is_uppercase() {
        Class::Upper
    } else if letter.is_alphabetic() {
        Class::Lower
    } else {
        Class::Other
    }
}

fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.binary_search(&word).is_ok()
}

/// Calls `found` for every word, in lower case and without stop words. A word is a letter with the
/// lower-case letters and digits after it, a run of upper-case letters, or a run of digits.
pub(crate) fn for_each_word(text: &str, mut found: impl FnMut(&str)) {
    let letters: Vec<(usize, char)> = text.char_indices().collect();
    let class_at = |at: usize| {
        letters
            .get(at)
            .map_or(Class::Other, |letter| class(letter.1))
    };
    let mut at = 0;
    while at < letters.len() {
        let end = word_end(at, class_at);
        if end > at {
            let until = letters.get(end).map_or(text.len(), |letter| letter.0);
            let word = text[letters[at].0..until].to_lowercase();
            if !is_stop_word(&word) {
                found(&word);
            }
        }
        at = end.max(at + 1);
    }
}

/// Where the word that starts at `at` ends; `at` if no word starts there.
fn word_end(at: usize, class_at: impl Fn(usize) -> Class) -> usize {
    let run = |from: usize, accepts: fn(Class) -> bool| {
        let mut end = from;
        while accepts(class_at(end)) {
            end += 1;
        }
        end
    };
    let is_lower_or_digit = |class| matches!(class, Class::Lower | Class::Digit);
    match class_at(at) {
        Class::Other => at,
        Class::Digit => run(at, |class| class == Class::Digit),
        Class::Lower | Class::Upper if is_lower_or_digit(class_at(at + 1)) => {
            run(at + 1, is_lower_or_digit)
        }
        // A single letter is no word, unless it is a capital.
        Class::Lower => at,
        Class::Upper => {
            let end = run(at, |class| class == Class::Upper);
            // In "HTTPServer" the last capital starts the next word.
            if class_at(end) == Class::Lower {
                end - 1
            } else {
                end
            }
        }
    }
}

/// The distinct words of a text, sorted.
pub(crate) fn distinct_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for_each_word(text, |word| words.push(word.to_owned()));
    words.sort_unstable();
    words.dedup();
    words
}

/// The last component of a path.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// The path without its last component; empty at the top.
pub(crate) fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The ending of a file name without the dot; empty if it has none.
pub(crate) fn extension(path: &str) -> &str {
    let name = file_name(path);
    match name.rsplit_once('.') {
        Some((before, extension)) if !before.is_empty() => extension,
        _ => "",
    }
}

/// The base name in lower case, without what says that it is a test.
pub(crate) fn stem(path: &str) -> String {
    let name = file_name(path);
    let name = name.rsplit_once('.').map_or(name, |(before, _)| before);
    let camel = CAMEL_SUFFIXES.iter().find_map(|suffix| {
        let before = name.strip_suffix(suffix)?;
        let is_word = before.ends_with(|letter: char| letter.is_lowercase() || letter.is_numeric());
        is_word.then_some(before)
    });
    let name = camel.unwrap_or(name).to_lowercase();
    let name = strip_first(&name, &PREFIXES, |name, prefix| name.strip_prefix(prefix));
    let name = strip_first(name, &SUFFIXES, |name, suffix| name.strip_suffix(suffix));
    name.trim_matches('_').to_owned()
}

fn strip_first<'n>(
    name: &'n str,
    affixes: &[&'static str],
    strip: impl Fn(&'n str, &'static str) -> Option<&'n str>,
) -> &'n str {
    let stripped = affixes.iter().find_map(|affix| strip(name, affix));
    stripped.unwrap_or(name)
}

/// The distinct components of a folder in lower case, without stop words, sorted.
pub(crate) fn folder_words(folder: &str) -> Vec<String> {
    let components = folder.split('/').filter(|component| !component.is_empty());
    let mut words: Vec<String> = components.map(str::to_lowercase).collect();
    words.retain(|word| !is_stop_word(word));
    words.sort_unstable();
    words.dedup();
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_words_are_sorted() {
        assert!(STOP_WORDS.is_sorted());
    }

    #[test]
    fn texts_are_split_at_case_changes_and_punctuation() {
        let cases = [
            ("src/HTTPServer_v2.py", &["http", "server", "v2"][..]),
            ("aB x1 A AB1", &["b", "x1", "ab", "1"][..]),
            ("tests/core_test.rs", &["core", "rs"][..]),
            ("größe/ÜberTest", &["größe", "über"][..]),
            ("2020-01", &["2020", "01"][..]),
            ("", &[][..]),
        ];
        for (text, expected) in cases {
            let mut found = Vec::new();
            for_each_word(text, |word| found.push(word.to_owned()));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn stems_are_the_same_for_a_file_and_its_test() {
        let cases = [
            ("src/click/core.py", "core"),
            ("tests/test_core.py", "core"),
            ("test/core_test.go", "core"),
            ("spec/models/user_spec.rb", "user"),
            ("src/userSpec.js", "user"),
            ("src/FooTest.java", "foo"),
            ("web/cart.test.tsx", "cart"),
            ("web/cart-test.js", "cart"),
            ("cypress/e2e/login.cy.ts", "login"),
            ("src/latest.py", "latest"),
            ("src/Test.java", "test"),
            ("src/__init__.py", "init"),
            ("t/test_tests.py", "tests"),
            ("t/t_test.c", "test"),
            (".rspec", ""),
        ];
        for (path, expected) in cases {
            assert_eq!(stem(path), expected, "{path}");
        }
    }

    #[test]
    fn folders_are_compared_by_whole_components() {
        assert_eq!(folder_words("src/Click/my_app"), ["click", "my_app"]);
        assert_eq!(folder_words(""), [""; 0]);
        assert_eq!([folder("a/b/c.py"), folder("c.py")], ["a/b", ""]);
        let extensions = ["a/b.tar.gz", "a.b/c", ".rspec", "a."].map(extension);
        assert_eq!(extensions, ["gz", "", "", ""]);
    }
}
