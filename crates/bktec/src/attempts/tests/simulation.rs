//! Random runs against a simulated runner: a run that passes ran every test.

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use test_engine_results::Outcome;

use super::super::attempt::{Attempt, CodeMeaning, Given, Part};
use super::super::ledger::{Ledger, Retry};
use super::super::target_ledger::TargetLedger;
use super::*;
use crate::process::{Ended, Exit};
use crate::runners::{Naming, Observed, Shortfall};

#[derive(Clone, Debug)]
struct World {
    targets: Vec<Vec<SimulatedTest>>,
    /// The runner stops at the first failed test.
    fails_fast: bool,
    policy: StopPolicy,
    /// The plan has the number of tests of each target.
    expects: bool,
    can_list: bool,
    one_by_one: bool,
    /// The number of the test that an invocation crashes at, if any, and how.
    crashes: Vec<Option<(usize, Crash)>>,
    retries: usize,
    retry_muted: bool,
}

#[derive(Clone, Debug)]
struct SimulatedTest {
    /// How often it fails before it passes.
    failures: u32,
    muted: bool,
}

#[derive(Clone, Copy, Debug)]
enum Crash {
    /// Without a result file.
    Silent(i32),
    /// With results up to here, and evidence: for the target, or for any target.
    Evident { code: i32, names_target: bool },
    /// With results up to here, and a code that is not that of failed tests. Without numbers of
    /// expected tests, nothing would show it.
    Unexplained,
}

fn world() -> impl Strategy<Value = World> {
    let failures = prop_oneof![5 => Just(0), 2 => Just(1), 1 => Just(2), 1 => Just(9)];
    let test = (failures, prop::bool::weighted(0.3))
        .prop_map(|(failures, muted)| SimulatedTest { failures, muted });
    let targets = prop::collection::vec(prop::collection::vec(test, 0..4), 1..4);
    let code = prop_oneof![Just(0), Just(1), Just(3)];
    let crash = prop_oneof![
        code.clone().prop_map(Crash::Silent),
        (code, any::<bool>())
            .prop_map(|(code, names_target)| Crash::Evident { code, names_target }),
        Just(Crash::Unexplained),
    ];
    let crashes = prop::collection::vec(prop::option::weighted(0.2, (0..6_usize, crash)), 12);
    let flags = any::<[bool; 6]>();
    (targets, crashes, flags, 0..4_usize).prop_map(|(targets, crashes, flags, retries)| {
        let [
            fails_fast,
            is_known,
            expects,
            can_list,
            one_by_one,
            retry_muted,
        ] = flags;
        World {
            targets,
            fails_fast,
            policy: if is_known && !fails_fast {
                StopPolicy::Overridden
            } else {
                StopPolicy::Possible
            },
            expects,
            can_list,
            one_by_one,
            crashes,
            retries,
            retry_muted,
        }
    })
}

/// The address of a test: its target and its number in it.
type Address = (usize, usize);

struct Simulation<'w> {
    world: &'w World,
    /// How often each test was executed.
    executions: RefCell<BTreeMap<Address, u32>>,
    invocations: std::cell::Cell<usize>,
}

fn name_of((target, test): Address) -> String {
    format!("t{target}.{test}")
}

fn key_of(address: Address) -> TestKey {
    TestKey::new("S", name_of(address), format!("{}.rb", address.0))
}

impl Simulation<'_> {
    /// One invocation of the runner.
    fn invoke(&self, given: Given, tests: &[Address], attempt: &mut Attempt) {
        let invocation = self.invocations.get();
        self.invocations.set(invocation + 1);
        let crash = self.world.crashes.get(invocation).copied().flatten();
        let crash =
            crash.filter(|(_, crash)| self.world.expects || !matches!(crash, Crash::Unexplained));
        let mut parsed = ParsedResults::default();
        let mut code = 0;
        let mut ended_by = None;
        for (index, &address) in tests.iter().enumerate() {
            if let Some((_, crash)) = crash.filter(|(at, _)| *at == index) {
                ended_by = Some((address, crash));
                break;
            }
            let has_failed = self.execute(address);
            let outcome = if has_failed {
                Outcome::Failed
            } else {
                Outcome::Passed
            };
            parsed.tests.push(Observed::new(key_of(address), outcome));
            if has_failed {
                code = 1;
                if self.world.fails_fast {
                    break;
                }
            }
        }
        let mut is_readable = true;
        match ended_by {
            None => {}
            Some((_, Crash::Silent(crash_code))) => (is_readable, code) = (false, crash_code),
            Some((_, Crash::Unexplained)) => code = 3,
            Some((
                address,
                Crash::Evident {
                    code: crash_code,
                    names_target,
                },
            )) => {
                code = crash_code;
                parsed.shortfalls.push(Shortfall {
                    path: names_target.then(|| format!("{}.rb", address.0)),
                    reason: "crashed".to_owned(),
                });
                // The targets after this one have no results, which is evidence too.
                if names_target {
                    let rest = tests.iter().map(|(target, _)| target);
                    let rest = rest.filter(|target| **target > address.0);
                    parsed.shortfalls.extend(rest.map(|target| Shortfall {
                        path: Some(format!("{target}.rb")),
                        reason: "crashed before".to_owned(),
                    }));
                }
            }
        }
        let ended = Ended {
            exit: Exit::Code(code),
            interrupted_by: None,
        };
        let policy = Some(self.world.policy.clone());
        attempt.add_part(Part::new(given, policy, ended), false);
        if is_readable {
            let meaning = CodeMeaning {
                is_documented: code == 1,
                selected_nothing: false,
            };
            attempt.add_results(parsed, ResultTrust::Complete, meaning, true);
        } else {
            let path = "out".into();
            attempt.results.no_results = Some(NoResults::NotAFile { path });
        }
    }

    /// Returns whether the test failed.
    fn execute(&self, address: Address) -> bool {
        let mut executions = self.executions.borrow_mut();
        let count = executions.entry(address).or_default();
        *count += 1;
        *count <= self.world.targets[address.0][address.1].failures
    }

    fn tests_of(&self, targets: &[usize]) -> Vec<Address> {
        let tests = targets.iter().flat_map(|&target| {
            (0..self.world.targets[target].len()).map(move |test| (target, test))
        });
        tests.collect()
    }

    fn whole(&self, targets: Vec<usize>, attempt: &mut Attempt) {
        let tests = self.tests_of(&targets);
        let is_whole = true;
        self.invoke(Given { targets, is_whole }, &tests, attempt);
    }

    fn retry(&self, ledger: &Ledger<'_>, retry: &Retry) -> Attempt {
        let mut attempt = Attempt::new();
        match retry {
            Retry::Tests(failed) => {
                let tests: Vec<Address> = (0..self.world.targets.len())
                    .flat_map(|target| self.tests_of(&[target]))
                    .filter(|address| failed.contains(&key_of(*address)))
                    .collect();
                let given = Given {
                    targets: ledger.targets.of_tests(failed),
                    is_whole: false,
                };
                self.invoke(given, &tests, &mut attempt);
            }
            Retry::Targets { targets, .. } if self.world.one_by_one => {
                for &target in targets {
                    self.whole(vec![target], &mut attempt);
                }
            }
            Retry::Targets { targets, .. } => self.whole(targets.clone(), &mut attempt),
        }
        attempt
    }

    fn run(&self, muted: &[TestIdentity]) -> RunOutcome {
        let cases = self
            .world
            .targets
            .iter()
            .enumerate()
            .map(|(number, tests)| Case {
                expected_tests: self.world.expects.then_some(tests.len() as u64),
                ..testing::case(&format!("{number}.rb"))
            });
        let cases: Vec<Case> = cases.collect();
        let managed = Managed {
            muted,
            skipped: &[],
        };
        let targets = TargetLedger::new(&cases, Naming::RunnerSpecific);
        let mut ledger = Ledger::new(managed, targets, VerdictOptions::default());
        let mut first = Attempt::new();
        self.whole(ledger.targets.all(), &mut first);
        ledger.add_first(first);
        for _ in 0..self.world.retries {
            let may_retry = ledger.last().is_some_and(Attempt::allows_retry);
            let Some(retry) = ledger
                .next_retry(self.world.retry_muted)
                .filter(|_| may_retry)
            else {
                break;
            };
            let attempt = self.retry(&ledger, &retry);
            ledger.add_retry(attempt, &retry);
        }
        let seen = ledger.targets.counts(&ledger.record.tests);
        for target in ledger.unproven_targets() {
            match target.filter(|_| self.world.can_list) {
                Some(number) => {
                    let listed = self.world.targets[number].len() as u64;
                    ledger.targets.compare(number, listed, seen[number]);
                }
                None => ledger.targets.confirm(target, "cannot list"),
            }
        }
        ledger.into_outcome()
    }
}

fn simulate(world: &World) -> (RunOutcome, BTreeMap<Address, u32>) {
    let simulation = Simulation {
        world,
        executions: RefCell::default(),
        invocations: std::cell::Cell::new(0),
    };
    let all: Vec<usize> = (0..world.targets.len()).collect();
    let muted: Vec<TestIdentity> = simulation
        .tests_of(&all)
        .into_iter()
        .filter(|(target, test)| world.targets[*target][*test].muted)
        .map(|address| testing::identity("S", &name_of(address), ""))
        .collect();
    let outcome = simulation.run(&muted);
    (outcome, simulation.executions.into_inner())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn a_run_that_passes_ran_every_test(world in world()) {
        let (outcome, executions) = simulate(&world);
        if outcome.exit_code == 0 {
            for (target, tests) in world.targets.iter().enumerate() {
                for (number, test) in tests.iter().enumerate() {
                    let executed = executions.get(&(target, number)).copied().unwrap_or(0);
                    prop_assert!(executed > 0, "{target}.{number} did not run: {outcome:?}");
                    let has_passed = executed > test.failures;
                    prop_assert!(has_passed || test.muted, "{target}.{number}: {outcome:?}");
                }
            }
        }
        let is_passed = outcome.status() == Passed;
        let is_unknown = outcome.status() == Unknown;
        prop_assert!(is_unknown || is_passed == (outcome.exit_code == 0), "{outcome:?}");
    }

    /// Nothing is wrong, so the run passes.
    #[test]
    fn a_healthy_run_passes(world in world()) {
        let mut world = world;
        world.crashes.clear();
        world.fails_fast = false;
        world.retries = 3;
        for test in world.targets.iter_mut().flatten() {
            test.failures = if test.muted { test.failures } else { test.failures.min(2) };
        }
        let is_provable =
            world.expects || world.can_list || world.policy == StopPolicy::Overridden;
        let (outcome, _) = simulate(&world);
        if is_provable {
            prop_assert_eq!(outcome.exit_code, 0, "{:?}", outcome);
        }
    }
}
