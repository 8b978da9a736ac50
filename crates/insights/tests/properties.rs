//! Properties of the judgement on any history.

use proptest::collection::vec;
use proptest::prelude::*;
use test_engine_insights::{
    Alarm, Change, Commit, Counts, DAY, Event, Evidence, Parameters, Run, Suite, Sums, TestResult,
    Transition, Upload, day_of, judge, score,
};

const START: i64 = 20_000 * DAY;

/// Executions of one test in one upload, as small numbers: when, on which commit, with what result.
#[derive(Clone, Copy, Debug)]
struct Step {
    hours: u16,
    commit: u8,
    is_main: bool,
    is_guarded: bool,
    counts: Counts,
}

fn counts() -> impl Strategy<Value = Counts> {
    let mostly_passed = prop_oneof![4 => Just((1, 0)), 2 => (0_u32..3, 0_u32..4)];
    mostly_passed.prop_map(|(passed, failed)| Counts { passed, failed })
}

fn step() -> impl Strategy<Value = Step> {
    let guarded = prop_oneof![4 => Just(false), 1 => Just(true)];
    (0_u16..3_000, 0_u8..40, any::<bool>(), guarded, counts()).prop_map(
        |(hours, commit, is_main, is_guarded, counts)| Step {
            hours,
            commit,
            is_main,
            is_guarded,
            counts,
        },
    )
}

fn commit(number: u8, is_main: bool) -> Commit {
    let number = u32::from(number);
    Commit {
        number,
        main: is_main.then_some(number),
    }
}

impl Step {
    fn event(self, change: Change) -> Event {
        Event {
            change,
            // Whether a commit is on the default branch does not depend on the upload.
            commit: commit(self.commit, self.commit.is_multiple_of(2) || self.is_main),
            run: u32::from(self.hours) / 2,
            at: START + i64::from(self.hours) * DAY / 24,
            counts: self.counts,
        }
    }

    fn added(self) -> Event {
        self.event(if self.is_guarded {
            Change::AddGuarded
        } else {
            Change::Add
        })
    }
}

fn evidence(events: impl IntoIterator<Item = Event>) -> Evidence {
    let mut evidence = Evidence::default();
    for event in events {
        evidence.update(&event);
    }
    evidence
}

fn flaky(sums: &Sums) -> u32 {
    score(sums, Parameters::default().flaky_rate).flaky
}

fn sums() -> impl Strategy<Value = Sums> {
    (
        0_u32..20,
        0_u32..40,
        0_u32..2_000,
        any::<[u8; 4]>(),
        any::<[u8; 4]>(),
    )
        .prop_map(|(mixed_groups, more, passes, main, other)| Sums {
            mixed_groups,
            mixed_failures: mixed_groups + more,
            passes: passes + mixed_groups,
            failed_main: main.map(|count| u32::from(count % 8)),
            failed_other: other.map(|count| u32::from(count % 8)),
            groups: 50,
        })
}

proptest! {
    #[test]
    fn a_pass_never_raises_the_score(sums in sums(), passes in 1_u32..500) {
        let more = Sums { passes: sums.passes + passes, ..sums };
        prop_assert!(flaky(&more) <= flaky(&sums));
    }

    #[test]
    fn a_score_is_a_distribution(sums in sums()) {
        let score = score(&sums, 5_000);
        prop_assert!(score.flaky <= 1_000_000);
        prop_assert!(score.low <= score.rate && score.rate <= score.high);
    }

    #[test]
    fn the_order_of_arrival_does_not_matter(
        (steps, shuffled) in vec(step(), 0..60)
            .prop_flat_map(|steps| (Just(steps.clone()), Just(steps).prop_shuffle())),
        days in 20_i64..150,
    ) {
        let now = START + days * DAY;
        let judged = |steps: Vec<Step>| {
            judge(&evidence(steps.into_iter().map(Step::added)), now, &Parameters::default())
        };
        prop_assert_eq!(judged(steps), judged(shuffled));
    }

    #[test]
    fn guarding_later_is_the_same_as_guarding_at_once(
        steps in vec(step(), 0..60), late in vec(any::<bool>(), 60),
    ) {
        let at_once = evidence(steps.iter().map(|step| step.added()));
        let mut later = evidence(steps.iter().zip(&late).map(|(step, is_late)| {
            let change = match (step.is_guarded, is_late) {
                (true, true) => Change::Add,
                (false, true) => Change::AddGuarded,
                (true, false) => Change::AddGuarded,
                (false, false) => Change::Add,
            };
            step.event(change)
        }));
        for (step, _) in steps.iter().zip(late).filter(|(_, is_late)| *is_late) {
            let change = if step.is_guarded { Change::Guard } else { Change::Unguard };
            later.update(&step.event(change));
        }
        prop_assert_eq!(later, at_once);
    }

    #[test]
    fn guarding_after_compaction_can_be_undone(steps in vec(step(), 0..60)) {
        let mut compacted = evidence(steps.iter().map(|step| step.event(Change::Add)));
        compacted.compact(i64::MAX);
        let mut changed = compacted.clone();
        for step in &steps {
            changed.update(&step.event(Change::Guard));
        }
        let sums = changed.sums(i32::MIN, i32::MAX);
        prop_assert_eq!((sums.passes, sums.mixed_groups), (0, 0));
        for step in &steps {
            changed.update(&step.event(Change::Unguard));
        }
        prop_assert_eq!(changed, compacted);
    }

    #[test]
    fn only_failures_that_count_are_signs(steps in vec(step(), 0..60)) {
        let guarded = evidence(steps.iter().map(|step| step.event(Change::AddGuarded)));
        let health = judge(&guarded, START + 130 * DAY, &Parameters::default());
        prop_assert_eq!(health.sums, Sums::default());
        prop_assert!(!health.should_alarm && !health.is_suspect);
    }

    #[test]
    fn what_a_store_keeps_is_enough(mut steps in vec(step(), 0..80)) {
        // A server stores the parts after each upload, without the groups that are not needed.
        steps.sort_by_key(|step| step.hours);
        let (mut whole, mut stored) = (Evidence::default(), Evidence::default());
        let (mut live, mut replayed) = (Alarm::default(), Alarm::default());
        for step in steps {
            // Commits arrive in order here; only reruns within a day come later.
            let commit = u8::try_from(step.hours / 24).unwrap_or(u8::MAX);
            let event = Step { commit, ..step }.added();
            whole.update(&event);
            stored.update(&event);
            stored.expire(day_of(event.at));
            stored.compact(event.at - DAY);
            stored = Evidence::from_parts(stored.groups().to_vec(), stored.days().to_vec());
            let parameters = Parameters::default();
            let (one, other) = (
                judge(&whole, event.at, &parameters),
                judge(&stored, event.at, &parameters),
            );
            prop_assert_eq!(one, other);
            prop_assert_eq!(live.update(&other, event.at), replayed.update(&one, event.at));
        }
    }

    #[test]
    fn extreme_values_do_not_panic(
        ats in vec(any::<i64>(), 1..6),
        passed in any::<u32>(),
        failed in any::<u32>(),
        main in any::<Option<u32>>(),
        number in any::<u32>(),
    ) {
        let mut evidence = Evidence::default();
        for at in &ats {
            let counts = Counts { passed, failed };
            let commit = Commit { number, main };
            for change in [Change::Add, Change::Unguard, Change::Guard, Change::AddGuarded] {
                evidence.update(&Event { change, commit, run: 1, at: *at, counts });
            }
        }
        evidence.compact(ats[0]);
        let health = judge(&evidence, ats[0], &Parameters::default());
        let _ = Alarm::default().update(&health, ats[0]);
        evidence.expire(day_of(ats[0]));
    }

    #[test]
    fn a_replay_agrees_with_single_tests(
        runs in vec((vec(counts(), 3), 0_u8..3), 1..40),
    ) {
        // Three tests are too few for an outage of five, so nothing is guarded.
        let parameters = Parameters::default();
        let mut suite = Suite::new(parameters);
        let mut single = vec![(Evidence::default(), Alarm::default()); 3];
        for (index, (results, repeats)) in runs.iter().enumerate() {
            let index = u8::try_from(index).expect("at most 40 runs");
            let run = Run {
                number: u32::from(index),
                commit: commit(index / (repeats + 1), true),
                at: START + i64::from(index) * DAY / 2,
                uploads: vec![Upload {
                    results: (0_u32..)
                        .zip(results)
                        .map(|(test, &counts)| TestResult {
                            test,
                            counts,
                            failed_first: counts.failed > 0,
                            message: 0,
                        })
                        .collect(),
                    ..Upload::default()
                }],
            };
            let changes = suite.record(&run);
            for (result, (evidence, alarm)) in run.uploads[0].results.iter().zip(&mut single) {
                evidence.update(&Event {
                    change: Change::Add,
                    commit: run.commit,
                    run: run.number,
                    at: run.at,
                    counts: result.counts,
                });
                let transition = alarm.update(&judge(evidence, run.at, &parameters), run.at);
                let found = changes.iter().find(|change| change.test == result.test);
                let found: Option<Transition> = found.map(|change| change.transition);
                prop_assert_eq!(found, transition);
            }
        }
    }
}
