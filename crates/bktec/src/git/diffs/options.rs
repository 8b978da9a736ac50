//! The user's diff configuration, as flags for `git diff-tree`.
//!
//! `git diff` obeys settings that `git diff-tree` does not. Each setting git knows is listed here
//! with what is to be done about it; a setting that is not listed, or whose value is not plain, means
//! that every commit is asked of `git diff` itself.

use crate::git::repository::ConfigEntry;

/// Flags that make the bulk command print what `git diff` would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::git) struct BulkOptions {
    /// Rename detection: off, renames, or copies too.
    pub(super) renames: Renames,
    /// The others, ready for the command line.
    pub(super) flags: Vec<String>,
    /// Whether the flags make git print the patch, asked for or not.
    pub(super) force_patch: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Renames {
    Off,
    Moves,
    Copies,
}

/// `None` when only `git diff` itself can be trusted.
pub(in crate::git) fn bulk_options(config: &[ConfigEntry]) -> Option<BulkOptions> {
    let mut settings = Settings::default();
    for entry in config {
        settings.apply(entry)?;
    }
    settings.options()
}

/// What `git diff` would use, the last word of each key.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "one for each of git's own booleans"
)]
struct Settings {
    renames: Option<Renames>,
    no_prefix: bool,
    relative: bool,
    log_submodules: bool,
    context: Option<u32>,
    between_hunks: Option<u32>,
    algorithm: Option<String>,
    driver_algorithm: bool,
}

impl Settings {
    fn apply(&mut self, entry: &ConfigEntry) -> Option<()> {
        let value = entry.value.as_deref();
        let Some(key) = entry.key.strip_prefix("diff.") else {
            // Colour is switched off by a flag; the others are about storage.
            return Some(());
        };
        if let Some((_, variable)) = key.rsplit_once('.') {
            // A driver's settings are read by both commands, and its programs are never run.
            self.driver_algorithm |= variable == "algorithm";
            return Some(());
        }
        match key {
            "renames" => {
                self.renames = Some(match value.map(str::to_ascii_lowercase).as_deref() {
                    Some("copies" | "copy") => Renames::Copies,
                    other if boolean(other)? => Renames::Moves,
                    _ => Renames::Off,
                });
            }
            "noprefix" => self.no_prefix = boolean(value)?,
            "relative" => self.relative = boolean(value)?,
            "submodule" => self.log_submodules = value != Some("short"),
            "context" => self.context = Some(number(value)?),
            "interhunkcontext" => self.between_hunks = Some(number(value)?),
            "algorithm" => self.algorithm = Some(algorithm(value)?),
            // Read by both commands.
            "renamelimit" | "suppressblankempty" | "indentheuristic" => {}
            // Without effect on two commits, or on what is printed here.
            "mnemonicprefix" | "autorefreshindex" | "external" | "trustexitcode" | "tool"
            | "guitool" | "wordregex" | "dirstat" | "statgraphwidth" | "statnamewidth"
            | "wserrorhighlight" | "color" | "colormoved" | "colormovedws" => {}
            _ => return None,
        }
        Some(())
    }

    fn options(self) -> Option<BulkOptions> {
        // A flag would win over the algorithm of a driver, which the setting does not.
        if self.relative
            || self.log_submodules
            || (self.algorithm.is_some() && self.driver_algorithm)
        {
            return None;
        }
        let mut flags = Vec::new();
        if self.no_prefix {
            flags.push("--no-prefix".to_owned());
        }
        if let Some(lines) = self.context {
            flags.push(format!("-U{lines}"));
        }
        if let Some(lines) = self.between_hunks {
            flags.push(format!("--inter-hunk-context={lines}"));
        }
        if let Some(algorithm) = self.algorithm {
            flags.push(format!("--diff-algorithm={algorithm}"));
        }
        Some(BulkOptions {
            renames: self.renames.unwrap_or(Renames::Moves),
            flags,
            force_patch: self.context.is_some(),
        })
    }
}

/// Git's idea of a boolean, as far as it is beyond doubt.
fn boolean(value: Option<&str>) -> Option<bool> {
    match value.map(str::to_ascii_lowercase).as_deref() {
        None | Some("true" | "yes" | "on" | "1") => Some(true),
        Some("" | "false" | "no" | "off" | "0") => Some(false),
        _ => None,
    }
}

fn number(value: Option<&str>) -> Option<u32> {
    let digits = value?;
    if digits.is_empty() || digits.len() > 6 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Git takes a leading zero for octal.
    if digits.len() > 1 && digits.starts_with('0') {
        None
    } else {
        digits.parse().ok()
    }
}

fn algorithm(value: Option<&str>) -> Option<String> {
    let name = value?.to_ascii_lowercase();
    ["myers", "default", "minimal", "patience", "histogram"]
        .contains(&name.as_str())
        .then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(entries: &[(&str, Option<&str>)]) -> Vec<ConfigEntry> {
        entries
            .iter()
            .map(|(key, value)| ConfigEntry {
                key: (*key).to_owned(),
                value: value.map(str::to_owned),
            })
            .collect()
    }

    fn flags(entries: &[(&str, Option<&str>)]) -> Option<(Renames, String)> {
        bulk_options(&config(entries)).map(|options| (options.renames, options.flags.join(" ")))
    }

    #[test]
    fn settings_become_flags() {
        use super::Renames::{Copies, Moves, Off};
        for (entries, expected) in [
            (vec![], (Moves, "")),
            (vec![("diff.renames", None)], (Moves, "")),
            (vec![("diff.renames", Some("Copies"))], (Copies, "")),
            (vec![("diff.renames", Some("no"))], (Off, "")),
            (vec![("diff.renames", Some(""))], (Off, "")),
            (vec![("diff.noprefix", None)], (Moves, "--no-prefix")),
            (
                vec![
                    ("diff.noprefix", Some("true")),
                    ("diff.noprefix", Some("off")),
                ],
                (Moves, ""),
            ),
            (vec![("diff.context", Some("7"))], (Moves, "-U7")),
            (
                vec![("diff.interhunkcontext", Some("2"))],
                (Moves, "--inter-hunk-context=2"),
            ),
            (
                vec![("diff.algorithm", Some("Histogram"))],
                (Moves, "--diff-algorithm=histogram"),
            ),
            (
                vec![
                    ("diff.submodule", Some("log")),
                    ("diff.submodule", Some("short")),
                ],
                (Moves, ""),
            ),
            (
                vec![("color.ui", Some("always")), ("diff.external", Some("x"))],
                (Moves, ""),
            ),
            (
                vec![
                    ("diff.my.tool.textconv", Some("x")),
                    ("diff.a.algorithm", Some("patience")),
                ],
                (Moves, ""),
            ),
        ] {
            let found = flags(&entries);
            assert_eq!(
                found,
                Some((expected.0, expected.1.to_owned())),
                "{entries:?}"
            );
        }
    }

    #[test]
    fn doubt_means_asking_git_diff() {
        for entries in [
            vec![("diff.renames", Some("maybe"))],
            vec![("diff.context", Some("1k"))],
            vec![("diff.context", Some("010"))],
            vec![("diff.context", None)],
            vec![("diff.algorithm", Some("best"))],
            vec![
                ("diff.algorithm", Some("patience")),
                ("diff.a.algorithm", Some("myers")),
            ],
            vec![("diff.submodule", Some("log"))],
            vec![("diff.submodule", None)],
            vec![("diff.relative", None)],
            vec![("diff.orderfile", Some("x"))],
            vec![("diff.ignoresubmodules", Some("all"))],
            vec![("diff.srcprefix", Some("x/"))],
            vec![("diff.inventedtomorrow", Some("x"))],
        ] {
            assert_eq!(flags(&entries), None, "{entries:?}");
        }
    }
}
