//! The options of test selection, and those of `explain`, which explains a selection.

use clap::Args;

use super::args::CommonArgs;
use super::option::Opt;
use crate::env_vars as var;

/// Which tests a plan request asks for, and what it says about the commit.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = super::SELECTION_HEADING)]
pub struct SelectionArgs {
    /// Run only the tests that the change is likely to break: confidence, percent, time or observe;
    /// none runs all [default: none]
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_SELECTION_STRATEGY, value_name = "NAME")]
    pub selection_strategy: Opt<String>,
    /// Parameter of the strategy, such as confidence=95, percent=40 or minutes=10 (repeatable)
    #[arg(long, value_name = "KEY=VALUE")]
    pub selection_param: Vec<Opt<String>>,
    /// Metadata of the commit for the server (repeatable)
    #[arg(long, value_name = "KEY=VALUE")]
    pub metadata: Vec<Opt<String>>,
    /// Git remote whose default branch the commit is compared with [default: origin]
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_REMOTE, value_name = "REMOTE")]
    pub remote: Opt<String>,
    /// Git tag that is built; test selection runs all tests for it
    #[arg(long, env = var::BUILDKITE_TAG, value_name = "NAME", hide = true)]
    pub git_tag: Opt<String>,
    /// Pipeline slug
    #[arg(long, env = var::BUILDKITE_PIPELINE_SLUG, value_name = "SLUG", hide = true)]
    pub pipeline_slug: Opt<String>,
    /// Send git metadata of the commit, also without a strategy [default: false]
    #[arg(long, env = var::BUILDKITE_TEST_ENGINE_COLLECT_GIT_METADATA)]
    pub collect_git_metadata: Opt<bool>,
}

#[derive(Args, Clone, Debug)]
pub struct ExplainArgs {
    /// Files, selectors or examples to explain, as in the plan [default: print the decision]
    #[arg(value_name = "ITEM")]
    pub items: Vec<String>,
    /// List everything that was left out, with rank and value
    #[arg(long)]
    pub left_out: Opt<bool>,
    #[command(flatten)]
    pub common: CommonArgs,
    #[command(flatten)]
    pub selection: SelectionArgs,
}
