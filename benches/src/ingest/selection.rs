//! The rate of uploads to a suite that uses test selection, as a share of that to a suite that does
//! not, on the same server.
//!
//! Both suites get the same builds in turn, a few at a time. While the uploads of some builds are
//! sent, the nodes of those before report their end, and the next builds are planned. So with
//! selection, the server decides on as many plans and learns from as many failing builds as it gets
//! results of. In a real suite most builds pass, and less is learned.

use std::ops::Range;

use anyhow::Context as _;
use test_engine_test_postgres::{Cluster, Durability};
use test_engine_wire::Plan;

use super::{FILES, TESTS, relative_rate, upload_all};
use crate::builds::Build;
use crate::figure::{Figure, fraction};
use crate::programs::Programs;
use crate::server::{Server, UPLOAD};
use crate::suite::Suite;
use crate::timing::Turns;

/// Nodes of a build, each with one upload.
const NODES: usize = TESTS / UPLOAD;
/// Files that a build changes.
const CHANGES: usize = 5;
/// Builds in a round: so many that their uploads take longer than it takes until a build is
/// accounted for and learned from.
const BUILDS: usize = 2;
/// Rounds until the suites know all tests and learn from each build.
const FIRST_ROUNDS: usize = 2;
/// Measured rounds.
const ROUNDS: usize = 15;

pub(crate) fn measure(programs: Programs) -> anyhow::Result<Vec<Figure>> {
    let mut figures = compare(&Server::start(programs)?, "")?;
    let cluster = Cluster::start(Durability::On);
    let server = Server::start_on(programs, Some(cluster.url()))?;
    figures.extend(compare(&server, ", Postgres")?);
    Ok(figures)
}

fn compare(server: &Server, database: &str) -> anyhow::Result<Vec<Figure>> {
    let mut with = Side::new(Suite::new(server, "with-selection")?, true)?;
    let mut without = Side::new(Suite::new(server, "without-selection")?, false)?;
    for _ in 0..FIRST_ROUNDS {
        with.run_builds()?;
        without.run_builds()?;
    }
    with.learned_in_time.clear();
    let turns = Turns::take(ROUNDS, |is_with, _| {
        let side = if is_with { &mut with } else { &mut without };
        side.run_builds()
    })?;
    let in_time: u64 = with.learned_in_time.iter().sum();
    #[expect(clippy::cast_precision_loss, reason = "dozens")]
    let in_time = in_time as f64 / (ROUNDS * BUILDS) as f64;
    Ok(vec![
        relative_rate(
            &format!("ingest with selection / without{database}"),
            &turns,
        )
        .must(0.95),
        // What is learned later does not slow down the uploads, and is not measured.
        Figure::of(
            format!("ingest builds learned meanwhile{database}"),
            fraction(in_time),
        )
        .higher_is_better()
        .must(0.8),
    ])
}

/// A suite and the builds of its next round.
struct Side<'s> {
    suite: Suite<'s>,
    selects: bool,
    builds: Range<usize>,
    plans: Vec<Plan>,
    /// What the nodes of the builds before have to report.
    reports: Vec<Vec<u8>>,
    /// By round, the builds of the round before that were learned from before the uploads ended.
    learned_in_time: Vec<u64>,
}

impl<'s> Side<'s> {
    fn new(suite: Suite<'s>, selects: bool) -> anyhow::Result<Self> {
        // Failures count only if the tests passed on the default branch.
        let main = Build::of_main(0, FILES);
        let mut connection = suite.connect()?;
        let plans = plan(&suite, &[request(&main, selects)?])?;
        for body in uploads(&main) {
            suite.upload(&mut connection, &body)?;
        }
        for report in plans.iter().map(|plan| main.reports(plan)) {
            for report in report? {
                suite.report(&mut connection, &report)?;
            }
        }
        let builds = 1..1 + BUILDS;
        let plans = plan(&suite, &requests(builds.clone(), selects)?)?;
        Ok(Self {
            suite,
            selects,
            builds,
            plans,
            reports: Vec::new(),
            learned_in_time: Vec::new(),
        })
    }

    /// Returns the milliseconds of the uploads.
    fn run_builds(&mut self) -> anyhow::Result<f64> {
        let (first, next) = (self.builds.start, self.builds.end..self.builds.end + BUILDS);
        let builds: Vec<Build> = self.builds.clone().map(branch).collect();
        let bodies: Vec<String> = builds.iter().flat_map(uploads).collect();
        let requests = requests(next.clone(), self.selects)?;
        let (time, plans) = self.send(&bodies, &requests)?;
        self.reports.clear();
        for (build, plan) in builds.iter().zip(&self.plans) {
            self.reports.extend(build.reports(plan)?);
        }
        (self.builds, self.plans) = (next, plans);
        if self.selects {
            // The builds of this round have not reported their end.
            self.finish_learning(first - 1)?;
        }
        Ok(time)
    }

    fn send(&self, bodies: &[String], requests: &[Vec<u8>]) -> anyhow::Result<(f64, Vec<Plan>)> {
        let suite = &self.suite;
        std::thread::scope(|scope| {
            let report = |report| suite.report(&mut suite.connect()?, report);
            let nodes = self
                .reports
                .iter()
                .map(|one| scope.spawn(move || report(one)));
            let nodes: Vec<_> = nodes.collect();
            let planning = scope.spawn(|| plan(suite, requests));
            let time = upload_all(bodies, suite.host(), |connection, body| {
                suite.upload(connection, body)
            });
            for node in nodes {
                node.join()
                    .map_err(|_| anyhow::anyhow!("a node panicked"))??;
            }
            let plans = planning
                .join()
                .map_err(|_| anyhow::anyhow!("the client that plans panicked"))?;
            Ok((time?.as_secs_f64() * 1e3, plans?))
        })
    }

    /// Waits, so that nothing is left that takes time from the other suite.
    fn finish_learning(&mut self, builds: usize) -> anyhow::Result<()> {
        let mut connection = self.suite.connect()?;
        let learned = self.suite.learned(&mut connection)?;
        let before = builds.saturating_sub(BUILDS);
        self.learned_in_time
            .push(learned.saturating_sub(before as u64));
        self.suite
            .wait_until_learned(&mut connection, builds as u64)
    }
}

fn branch(number: usize) -> Build {
    Build::of_branch(number, FILES, CHANGES)
}

/// The uploads of the nodes of a build.
fn uploads(build: &Build) -> impl Iterator<Item = String> {
    (0..NODES).map(|node| build.upload(node * UPLOAD..(node + 1) * UPLOAD))
}

fn request(build: &Build, selects: bool) -> serde_json::Result<Vec<u8>> {
    build.plan_request(&build.identifier(), 0..FILES, NODES, selects)
}

fn requests(builds: Range<usize>, selects: bool) -> serde_json::Result<Vec<Vec<u8>>> {
    builds
        .map(|number| request(&branch(number), selects))
        .collect()
}

/// The plans of these requests.
fn plan(suite: &Suite<'_>, requests: &[Vec<u8>]) -> anyhow::Result<Vec<Plan>> {
    let mut connection = suite.connect()?;
    let plan = |request: &Vec<u8>| {
        let response = suite.plan(&mut connection, request)?;
        serde_json::from_slice(&response.body).context("read the plan")
    };
    requests.iter().map(plan).collect()
}
