//! Killing a server again and again while uploads come in, and then looking at what it has kept.
//!
//! One harness for the short run among the tests and for the long one of `bin/torture`. The seed
//! decides when the server dies, and so is worth printing; what the senders have got done by then
//! is up to the machine. Senders behave as real ones do: what was not answered is sent again.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

use test_engine_duration::Micros;

use crate::kept_results::KeptExecution;
use crate::{Connection, ServerProgram};

/// Senders at once.
const SENDERS: usize = 4;
/// Uploads of one sender between two deaths, at most.
const UPLOADS: usize = 12;
/// Tests that every upload has.
const SHARED_TESTS: usize = 60;
/// The longest a server lives once the senders have begun, in microseconds.
const LONGEST_LIFE_US: u64 = 150_000;
/// The longest a server that is to die while it starts lives, in microseconds.
const LONGEST_START_US: u64 = 20_000;
/// One round in so many has a server that dies while it starts, on top of the usual one.
const DIES_STARTING: u32 = 4;

/// How much of it, and from which seed.
#[derive(Clone, Copy, Debug)]
pub struct Torture {
    /// How often the server is killed under uploads.
    pub rounds: usize,
    /// Decides the moments of death.
    pub seed: u64,
}

/// What was done; everything that was acknowledged has been found by then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Survived {
    /// Uploads that were answered with 202.
    pub acknowledged: usize,
    /// Executions in them, each of which was compared.
    pub executions: usize,
    /// Uploads that got no answer and were sent again.
    pub sent_again: usize,
    /// Servers that died before they said that they listen.
    pub died_starting: usize,
}

/// What one sender is to send next.
#[derive(Clone, Debug)]
struct Upload {
    key: String,
    round: usize,
}

impl Torture {
    /// Runs all rounds on a server that was just started, then compares. `after_round` is told how
    /// many uploads have been acknowledged up to then. Fails the test when something is missing,
    /// doubled or changed.
    #[track_caller]
    pub fn run(self, mut server: ServerProgram, mut after_round: impl FnMut(usize)) -> Survived {
        let suite = server.create_suite("shop");
        let mut chance = StdRng::seed_from_u64(self.seed);
        let mut survived = Survived::default();
        let mut acknowledged: Vec<Upload> = Vec::new();
        let mut unanswered: Vec<Upload> = Vec::new();
        for round in 0..self.rounds {
            let connection = server.at_current_address(&suite);
            let life = Duration::from_micros(chance.random_range(0..LONGEST_LIFE_US));
            survived.sent_again += unanswered.len();
            unanswered = send_until_killed(
                &mut server,
                &connection,
                round,
                life,
                unanswered,
                &mut acknowledged,
            );
            if chance.random_ratio(1, DIES_STARTING) {
                let life = Duration::from_micros(chance.random_range(0..LONGEST_START_US));
                survived.died_starting += usize::from(server.die_starting(life));
            }
            server.start_again();
            after_round(acknowledged.len());
        }
        let connection = server.at_current_address(&suite);
        survived.sent_again += unanswered.len();
        for upload in unanswered {
            connection
                .upload(&upload.key, "json", &results(&upload))
                .expect_status(202);
            acknowledged.push(upload);
        }
        survived.acknowledged = acknowledged.len();
        survived.executions = compare(&server, &suite, &acknowledged);
        survived
    }
}

/// Sends from all sides and kills the server after a while. Adds what was acknowledged; gives what
/// was not answered.
#[track_caller]
fn send_until_killed(
    server: &mut ServerProgram,
    connection: &Connection,
    round: usize,
    life: Duration,
    unanswered: Vec<Upload>,
    acknowledged: &mut Vec<Upload>,
) -> Vec<Upload> {
    let mut again: Vec<Vec<Upload>> = vec![Vec::new(); SENDERS];
    for (number, upload) in unanswered.into_iter().enumerate() {
        again[number % SENDERS].push(upload);
    }
    let answered = Mutex::new(acknowledged);
    let lost = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for (sender, again) in again.into_iter().enumerate() {
            let (answered, lost) = (&answered, &lost);
            scope.spawn(move || {
                let new = (0..UPLOADS).map(|number| Upload {
                    key: format!("build-{round}-{sender}-{number}"),
                    round,
                });
                let mut to_send = again.into_iter().chain(new);
                for upload in to_send.by_ref() {
                    let data = results(&upload);
                    let Some(answer) = connection.try_upload(&upload.key, "json", &data) else {
                        lost.lock().expect("no sender panics here").push(upload);
                        break;
                    };
                    answer.expect_status(202);
                    answered.lock().expect("no sender panics here").push(upload);
                }
                // What has been sent before must be sent until it is answered; the rest is new.
                let left = to_send.filter(|upload| upload.round < round);
                lost.lock().expect("no sender panics here").extend(left);
            });
        }
        std::thread::sleep(life);
        server.kill();
    });
    lost.into_inner().expect("no sender panics here")
}

/// How many executions were compared.
#[track_caller]
fn compare(server: &ServerProgram, suite: &Connection, acknowledged: &[Upload]) -> usize {
    let kept = server.kept_results();
    let (organization, suite) = (&suite.organization, &suite.suite);
    let mut found: BTreeMap<(String, String), Vec<KeptExecution>> = BTreeMap::new();
    let mut per_test: BTreeMap<(String, String), u64> = BTreeMap::new();
    for execution in kept.executions(organization, suite) {
        let test = (execution.scope.clone(), execution.name.clone());
        *per_test.entry(test).or_default() += 1;
        let place = (execution.run_key.clone(), execution.name.clone());
        found.entry(place).or_default().push(execution);
    }
    let mut compared = 0;
    for upload in acknowledged {
        for expected in executions(upload) {
            let place = (upload.key.clone(), expected.name.clone());
            let there = found.remove(&place).unwrap_or_default();
            assert_eq!(there, [expected], "{place:?} was acknowledged");
            compared += 1;
        }
    }
    // All senders have been answered in the end, so nothing else can be there.
    assert_eq!(found, BTreeMap::new(), "nobody was told of these");

    // What is summed up agrees with what it is the sum of.
    let sums: BTreeMap<_, _> = kept
        .outcomes(organization, suite)
        .into_iter()
        .map(|(test, counts)| (test, counts.executions()))
        .collect();
    assert_eq!(sums, per_test, "the daily sums");
    let runs = kept.runs(organization, suite);
    assert_eq!(runs.len(), acknowledged.len());
    for run in runs {
        let expected = (SHARED_TESTS as u64 + 1, 1);
        assert_eq!((run.executions, run.uploads), expected, "{run:?}");
    }
    compared
}

/// What an upload is made of, told by its key alone so that it can be sent again.
fn executions(upload: &Upload) -> Vec<KeptExecution> {
    let shared = (0..SHARED_TESTS).map(|number| format!("order {number}"));
    let new = std::iter::once(format!("new in round {}", upload.round));
    let mut hash: u64 = upload.key.bytes().fold(0, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    shared
        .chain(new)
        .map(|name| {
            hash = hash
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let outcome = ["passed", "passed", "passed", "failed"][(hash >> 62) as usize];
            KeptExecution {
                run_key: upload.key.clone(),
                scope: "shop".to_owned(),
                outcome,
                duration: Some(Micros::new((hash >> 33) % 1_000_000)),
                failure_reason: (outcome == "failed")
                    .then(|| format!("{name} of {} is broken", upload.key)),
                name,
            }
        })
        .collect()
}

fn results(upload: &Upload) -> Value {
    executions(upload)
        .into_iter()
        .map(|execution| {
            json!({
                "id": format!("{}-{}", execution.run_key, execution.name),
                "scope": execution.scope,
                "name": execution.name,
                "result": execution.outcome,
                "failure_reason": execution.failure_reason,
                "file_name": "spec/orders_spec.rb",
                "history": {"section": "top", "duration": execution.duration.unwrap_or_default().seconds()},
            })
        })
        .collect()
}
