//! The names of changed functions and classes in a patch (§4 of the design).
//!
//! Names are taken from hunk headers and from added and removed lines that define something. The
//! patch itself is not needed afterwards.

/// How much of a patch is read, in bytes.
pub const MAX_PATCH_BYTES: usize = 4 << 20;
/// Names of one file that are kept.
const MAX_NAMES: usize = 500;

/// Keywords that are followed by the name of what they define.
const KEYWORDS: [&str; 16] = [
    "class",
    "def",
    "defp",
    "enum",
    "fn",
    "fun",
    "func",
    "function",
    "impl",
    "interface",
    "module",
    "object",
    "proc",
    "struct",
    "sub",
    "trait",
];
/// Words that may stand before such a keyword.
const MODIFIERS: [&str; 24] = [
    "abstract",
    "async",
    "case",
    "const",
    "data",
    "declare",
    "default",
    "export",
    "extern",
    "final",
    "inline",
    "internal",
    "open",
    "override",
    "private",
    "protected",
    "pub",
    "public",
    "sealed",
    "static",
    "suspend",
    "unsafe",
    "virtual",
    "local",
];

/// The names of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileFunctions {
    /// The path after the change, or before it if the file was removed.
    pub path: String,
    /// Distinct, sorted.
    pub names: Vec<String>,
}

impl FileFunctions {
    /// Writes one line for each file: the path, a tab, and the names separated by spaces.
    pub fn to_text(files: &[Self]) -> String {
        let line = |file: &Self| format!("{}\t{}", file.path, file.names.join(" "));
        files.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// Reads what [`FileFunctions::to_text`] writes. Lines without a path or a name are ignored,
    /// and so are names beyond 500 of a file.
    pub fn from_text(text: &str) -> Vec<Self> {
        let files = text.lines().filter_map(|line| {
            let (path, names) = line.split_once('\t')?;
            let mut names: Vec<String> = names.split_whitespace().map(str::to_owned).collect();
            keep_distinct(&mut names);
            let path = path.to_owned();
            (!path.is_empty() && !names.is_empty()).then_some(Self { path, names })
        });
        files.collect()
    }
}

fn keep_distinct(names: &mut Vec<String>) {
    names.sort_unstable();
    names.dedup();
    names.truncate(MAX_NAMES);
}

/// Reads the names in a patch as `git diff` prints it, in the order of its files. A patch of more
/// than 4 MiB is read up to there.
pub fn changed_functions(patch: &str) -> Vec<FileFunctions> {
    let end = patch.floor_char_boundary(MAX_PATCH_BYTES);
    let mut files: Vec<FileFunctions> = Vec::new();
    let mut hunk = Hunk::default();
    for line in patch[..end].lines() {
        if hunk.is_open() {
            hunk.count(line);
            let changed = line.strip_prefix(['+', '-']);
            if let (Some(file), Some(code)) = (files.last_mut(), changed) {
                file.names.extend(defined_name(code));
            }
        } else if line.starts_with("diff --git ") {
            files.push(FileFunctions::default());
        } else if let Some(path) = line.strip_prefix("+++ ").or(line.strip_prefix("--- ")) {
            if let (Some(file), Some(path)) = (files.last_mut(), path_of(path)) {
                file.path = path;
            }
        } else if let Some((header, context)) = hunk_header(line) {
            hunk = header;
            if let Some(file) = files.last_mut() {
                file.names.extend(defined_name(context));
            }
        }
    }
    for file in &mut files {
        keep_distinct(&mut file.names);
    }
    files.retain(|file| !file.path.is_empty() && !file.names.is_empty());
    files
}

/// The lines of a hunk that are still to come.
#[derive(Default)]
struct Hunk {
    old: usize,
    new: usize,
}

impl Hunk {
    const fn is_open(&self) -> bool {
        self.old > 0 || self.new > 0
    }

    fn count(&mut self, line: &str) {
        let (old, new) = match line.as_bytes().first() {
            Some(b'+') => (0, 1),
            Some(b'-') => (1, 0),
            // "\ No newline at end of file"
            Some(b'\\') => (0, 0),
            _ => (1, 1),
        };
        self.old = self.old.saturating_sub(old);
        self.new = self.new.saturating_sub(new);
    }
}

/// The lengths in `@@ -1,2 +3,4 @@ context`, and the context.
fn hunk_header(line: &str) -> Option<(Hunk, &str)> {
    let (ranges, context) = line.strip_prefix("@@ -")?.split_once(" @@")?;
    let (old, new) = ranges.split_once(" +")?;
    let length = |range: &str| match range.split_once(',') {
        Some((_, length)) => length.parse().ok(),
        None => Some(1),
    };
    let hunk = Hunk {
        old: length(old)?,
        new: length(new)?,
    };
    Some((hunk, context))
}

/// The path of a `---` or `+++` line; `None` for `/dev/null`.
fn path_of(text: &str) -> Option<String> {
    let text = text.trim_end_matches(['\t', '\r']);
    let text = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text);
    let path = text
        .strip_prefix("a/")
        .or_else(|| text.strip_prefix("b/"))?;
    Some(path.to_owned())
}

/// The name that a line of code defines with a keyword.
fn defined_name(code: &str) -> Option<String> {
    let mut rest = code.trim_start();
    loop {
        let word = identifier(rest);
        let after = &rest[word.len()..];
        if word.is_empty() {
            return None;
        }
        if KEYWORDS.contains(&word) {
            return name_after(after);
        }
        if !MODIFIERS.contains(&word) {
            return None;
        }
        // `pub(crate) fn`
        let after = match after.strip_prefix('(') {
            Some(scope) => scope.split_once(')')?.1,
            None => after,
        };
        rest = after.trim_start();
    }
}

/// The identifier after a keyword. `impl<T> Trait for Type` and `func (r *Receiver) Name` name the
/// trait and the method.
fn name_after(text: &str) -> Option<String> {
    let mut text = text.trim_start_matches('*');
    if !text.starts_with([' ', '\t', '<', '(']) {
        return None;
    }
    text = text.trim_start();
    for (open, close) in [('<', '>'), ('(', ')')] {
        if let Some(inside) = text.strip_prefix(open) {
            text = inside.split_once(close)?.1.trim_start();
        }
    }
    // Ruby's `def self.name`.
    let text = text.strip_prefix("self.").unwrap_or(text);
    let name = identifier(text);
    let is_keyword = KEYWORDS.contains(&name);
    (!name.is_empty() && !is_keyword).then(|| name.to_owned())
}

fn identifier(text: &str) -> &str {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    let end = text.find(|letter| !is_part(letter)).unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_headers_and_changed_definitions() {
        let patch = "\
diff --git a/src/a.py b/src/a.py
index 1..2 100644
--- a/src/a.py
+++ b/src/a.py
@@ -10,3 +10,4 @@ class Context:
     def unchanged(self):
-        return 1
+    async def meta(self):
+        return 2
 
@@ -30 +31 @@ def old_name(x):
---- a/decoy.py
+++ b/decoy.py
diff --git a/gone.go b/gone.go
--- a/gone.go
+++ /dev/null
@@ -1,2 +0,0 @@
-func (s *Server) Close() error {
-}
diff --git a/doc.txt b/doc.txt
--- a/doc.txt
+++ b/doc.txt
@@ -1 +1 @@
-class
+the class of things
";
        let found = changed_functions(patch);
        let expected = [
            ("src/a.py", &["Context", "meta", "old_name"][..]),
            ("gone.go", &["Close"]),
        ];
        let expected: Vec<FileFunctions> = expected
            .iter()
            .map(|(path, names)| FileFunctions {
                path: (*path).to_owned(),
                names: names.iter().map(|name| (*name).to_owned()).collect(),
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn definitions_of_many_languages_are_recognized() {
        let cases = [
            ("def make_context(self):", Some("make_context")),
            ("  def self.build", Some("build")),
            ("pub(crate) async fn run<T>() {", Some("run")),
            ("impl<T: Clone> Display for Wrapper<T> {", Some("Display")),
            (
                "func (r *Reader) Read(p []byte) (int, error) {",
                Some("Read"),
            ),
            ("func Main() {", Some("Main")),
            ("export default function handler(req) {", Some("handler")),
            ("function* items() {", Some("items")),
            ("public static class Builder {", Some("Builder")),
            ("module Admin", Some("Admin")),
            ("data class User(val name: String)", Some("User")),
            ("x = function(y) {", None),
            ("# def commented", None),
            ("defined = 1", None),
            ("class", None),
            ("fn", None),
            ("", None),
        ];
        for (code, expected) in cases {
            assert_eq!(defined_name(code).as_deref(), expected, "{code}");
        }
    }

    #[test]
    fn text_can_be_read_again() {
        let files = vec![
            FileFunctions {
                path: "src/with space.py".to_owned(),
                names: vec!["a".to_owned(), "Ärger".to_owned()],
            },
            FileFunctions {
                path: "b.go".to_owned(),
                names: vec!["Close".to_owned()],
            },
        ];
        let text = FileFunctions::to_text(&files);
        assert_eq!(text, "src/with space.py\ta Ärger\nb.go\tClose");
        assert_eq!(FileFunctions::from_text(&text), files);
        assert_eq!(FileFunctions::from_text("a\n\tx\nb\t \n\n"), []);
        let twice = FileFunctions::from_text("b\tx x\tw\r\n");
        assert_eq!(twice[0].names, ["w", "x"]);
    }

    #[test]
    fn broken_patches_are_read_as_far_as_possible() {
        for patch in [
            "@@ -1 +1 @@ def a",
            "diff --git",
            "+++ b/x\n@@ -1,x +1 @@",
            "\"",
            "+++ \"",
        ] {
            assert_eq!(changed_functions(patch), [], "{patch}");
        }
        let long = "ü".repeat(MAX_PATCH_BYTES);
        assert_eq!(changed_functions(&long), []);
    }
}
