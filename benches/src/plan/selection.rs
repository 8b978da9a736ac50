//! What a selection adds to a plan request of 100,000 selectors, on a suite that has learned from
//! failing builds. Everything is scored and the scores are stored, but everything runs, so that
//! both plans have the same size.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use test_engine_wire::Plan;

use super::{HISTORY, NODES, SELECTORS};
use crate::builds::Build;
use crate::figure::{Figure, milliseconds};
use crate::http::Connection;
use crate::server::{SUITE, Server};
use crate::suite::Suite;
use crate::timing::{Turns, median, timed};

/// Files that the measured build changes.
const CHANGES: usize = 50;
const PLANS: usize = 21;
/// Failing builds that the suite has learned from, and the files that each of them changes.
const LEARNED: usize = 40;
const LEARNED_CHANGES: usize = 5;
/// Files of each of these builds that pass: so many that it is no breakdown.
const PASSED: usize = 60;

/// On a server with the history of all selectors.
pub(super) fn measure(server: &Server) -> anyhow::Result<Figure> {
    let suite = Suite::new(server, SUITE)?;
    let mut connection = suite.connect()?;
    teach(&suite, &mut connection)?;
    // The last build of its branch failed, so there are failing tests to look at.
    let build = Build::of_branch(HISTORY + LEARNED, SELECTORS, CHANGES);
    let turns = Turns::take(PLANS, |selects, round| {
        let identifier = format!("measured-{round}/{selects}");
        let request = build.plan_request(&identifier, 0..SELECTORS, NODES, selects)?;
        let (time, response) = timed(|| suite.plan(&mut connection, &request));
        let response = response?;
        if round == 0 {
            check(&response.body, selects)?;
        }
        Ok(time)
    })?;
    let [with, without] = [turns.with, turns.without].map(|times| milliseconds(median(times)));
    Ok(Figure::of("plan-100k with selection, p50", with)
        .beside("without", without)
        .judged_by_distance()
        .must_goal(60.0, 25.0))
}

/// Sends failing builds, each of some files, and waits until the server has learned from them.
fn teach(suite: &Suite<'_>, connection: &mut Connection) -> anyhow::Result<()> {
    let numbers = HISTORY + 1..=HISTORY + LEARNED;
    let builds: Vec<Build> = numbers
        .map(|number| Build::of_branch(number, SELECTORS, LEARNED_CHANGES))
        .collect();
    // A failure counts only if the test passed on the default branch.
    let main = Build::of_main(HISTORY, SELECTORS);
    finish(
        suite,
        connection,
        &main,
        builds.iter().flat_map(Build::changed),
    )?;
    for build in &builds {
        finish(suite, connection, build, build.changed())?;
    }
    suite.wait_until_learned(connection, LEARNED as u64)
}

/// Plans, uploads and reports a build of these files and of those that always pass. Each file has
/// one test.
fn finish(
    suite: &Suite<'_>,
    connection: &mut Connection,
    build: &Build,
    files: impl IntoIterator<Item = usize>,
) -> anyhow::Result<()> {
    let files: BTreeSet<usize> = files.into_iter().chain(0..PASSED).collect();
    let each = || files.iter().copied();
    let request = build.plan_request(&build.identifier(), each(), 1, true)?;
    let plan = suite.plan(connection, &request)?;
    suite.upload(connection, &build.upload(each()))?;
    for report in build.reports(&read(&plan.body)?)? {
        suite.report(connection, &report)?;
    }
    Ok(())
}

fn read(plan: &[u8]) -> anyhow::Result<Plan> {
    serde_json::from_slice(plan).context("read the plan")
}

/// Checks that the plan has all tests, and that they were scored if they should be.
fn check(plan: &[u8], selects: bool) -> anyhow::Result<()> {
    let plan = read(plan)?;
    let tests: usize = plan.tasks.values().map(|task| task.tests.len()).sum();
    ensure!(tests == SELECTORS, "the plan has {tests} tests");
    let selection = &plan.selection;
    let is_scored = selection.as_ref().is_some_and(|it| it.confidence.is_some());
    ensure!(
        is_scored == selects,
        "the selection of the plan is {selection:?}"
    );
    Ok(())
}
