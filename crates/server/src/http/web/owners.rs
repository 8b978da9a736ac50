//! The teams of an organization: what the tests of each cost, in which suite.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;
use test_engine_duration::Micros;
use test_engine_store::{FileTotals, Page as ListPage, Period, Suite, counted_by_spawner};
use tokio_util::task::AbortOnDropHandle;

use super::export::{self, Export, FileLinks};
use super::format;
use super::page::{Frame, PageError, show};
use super::test_list::tests_of_owner;
use super::viewer::Viewer;
use super::words;
use crate::App;
use crate::http::error::ApiError;
use crate::http::params::Params;
use crate::http::test_owners;
use crate::links::Links;
use crate::owners::Owners;

/// Days that times and executions cover.
const DAYS: i64 = 28;
/// Tests whose mean duration is above this are slow.
const SLOW: Micros = Micros::from_milliseconds(2_000);
/// [`SLOW`] in a query.
const SLOW_TERM: &str = "duration:>2s";
/// Suites whose tests are read.
const MAX_SUITES: u32 = 100;
/// Suites that are read in parallel: few, so that connections to the database remain for others.
const SUITES_AT_ONCE: usize = 3;

#[derive(Template)]
#[template(path = "owners.html")]
struct Page {
    frame: Frame,
    sentence: String,
    /// The team that alone is shown; empty for all.
    owner: String,
    address: String,
    has_suites: bool,
    days: i64,
    rows: Vec<Row>,
    /// Suites with tests and without owners, with the command that gives them some.
    unowned: Vec<Unowned>,
    files: FileLinks,
}

struct Row {
    /// Empty for tests that nobody owns.
    team: String,
    address: String,
    suite: String,
    suite_address: String,
    tests: Figure,
    flaky: Figure,
    broken: Figure,
    quarantined: Figure,
    slow: Figure,
    time: String,
}

/// A number, and the list of the tests that it counts.
struct Figure {
    number: String,
    /// Empty for 0.
    address: String,
}

struct Unowned {
    suite: String,
    command: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Query {
    owner: String,
}

/// The tests of a team in a suite. Tests of several teams count for each.
struct Share {
    /// `None` for tests that nobody owns.
    team: Option<String>,
    suite: Suite,
    totals: FileTotals,
}

/// A suite with its owners, and its files if there are owners.
struct OwnedSuite {
    suite: Suite,
    owners: Owners,
    files: BTreeMap<String, FileTotals>,
}

impl OwnedSuite {
    async fn read(app: App, suite: Suite) -> Result<Self, PageError> {
        let owners = test_owners::owners(&app, &suite).await?;
        let files = if owners.rules() == 0 {
            BTreeMap::new()
        } else {
            let period = Period::last_days(DAYS, app.clock.now());
            app.store.file_totals(suite.id, period, SLOW).await?
        };
        Ok(Self {
            suite,
            owners,
            files,
        })
    }
}

pub(super) async fn get(
    State(app): State<App>,
    viewer: Viewer,
    Path(slug): Path<String>,
    export: Export,
    Params(query): Params<Query>,
) -> Result<Response, PageError> {
    let organization = viewer.organization(&app, &slug).await?;
    let page = ListPage::new(1, MAX_SUITES);
    let suites = app.store.suites(organization.id, page).await?.items;
    let has_suites = !suites.is_empty();
    let mut shares = Vec::new();
    // Every test once, however many teams it has.
    let mut owned = FileTotals::default();
    let mut unowned = Vec::new();
    // Summing up takes longer than querying, so each suite is a task of its own.
    let owned_suites = stream::iter(suites).map(|suite| {
        let read = OwnedSuite::read(app.clone(), suite);
        AbortOnDropHandle::new(tokio::spawn(counted_by_spawner(read)))
    });
    let mut owned_suites = owned_suites.buffered(SUITES_AT_ONCE);
    while let Some(read) = owned_suites.next().await {
        let OwnedSuite {
            suite,
            owners,
            files,
        } = read.map_err(|error| ApiError::internal("read a suite", &error))??;
        if owners.rules() == 0 {
            unowned.push(Unowned {
                suite: suite.name.clone(),
                command: command(&app, &suite),
            });
            continue;
        }
        let have_owners = |file: &&String| !owners.of(file).is_empty();
        for file in files.keys().filter(have_owners) {
            add(&mut owned, files[file]);
        }
        let of_suite = by_team(&files, &owners).into_iter();
        shares.extend(of_suite.map(|(team, totals)| Share {
            team,
            suite: suite.clone(),
            totals,
        }));
    }
    let owner = query.owner.trim().to_owned();
    if !owner.is_empty() {
        shares.retain(|share| share.team.as_deref() == Some(&owner));
    }
    shares.sort_by(|one, other| {
        let key = |share: &Share| {
            (
                share.team.is_none(),
                share.team.clone(),
                share.suite.slug.clone(),
            )
        };
        key(one).cmp(&key(other))
    });
    if let Some(file) = export.file(format!("{}-owners", organization.slug)) {
        let rows = shares.iter().map(|share| file_row(&app, share));
        return Ok(file.rows(&COLUMNS, &rows.collect::<Vec<_>>()));
    }
    let address = format!("{}/owners", Links::organization_page(&organization.slug));
    let mut frame = Frame::new(format!("Owners in {}", organization.slug), &viewer);
    frame.crumb(
        &organization.slug,
        Links::organization_page(&organization.slug),
    );
    frame.crumb("Owners", address.clone());
    show(&Page {
        frame,
        sentence: sentence(&shares, owned, &owner),
        rows: shares.iter().map(Row::new).collect(),
        days: DAYS,
        has_suites,
        unowned: if owner.is_empty() {
            unowned
        } else {
            Vec::new()
        },
        owner,
        address,
        files: export.links(),
    })
}

fn by_team(
    files: &BTreeMap<String, FileTotals>,
    owners: &Owners,
) -> BTreeMap<Option<String>, FileTotals> {
    let mut teams: BTreeMap<Option<String>, FileTotals> = BTreeMap::new();
    for (file, totals) in files {
        let owned = owners.of(file);
        let nobody = owned.is_empty().then_some(None);
        for team in owned.iter().cloned().map(Some).chain(nobody) {
            add(teams.entry(team).or_default(), *totals);
        }
    }
    teams
}

fn add(sum: &mut FileTotals, other: FileTotals) {
    sum.tests += other.tests;
    sum.flaky += other.flaky;
    sum.broken += other.broken;
    sum.quarantined += other.quarantined;
    sum.slow += other.slow;
    sum.executions += other.executions;
    sum.duration = sum.duration.saturating_add(other.duration);
}

/// The first line. `owned` are the tests of all teams.
fn sentence(shares: &[Share], owned: FileTotals, owner: &str) -> String {
    let sum = |shares: &mut dyn Iterator<Item = &Share>| {
        let mut sum = FileTotals::default();
        shares.for_each(|share| add(&mut sum, share.totals));
        sum
    };
    let mut teams: Vec<&str> = shares
        .iter()
        .filter_map(|share| share.team.as_deref())
        .collect();
    teams.dedup();
    let nobody = sum(&mut shares.iter().filter(|share| share.team.is_none()));
    let shown = if owner.is_empty() {
        owned
    } else {
        sum(&mut shares.iter())
    };
    words::owners(owner, teams.len() as u64, shown, nobody.tests)
}

/// Sends a file with owners.
fn command(app: &App, suite: &Suite) -> String {
    format!(
        "SUITE_TOKEN=...  # test-engine token create --suite {}/{}\n\
         curl --fail -F file=@TESTOWNERS \\\n  \
         -H \"Authorization: Token token=\\\"$SUITE_TOKEN\\\"\" \\\n  \
         {}/v1/test-ownerships",
        suite.organization_slug,
        suite.slug,
        app.links.public_url()
    )
}

impl Row {
    /// With the class of their columns: phones have no room for all.
    fn figures(&self) -> [(&Figure, &'static str); 5] {
        [
            (&self.tests, ""),
            (&self.flaky, ""),
            (&self.broken, ""),
            (&self.quarantined, " wide"),
            (&self.slow, " wide"),
        ]
    }

    fn new(share: &Share) -> Self {
        let base = Links::suite_path(&share.suite);
        let list = format!("{base}/tests");
        let owner = share.team.as_deref().unwrap_or("none");
        let totals = &share.totals;
        let figure = |number: u64, condition: &str| Figure {
            number: format::count(number),
            address: if number == 0 {
                String::new()
            } else {
                tests_of_owner(&list, owner, condition)
            },
        };
        Self {
            team: share.team.clone().unwrap_or_default(),
            address: tests_of_owner(&list, owner, ""),
            suite: share.suite.name.clone(),
            suite_address: base,
            tests: figure(totals.tests, ""),
            flaky: figure(totals.flaky, "flaky:yes"),
            broken: figure(totals.broken, "broken:yes"),
            quarantined: figure(totals.quarantined, "!state:enabled"),
            slow: figure(totals.slow, SLOW_TERM),
            time: format::duration(totals.duration),
        }
    }
}

const COLUMNS: [&str; 11] = [
    "team",
    "suite",
    "tests",
    "flaky",
    "broken",
    "quarantined",
    "slow",
    "executions",
    "total_seconds",
    "suite_slug",
    "url",
];

fn file_row(app: &App, share: &Share) -> export::Row {
    let owner = share.team.as_deref().unwrap_or("none");
    let list = format!("{}/tests", app.links.suite_page(&share.suite));
    let totals = &share.totals;
    vec![
        share.team.clone().into(),
        share.suite.name.clone().into(),
        totals.tests.into(),
        totals.flaky.into(),
        totals.broken.into(),
        totals.quarantined.into(),
        totals.slow.into(),
        totals.executions.into(),
        totals.duration.into(),
        share.suite.slug.clone().into(),
        tests_of_owner(&list, owner, "").into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_count_for_each_of_their_teams() {
        let owners = Owners::parse("pay/ payments ops\nshop/ shop");
        let totals = |tests: u64, seconds: u64| FileTotals {
            tests,
            duration: Micros::from_milliseconds(seconds * 1_000),
            ..FileTotals::default()
        };
        let files = [
            ("pay/a.rb", totals(2, 3)),
            ("pay/b.rb", totals(1, 4)),
            ("shop/a.rb", totals(5, 1)),
            ("lib/a.rb", totals(7, 0)),
            ("", totals(1, 2)),
        ];
        let files = files.map(|(file, totals)| (file.to_owned(), totals)).into();
        let team = |name: &str| Some(name.to_owned());
        let expected = BTreeMap::from([
            (None, totals(8, 2)),
            (team("ops"), totals(3, 7)),
            (team("payments"), totals(3, 7)),
            (team("shop"), totals(5, 1)),
        ]);
        assert_eq!(by_team(&files, &owners), expected);
    }

    #[test]
    fn a_slow_test_is_found_by_the_query_of_its_link() {
        let limit = SLOW_TERM.strip_prefix("duration:>").unwrap();
        assert_eq!(limit, format!("{}s", SLOW.get() / 1_000_000));
    }
}
