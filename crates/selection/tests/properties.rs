//! Properties of decisions. `bin/bench selection` checks them on 100,000 cases each.

mod generated;

use generated::{Case, case, check};
use proptest::prelude::*;
use test_engine_selection::{FullReason, Verdict, decide};

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_000,
        // Cases are large, and shrinking may otherwise take minutes.
        max_shrink_iters: 1_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn everything_runs_for_the_first_reason(case in case()) {
        check::full_rules(&case)?;
    }

    #[test]
    fn items_run_always_for_the_first_reason(case in case()) {
        check::always_rules(&case)?;
    }

    #[test]
    fn everything_runs_if_the_items_are_not_those_of_the_catalog(case in case()) {
        let world = case.world();
        let items = world.items(&case);
        let knowledge = world.knowledge(&case);
        let decision = decide(&world.build(&case), &case.settings, &items[1..], &knowledge);
        prop_assert_eq!(decision.verdict, Verdict::Full(FullReason::InconsistentItems));
    }

    #[test]
    fn the_same_request_leads_to_the_same_decision(case in case()) {
        check::one_decision(&case)?;
    }

    #[test]
    fn holdouts_depend_on_the_identifier_alone(suite in any::<u128>(), identifier in ".{0,20}") {
        check::holdout_hash(suite, &identifier)?;
    }
}

/// The name of the verdict, or of the reason to run everything.
fn verdict(case: &Case) -> String {
    match check::decision(case, &case.world()).verdict {
        Verdict::Selected => "selected".to_owned(),
        Verdict::Observed => "observed".to_owned(),
        Verdict::Full(reason) => reason.as_str().to_owned(),
    }
}

/// The generator would prove little if most builds were full for the same reason.
#[test]
fn generated_cases_have_every_verdict() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut verdicts = std::collections::BTreeMap::new();
    for _ in 0..3_000 {
        let case = case().new_tree(&mut runner).expect("a case").current();
        *verdicts.entry(verdict(&case)).or_insert(0_u32) += 1;
    }
    let names = [
        "selected",
        "observed",
        "unsupported_strategy",
        "default_branch",
        "full_branch",
        "tag",
        "merge_queue",
        "no_changed_files",
        "many_changed_files",
        "configuration_changed",
        "unknown_kind_of_file",
        "switched_off",
        "drift",
        "few_holdouts",
        "holdout",
        "message",
        "after_red",
        "all_selected",
    ];
    for name in names {
        assert!(
            verdicts.get(name).is_some_and(|count| *count >= 5),
            "{name}: {verdicts:?}"
        );
    }
    assert!(verdicts["selected"] >= 100, "{verdicts:?}");
}
