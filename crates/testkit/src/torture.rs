//! Kills a server repeatedly during uploads, then compares the stored results.
//!
//! Used by a short test and by `bin/torture`. The seed determines after how many responses, and how
//! long after the last of them, the server is killed, so that a slow machine gets responses too.
//! Like real clients, senders retry an upload without a response.

use std::collections::BTreeMap;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use test_engine_duration::Micros;

use crate::stored_results::StoredExecution;
use crate::{Connection, ServerProgram};

const SENDERS: usize = 4;
/// Uploads of one sender per round.
const MAX_UPLOADS: usize = 12;
/// Tests in every upload.
const SHARED_TESTS: usize = 60;
/// A round waits for fewer responses than this before it kills the server.
const RESPONSES_BEFORE_KILL: usize = 2 * SENDERS;
/// A response that takes longer fails the test, because the server hangs.
const MAX_RESPONSE_TIME: Duration = Duration::from_mins(1);
/// Maximum delay of the kill after the last response of the round, in microseconds.
const MAX_KILL_DELAY_US: u64 = 50_000;
/// Maximum delay of a kill during the start, in microseconds.
const MAX_START_US: u64 = 20_000;
/// One round in so many also kills a server during its start.
const KILL_WHILE_STARTING_EVERY: u32 = 4;

/// The parameters of a torture run.
#[derive(Clone, Copy, Debug)]
pub struct Torture {
    /// Number of kills during uploads.
    pub rounds: usize,
    /// Determines the moments of the kills.
    pub seed: u64,
}

/// The counts of a run in which every acknowledged execution was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TortureReport {
    /// Uploads with a 202 response.
    pub acknowledged: usize,
    /// Executions in these uploads, all compared.
    pub executions: usize,
    /// Uploads sent again because they had no response.
    pub retried: usize,
    /// Servers killed before they were ready.
    pub killed_while_starting: usize,
}

#[derive(Clone, Debug)]
struct Upload {
    key: String,
    round: usize,
}

/// When a round kills the server.
#[derive(Clone, Copy, Debug)]
struct Kill {
    responses: usize,
    delay: Duration,
}

impl Kill {
    fn random(random: &mut StdRng) -> Self {
        Self {
            responses: random.random_range(0..RESPONSES_BEFORE_KILL),
            delay: Duration::from_micros(random.random_range(0..MAX_KILL_DELAY_US)),
        }
    }

    /// Returns when the server must be killed, or when every sender has stopped.
    #[track_caller]
    fn wait(self, responses: &mpsc::Receiver<()>) {
        for _ in 0..self.responses {
            match responses.recv_timeout(MAX_RESPONSE_TIME) {
                Ok(()) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    panic!("no upload had a response within {MAX_RESPONSE_TIME:?}")
                }
            }
        }
        std::thread::sleep(self.delay);
    }
}

impl Torture {
    /// Runs all rounds on a new server, then compares. Calls `after_round` with the number of
    /// acknowledged uploads so far. Fails the test when an execution is missing, duplicated or
    /// changed.
    #[track_caller]
    pub fn run(
        self,
        mut server: ServerProgram,
        mut after_round: impl FnMut(usize),
    ) -> TortureReport {
        let suite = server.create_suite("shop");
        let mut random = StdRng::seed_from_u64(self.seed);
        let mut report = TortureReport::default();
        let mut acknowledged: Vec<Upload> = Vec::new();
        let mut unanswered: Vec<Upload> = Vec::new();
        for round in 0..self.rounds {
            let connection = server.at_current_address(&suite);
            let kill = Kill::random(&mut random);
            report.retried += unanswered.len();
            unanswered = send_until_killed(
                &mut server,
                &connection,
                round,
                kill,
                unanswered,
                &mut acknowledged,
            );
            if random.random_ratio(1, KILL_WHILE_STARTING_EVERY) {
                let life = Duration::from_micros(random.random_range(0..MAX_START_US));
                report.killed_while_starting += usize::from(server.kill_while_starting(life));
            }
            server.restart();
            after_round(acknowledged.len());
        }
        let connection = server.at_current_address(&suite);
        report.retried += unanswered.len();
        for upload in unanswered {
            connection
                .upload(&upload.key, "json", &results(&upload))
                .expect_status(202);
            acknowledged.push(upload);
        }
        report.acknowledged = acknowledged.len();
        report.executions = compare(&server, &suite, &acknowledged);
        report
    }
}

/// Uploads concurrently and kills the server at the moment `kill`. Adds the acknowledged uploads
/// and returns those without a response.
#[track_caller]
fn send_until_killed(
    server: &mut ServerProgram,
    connection: &Connection,
    round: usize,
    kill: Kill,
    unanswered: Vec<Upload>,
    acknowledged: &mut Vec<Upload>,
) -> Vec<Upload> {
    let mut retries: Vec<Vec<Upload>> = vec![Vec::new(); SENDERS];
    for (number, upload) in unanswered.into_iter().enumerate() {
        retries[number % SENDERS].push(upload);
    }
    let acknowledged = Mutex::new(acknowledged);
    let lost = Mutex::new(Vec::new());
    let (response, responses) = mpsc::channel();
    std::thread::scope(|scope| {
        for (sender, retries) in retries.into_iter().enumerate() {
            let (acknowledged, lost) = (&acknowledged, &lost);
            let got_response = response.clone();
            scope.spawn(move || {
                let new = (0..MAX_UPLOADS).map(|number| Upload {
                    key: format!("build-{round}-{sender}-{number}"),
                    round,
                });
                let mut to_send = retries.into_iter().chain(new);
                for upload in to_send.by_ref() {
                    let data = results(&upload);
                    let Some(response) = connection.try_upload(&upload.key, "json", &data) else {
                        lost.lock().expect("no sender panics here").push(upload);
                        break;
                    };
                    response.expect_status(202);
                    acknowledged
                        .lock()
                        .expect("no sender panics here")
                        .push(upload);
                    let _ = got_response.send(());
                }
                // Retries must be sent until they get a response; new uploads may be dropped.
                let left = to_send.filter(|upload| upload.round < round);
                lost.lock().expect("no sender panics here").extend(left);
            });
        }
        drop(response);
        kill.wait(&responses);
        server.kill();
    });
    lost.into_inner().expect("no sender panics here")
}

/// Returns the number of compared executions.
#[track_caller]
fn compare(server: &ServerProgram, suite: &Connection, acknowledged: &[Upload]) -> usize {
    let stored = server.stored_results();
    let (organization, suite) = (&suite.organization, &suite.suite);
    let mut found: BTreeMap<(String, String), Vec<StoredExecution>> = BTreeMap::new();
    let mut per_test: BTreeMap<(String, String), u64> = BTreeMap::new();
    for execution in stored.executions(organization, suite) {
        let test = (execution.scope.clone(), execution.name.clone());
        *per_test.entry(test).or_default() += 1;
        let id = (execution.run_key.clone(), execution.name.clone());
        found.entry(id).or_default().push(execution);
    }
    let mut compared = 0;
    for upload in acknowledged {
        for expected in executions(upload) {
            let id = (upload.key.clone(), expected.name.clone());
            let actual = found.remove(&id).unwrap_or_default();
            assert_eq!(actual, [expected], "{id:?} was acknowledged");
            compared += 1;
        }
    }
    // Every upload has been acknowledged in the end, so nothing else may exist.
    assert_eq!(found, BTreeMap::new(), "never acknowledged");

    // The daily sums agree with the executions.
    let sums: BTreeMap<_, _> = stored
        .outcomes(organization, suite)
        .into_iter()
        .map(|(test, counts)| (test, counts.executions()))
        .collect();
    assert_eq!(sums, per_test, "the daily sums");
    let runs = stored.runs(organization, suite);
    assert_eq!(runs.len(), acknowledged.len());
    for run in runs {
        let expected = (SHARED_TESTS as u64 + 1, 1);
        assert_eq!((run.executions, run.uploads), expected, "{run:?}");
    }
    compared
}

/// The executions of an upload. Depends only on its key and round, so that it can be sent again.
fn executions(upload: &Upload) -> Vec<StoredExecution> {
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
            StoredExecution {
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
                "history": {
                    "section": "top",
                    "duration": execution.duration.unwrap_or_default().seconds(),
                },
            })
        })
        .collect()
}
