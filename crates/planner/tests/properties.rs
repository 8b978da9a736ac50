//! Properties of plans: no lost items, independence of order, short longest nodes.

use proptest::collection::vec;
use proptest::prelude::*;
use test_engine_duration::Micros;
use test_engine_planner::{
    Item, Node, Place, Sample, estimate, lower_bound, nodes_for_target, nodes_that_help,
    round_robin, split, split_by_file,
};

/// Realistic weights with many ties and zeros, or of very different sizes.
fn weights(count: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Vec<u64>> {
    let weight = prop_oneof![2 => 0_u64..10, 3 => 0_u64..1_000, 3 => 0_u64..1 << 40];
    vec(weight, count)
}

fn items(weights: &[u64]) -> Vec<Item<usize>> {
    weights
        .iter()
        .enumerate()
        .map(|(value, &weight)| Item { value, weight })
        .collect()
}

fn longest<T>(plan: &[Node<T>]) -> u64 {
    plan.iter().map(|node| node.total).max().unwrap_or_default()
}

/// The optimum by brute force.
fn optimum(weights: &[u64], nodes: usize) -> u64 {
    fn place(weights: &[u64], loads: &mut Vec<u64>) -> u64 {
        let Some((weight, rest)) = weights.split_first() else {
            return loads.iter().copied().max().unwrap_or_default();
        };
        let mut best = u64::MAX;
        for node in 0..loads.len() {
            loads[node] += weight;
            best = best.min(place(rest, loads));
            loads[node] -= weight;
        }
        best
    }
    place(weights, &mut vec![0; nodes])
}

proptest! {
    #[test]
    fn every_item_is_in_exactly_one_node(
        weights in vec(any::<u64>(), 0..60), nodes in 0_usize..12,
    ) {
        let plan = split(items(&weights), nodes);
        prop_assert_eq!(plan.len(), nodes.max(1));
        for node in &plan {
            let total = node.items.iter().fold(0, |sum: u64, item| sum.saturating_add(item.weight));
            prop_assert_eq!(node.total, total);
            prop_assert!(node.items.is_sorted_by_key(|item| item.value));
        }
        let mut placed: Vec<Item<usize>> = plan.into_iter().flat_map(|node| node.items).collect();
        placed.sort_by_key(|item| item.value);
        prop_assert_eq!(placed, items(&weights));
    }

    #[test]
    fn input_order_does_not_matter(
        (sorted, shuffled) in vec((0_u8..40, 0_u64..50), 0..60).prop_flat_map(|pairs| {
            let items: Vec<Item<u8>> =
                pairs.into_iter().map(|(value, weight)| Item { value, weight }).collect();
            (Just(items.clone()), Just(items).prop_shuffle())
        }),
        nodes in 1_usize..12,
    ) {
        prop_assert_eq!(split(sorted, nodes), split(shuffled, nodes));
    }

    #[test]
    fn never_longer_than_round_robin(weights in weights(0..60), nodes in 1_usize..12) {
        let values = items(&weights).into_iter().map(|item| item.value).collect();
        let dealt = round_robin(values, nodes);
        let dealt = dealt
            .iter()
            .map(|node| node.iter().map(|&value| weights[value]).sum::<u64>())
            .max();
        prop_assert!(longest(&split(items(&weights), nodes)) <= dealt.unwrap_or_default());
    }

    // Graham: if the item that ends last is not among the `nodes` longest, it weighs at most half
    // of the bound (two such items share a node in any plan), and before it was assigned no node
    // was above the mean. Trades only shorten.
    #[test]
    fn longest_node_is_within_three_halves_of_the_bound(
        weights in weights(0..200),
        nodes in 1_usize..40,
    ) {
        let bound = u128::from(lower_bound(&weights, nodes));
        let longest = u128::from(longest(&split(items(&weights), nodes)));
        let nodes = nodes as u128;
        prop_assert!(longest >= bound);
        prop_assert!(
            2 * nodes * longest <= (3 * nodes - 1) * bound,
            "{} against {}",
            longest,
            bound
        );
    }

    #[test]
    fn small_plans_are_optimal(weights in weights(0..8), nodes in 1_usize..5) {
        prop_assert_eq!(longest(&split(items(&weights), nodes)), optimum(&weights, nodes));
    }

    #[test]
    fn spreads_items_of_one_weight_by_count(
        weight in 0_u64..1 << 50, count in 0_usize..200, nodes in 1_usize..20,
    ) {
        let plan = split(items(&vec![weight; count]), nodes);
        for node in plan {
            prop_assert!([count / nodes, count.div_ceil(nodes)].contains(&node.items.len()));
        }
    }

    #[test]
    fn spreads_weightless_items_by_count(
        weights in weights(0..40), idle in 0_usize..40, nodes in 1_usize..9,
    ) {
        let mut weights: Vec<u64> = weights.into_iter().map(|weight| weight + 1).collect();
        let weighing = weights.len();
        weights.resize(weighing + idle, 0);
        for node in split(items(&weights), nodes) {
            let count = node.items.iter().filter(|item| item.value >= weighing).count();
            prop_assert!([idle / nodes, idle.div_ceil(nodes)].contains(&count));
        }
    }

    #[test]
    fn meets_the_target_if_possible(
        weights in weights(1..60), target in 0_u64..1 << 42, most in 1_usize..20,
    ) {
        let nodes = nodes_for_target(&weights, target, most);
        prop_assert!((1..=most.min(weights.len())).contains(&nodes));
        let longest_of = |nodes| longest(&split(items(&weights), nodes));
        if longest_of(nodes) > target {
            prop_assert!(longest_of(most) > target, "{} nodes would have met it", most);
            prop_assert_eq!(nodes, nodes_that_help(&weights, most));
        }
    }

    #[test]
    fn finds_the_fewest_nodes_for_small_suites(
        weights in weights(1..7), target in 0_u64..2_000, most in 1_usize..5,
    ) {
        let fewest = (1..=most.min(weights.len()))
            .find(|&nodes| optimum(&weights, nodes) <= target);
        if let Some(fewest) = fewest {
            prop_assert_eq!(nodes_for_target(&weights, target, most), fewest);
        }
    }

    #[test]
    fn uses_only_nodes_that_help(weights in weights(1..7), most in 1_usize..5) {
        prop_assume!(weights.iter().any(|&weight| weight > 0));
        let best = optimum(&weights, most);
        let fewest = (1..=most).find(|&nodes| optimum(&weights, nodes) == best);
        prop_assert_eq!(Some(nodes_that_help(&weights, most)), fewest);
    }

    #[test]
    fn plans_each_part_once_and_charges_loading(
        parts in parts(60), nodes in 0_usize..9, load in 0_u64..300,
    ) {
        let (items, place_of) = parts_of_files(&parts);
        let plan = split_by_file(items.clone(), nodes, load, |&value| place_of[value]);
        prop_assert_eq!(plan.len(), nodes.max(1));
        for node in &plan {
            prop_assert!(node.items.is_sorted_by_key(|item| item.value));
        }
        let longest_of = |plan: &[Node<usize>]| longest(&charged(plan, load, &place_of));
        prop_assert_eq!(&charged(&plan, load, &place_of), &plan);
        let plain = longest_of(&split(items.clone(), nodes));
        prop_assert!(
            longest_of(&plan) <= plain + plain / 500,
            "{} against {}",
            longest_of(&plan),
            plain
        );
        let mut placed: Vec<Item<usize>> = plan.into_iter().flat_map(|node| node.items).collect();
        placed.sort_by_key(|item| item.value);
        prop_assert_eq!(placed, items);
    }

    #[test]
    fn part_order_does_not_matter(
        parts in parts(40), nodes in 1_usize..9, load in 0_u64..300, seed in any::<usize>(),
    ) {
        let (items, place_of) = parts_of_files(&parts);
        let mut turned = items.clone();
        turned.rotate_left(seed % items.len().max(1));
        turned.reverse();
        let plan = |items| split_by_file(items, nodes, load, |&value: &usize| place_of[value]);
        prop_assert_eq!(plan(items), plan(turned));
    }

    #[test]
    fn estimates_lie_among_their_samples(samples in samples()) {
        let estimate = estimate(&samples).unwrap();
        let micros = samples.iter().map(|sample| sample.duration);
        prop_assert!(estimate.duration >= micros.clone().min().unwrap());
        prop_assert!(estimate.duration <= micros.max().unwrap());
        let runs: usize = samples.iter().map(|sample| sample.runs.max(1) as usize).sum();
        prop_assert!((1..=runs).contains(&estimate.samples));
    }

    // However long the outlier is: it is one of at least four samples, and limited to twice the
    // median.
    #[test]
    fn limits_one_outlier(
        usual in vec(90_u64..110, 4..20), place in any::<usize>(), hung in 110_u64..1 << 60,
    ) {
        let steady = estimate(&aged(&usual)).unwrap().duration.get();
        let mut samples = usual;
        let place = place % samples.len();
        samples[place] = hung;
        let moved = estimate(&aged(&samples)).unwrap().duration.get();
        prop_assert!(
            moved + 10 >= steady && moved <= steady + 45,
            "{} instead of {}",
            moved,
            steady
        );
    }

    #[test]
    fn sample_order_does_not_matter(samples in samples().prop_shuffle()) {
        let mut sorted = samples.clone();
        sorted.sort_by_key(|sample| sample.age);
        prop_assert_eq!(estimate(&samples), estimate(&sorted));
    }
}

/// File, function and weight of each part; the first file and function mean none.
fn parts(count: usize) -> impl Strategy<Value = Vec<(usize, usize, u64)>> {
    vec((0_usize..6, 0_usize..3, 0_u64..1_000), 0..count).prop_map(|mut parts| {
        // Parts of a function are adjacent, as in sorted lists of tests.
        parts.sort_unstable_by_key(|&(file, function, _)| (file, function));
        parts
    })
}

/// Numbered items and their places.
fn parts_of_files(parts: &[(usize, usize, u64)]) -> (Vec<Item<usize>>, Vec<Option<Place>>) {
    let weights: Vec<u64> = parts.iter().map(|&(.., weight)| weight).collect();
    let place_of = parts.iter().map(|&(file, function, _)| {
        (file > 0).then_some(Place {
            file,
            function: (function > 0).then_some(function),
        })
    });
    (items(&weights), place_of.collect())
}

/// The plan with recomputed totals: weights, and each file once.
fn charged(plan: &[Node<usize>], load: u64, place_of: &[Option<Place>]) -> Vec<Node<usize>> {
    plan.iter()
        .map(|node| {
            let mut files: Vec<usize> = node
                .items
                .iter()
                .filter_map(|item| Some(place_of[item.value]?.file))
                .collect();
            files.sort_unstable();
            files.dedup();
            let weights: u64 = node.items.iter().map(|item| item.weight).sum();
            Node {
                items: node.items.clone(),
                total: weights + load * files.len() as u64,
            }
        })
        .collect()
}

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let micros = prop_oneof![3 => 0_u64..2_000, 1 => 0_u64..1 << 50];
    vec((micros, 0_u32..40), 1..25).prop_map(|drawn| {
        (0..)
            .zip(drawn)
            .map(|(age, (micros, runs))| Sample {
                duration: Micros::new(micros),
                age,
                runs,
            })
            .collect()
    })
}

/// One run each, newest first.
fn aged(micros: &[u64]) -> Vec<Sample> {
    (0..)
        .zip(micros)
        .map(|(age, &micros)| Sample {
            duration: Micros::new(micros),
            age,
            runs: 1,
        })
        .collect()
}
