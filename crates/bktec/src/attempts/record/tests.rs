//! The rules for single tests.

use Outcome::{Failed, Passed, Skipped, Unknown};
use rstest::rstest;

use super::*;
use crate::runners::testing::{identity, key};

fn seen(tests: &[(&str, Outcome)]) -> Vec<Observed> {
    tests
        .iter()
        .map(|(name, outcome)| Observed::new(key("S", name, "p"), *outcome))
        .collect()
}

fn muted(names: &[&str]) -> Vec<TestIdentity> {
    let names = names.iter();
    names
        .map(|name| identity("S", name, "elsewhere:3"))
        .collect()
}

fn outcome_of<'r>(record: &'r Record, name: &str) -> &'r TestRecord {
    let wanted = key("S", name, "p");
    let mut tests = record.tests.iter();
    tests.find(|test| test.key == wanted).unwrap()
}

fn retried(managed: Managed<'_>, first: &[(&str, Outcome)], retry: Vec<Observed>) -> Record {
    let mut record = Record::new(managed);
    record.add_first(seen(first));
    let failed = record.failed(false);
    record.add_retry(&failed, retry, UnprovenRetry::NotListed, |_| false);
    record
}

#[test]
fn a_failure_stands_unless_a_retry_passes() {
    let names = ["fixed", "gone", "skipped", "unknown", "still"];
    let retry = [
        ("fixed", Passed),
        ("skipped", Skipped),
        ("unknown", Unknown),
        ("still", Failed),
    ];
    let first = names.map(|name| (name, Failed));
    let record = retried(Managed::default(), &first, seen(&retry));
    assert!(outcome_of(&record, "fixed").passed_on_retry());
    for (name, unproven) in [
        ("gone", Some(UnprovenRetry::NotListed)),
        ("skipped", Some(UnprovenRetry::NotRun)),
        ("unknown", Some(UnprovenRetry::NotRun)),
        ("still", None),
    ] {
        let test = outcome_of(&record, name);
        assert!(test.is_failed(), "{name}");
        assert_eq!(test.unproven, unproven, "{name}");
    }
}

#[test]
fn a_pass_at_another_path_proves_nothing() {
    let elsewhere = Observed::new(key("S", "t", "other"), Passed);
    let record = retried(Managed::default(), &[("t", Failed)], vec![elsewhere]);
    assert!(outcome_of(&record, "t").is_failed());
    assert_eq!(record.tests.len(), 2);
}

#[test]
fn a_retry_ignores_skips_of_tests_it_did_not_retry() {
    let retry = seen(&[("t", Passed), ("u", Skipped), ("v", Skipped)]);
    let record = retried(Managed::default(), &[("t", Failed), ("u", Passed)], retry);
    assert_eq!(outcome_of(&record, "u").outcomes, [Passed]);
    assert_eq!(record.tests.len(), 2);
}

#[test]
fn a_test_that_fails_only_in_a_retry_fails_the_run() {
    let retry = seen(&[("t", Passed), ("u", Failed)]);
    let record = retried(Managed::default(), &[("t", Failed), ("u", Passed)], retry);
    assert!(outcome_of(&record, "u").is_failed());
}

#[test]
fn a_test_listed_twice_is_failed_if_it_failed_once() {
    for order in [[Failed, Passed], [Passed, Failed]] {
        let mut record = Record::new(Managed::default());
        record.add_first(seen(&order.map(|outcome| ("t", outcome))));
        assert!(outcome_of(&record, "t").is_failed());
        assert_eq!(outcome_of(&record, "t").outcomes.len(), 1);
    }
}

#[rstest]
#[case("", &[Passed], Some(UnprovenRetry::ListedLess))]
#[case("", &[Passed, Passed], None)]
#[case("a.js", &[Passed], Some(UnprovenRetry::ListedLess))]
// Repetitions of one test.
#[case("a_spec.rb[1:1]", &[Passed], None)]
#[case("./a.feature:3", &[Passed], None)]
fn both_tests_of_one_key_must_pass(
    #[case] path: &str,
    #[case] retry: &[Outcome],
    #[case] unproven: Option<UnprovenRetry>,
) {
    let observed = |outcomes: &[Outcome]| -> Vec<Observed> {
        let outcomes = outcomes.iter();
        outcomes
            .map(|&outcome| Observed::new(key("S", "t", path), outcome))
            .collect()
    };
    for (is_whole, unproven) in [(false, unproven), (true, None)] {
        let mut record = Record::new(Managed::default());
        record.add_first(observed(&[Failed, Failed]));
        let failed = record.failed(false);
        let unlisted = UnprovenRetry::NotListed;
        record.add_retry(&failed, observed(retry), unlisted, |_| is_whole);
        assert_eq!(record.tests[0].unproven, unproven);
        assert_eq!(record.tests[0].is_failed(), unproven.is_some());
    }
}

/// A whole target is only complete with the tests that did not run in the first attempt.
#[rstest]
#[case(true, &["failed", "later"])]
#[case(false, &["failed"])]
fn a_whole_rerun_adds_skipped_tests(#[case] is_whole: bool, #[case] expected: &[&str]) {
    let mut record = Record::new(Managed::default());
    record.add_first(seen(&[("failed", Failed)]));
    let failed = record.failed(false);
    let retry = seen(&[("failed", Passed), ("later", Skipped)]);
    record.add_retry(&failed, retry, UnprovenRetry::NotListed, |_| is_whole);
    let names: Vec<&str> = record.tests.iter().map(|test| &*test.key.name).collect();
    assert_eq!(names, expected);
}

/// The runner fails an undefined step beside a failed test, and accepts it without one.
#[rstest]
#[case(Skipped, Skipped, None)]
#[case(Failed, Failed, None)]
fn a_retry_may_accept_an_undefined_step(
    #[case] retry: Outcome,
    #[case] expected: Outcome,
    #[case] unproven: Option<UnprovenRetry>,
) {
    let undefined = |outcome| Observed {
        is_undefined: true,
        ..Observed::new(key("S", "t", "p"), outcome)
    };
    let mut record = Record::new(Managed::default());
    record.add_first(vec![undefined(Failed)]);
    let failed = record.failed(false);
    let retry = vec![undefined(retry)];
    record.add_retry(&failed, retry, UnprovenRetry::NotListed, |_| false);
    let test = outcome_of(&record, "t");
    assert_eq!((test.outcome, test.unproven), (expected, unproven));
    assert!(test.is_undefined);
}

#[rstest]
#[case(&["a.rb[1:1]", "a.rb[1:2]"], true)]
#[case(&["a.rb[1:1]", "b.rb[1:1]"], false)]
#[case(&["a.js", "a.js"], true)]
#[case(&[""], true)]
#[case(&["", ""], false)]
fn a_mute_excuses_tests_of_one_file(#[case] paths: &[&str], #[case] is_muted: bool) {
    let mut record = Record::new(Managed {
        muted: &muted(&["t"]),
        skipped: &[],
    });
    let tests = paths
        .iter()
        .map(|path| Observed::new(key("S", "t", path), Failed));
    let tests: Vec<Observed> = tests.collect();
    record.find_ambiguous_mutes(&tests);
    record.add_first(tests);
    assert!(record.tests.iter().all(|test| test.muted == is_muted));
    assert_eq!(record.ambiguous_mutes().is_empty(), is_muted);
}

/// Subtests that are muted, failed subtests; whether their parent is excused.
#[rstest]
#[case(&["A/b"], &["A/b"], true)]
#[case(&["A/b", "A/c/d"], &["A/b", "A/c/d"], true)]
#[case(&["A/b"], &["A/b", "A/c"], false)]
#[case(&["A/b", "AB/c"], &["AB/c"], false)]
#[case(&["A/b"], &[], false)]
fn a_parent_is_excused_if_its_failed_subtests_are_muted(
    #[case] names: &[&str],
    #[case] failed: &[&str],
    #[case] is_excused: bool,
) {
    let mut record = Record::new(Managed {
        muted: &muted(names),
        skipped: &[],
    });
    let mut tests = seen(&[("A", Failed)]);
    tests.extend(failed.iter().flat_map(|name| seen(&[(name, Failed)])));
    let parent = key("S", "A", "p");
    record.excuse_parents(std::slice::from_ref(&parent), &tests);
    record.add_first(tests.clone());
    assert_eq!(record.is_muted(&parent), is_excused);
    assert_eq!(outcome_of(&record, "A").muted, is_excused);
    // Then it fails by itself.
    record.excuse_parents(&[], &tests);
    assert!(!outcome_of(&record, "A").muted);
}

#[test]
fn retries_by_the_runner_are_attempts() {
    let own_retries = |outcome, failed_before| Observed {
        failed_before,
        ..Observed::new(key("S", "t", "p"), outcome)
    };
    let mut record = Record::new(Managed::default());
    record.add_first(vec![own_retries(Passed, 2)]);
    let test = outcome_of(&record, "t");
    assert_eq!(test.outcomes, [Failed, Failed, Passed]);
    assert!(test.passed_on_retry());

    let mut record = Record::new(Managed::default());
    record.add_first(vec![own_retries(Failed, 1)]);
    let failed = record.failed(false);
    record.add_retry(
        &failed,
        vec![own_retries(Passed, 1)],
        UnprovenRetry::NotListed,
        |_| false,
    );
    let test = outcome_of(&record, "t");
    assert_eq!(test.outcomes, [Failed, Failed, Failed, Passed]);
    assert!(test.passed_on_retry());
}

#[test]
fn mutes_by_scope_and_name() {
    let mut record = Record::new(Managed {
        muted: &muted(&["t"]),
        skipped: &[],
    });
    record.add_first(seen(&[("t", Failed), ("u", Failed)]));
    assert_eq!(record.failed(false), [key("S", "u", "p")]);
    assert_eq!(record.failed(true).len(), 2);
}

#[test]
fn mutes_skipped_tests_that_ran() {
    let mut record = Record::new(Managed {
        muted: &[],
        skipped: &muted(&["t", "u", "v"]),
    });
    record.add_first(seen(&[("t", Failed), ("u", Skipped), ("w", Passed)]));
    assert_eq!(record.failed(false), []);
    assert_eq!(record.skipped_tests_ran(), 1);
    assert!(outcome_of(&record, "t").ran_despite_skip());
    assert!(!outcome_of(&record, "u").ran_despite_skip());
    assert!(!outcome_of(&record, "w").muted);
}

#[test]
fn counts_each_test_once() {
    let first = [
        ("first", Passed),
        ("later", Failed),
        ("never", Failed),
        ("mp", Passed),
        ("mf", Failed),
        ("ms", Skipped),
        ("s", Skipped),
    ];
    let managed = Managed {
        muted: &muted(&["mp", "mf", "ms"]),
        skipped: &[],
    };
    let record = retried(
        managed,
        &first,
        seen(&[("later", Passed), ("never", Failed)]),
    );
    assert_eq!(
        statistics(&record.tests),
        Statistics {
            total: 7,
            passed_on_first_run: 1,
            passed_on_retry: 1,
            muted_passed: 1,
            muted_failed: 1,
            failed: 1,
            skipped: 2,
        }
    );
}
