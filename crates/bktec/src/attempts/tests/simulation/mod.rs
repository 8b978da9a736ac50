//! Random runs against a simulated runner: a run that passes ran every test.

mod world;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use proptest::prelude::*;
use test_engine_results::Outcome;

use self::world::{Address, Crash, Fault, SimulatedNaming, World, name_of, world};
use super::super::attempt::{Attempt, CodeMeaning, Given, Part};
use super::super::ledger::{Ledger, Retry};
use super::super::target_ledger::{Listed, TargetLedger};
use super::*;
use crate::process::{Ended, Exit};
use crate::runners::{Observed, Shortfall};

struct Simulation<'w> {
    world: &'w World,
    /// How often each test was executed.
    executions: RefCell<BTreeMap<Address, u32>>,
    invocations: Cell<usize>,
}

impl Simulation<'_> {
    /// One invocation of the runner. Returns whether it started.
    fn invoke(&self, given: Given, tests: &[Address], attempt: &mut Attempt) -> bool {
        let invocation = self.invocations.get();
        self.invocations.set(invocation + 1);
        let fault = self.world.faults.get(invocation).copied().flatten();
        let crash = match fault {
            Some(Fault::NotStarted) if invocation > 0 => {
                attempt.cut_short(&RunnerError::NoExamples { runner: "none" });
                return false;
            }
            Some(Fault::Crash(at, crash)) => tests.get(at).map(|address| (at, *address, crash)),
            Some(Fault::NotStarted) | None => None,
        };
        let until = crash.map_or(tests.len(), |(at, ..)| at);
        let (mut parsed, mut code, reached_crash) = self.execute_all(&tests[..until]);
        let crash = crash.filter(|_| reached_crash);
        match crash {
            None => {}
            Some((_, _, Crash::Silent(crash_code))) => code = crash_code,
            Some((_, _, Crash::Unexplained)) => code = 3,
            Some((
                at,
                address,
                Crash::Evident {
                    code: own,
                    names_target,
                },
            )) => {
                code = own;
                let reason = || "crashed".to_owned();
                let path = |target| names_target.then(|| self.world.target(target));
                let shortfall = |target| Shortfall {
                    path: path(target),
                    reason: reason(),
                };
                // The targets after this one have no results, which is evidence too.
                let rest = tests[at..].iter().map(|(target, _)| *target);
                let rest = rest.filter(|target| names_target && *target > address.0);
                parsed.shortfalls.push(shortfall(address.0));
                parsed.shortfalls.extend(rest.map(shortfall));
            }
        }
        let ended = Ended {
            exit: Exit::Code(code),
            interrupted_by: None,
        };
        let policy = Some(self.world.policy.clone());
        attempt.add_part(Part::new(given, policy, ended), false);
        if let Some((_, _, Crash::Silent(_))) = crash {
            let path = "out".into();
            attempt.results.no_results = Some(NoResults::NotAFile { path });
        } else {
            let meaning = CodeMeaning {
                is_documented: code == 1,
                selected_nothing: false,
            };
            attempt.add_results(parsed, ResultTrust::Complete, meaning, true);
        }
        true
    }

    /// The results, the exit code, and whether the runner did not stop before the end.
    fn execute_all(&self, tests: &[Address]) -> (ParsedResults, i32, bool) {
        let mut parsed = ParsedResults::default();
        let mut failed = 0;
        for &address in tests {
            let execution = self.execute(address);
            let has_failed = execution <= self.world.test(address).failures;
            let outcome = if has_failed {
                Outcome::Failed
            } else {
                Outcome::Passed
            };
            let key = self.world.key(address, execution);
            parsed.tests.push(Observed::new(key, outcome));
            failed += usize::from(has_failed);
            if self.world.stops_at.is_some_and(|limit| failed >= limit) {
                return (parsed, 1, false);
            }
        }
        (parsed, i32::from(failed > 0), true)
    }

    /// Returns the number of the execution of this test, from 1.
    fn execute(&self, address: Address) -> u32 {
        let mut executions = self.executions.borrow_mut();
        let count = executions.entry(address).or_default();
        *count += 1;
        *count
    }

    /// The key of the next execution, or of the last one.
    fn key(&self, address: Address, is_next: bool) -> TestKey {
        let executions = self.executions.borrow();
        let count = executions.get(&address).copied().unwrap_or(0);
        self.world.key(address, count + u32::from(is_next))
    }

    fn tests_of(&self, targets: &[usize]) -> Vec<Address> {
        let tests = targets.iter().flat_map(|&target| {
            (0..self.world.targets[target].len()).map(move |test| (target, test))
        });
        tests.collect()
    }

    fn whole(&self, targets: Vec<usize>, attempt: &mut Attempt) -> bool {
        let tests = self.tests_of(&targets);
        let is_whole = true;
        self.invoke(Given { targets, is_whole }, &tests, attempt)
    }

    fn retry(&self, ledger: &Ledger<'_>, retry: &Retry) -> (Attempt, bool) {
        let mut attempt = Attempt::new();
        let has_started = match retry {
            Retry::Tests(failed) => {
                let all: Vec<usize> = (0..self.world.targets.len()).collect();
                let tests = self.tests_of(&all).into_iter();
                let tests: Vec<Address> = tests
                    .filter(|address| failed.contains(&self.key(*address, false)))
                    .collect();
                let given = Given {
                    targets: ledger.targets.of_tests(failed),
                    is_whole: false,
                };
                self.invoke(given, &tests, &mut attempt)
            }
            Retry::Targets { targets, .. } if self.world.one_by_one => targets
                .iter()
                .all(|&target| self.whole(vec![target], &mut attempt)),
            Retry::Targets { targets, .. } => self.whole(targets.clone(), &mut attempt),
        };
        (attempt, has_started)
    }

    fn run(&self, muted: &[TestIdentity]) -> RunOutcome {
        let world = self.world;
        let targets = world.targets.iter().enumerate();
        let cases = targets.map(|(number, tests)| Case {
            expected_tests: world.expects.then_some(tests.len() as u64),
            ..testing::case(&world.target(number))
        });
        let cases: Vec<Case> = cases.collect();
        let managed = Managed {
            muted,
            skipped: &[],
        };
        let mut targets = TargetLedger::new(&cases, world.runner_naming());
        targets.can_list = world.can_list;
        let mut ledger = Ledger::new(managed, targets, VerdictOptions::default());
        let mut first = Attempt::new();
        self.whole(ledger.targets.all(), &mut first);
        ledger.add_first(first);
        for _ in 0..world.retries {
            let may_retry = ledger.last().is_some_and(Attempt::allows_retry);
            let retry = ledger.next_retry(world.retry_muted);
            let Some(retry) = retry.filter(|_| may_retry) else {
                break;
            };
            let (attempt, has_started) = self.retry(&ledger, &retry);
            if !attempt.parts.is_empty() {
                ledger.add_retry(attempt, &retry);
            }
            if !has_started {
                break;
            }
        }
        self.prove(&mut ledger);
        ledger.into_outcome()
    }

    /// As `prove_muted_failures` does.
    fn prove(&self, ledger: &mut Ledger<'_>) {
        let unproven = ledger.unproven_targets();
        let can_list = self.world.can_list && unproven.iter().all(Option::is_some);
        for target in unproven {
            match target.filter(|_| can_list) {
                Some(number) => {
                    let mut listed = Listed::default();
                    for address in self.tests_of(&[number]) {
                        let key = self.key(address, true);
                        listed.tests += 1;
                        listed.without_results += u64::from(!ledger.record.has_result(&key));
                    }
                    ledger.targets.compare(number, &listed);
                }
                None => ledger.targets.confirm(target, "cannot list"),
            }
        }
    }
}

fn simulate(world: &World) -> (RunOutcome, BTreeMap<Address, u32>) {
    let simulation = Simulation {
        world,
        executions: RefCell::default(),
        invocations: Cell::new(0),
    };
    let all: Vec<usize> = (0..world.targets.len()).collect();
    let muted: Vec<TestIdentity> = simulation
        .tests_of(&all)
        .into_iter()
        .filter(|address| world.test(*address).muted)
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
        world.faults.clear();
        world.stops_at = None;
        world.retries = 3;
        if world.policy != StopPolicy::Overridden {
            world.policy = StopPolicy::Possible;
        }
        for test in world.targets.iter_mut().flatten() {
            if test.is_renamed {
                test.failures = 0;
            } else if !test.muted {
                test.failures = test.failures.min(2);
            }
        }
        let names_targets = world.naming != SimulatedNaming::Nothing;
        let is_provable = world.policy == StopPolicy::Overridden
            || (names_targets && (world.expects || world.can_list));
        let (outcome, _) = simulate(&world);
        if is_provable {
            prop_assert_eq!(outcome.exit_code, 0, "{:?}", outcome);
        }
    }
}
