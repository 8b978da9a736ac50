//! Histories of one test as texts, with the judgement they must lead to.
//!
//! A letter is a run of the default branch, four runs a day: `p` passed, `f` failed with all
//! retries, `m` failed and passed on retry, `o` failed in an outage, `-` did not run; `r` reran the
//! previous commit and failed, `R` reran it and passed. `b` is a run of another branch that failed,
//! `n` one that passed on retry. A number before a letter repeats it.

use rstest::rstest;
use test_engine_insights::{
    Alarm, Change, Commit, Counts, DAY, Event, Evidence, Health, Level, Monitor, Parameters,
    Preview, Transition, day_of, judge, preview,
};

const START: i64 = 20_000 * DAY;

struct Played {
    evidence: Evidence,
    alarm: Alarm,
    /// With the number of the run.
    transitions: Vec<(usize, Transition)>,
    health: Health,
    now: i64,
}

fn expand(text: &str) -> String {
    let mut out = String::new();
    let mut count = String::new();
    for letter in text.chars().filter(|letter| !letter.is_whitespace()) {
        if letter.is_ascii_digit() {
            count.push(letter);
        } else {
            let times = count.parse().unwrap_or(1);
            out.extend(std::iter::repeat_n(letter, times));
            count.clear();
        }
    }
    out
}

fn play(text: &str, parameters: &Parameters) -> Played {
    let mut history = Played {
        evidence: Evidence::default(),
        alarm: Alarm::default(),
        transitions: Vec::new(),
        health: Health::default(),
        now: START,
    };
    let mut number = 0;
    for (index, letter) in expand(text).chars().enumerate() {
        history.now = START + i64::try_from(index).expect("a short text") * DAY / 4;
        if !"rR".contains(letter) {
            number += 1;
        }
        let (passed, failed) = match letter {
            'p' | 'R' => (1, 0),
            'f' | 'r' | 'b' | 'o' => (0, 3),
            'm' | 'n' => (1, 1),
            _ => (0, 0),
        };
        if letter != '-' {
            history.evidence.update(&Event {
                change: if letter == 'o' {
                    Change::AddGuarded
                } else {
                    Change::Add
                },
                commit: Commit {
                    number,
                    main: (!"bn".contains(letter)).then_some(number),
                },
                run: u32::try_from(index).expect("a short text"),
                at: history.now,
                counts: Counts { passed, failed },
            });
        }
        history.health = judge(&history.evidence, history.now, parameters);
        let transition = history.alarm.update(&history.health, history.now);
        history
            .transitions
            .extend(transition.map(|transition| (index, transition)));
    }
    history
}

#[rstest]
#[case::nothing_ran("", Level::Sound)]
#[case::always_passed("100p", Level::Sound)]
#[case::one_failure_that_passed_on_retry("50p m 50p", Level::Suspect)]
#[case::two_among_few("20p m 10p m 10p", Level::Flaky)]
#[case::two_among_many("2p m 100p m 10p", Level::Suspect)]
#[case::four_among_many("2p 4m 100p", Level::Flaky)]
#[case::too_few_groups("m m m", Level::Suspect)]
#[case::passed_on_retry_on_branches("20p n 10p n 10p", Level::Flaky)]
#[case::failures_on_branches("50p 9b 20p", Level::Sound)]
#[case::two_short_breaks("30p f 10p f 30p", Level::Sound)]
#[case::three_short_breaks("30p f 10p 2f 10p f 10p", Level::Flaky)]
#[case::three_longer_breaks("30p 3f 10p 4f 10p 3f 10p", Level::Sound)]
#[case::more_longer_than_short("30p f5pf5pf5p 3f5p3f5p3f5p", Level::Flaky)]
#[case::failed_once("50p f", Level::Sound)]
#[case::failed_on_two_commits("50p 2f", Level::Broken)]
#[case::failed_twice_on_one_commit("50p f r", Level::Broken)]
#[case::rerun_passed("50p f R", Level::Suspect)]
#[case::fixed("50p 9f p", Level::Sound)]
#[case::broken_flaky_test("20p m 10p m 10p 3f", Level::Broken)]
#[case::broken_from_the_start("40f", Level::Broken)]
#[case::did_not_run_in_between("50p f 5- f", Level::Broken)]
#[case::broken_then_not_run_for_weeks("50p 9f 108-", Level::Broken)]
#[case::broken_then_gone("50p 9f 112-", Level::Sound)]
#[case::broken_then_not_run_and_back("50p 9f 112- f", Level::Broken)]
#[case::outage("50p o 10p o 10p o 10p", Level::Sound)]
#[case::outage_that_lasts("50p 3o", Level::Broken)]
#[case::outage_then_passed("50p o R 10p o R 10p o R", Level::Sound)]
fn level_of(#[case] text: &str, #[case] expected: Level) {
    let history = play(text, &Parameters::default());
    let level = history.health.level(history.alarm.is_on());
    assert_eq!(level, expected, "{:?}", history.health);
}

#[rstest]
#[case::alarm_at_the_second("20p m 10p m 10p", &[(31, Transition::Alarm)])]
#[case::recovers_after_three_weeks_and_many_passes(
    "20p m 10p m 120p", &[(31, Transition::Alarm), (131, Transition::Recover)]
)]
#[case::does_not_recover_without_running("20p m 10p m 120-", &[(31, Transition::Alarm)])]
#[case::a_new_sign_extends_the_alarm("20p m 10p m 80p m 80p", &[(31, Transition::Alarm)])]
#[case::alarm_when_the_third_break_ends("30p f 10p f 10p f p", &[(53, Transition::Alarm)])]
fn transitions_of(#[case] text: &str, #[case] expected: &[(usize, Transition)]) {
    assert_eq!(play(text, &Parameters::default()).transitions, expected);
}

#[test]
fn a_break_names_its_first_commit_and_the_last_that_passed() {
    let history = play("50p 3f", &Parameters::default());
    let open = history.health.broken().expect("it is broken");
    assert_eq!(open.since.number, 51);
    assert_eq!(open.since_at, START + 50 * DAY / 4);
    assert_eq!(open.last_passed.map(|commit| commit.number), Some(50));
    assert_eq!(open.commits, 3);
}

#[test]
fn a_commit_that_runs_ten_thousand_times_is_one_sign() {
    let mut evidence = play("30p", &Parameters::default()).evidence;
    let commit = Commit {
        number: 99,
        main: None,
    };
    for run in 0..10_000 {
        let counts = Counts {
            passed: u32::from(run % 3 > 0),
            failed: u32::from(run % 3 == 0),
        };
        let at = START + 8 * DAY;
        evidence.update(&Event {
            change: Change::Add,
            commit,
            run,
            at,
            counts,
        });
    }
    let health = judge(&evidence, START + 9 * DAY, &Parameters::default());
    assert_eq!(health.sums.mixed_groups, 1);
    assert!(!health.should_alarm);
    assert_eq!(evidence.groups().len(), 31);
}

#[test]
fn results_from_the_future_do_not_count_yet() {
    let mut evidence = play("30p", &Parameters::default()).evidence;
    let now = START + 8 * DAY;
    let before = judge(&evidence, now, &Parameters::default());
    for number in 50..60 {
        evidence.update(&Event {
            change: Change::Add,
            commit: Commit {
                number,
                main: Some(number),
            },
            run: number,
            at: START + 4_000 * DAY,
            counts: Counts {
                passed: 1,
                failed: 1,
            },
        });
    }
    assert_eq!(judge(&evidence, now, &Parameters::default()), before);
}

fn preview_of(monitor: &Monitor, text: &str) -> Preview {
    let played = play(text, &Parameters::default());
    let history = played.evidence.into();
    let histories = [(7, &history)];
    preview(monitor, histories, (played.now, 60), &Parameters::default())
}

#[rstest]
#[case::flaky(
    Monitor::Flaky, "20p m 10p m 120p", &[(7, Transition::Alarm), (32, Transition::Recover)]
)]
#[case::hosted_default(
    Monitor::PASSED_ON_RETRY, "20p m 60p m 4p",
    &[(5, Transition::Alarm), (12, Transition::Recover), (20, Transition::Alarm)]
)]
#[case::broken(
    Monitor::Broken, "22p 6f 20p", &[(5, Transition::Alarm), (7, Transition::Recover)]
)]
#[case::probabilistic(Monitor::PROBABILISTIC_FLAKINESS, "20p 8m", &[(5, Transition::Alarm)])]
#[case::sound(Monitor::PASSED_ON_RETRY, "100p", &[])]
fn previews_agree_with_histories(
    #[case] monitor: Monitor,
    #[case] text: &str,
    #[case] expected: &[(i32, Transition)],
) {
    let found = preview_of(&monitor, text);
    let changes: Vec<(i32, Transition)> = found
        .changes
        .iter()
        .map(|change| (day_of(change.at) - day_of(START), change.transition))
        .collect();
    assert_eq!(changes, expected);
    let is_on = expected
        .last()
        .is_some_and(|last| last.1 == Transition::Alarm);
    assert_eq!(found.on, if is_on { vec![7] } else { Vec::new() });
    let alarms = expected
        .iter()
        .filter(|one| one.1 == Transition::Alarm)
        .count();
    assert_eq!(found.flaps as usize, alarms.saturating_sub(1));
}

#[test]
fn previews_name_tests_that_were_really_broken() {
    let found = preview_of(&Monitor::PASSED_ON_RETRY, "20p m 6f 8p");
    assert_eq!(found.broken.into_iter().collect::<Vec<_>>(), [7]);
    assert!(
        preview_of(&Monitor::PASSED_ON_RETRY, "20p m 8p")
            .broken
            .is_empty()
    );
}
