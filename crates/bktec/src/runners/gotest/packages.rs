//! The command that lists packages with tests: `go list` with the flags of the test command that
//! decide which files belong to a package. `GOFLAGS` applies to `go list` anyway.

use crate::process::CommandLine;
use crate::runners::launcher::program_index;

const FORMAT: &str = "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}";

/// `-race` and the other sanitizers are build tags too.
const SWITCHES: [&str; 3] = ["asan", "msan", "race"];
const VALUED: [&str; 5] = ["compiler", "mod", "modfile", "overlay", "tags"];

/// After it, words are for the test binary.
const END: &str = "args";

pub(super) fn list_command(words: &[String]) -> CommandLine {
    let mut command: Vec<String> = Vec::new();
    if let Some(at) = program_index(words, &["go", "gotestsum"]) {
        // Such as `env GOOS=js`.
        command.extend(words[..at].iter().cloned());
        let is_go = words[at].rsplit('/').next() == Some("go");
        command.push(if is_go { &words[at] } else { "go" }.to_owned());
    } else {
        command.push("go".to_owned());
    }
    command.push("list".to_owned());
    let mut flags = Flags::default();
    flags.collect(words);
    command.extend(flags.directory);
    command.extend(flags.others);
    command.extend(["-f", FORMAT, "./..."].map(str::to_owned));
    let program = command.remove(0);
    CommandLine::new(program, command)
}

#[derive(Default)]
struct Flags {
    /// `-C`, which must come first.
    directory: Vec<String>,
    others: Vec<String>,
}

impl Flags {
    fn collect(&mut self, words: &[String]) {
        let mut rest = words.iter();
        let mut before = "";
        while let Some(word) = rest.next() {
            // A script in one word, as after `sh -c`.
            if word.contains(char::is_whitespace) && !word.starts_with('-') {
                self.collect(&shell_words::split(word).unwrap_or_default());
            }
            let flag = word.strip_prefix("--").or_else(|| word.strip_prefix('-'));
            let (name, value) = match flag.map(|flag| flag.split_once('=')) {
                Some(Some((name, value))) => (name, Some(value)),
                _ => (flag.unwrap_or_default(), None),
            };
            if name == END {
                return;
            }
            if SWITCHES.contains(&name) {
                self.others.push(word.clone());
            } else if VALUED.contains(&name) {
                let value = value.or_else(|| rest.next().map(String::as_str));
                let value = value.unwrap_or_default();
                self.others.push(format!("-{name}={value}"));
            } else if name == "C" && before == "test" {
                let value = value.or_else(|| rest.next().map(String::as_str));
                self.directory = vec![format!("-C={}", value.unwrap_or_default())];
            }
            before = word;
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("gotestsum --jsonfile={{resultPath}} {{packages}}", "go list")]
    #[case("go test -json {{packages}}", "go list")]
    #[case(
        "gotestsum --jsonfile={{resultPath}} -- -tags integration -race -count=1 {{packages}}",
        "go list -tags=integration -race"
    )]
    #[case(
        "go test --tags=a,b -mod=vendor -json",
        "go list -tags=a,b -mod=vendor"
    )]
    #[case("go test -tags 'a b' -json", "go list '-tags=a b'")]
    #[case("go test -C sub -json", "go list -C=sub")]
    #[case(
        "env GOOS=js GOFLAGS=-tags=x /opt/go/bin/go test -json",
        "env GOOS=js GOFLAGS=-tags=x /opt/go/bin/go list"
    )]
    #[case("sh -c 'go test -tags=a -json {{packages}} > out'", "go list -tags=a")]
    #[case("make -C sub test", "go list")]
    #[case("go test -json {{packages}} -args -tags x -race", "go list")]
    #[case("go test -ldflags '-X main.tags=x -race' -json", "go list")]
    fn the_build_flags_of_the_command_are_kept(#[case] command: &str, #[case] expected: &str) {
        let words = shell_words::split(command).unwrap();
        let listed = list_command(&words).to_string();
        let expected = format!("{expected} -f '{FORMAT}' ./...");
        assert_eq!(listed, expected);
    }
}
