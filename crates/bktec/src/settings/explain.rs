//! The settings of `bktec explain`.

use super::build::{self, Detected};
use super::identifier::identifier;
use super::problems::{InvalidConfiguration, Problems};
use super::tokens::{self, EngineSettings};
use crate::ci;
use crate::cli::{ExplainArgs, Typed};

#[derive(Clone, Debug)]
pub struct ExplainSettings {
    pub debug: bool,
    /// Of the plan, as `bktec run` with the same settings computes it.
    pub identifier: String,
    /// As given.
    pub items: Vec<String>,
    pub left_out: bool,
    pub engine: EngineSettings,
    /// A line for the log that says which values were taken from which CI.
    pub detected: Option<String>,
}

impl ExplainSettings {
    pub fn resolve(typed: &Typed<ExplainArgs>) -> Result<Self, InvalidConfiguration> {
        let mut problems = Problems::default();
        let settings = resolve(typed, &mut problems);
        problems.finish("explain", settings)
    }
}

fn resolve(typed: &Typed<ExplainArgs>, problems: &mut Problems) -> Option<ExplainSettings> {
    let args = &typed.own;
    let common = &args.common;
    let ci = ci::detect(&typed.ci_environment.variables);
    let ci = ci.as_ref();
    let mut detected = Detected::default();
    let organization = detected.resolve(
        "organization",
        &common.engine.tokens.organization_slug,
        ci.and_then(|ci| ci.details.organization.as_ref()),
        true,
    );
    let build = build::build(&common.build, &common.node, ci, &mut detected, problems);
    let identifier = identifier(
        common,
        &args.selection,
        &build,
        ci,
        &typed.ci_environment,
        problems,
    );
    let engine = tokens::engine(
        &common.engine.tokens,
        &common.engine.access_token,
        organization,
        typed.time_scale,
        problems,
    );
    let left_out = problems.flag(&args.left_out, false);
    if left_out && !args.items.is_empty() {
        problems.add("--left-out", "cannot be used with ITEM");
    }
    Some(ExplainSettings {
        debug: problems.flag(&typed.global.debug, false),
        identifier,
        items: args.items.clone(),
        left_out,
        engine: engine?.0,
        detected: ci.and_then(|ci| detected.line(ci)),
    })
}
