//! Runs what the nodes of a build missed, on this machine.

use std::path::PathBuf;

use test_engine_accounting::{Accountings, GroupAccounting};
use uuid::Uuid;

use super::error::VerifyError;
use super::source::{Reader, Source};
use crate::commands::CommandError;
use crate::commands::node_report::report_path;
use crate::commands::run::{self, Missing, Tokens};
use crate::commands::tokens;
use crate::settings::RunSettings;
use crate::terminal::Terminal;

/// A group whose missing targets can be run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Incomplete<'a> {
    identifier: &'a str,
    group: &'a GroupAccounting,
}

/// What the run of missing targets left behind.
pub(super) struct Ran {
    pub exit_code: u8,
    pub report_file: Option<PathBuf>,
    /// Deletes the report file if it is temporary.
    _directory: tempfile::TempDir,
}

/// The incomplete groups of a build; only those of `wanted` unless it is empty.
pub(super) fn of_build<'a>(accountings: &'a Accountings, wanted: &[String]) -> Vec<Incomplete<'a>> {
    let mut found = Vec::new();
    for accounting in &accountings.accountings {
        for group in &accounting.groups {
            let is_wanted = wanted.is_empty() || wanted.contains(&group.group);
            if is_wanted && !group.missing_targets().is_empty() {
                found.push(Incomplete {
                    identifier: &accounting.identifier,
                    group,
                });
            }
        }
    }
    found
}

/// `None` if there is nothing to run.
pub(super) fn run(
    reader: &Reader<'_>,
    run: &RunSettings,
    incomplete: &[Incomplete<'_>],
    terminal: &Terminal,
) -> Result<Option<Ran>, CommandError> {
    let one = match incomplete {
        [] => return Ok(None),
        [one] => one,
        several => {
            let names = several.iter().map(Incomplete::name).collect::<Vec<_>>();
            return Err(VerifyError::SeveralIncomplete(names.join(", ")).into());
        }
    };
    let directory = tempfile::tempdir().map_err(VerifyError::Temporary)?;
    let mut run = run.clone();
    one.configure(&mut run);
    run.report
        .directory
        .get_or_insert_with(|| directory.path().to_owned());
    let suite = match &reader.source {
        Source::Server { suite, .. } => suite.clone(),
        Source::Files(_) => tokens::suite_access("verify", &run.common.engine)?,
    };
    let missing = one.missing(reader)?;
    let upload = tokens::upload_token(&run, &suite);
    terminal.line(&format!("+++ Running what is missing of {}", one.name()));
    let exit_code = run::run_missing(&run, &Tokens { suite, upload }, missing, terminal)?;
    Ok(Some(Ran {
        exit_code,
        report_file: report_path(&run),
        _directory: directory,
    }))
}

impl Incomplete<'_> {
    fn name(&self) -> String {
        let group = &self.group.group;
        if group.is_empty() {
            self.identifier.to_owned()
        } else {
            format!("{} ({group})", self.identifier)
        }
    }

    /// One more node of the plan.
    fn configure(&self, run: &mut RunSettings) {
        let parallelism = self.group.parallelism;
        run.node = parallelism as usize;
        run.nodes = parallelism as usize;
        run.common.build.parallel_job = i64::from(parallelism);
        run.common.build.parallelism = i64::from(parallelism);
        self.identifier.clone_into(&mut run.common.identifier);
        self.group.group.clone_into(&mut run.report.group);
        // Several jobs that run missing targets each run others, so none replaces another.
        let job = &mut run.common.build.job_id;
        *job = format!("{job}/missing/{}", Uuid::new_v4());
    }

    fn missing(&self, reader: &Reader<'_>) -> Result<Missing, CommandError> {
        let missing = self.group.missing_targets();
        let named = missing.targets.iter().copied().map(str::to_owned);
        let mut run = Missing {
            targets: named.collect(),
            ..Missing::default()
        };
        match &reader.source {
            Source::Files(paths) => {
                let reported = reader.read_files(paths)?;
                run.plan = reported.plan(self.identifier).cloned();
            }
            Source::Server { suite, .. } => {
                let response = reader.client(suite).fetch_plan(self.identifier, 0)?;
                run.plan = response.map(|response| response.plan);
                run.takes_reports = true;
            }
        }
        if missing.may_be_more {
            run.discover_except = Some(self.group.known_complete.clone());
        }
        Ok(run)
    }
}
