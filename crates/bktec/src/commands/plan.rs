//! `bktec plan`: has a plan made and tells about it; runs nothing.
//!
//! stdout is for the plan alone; everything for people goes to stderr.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitStatus;

use serde_json::json;
use test_engine_wire::Plan;
use uuid::Uuid;

use super::json_indent::indented;
use super::obtain::{self, Obtained};
use super::plan_for_ci::{self, Size};
use super::request::Sizing;
use super::{header, prepare, targets};
use crate::commands::CommandError;
use crate::fallback;
use crate::server_api::{Client, PlanAnswer, SuiteAccess, Transport};
use crate::settings::{PlanOutput, PlanSettings};
use crate::split_summary::split_summary;
use crate::terminal::Terminal;
use crate::{agent, env_vars, exit_code};

/// Makes a plan, and puts it out as the settings say. Ends with 0, or with the CI agent's code.
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
    let targets = targets::targets(&common.runner, &*runner, terminal)
        .map_err(CommandError::runner("find the tests"))?;
    let sizing = Sizing {
        max_parallelism: settings.max_parallelism,
        target_time: settings.target_time,
    };
    let client = Client::new(suite, &Transport::new(), terminal);
    let obtained = obtain::create(common, &*runner, &targets, sizing, &client, terminal)?;
    let made = made(settings, obtained, targets.is_empty(), terminal);
    put_out(settings, &made, template.as_deref(), terminal)
}

/// Read before the server is asked: what is wrong with it should be told before anything is done.
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

/// What there is to put out.
struct Made {
    identifier: String,
    parallelism: i64,
    answer: Option<Box<PlanAnswer>>,
}

fn made(
    settings: &PlanSettings,
    obtained: Obtained,
    asked_for_nothing: bool,
    terminal: &Terminal,
) -> Made {
    let common = &settings.common;
    let fallback_parallelism = settings.max_parallelism.unwrap_or(common.build.parallelism);
    let answer = match obtained {
        Obtained::Plan(answer) => answer,
        Obtained::Without(reason) => {
            terminal.warning(&format!(
                "{reason} {}: the nodes will split the tests without the server.",
                fallback::WARNING
            ));
            return Made {
                identifier: common.identifier.clone(),
                parallelism: fallback_parallelism,
                answer: None,
            };
        }
    };
    let plan = &answer.plan;
    let empty_on_purpose =
        asked_for_nothing || common.selection.is_some() || !plan.skipped_tests.is_empty();
    let usable = !plan.tasks.is_empty() || (plan.parallelism == 0 && empty_on_purpose);
    if usable {
        if let Some(summary) = split_summary(plan, None) {
            terminal.line(&summary);
        }
    } else {
        terminal.warning(&format!(
            "The server could not plan these tests. {}.",
            fallback::WARNING
        ));
    }
    Made {
        identifier: named(plan, &common.identifier),
        parallelism: if usable {
            plan.parallelism
        } else {
            fallback_parallelism
        },
        answer: Some(answer),
    }
}

fn named(plan: &Plan, asked_for: &str) -> String {
    if plan.identifier.is_empty() {
        asked_for.to_owned()
    } else {
        plan.identifier.clone()
    }
}

fn put_out(
    settings: &PlanSettings,
    made: &Made,
    template: Option<&str>,
    terminal: &Terminal,
) -> Result<u8, CommandError> {
    let size = Size {
        identifier: &made.identifier,
        parallelism: made.parallelism,
    };
    match &settings.output {
        PlanOutput::Json => to_stdout(&format!("{}\n", variables(made)), terminal)?,
        PlanOutput::PlanToStdout => to_stdout(&whole_plan(made), terminal)?,
        PlanOutput::PlanToFile(path) => to_file(path, &whole_plan(made), terminal)?,
        PlanOutput::GitHub(path) => {
            let delimiter = format!("bktec_{}", Uuid::new_v4().simple());
            add_to_file(path, &plan_for_ci::github(size, &delimiter), terminal)?;
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
            return upload_pipeline(settings, made, template, terminal);
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
    told(path, written, terminal)
}

/// Other outputs of the same step may be in the file already.
fn add_to_file(path: &Path, text: &str, terminal: &Terminal) -> Result<(), CommandError> {
    let mut options = fs_err::OpenOptions::new();
    let written = options
        .create(true)
        .append(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    told(path, written, terminal)
}

fn told(path: &Path, written: io::Result<()>, terminal: &Terminal) -> Result<(), CommandError> {
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

/// Both values as strings, as the CI agent wants variables.
fn variables(made: &Made) -> String {
    // By hand, since the order of keys counts and a map would sort them.
    format!(
        r#"{{"{}":{},"{}":"{}"}}"#,
        env_vars::BUILDKITE_TEST_ENGINE_PLAN_IDENTIFIER,
        json!(made.identifier),
        env_vars::BUILDKITE_TEST_ENGINE_PARALLELISM,
        made.parallelism
    )
}

/// The server's own answer; without one, the little that is known.
fn whole_plan(made: &Made) -> String {
    let text = match &made.answer {
        Some(answer) => indented(&String::from_utf8_lossy(&answer.text)),
        None => indented(
            &json!({
                "identifier": made.identifier,
                "parallelism": made.parallelism,
                "tasks": {},
            })
            .to_string(),
        ),
    };
    text + "\n"
}

fn upload_pipeline(
    settings: &PlanSettings,
    made: &Made,
    template: &str,
    terminal: &Terminal,
) -> Result<u8, CommandError> {
    if made.parallelism == 0 {
        terminal.line("The plan has no tests to run, so no pipeline is uploaded.");
        return Ok(exit_code::SUCCESS);
    }
    let status = agent::upload_pipeline(
        &settings.common.engine.agent,
        template,
        &[
            (
                env_vars::BUILDKITE_TEST_ENGINE_PLAN_IDENTIFIER,
                &made.identifier,
            ),
            (
                env_vars::BUILDKITE_TEST_ENGINE_PARALLELISM,
                &made.parallelism.to_string(),
            ),
        ],
    )
    .map_err(CommandError::Agent)?;
    if !status.success() {
        terminal.error(&format!("The pipeline upload ended with {status}."));
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
