//! The user's diff configuration, as flags for `git diff-tree`.
//!
//! `git diff` obeys settings that `git diff-tree` ignores. Every setting of git is listed here. A
//! setting that is not listed, or whose value is ambiguous, means that each commit is compared by
//! `git diff` itself.

use crate::repository::ConfigEntry;

/// Flags that make the bulk command print what `git diff` would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BulkOptions {
    pub(super) renames: Renames,
    pub(super) flags: Vec<String>,
    /// The flags make git print the patch in any case.
    pub(super) force_patch: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Renames {
    Off,
    Moves,
    Copies,
}

/// `None` when only `git diff` itself prints the right output.
pub(crate) fn bulk_options(config: &[ConfigEntry]) -> Option<BulkOptions> {
    let mut settings = Settings::default();
    for entry in config {
        settings.apply(entry)?;
    }
    settings.options()
}

/// The effective settings of `git diff`: the last value of each key.
#[derive(Default)]
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
            // A flag turns colour off; the others concern storage.
            return Some(());
        };
        if let Some((_, variable)) = key.rsplit_once('.') {
            // Both commands read a driver's settings, and its programs never run.
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
            // Both commands read these.
            "renamelimit" | "suppressblankempty" | "indentheuristic" => {}
            // No effect on the diff of two commits, or on this output.
            "mnemonicprefix" | "autorefreshindex" | "external" | "trustexitcode" | "tool"
            | "guitool" | "wordregex" | "dirstat" | "statgraphwidth" | "statnamewidth"
            | "wserrorhighlight" | "color" | "colormoved" | "colormovedws" => {}
            _ => return None,
        }
        Some(())
    }

    fn options(self) -> Option<BulkOptions> {
        // A flag would override the algorithm of a driver, which the setting does not.
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

/// A boolean in git's spellings, except the numeric ones above 1.
fn boolean(value: Option<&str>) -> Option<bool> {
    match value.map(str::to_ascii_lowercase).as_deref() {
        None | Some("true" | "yes" | "on" | "1") => Some(true),
        Some("" | "false" | "no" | "off" | "0") => Some(false),
        _ => None,
    }
}

fn number(value: Option<&str>) -> Option<u32> {
    let digits = value?;
    // Git reads a number with a leading zero as octal.
    let is_octal = digits.len() > 1 && digits.starts_with('0');
    let is_plain = digits.len() <= 6 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_plain && !is_octal)
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

    /// Parses settings separated by spaces: `KEY`, or `KEY=VALUE`.
    fn flags(settings: &str) -> Option<(Renames, String)> {
        let entry = |setting: &str| {
            let (key, value) = match setting.split_once('=') {
                Some((key, value)) => (key, Some(value.to_owned())),
                None => (setting, None),
            };
            ConfigEntry {
                key: key.to_owned(),
                value,
            }
        };
        let config: Vec<ConfigEntry> = settings.split_whitespace().map(entry).collect();
        bulk_options(&config).map(|options| (options.renames, options.flags.join(" ")))
    }

    #[test]
    fn translates_settings_into_flags() {
        use super::Renames::{Copies, Moves, Off};
        for (settings, renames, expected) in [
            ("", Moves, ""),
            ("diff.renames", Moves, ""),
            ("diff.renames=Copies", Copies, ""),
            ("diff.renames=no", Off, ""),
            ("diff.renames=", Off, ""),
            ("diff.noprefix", Moves, "--no-prefix"),
            ("diff.noprefix=true diff.noprefix=off", Moves, ""),
            ("diff.context=7", Moves, "-U7"),
            ("diff.interhunkcontext=2", Moves, "--inter-hunk-context=2"),
            (
                "diff.algorithm=Histogram",
                Moves,
                "--diff-algorithm=histogram",
            ),
            ("diff.submodule=log diff.submodule=short", Moves, ""),
            ("color.ui=always diff.external=x", Moves, ""),
            (
                "diff.my.tool.textconv=x diff.a.algorithm=patience",
                Moves,
                "",
            ),
        ] {
            assert_eq!(
                flags(settings),
                Some((renames, expected.to_owned())),
                "{settings}"
            );
        }
    }

    #[test]
    fn leaves_ambiguous_settings_to_git_diff() {
        for settings in [
            "diff.renames=maybe",
            "diff.context=1k",
            "diff.context=010",
            "diff.context",
            "diff.algorithm=best",
            "diff.algorithm=patience diff.a.algorithm=myers",
            "diff.submodule=log",
            "diff.submodule",
            "diff.relative",
            "diff.orderfile=x",
            "diff.ignoresubmodules=all",
            "diff.srcprefix=x/",
            "diff.inventedtomorrow=x",
        ] {
            assert_eq!(flags(settings), None, "{settings}");
        }
    }
}
