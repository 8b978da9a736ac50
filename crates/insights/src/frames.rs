//! The first frame of a backtrace that belongs to the project rather than to a library.

/// A frame of a backtrace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// As the backtrace has it.
    pub file: &'a str,
    /// From 1.
    pub line: u32,
    /// If the backtrace names it.
    pub function: Option<&'a str>,
}

/// Parts of the paths of libraries and runtimes, wherever they are installed.
const LIBRARY_PARTS: [&str; 17] = [
    "/gems/",
    "node_modules/",
    "site-packages/",
    "dist-packages/",
    "/vendor/bundle/",
    "vendor/phpunit/",
    "/pkg/mod/",
    "/usr/lib/",
    "/usr/local/lib/",
    "/usr/local/go/src/",
    "/usr/bin/",
    "/lib/python",
    "/.rbenv/",
    "/.cargo/registry/",
    "/rustc/",
    "/lib/ruby/",
    "/_pytest/",
];

/// Starts of the files and functions of runtimes. Not `internal/`, which is a directory of many Go
/// projects; Node.js writes `node:internal/`.
const LIBRARY_STARTS: [&str; 10] = [
    "node:",
    "<frozen ",
    "<internal:",
    "java.",
    "javax.",
    "jdk.",
    "sun.",
    "org.junit.",
    "org.testng.",
    "org.gradle.",
];

/// Packages of Go's standard library that run tests or panic. Other languages have own directories
/// with these names, so they count in Go files only.
const GO_PACKAGES: [&str; 2] = ["/src/runtime/", "/src/testing/"];

/// Finds the first own frame in a backtrace, or in any text with one.
pub fn own_frame<'a>(lines: impl IntoIterator<Item = &'a str>) -> Option<Frame<'a>> {
    lines
        .into_iter()
        .filter_map(Frame::parse)
        .find(|frame| !frame.is_library())
}

impl<'a> Frame<'a> {
    /// Reads a line of a backtrace of Ruby, Python, JavaScript, Java, Go or a similar runtime.
    pub fn parse(line: &'a str) -> Option<Self> {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("File \"") {
            return python(rest);
        }
        let line = line.strip_prefix("at ").unwrap_or(line);
        let line = line.strip_prefix("async ").unwrap_or(line);
        if let Some((function, place)) = line
            .strip_suffix(')')
            .and_then(|line| line.rsplit_once('('))
            && let Some((file, line, _)) = place_of(place)
        {
            let function = Some(function.trim()).filter(|name| !name.is_empty());
            return Some(Self {
                file,
                line,
                function,
            });
        }
        let (file, line, rest) = place_of(line)?;
        let function = rest.strip_prefix(":in ").map(unquoted);
        Some(Self {
            file,
            line,
            function,
        })
    }

    /// Whether it belongs to a library, a test runner or the language.
    pub fn is_library(&self) -> bool {
        let contains_any = |parts: &[&str]| parts.iter().any(|part| self.file.contains(part));
        let names = [Some(self.file), self.function];
        let starts_with =
            |start: &&str| names.iter().flatten().any(|name| name.starts_with(*start));
        contains_any(&LIBRARY_PARTS)
            || LIBRARY_STARTS.iter().any(starts_with)
            || self.file.rsplit('.').next() == Some("go") && contains_any(&GO_PACKAGES)
    }

    /// What identifies the frame on every machine and after small changes of the file: the end of
    /// its path and the function, without the line.
    pub(crate) fn key(&self) -> String {
        let parts: Vec<&str> = self
            .file
            .split(['/', '\\'])
            .filter(|part| !part.is_empty() && *part != ".")
            .collect();
        let end = &parts[parts.len().saturating_sub(2)..];
        format!("{} {}", end.join("/"), self.function.unwrap_or_default())
    }
}

/// The rest of a line after `File "`.
fn python(rest: &str) -> Option<Frame<'_>> {
    let (file, rest) = rest.split_once('"')?;
    let rest = rest.strip_prefix(", line ")?;
    let digits = rest
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(rest.len());
    let line = rest[..digits].parse().ok()?;
    let function = rest[digits..].strip_prefix(", in ").map(str::trim);
    Some(Frame {
        file,
        line,
        function,
    })
}

/// The file and line at the start of a text, and what follows them.
fn place_of(text: &str) -> Option<(&str, u32, &str)> {
    let text = text.strip_prefix("file://").unwrap_or(text);
    for (colon, _) in text.match_indices(':') {
        let (file, rest) = (&text[..colon], &text[colon + 1..]);
        let digits = rest
            .find(|letter: char| !letter.is_ascii_digit())
            .unwrap_or(rest.len());
        let Ok(line) = rest[..digits].parse() else {
            continue;
        };
        let is_file = file.contains(['.', '/', '\\']) && !file.contains(char::is_whitespace);
        return is_file.then_some((file, line, &rest[digits..]));
    }
    None
}

/// Ruby's quotes around names have changed over time.
fn unquoted(name: &str) -> &str {
    name.trim().trim_matches(['\'', '`'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_frames_of_each_runtime() {
        let cases = [
            (
                "./spec/a_spec.rb:12:in `block (2 levels) in <top (required)>'",
                "./spec/a_spec.rb",
                12,
                Some("block (2 levels) in <top (required)>"),
            ),
            (
                "/app/lib/cart.rb:3:in 'Cart#total'",
                "/app/lib/cart.rb",
                3,
                Some("Cart#total"),
            ),
            (
                "tests/test_kinds.py:13: AssertionError",
                "tests/test_kinds.py",
                13,
                None,
            ),
            (
                "  File \"/app/shop.py\", line 7, in total",
                "/app/shop.py",
                7,
                Some("total"),
            ),
            (
                "    at Cart.total (/app/src/cart.js:5:11)",
                "/app/src/cart.js",
                5,
                Some("Cart.total"),
            ),
            (
                "    at async file:///app/src/cart.mjs:5:11",
                "/app/src/cart.mjs",
                5,
                None,
            ),
            ("at C:\\app\\cart.ts:5:11", "C:\\app\\cart.ts", 5, None),
            (
                "\tat com.shop.Cart.total(Cart.java:42)",
                "Cart.java",
                42,
                Some("com.shop.Cart.total"),
            ),
            ("\t/app/cart_test.go:9 +0x1d", "/app/cart_test.go", 9, None),
            ("    cart_test.go:9: got 1, want 2", "cart_test.go", 9, None),
        ];
        for (text, file, line, function) in cases {
            assert_eq!(
                Frame::parse(text),
                Some(Frame {
                    file,
                    line,
                    function
                }),
                "{text}"
            );
        }
    }

    #[test]
    fn other_lines_are_no_frames() {
        for text in [
            "",
            "expected: 3",
            "ratio 16:9",
            "at 10:30",
            "E   assert 1 == 2",
            "é:1",
            "()",
        ] {
            assert_eq!(Frame::parse(text), None, "{text}");
        }
    }

    #[test]
    fn libraries_are_skipped() {
        let backtrace = "\
            Error: boom
            at Object.toBe (/app/node_modules/expect/build/index.js:1:2)
            at node:internal/process/task_queues:95:5
            at total (/app/src/cart.js:5:11)
            at /app/src/cart.test.js:9:1";
        let own = own_frame(backtrace.lines()).expect("a frame");
        assert_eq!((own.file, own.line), ("/app/src/cart.js", 5));
        let libraries = [
            "/gems/all/gems/rspec-core-3.12.0/lib/rspec/core/example.rb:263:in `run'",
            "/usr/bin/rspec:4:in `<main>'",
            "<internal:kernel>:90:in 'tap'",
            "File \"/usr/lib/python3.12/socket.py\", line 1, in connect",
            "File \"<frozen importlib._bootstrap>\", line 1, in f",
            "at org.junit.Assert.fail(Assert.java:89)",
            "at java.base/java.lang.Thread.run(Thread.java:840)",
            "/usr/local/go/src/testing/testing.go:1690 +0x1",
            "/opt/hostedtoolcache/go/1.22.0/x64/src/runtime/panic.go:770 +0x1",
            "/opt/go/src/testing/testing.go:1690 +0x1",
            "/opt/ruby/lib/ruby/3.3.0/net/http.rb:1603:in `initialize'",
        ];
        for library in libraries {
            assert_eq!(own_frame([library]), None, "{library}");
        }
    }

    #[test]
    fn own_directories_named_like_those_of_runtimes_are_own() {
        for line in [
            "/app/internal/cart/cart.go:9 +0x1d",
            "internal/cart/cart_test.go:9: got 1, want 2",
            "at total (/app/src/runtime/cart.js:5:11)",
            "at total (/app/src/testing/cart.ts:5:11)",
        ] {
            assert!(own_frame([line]).is_some(), "{line}");
        }
    }
}
