//! `bktec plan`: creates a plan and writes it; runs nothing.
//!
//! stdout is for the plan alone; everything for people goes to stderr.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitStatus;

use serde_json::json;
use serde_json::value::RawValue;
use test_engine_accounting::population;
use test_engine_wire::Population;
use uuid::Uuid;

use super::json_indent::indented;
use super::obtain::{self, Obtained};
use super::plan_for_ci::{self, Size};
use super::request::PlanInputs;
use super::selection_line::print_selection;
use super::targets::Targets;
use super::{header, prepare};
use crate::commands::CommandError;
use crate::fallback;
use crate::server_api::{Client, PlanResponse, SuiteAccess, Transport};
use crate::settings::{PlanOutput, PlanSettings};
use crate::split_summary::split_summary;
use crate::terminal::Terminal;
use crate::{agent, env_vars, exit_code};

/// Exits with 0, or with the CI agent's code.
pub(super) fn plan(
    settings: &PlanSettings,
    suite: &SuiteAccess,
    terminal: &Terminal,
) -> Result<u8, CommandError> {
    header::print(terminal);
    let common = &settings.common;
    let template = job_template(&settings.output)?;
    let directory = prepare::working_directory()?;
    let runner = prepare::runner(&common.runner, (0, 1), None, directory, terminal)?;
    let targets = Targets::new(&common.runner, &*runner, terminal);
    let has_no_targets = targets.get()?.is_empty();
    let obtained = obtain::create(&PlanInputs {
        settings: common,
        runner: &*runner,
        targets: &targets,
        max_parallelism: settings.max_parallelism,
        target_time: settings.target_time,
        client: &Client::new(suite, &Transport::new(), terminal),
        terminal,
    })?;
    let mut created = created_plan(settings, obtained, has_no_targets, terminal);
    // With tag filters, the request holds examples instead.
    if common.runner.tag_filters.is_none() {
        created.population = population(targets.get()?.iter().map(String::as_str));
    }
    write_plan(settings, &created, template.as_deref(), terminal)
}

/// Reads the template before any request: its problems should be reported before a plan exists.
fn job_template(output: &PlanOutput) -> Result<Option<String>, CommandError> {
    let PlanOutput::GitLab { template, .. } = output else {
        return Ok(None);
    };
    let text = fs_err::read_to_string(template)
        .map_err(|error| CommandError::Plan(format!("failed to read the job template: {error}")))?;
    plan_for_ci::check_gitlab_template(&text)
        .map_err(|error| CommandError::Plan(format!("{}: {error}", template.display())))?;
    Ok(Some(text))
}

/// The plan that the nodes will use: the server's, or the fallback plan.
struct CreatedPlan {
    identifier: String,
    parallelism: i64,
    response: Option<Box<PlanResponse>>,
    /// What the plan was made from; empty if that is not the list that nodes discover.
    population: Population,
}

fn created_plan(
    settings: &PlanSettings,
    obtained: Obtained,
    has_no_targets: bool,
    terminal: &Terminal,
) -> CreatedPlan {
    let common = &settings.common;
    let fallback = |response| CreatedPlan {
        // The nodes ask the server for the plan they were configured with.
        identifier: common.identifier.clone(),
        parallelism: settings.max_parallelism.unwrap_or(common.build.parallelism),
        response,
        population: Population::default(),
    };
    let response = match obtained {
        Obtained::Plan(response) => response,
        Obtained::Unavailable(why) => {
            terminal.warning(&format!(
                "{} {}: the nodes will split the tests without the server.{}",
                why.warning(),
                fallback::WARNING,
                why.hint_line()
            ));
            return fallback(None);
        }
    };
    let plan = &response.plan;
    let may_be_empty =
        has_no_targets || common.selection.is_some() || !plan.skipped_tests.is_empty();
    if plan.tasks.is_empty() && !(plan.parallelism == 0 && may_be_empty) {
        terminal.warning(&format!(
            "The server could not plan these tests. {}.",
            fallback::WARNING
        ));
        return fallback(Some(response));
    }
    if let Some(summary) = split_summary(plan, None, common.runner.definition) {
        terminal.line(&summary);
    }
    print_selection(common, plan, terminal);
    CreatedPlan {
        identifier: if plan.identifier.is_empty() {
            common.identifier.clone()
        } else {
            plan.identifier.clone()
        },
        parallelism: plan.parallelism,
        response: Some(response),
        population: Population::default(),
    }
}

fn write_plan(
    settings: &PlanSettings,
    created: &CreatedPlan,
    template: Option<&str>,
    terminal: &Terminal,
) -> Result<u8, CommandError> {
    let size = Size {
        identifier: &created.identifier,
        parallelism: created.parallelism,
    };
    match &settings.output {
        PlanOutput::Json => to_stdout(&format!("{}\n", variables(created)), terminal)?,
        PlanOutput::PlanToStdout => to_stdout(&full_plan(created), terminal)?,
        PlanOutput::PlanToFile(path) => to_file(path, &full_plan(created), terminal)?,
        PlanOutput::GitHub(path) => {
            let delimiter = format!("bktec_{}", Uuid::new_v4().simple());
            append_to_file(path, &plan_for_ci::github(size, &delimiter), terminal)?;
        }
        PlanOutput::GitLab { file, .. } => {
            let pipeline = plan_for_ci::gitlab(size, template.unwrap_or_default())
                .map_err(|error| CommandError::Plan(error.to_string()))?;
            to_file_or_stdout(file.as_deref(), &pipeline, terminal)?;
        }
        PlanOutput::CircleCi(file) => {
            to_file_or_stdout(file.as_deref(), &plan_for_ci::circleci(size), terminal)?;
        }
        PlanOutput::PipelineUpload(template) => {
            return upload_pipeline(settings, created, template, terminal);
        }
    }
    Ok(exit_code::SUCCESS)
}

fn to_file_or_stdout(
    path: Option<&Path>,
    text: &str,
    terminal: &Terminal,
) -> Result<(), CommandError> {
    match path {
        Some(path) => to_file(path, text, terminal),
        None => to_stdout(text, terminal),
    }
}

fn to_file(path: &Path, text: &str, terminal: &Terminal) -> Result<(), CommandError> {
    let written = fs_err::write(path, text);
    report_written(path, written, terminal)
}

/// Appends, because the file may contain other outputs of the same step.
fn append_to_file(path: &Path, text: &str, terminal: &Terminal) -> Result<(), CommandError> {
    let mut options = fs_err::OpenOptions::new();
    let written = options
        .create(true)
        .append(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    report_written(path, written, terminal)
}

fn report_written(
    path: &Path,
    written: io::Result<()>,
    terminal: &Terminal,
) -> Result<(), CommandError> {
    written.map_err(|source| CommandError::Output {
        what: "the plan".to_owned(),
        source,
    })?;
    terminal.line(&format!("Wrote the plan to {}", path.display()));
    Ok(())
}

fn to_stdout(text: &str, terminal: &Terminal) -> Result<(), CommandError> {
    terminal
        .data(text.as_bytes())
        .map_err(|source| CommandError::Output {
            what: "the plan to stdout".to_owned(),
            source,
        })
}

/// Both values as strings, the form in which the CI agent takes variables.
fn variables(created: &CreatedPlan) -> String {
    // Written by hand because the order of the keys matters and a map would sort them.
    format!(
        r#"{{"{}":{},"{}":"{}"}}"#,
        env_vars::BUILDKITE_TEST_ENGINE_PLAN_IDENTIFIER,
        json!(created.identifier),
        env_vars::BUILDKITE_TEST_ENGINE_PARALLELISM,
        created.parallelism
    )
}

/// The server's response, or a minimal plan if there was none. If the server does not say what the
/// plan was made from, this does: nodes compare their own targets with it.
fn full_plan(created: &CreatedPlan) -> String {
    let text = match &created.response {
        Some(response) => {
            let text = String::from_utf8_lossy(&response.text);
            let plan = &response.plan;
            let is_incomplete = !has_population(&text) && !plan.tasks.is_empty();
            if is_incomplete && !created.population.digest.is_empty() {
                indented(&with_population(&text, &created.population))
            } else {
                indented(&text)
            }
        }
        None => indented(
            &json!({
                "identifier": created.identifier,
                "parallelism": created.parallelism,
                "tasks": {},
            })
            .to_string(),
        ),
    };
    text + "\n"
}

/// Whether the key is there, even if its value is `null`.
fn has_population(plan: &str) -> bool {
    let keys = serde_json::from_str::<BTreeMap<String, &RawValue>>(plan);
    keys.is_ok_and(|keys| keys.contains_key("population"))
}

/// Appends the key, so that everything else stays as the server wrote it.
fn with_population(plan: &str, population: &Population) -> String {
    let open = plan.trim_end().strip_suffix('}').unwrap_or(plan);
    format!(r#"{open},"population":{}}}"#, json!(population))
}

fn upload_pipeline(
    settings: &PlanSettings,
    created: &CreatedPlan,
    template: &str,
    terminal: &Terminal,
) -> Result<u8, CommandError> {
    if created.parallelism == 0 {
        terminal.line("The plan has no tests to run, so no pipeline is uploaded.");
        return Ok(exit_code::SUCCESS);
    }
    let status = agent::upload_pipeline(
        &settings.common.engine.agent,
        template,
        &[
            (
                env_vars::BUILDKITE_TEST_ENGINE_PLAN_IDENTIFIER,
                &created.identifier,
            ),
            (
                env_vars::BUILDKITE_TEST_ENGINE_PARALLELISM,
                &created.parallelism.to_string(),
            ),
        ],
    )
    .map_err(CommandError::Agent)?;
    if !status.success() {
        terminal.error(&format!("The pipeline upload failed: {status}"));
    }
    Ok(code_of(status))
}

fn code_of(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => exit_code::of_child(code),
        (None, Some(signal)) => exit_code::of_signal(signal),
        (None, None) => exit_code::of_child(1),
    }
}
