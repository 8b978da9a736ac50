//! Where reports and plans come from: the server, files, or both.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use test_engine_accounting::{Accounting, Accountings};
use test_engine_wire::NodeState;

use super::error::VerifyError;
use super::files::{Reported, Scope};
use super::report_files::{self, ReportFile};
use crate::commands::{CommandError, prepare, run};
use crate::server_api::{AccountingOf, Client, SuiteAccess, Transport};
use crate::settings::{ReportFiles, VerifySettings};
use crate::terminal::Terminal;

#[derive(Clone)]
pub(in crate::commands) enum Source<'a> {
    Files(&'a ReportFiles),
    Server {
        suite: SuiteAccess,
        /// Reports that the server may lack; they are sent to it.
        files: Option<&'a ReportFiles>,
    },
}

/// Reads the verdict, as often as wanted.
pub(super) struct Reader<'a> {
    settings: &'a VerifySettings,
    pub(super) source: Source<'a>,
    /// Of what ran on this machine.
    own_report: Option<String>,
    /// Files that the server has.
    sent: RefCell<BTreeSet<(PathBuf, NodeState)>>,
    transport: Transport,
    terminal: &'a Terminal,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        settings: &'a VerifySettings,
        source: Source<'a>,
        terminal: &'a Terminal,
    ) -> Self {
        Self {
            settings,
            source,
            own_report: None,
            sent: RefCell::default(),
            transport: Transport::new(),
            terminal,
        }
    }

    /// What ran on this machine.
    pub(super) fn add_report(&mut self, file: Option<&Path>) {
        self.own_report = file.map(|file| file.to_string_lossy().into_owned());
    }

    pub(super) fn read(&self) -> Result<Accountings, CommandError> {
        let read = match &self.source {
            Source::Files(paths) => self.read_files(paths)?.accountings(),
            Source::Server { suite, files } => {
                let client = self.client(suite);
                if let Some(paths) = files {
                    self.send(&paths.reports, &client)?;
                }
                // The run has sent it too, but a failure to do so is only a warning there.
                if let Some(path) = &self.own_report {
                    self.send(std::slice::from_ref(path), &client)?;
                }
                self.ask(&client)?
            }
        };
        self.judge(read)
    }

    /// Applies the user's own conditions.
    fn judge(&self, accountings: Accountings) -> Result<Accountings, CommandError> {
        let settings = self.settings;
        let plans = &accountings.accountings;
        if plans.len() < settings.min_plans {
            let names = plans.iter().map(|plan| plan.identifier.as_str());
            return Err(VerifyError::TooFewPlans {
                expected: settings.min_plans,
                found: names.collect::<Vec<_>>().join(", "),
            }
            .into());
        }
        let mut accountings = accountings.expecting_groups(&settings.groups);
        if settings.fail_on_vanished {
            let plans = accountings.accountings.into_iter();
            accountings.accountings = plans.map(Accounting::failing_on_vanished_tests).collect();
        }
        Ok(accountings)
    }

    pub(super) fn client(&self, suite: &SuiteAccess) -> Client<'a> {
        Client::new(suite, &self.transport, self.terminal)
    }

    pub(super) fn read_files(&self, paths: &ReportFiles) -> Result<Reported, CommandError> {
        let mut all = paths.reports.clone();
        all.extend(self.own_report.clone());
        let files = report_files::read_reports(&prepare::working_directory()?, &all)?;
        let plan = match &paths.plan_file {
            Some(path) => Some((path.as_path(), run::read_plan_file(path, None)?)),
            None => None,
        };
        Ok(self.scope().select(files, plan)?)
    }

    fn scope(&self) -> Scope<'_> {
        Scope {
            build_id: &self.settings.build_id,
            identifier: self.settings.identifier.as_deref(),
        }
    }

    /// Sends the reports of the build that were not sent yet.
    fn send(&self, paths: &[String], client: &Client<'_>) -> Result<(), CommandError> {
        let base = prepare::working_directory()?;
        let files = report_files::read_reports(&base, paths)?;
        self.scope().check_build(&files)?;
        for ReportFile { path, report } in files {
            let key = (path, report.state);
            if !self.sent.borrow().contains(&key) {
                client.send_node_report(&report)?;
                self.sent.borrow_mut().insert(key);
            }
        }
        Ok(())
    }

    fn ask(&self, client: &Client<'_>) -> Result<Accountings, CommandError> {
        let build = &self.settings.build_id;
        let (of, what) = self.settings.identifier.as_ref().map_or_else(
            || (AccountingOf::Build(build), format!("build {build:?}")),
            |plan| (AccountingOf::Plan(plan), format!("plan {plan:?}")),
        );
        let accountings = client.accountings(of)?;
        if accountings.accountings.is_empty() {
            return Err(VerifyError::NothingKnown { what }.into());
        }
        Ok(accountings)
    }
}
