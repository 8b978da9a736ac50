//! The settings of `bktec summary`.

use std::path::PathBuf;

use super::build::Detected;
use super::problems::{InvalidConfiguration, Problems};
use super::tokens::{self, EngineSettings};
use crate::ci;
use crate::cli::{SummaryArgs, Typed};

#[derive(Clone, Debug)]
pub struct SummarySettings {
    pub debug: bool,
    pub build_id: String,
    pub engine: EngineSettings,
    /// The summary is appended to it.
    pub summary_file: Option<PathBuf>,
    /// A line for the log that says which values were taken from which CI.
    pub detected: Option<String>,
}

impl SummarySettings {
    pub fn resolve(typed: &Typed<SummaryArgs>) -> Result<Self, InvalidConfiguration> {
        let mut problems = Problems::default();
        let settings = resolve(typed, &mut problems);
        problems.finish("summary", settings)
    }
}

fn resolve(typed: &Typed<SummaryArgs>, problems: &mut Problems) -> Option<SummarySettings> {
    let args = &typed.own;
    let ci = ci::detect(&typed.ci_environment.variables);
    let details = ci.as_ref().map(|ci| &ci.details);
    let mut detected = Detected::default();
    let build = details.and_then(|details| details.build.as_ref());
    let build_id = detected.resolve("build", &args.build_id, build, true);
    if build_id.is_none() {
        problems.push(args.build_id.missing());
    }
    let organization = detected.resolve(
        "organization",
        &args.tokens.organization_slug,
        details.and_then(|details| details.organization.as_ref()),
        true,
    );
    let engine = tokens::engine(
        &args.tokens,
        &args.access_token,
        organization,
        typed.time_scale,
        problems,
    );
    Some(SummarySettings {
        debug: problems.flag(&typed.global.debug, false),
        build_id: build_id?,
        engine: engine?.0,
        summary_file: args.summary_file.ok(),
        detected: ci.as_ref().and_then(|ci| detected.line(ci)),
    })
}
