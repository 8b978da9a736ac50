//! Which Cucumber a command starts, Ruby's or JavaScript's.
//!
//! They take paths and formatters differently. It is told from the command's words, and where a
//! script hides them, from the project. What neither tells stays unknown, and is never guessed.

use std::path::Path;

use crate::command_template::CommandTemplate;

/// Whose Cucumber it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    Ruby,
    JavaScript,
    Unknown,
}

/// Programs that start only what Node.js runs.
const NODE: [&str; 10] = [
    "node", "npx", "npm", "yarn", "yarnpkg", "pnpm", "pnpx", "bun", "bunx", "deno",
];
const RUBY: [&str; 5] = ["bundle", "ruby", "rake", "rails", "spring"];
/// Configurations that Ruby's does not read. `cucumber.yml` is read by both.
const CONFIGURATIONS: [&str; 4] = [
    "cucumber.js",
    "cucumber.cjs",
    "cucumber.mjs",
    "cucumber.json",
];

impl Flavour {
    /// Of a test command and its retry command, run in this directory.
    pub(super) fn of(commands: [&CommandTemplate; 2], directory: &Path) -> Self {
        let said = commands.map(of_words);
        if said.contains(&Self::JavaScript) {
            Self::JavaScript
        } else if said.contains(&Self::Ruby) {
            Self::Ruby
        } else {
            of_project(directory)
        }
    }
}

fn of_words(command: &CommandTemplate) -> Flavour {
    let names: Vec<&str> = command
        .words()
        .iter()
        .map(|word| word.rsplit('/').next().unwrap_or(word))
        .collect();
    let names_any = |of: &[&str]| names.iter().any(|name| of.contains(name));
    let names_script = || {
        let mut names = names.iter();
        names.any(|name| name.starts_with("cucumber-js") || *name == "cucumber.js")
    };
    if names_script() || command.contains("json:") {
        Flavour::JavaScript
    } else if names_any(&RUBY) {
        Flavour::Ruby
    } else if names_any(&NODE) {
        Flavour::JavaScript
    } else if names_any(&["cucumber", "--out"]) {
        Flavour::Ruby
    } else {
        Flavour::Unknown
    }
}

fn of_project(directory: &Path) -> Flavour {
    let holds = |file: &str, text: &str| {
        fs_err::read_to_string(directory.join(file)).is_ok_and(|content| content.contains(text))
    };
    let is_configured = CONFIGURATIONS
        .iter()
        .any(|file| directory.join(file).is_file());
    let is_javascript = is_configured || holds("package.json", "\"@cucumber/cucumber\"");
    let is_ruby = holds("Gemfile", "cucumber");
    match (is_ruby, is_javascript) {
        (true, false) => Flavour::Ruby,
        (false, true) => Flavour::JavaScript,
        _ => Flavour::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("cucumber {{testExamples}}", Flavour::Ruby)]
    #[case("bin/cucumber", Flavour::Ruby)]
    #[case("bundle exec cucumber -p ci", Flavour::Ruby)]
    #[case("docker run node bundle exec cucumber", Flavour::Ruby)]
    #[case("./e2e --format json --out {{resultPath}}", Flavour::Ruby)]
    #[case("npx cucumber-js", Flavour::JavaScript)]
    #[case("npx cucumber", Flavour::JavaScript)]
    #[case("yarn e2e", Flavour::JavaScript)]
    #[case(
        "node node_modules/@cucumber/cucumber/bin/cucumber.js",
        Flavour::JavaScript
    )]
    #[case("./e2e --format json:{{resultPath}}", Flavour::JavaScript)]
    #[case("docker run app npm run e2e --", Flavour::JavaScript)]
    #[case("make e2e", Flavour::Unknown)]
    fn a_command_tells(#[case] command: &str, #[case] expected: Flavour) {
        let folder = tempfile::tempdir().unwrap();
        let command = CommandTemplate::parse(command).unwrap();
        assert_eq!(Flavour::of([&command, &command], folder.path()), expected);
    }

    #[rstest]
    #[case(&[("Gemfile", "gem 'cucumber-rails'")], Flavour::Ruby)]
    #[case(&[("Gemfile", "gem 'rails'"), ("cucumber.mjs", "")], Flavour::JavaScript)]
    #[case(
        &[("package.json", r#"{"devDependencies": {"@cucumber/cucumber": "12"}}"#)],
        Flavour::JavaScript
    )]
    #[case(&[("Gemfile", "gem 'cucumber'"), ("cucumber.js", "")], Flavour::Unknown)]
    #[case(&[("cucumber.yml", "")], Flavour::Unknown)]
    fn a_project_tells_what_the_command_does_not(
        #[case] files: &[(&str, &str)],
        #[case] expected: Flavour,
    ) {
        let folder = tempfile::tempdir().unwrap();
        for (file, content) in files {
            fs_err::write(folder.path().join(file), content).unwrap();
        }
        let command = CommandTemplate::parse("make e2e").unwrap();
        assert_eq!(Flavour::of([&command, &command], folder.path()), expected);
        let other = CommandTemplate::parse("cucumber").unwrap();
        assert_eq!(Flavour::of([&other, &other], folder.path()), Flavour::Ruby);
    }
}
