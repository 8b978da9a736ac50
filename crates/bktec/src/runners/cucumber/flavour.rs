//! Whether a command runs Cucumber for Ruby or for JavaScript.
//!
//! Decided by the words of the command, and where a script hides them, by the files of the project.
//! Where neither decides, the flavour is unknown.

use std::path::Path;

use crate::command_template::CommandTemplate;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    Ruby,
    JavaScript,
    Unknown,
}

/// Programs that run only Node.js packages.
const NODE: [&str; 10] = [
    "node", "npx", "npm", "yarn", "yarnpkg", "pnpm", "pnpx", "bun", "bunx", "deno",
];
const RUBY: [&str; 5] = ["bundle", "ruby", "rake", "rails", "spring"];
/// Configuration files of the JavaScript flavour. Both read `cucumber.yml`.
const CONFIGURATIONS: [&str; 4] = [
    "cucumber.js",
    "cucumber.cjs",
    "cucumber.mjs",
    "cucumber.json",
];

impl Flavour {
    pub(super) fn of(commands: [&CommandTemplate; 2], directory: &Path) -> Self {
        let flavours = commands.map(of_words);
        if flavours.contains(&Self::JavaScript) {
            Self::JavaScript
        } else if flavours.contains(&Self::Ruby) {
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
    let has_any = |of: &[&str]| names.iter().any(|name| of.contains(name));
    let is_script = |name: &&str| name.starts_with("cucumber-js") || *name == "cucumber.js";
    if names.iter().any(is_script) || command.contains("json:") {
        Flavour::JavaScript
    } else if has_any(&RUBY) {
        Flavour::Ruby
    } else if has_any(&NODE) {
        Flavour::JavaScript
    } else if has_any(&["cucumber", "--out"]) {
        Flavour::Ruby
    } else {
        Flavour::Unknown
    }
}

fn of_project(directory: &Path) -> Flavour {
    let contains = |file: &str, text: &str| {
        fs_err::read_to_string(directory.join(file)).is_ok_and(|content| content.contains(text))
    };
    let is_configured = CONFIGURATIONS
        .iter()
        .any(|file| directory.join(file).is_file());
    let is_javascript = is_configured || contains("package.json", "\"@cucumber/cucumber\"");
    let is_ruby = contains("Gemfile", "cucumber");
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

    fn flavour(command: &str, directory: &Path) -> Flavour {
        let command = CommandTemplate::parse(command).unwrap();
        Flavour::of([&command, &command], directory)
    }

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
    fn the_command_decides(#[case] command: &str, #[case] expected: Flavour) {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(flavour(command, directory.path()), expected);
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
    fn the_project_decides_where_the_command_does_not(
        #[case] files: &[(&str, &str)],
        #[case] expected: Flavour,
    ) {
        let directory = tempfile::tempdir().unwrap();
        for (file, content) in files {
            fs_err::write(directory.path().join(file), content).unwrap();
        }
        assert_eq!(flavour("make e2e", directory.path()), expected);
        assert_eq!(flavour("cucumber", directory.path()), Flavour::Ruby);
    }
}
