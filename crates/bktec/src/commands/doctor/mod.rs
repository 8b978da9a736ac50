//! `bktec doctor`: checks everything that a run depends on, and says how to fix what is wrong.
//!
//! It runs no tests. It leaves one plan on the server, which expires like any other.

mod checks;
mod prefix;
mod project;
mod server;

use self::checks::Check;
use self::server::Server;
use super::request::PlanInputs;
use super::targets::Targets;
use super::{prepare, tokens};
use crate::commands::CommandError;
use crate::exit_code;
use crate::server_api::{Client, Transport};
use crate::settings::{InvalidConfiguration, RunSettings};
use crate::terminal::Terminal;

/// Exits with 0 unless a check failed.
pub(super) fn doctor(
    settings: Result<RunSettings, InvalidConfiguration>,
    is_json: bool,
    terminal: &Terminal,
) -> Result<u8, CommandError> {
    let checks = match settings {
        Ok(settings) => all(&settings, terminal)?,
        Err(error) => vec![Check::failed(
            "settings",
            error.to_string(),
            "set these variables or options as the pipeline does; docs/ci.md lists them",
        )],
    };
    let text = if is_json {
        checks::json(&checks)
    } else {
        checks::text(&checks)
    };
    terminal
        .data(text.as_bytes())
        .map_err(|source| CommandError::Output {
            what: "the checks to stdout".to_owned(),
            source,
        })?;
    Ok(if checks::passed(&checks) {
        exit_code::SUCCESS
    } else {
        exit_code::CHECKS_FAILED
    })
}

fn all(settings: &RunSettings, terminal: &Terminal) -> Result<Vec<Check>, CommandError> {
    let common = &settings.common;
    let nodes = common.build.parallelism.max(1);
    let noun = if nodes == 1 { "node" } else { "nodes" };
    let message = format!("{} with {nodes} {noun}", common.identifier);
    let mut checks = vec![Check::ok("settings", message)];
    let directory = prepare::working_directory()?;
    let nodes = (settings.node, settings.nodes);
    let runner = match prepare::runner(&common.runner, nodes, None, directory, terminal) {
        Ok(runner) => runner,
        Err(error) => {
            let fix = "check the options of the test runner";
            checks.push(Check::failed("runner", error.to_string(), fix));
            return Ok(checks);
        }
    };
    let targets = Targets::new(&common.runner, &*runner, terminal);
    checks.push(project::program(&*runner));
    checks.push(project::tests(&targets, &common.runner));
    checks.push(project::result_path(&*runner));
    checks.push(project::identities(&*runner));
    let suite = match tokens::suite_access("doctor", &common.engine) {
        Ok(suite) => suite,
        Err(error) => {
            checks.push(Check::failed("token", error.to_string(), ""));
            return Ok(checks);
        }
    };
    let transport = Transport::new();
    let client = Client::new(&suite, &transport, terminal);
    let server = Server {
        settings,
        suite: &suite,
        client: &client,
        transport: &transport,
    };
    checks.extend(server.checks(&PlanInputs {
        settings: common,
        runner: &*runner,
        targets: &targets,
        max_parallelism: None,
        target_time: None,
        client: &client,
        terminal,
    }));
    Ok(checks)
}
