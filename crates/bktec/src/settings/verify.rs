//! The settings of `bktec verify`.

use std::path::PathBuf;
use std::time::Duration;

use super::build::Detected;
use super::problems::{InvalidConfiguration, Problems};
use super::run::{self, RunSettings};
use super::tokens::{self, EngineSettings};
use crate::ci::{self, Ci, Folding};
use crate::cli::{Opt, Typed, VerifyArgs};

/// How often to look for new reports.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// The form of the verdict on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyOutput {
    Text,
    Markdown,
    Json,
}

/// Where reports and plans come from.
#[derive(Clone, Debug)]
pub enum VerifySource {
    Files(ReportFiles),
    Server {
        engine: EngineSettings,
        /// Reports that the server may lack.
        files: Option<ReportFiles>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportFiles {
    /// Files, directories and globs; at least one.
    pub reports: Vec<String>,
    pub plan_file: Option<PathBuf>,
}

#[derive(Clone, Debug)]
pub struct VerifySettings {
    pub debug: bool,
    /// Empty if unknown; not with a server, unless `identifier` is set.
    pub build_id: String,
    /// Verify only this plan of the build.
    pub identifier: Option<String>,
    pub source: VerifySource,
    /// How long to wait for nodes that have not reported their end.
    pub wait: Duration,
    pub poll_interval: Duration,
    /// Run what is missing with these settings, then verify again. Node, identifier and group are
    /// not set.
    pub run_missing: Option<Box<RunSettings>>,
    pub fail_on_vanished: bool,
    /// Number of plans that the build must have.
    pub min_plans: usize,
    /// Legs of the matrix that must have run, without blank names.
    pub groups: Vec<String>,
    pub output: VerifyOutput,
    /// Markdown is appended to it.
    pub summary_file: Option<PathBuf>,
    pub folding: Folding,
    /// A line for the log that says which values were taken from which CI.
    pub detected: Option<String>,
}

impl VerifySettings {
    pub fn resolve(typed: &Typed<VerifyArgs>) -> Result<Self, InvalidConfiguration> {
        let mut problems = Problems::default();
        let settings = resolve(typed, &mut problems);
        problems.finish("verify", settings)
    }
}

fn resolve(typed: &Typed<VerifyArgs>, problems: &mut Problems) -> Option<VerifySettings> {
    let args = &typed.own;
    let ci = ci::detect(&typed.ci_environment.variables);
    let ci = ci.as_ref();
    let mut detected = Detected::default();
    let build_id = detected.resolve(
        "build",
        &args.common.build.build_id,
        ci.and_then(|ci| ci.details.build.as_ref()),
        true,
    );
    let identifier = args.common.plan_identifier.ok();
    let source = source(typed, ci, &mut detected, problems);
    let is_server = matches!(source, Some(VerifySource::Server { .. }));
    if is_server && build_id.is_none() && identifier.is_none() {
        problems.push(args.common.build.build_id.missing());
    }
    let output = output(args, problems);
    let run_missing = if problems.flag(&args.run_missing, false) {
        if output != VerifyOutput::Text {
            problems.add(
                "--run-missing",
                "requires --output text: the runner writes to stdout",
            );
        }
        Some(Box::new(run::resolve_missing(typed, problems)?))
    } else {
        None
    };
    let settings = VerifySettings {
        debug: problems.flag(&typed.global.debug, false),
        build_id: build_id.unwrap_or_default(),
        identifier,
        source: source?,
        wait: problems.get(&args.wait).unwrap_or_default(),
        poll_interval: POLL_INTERVAL.mul_f64(typed.time_scale),
        fail_on_vanished: problems.flag(&args.fail_on_vanished, false),
        min_plans: min_plans(args, problems),
        groups: groups(args),
        output,
        run_missing,
        summary_file: args.summary_file.ok(),
        folding: ci.map_or(Folding::default(), |ci| ci.provider.folding),
        detected: ci.and_then(|ci| detected.line(ci)),
    };
    Some(settings)
}

/// The server, unless there are report files; on request, both.
fn source(
    typed: &Typed<VerifyArgs>,
    ci: Option<&Ci>,
    detected: &mut Detected,
    problems: &mut Problems,
) -> Option<VerifySource> {
    let args = &typed.own;
    let files = report_files(args, problems);
    let asks_server = problems.flag(&args.server, false);
    if let Some(files) = files.clone().filter(|_| !asks_server) {
        return Some(VerifySource::Files(files));
    }
    if args.plan_file.is_set() && !args.plan_file.is_from_variable {
        let rule = if asks_server {
            "cannot be used with --server, which has the plan"
        } else {
            "requires --reports"
        };
        problems.add(args.plan_file.name(), rule);
    }
    let engine = &args.common.engine;
    let organization = detected.resolve(
        "organization",
        &engine.tokens.organization_slug,
        ci.and_then(|ci| ci.details.organization.as_ref()),
        true,
    );
    let engine = tokens::engine(
        &engine.tokens,
        &engine.access_token,
        organization,
        typed.time_scale,
        problems,
    );
    Some(VerifySource::Server {
        engine: engine?.0,
        files,
    })
}

fn report_files(args: &VerifyArgs, problems: &mut Problems) -> Option<ReportFiles> {
    if args.reports.is_empty() {
        return None;
    }
    let reports: Vec<String> = args.reports.iter().filter_map(Opt::ok).collect();
    if reports.is_empty() {
        problems.add("--reports", "must not be blank");
    }
    Some(ReportFiles {
        reports,
        plan_file: args.plan_file.ok(),
    })
}

fn min_plans(args: &VerifyArgs, problems: &mut Problems) -> usize {
    let given = problems.get(&args.plans).unwrap_or(1);
    usize::try_from(given).unwrap_or_else(|_| {
        problems.add(args.plans.name(), "must be at least 0");
        0
    })
}

fn groups(args: &VerifyArgs) -> Vec<String> {
    let mut groups: Vec<String> = args.groups.iter().map(run::group).collect();
    groups.retain(|group| !group.is_empty());
    groups.sort();
    groups.dedup();
    groups
}

fn output(args: &VerifyArgs, problems: &mut Problems) -> VerifyOutput {
    match args.output.text().trim() {
        "" | "text" => VerifyOutput::Text,
        "markdown" => VerifyOutput::Markdown,
        "json" => VerifyOutput::Json,
        _ => {
            problems.push(args.output.wrong("text, markdown or json"));
            VerifyOutput::Text
        }
    }
}
