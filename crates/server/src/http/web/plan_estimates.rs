//! How far the estimates of a plan were off. Pure.

use std::collections::BTreeMap;

use test_engine_duration::Micros;
use test_engine_wire::{Case, CaseFormat, Plan};

use super::words::EstimateFacts;
use crate::selectors::StoredNames;

/// Items that are compared: the longest ones, which decide how long the nodes take.
const MAX_COMPARED: usize = 500;

/// An item of a plan with history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) name: String,
    /// The names under which its results may be stored, the most likely first.
    stored: Vec<String>,
    pub(super) estimate: Micros,
    /// Runs behind the estimate.
    pub(super) samples: u64,
}

/// The planned time of an item.
pub(super) fn estimate(case: &Case) -> Micros {
    let milliseconds = u64::try_from(case.estimated_duration.unwrap_or(0)).unwrap_or(0);
    Micros::from_milliseconds(milliseconds)
}

pub(super) fn has_history(case: &Case) -> bool {
    case.timing_sample_size.is_some_and(|samples| samples > 0)
}

/// The longest items that have an estimate from history. Examples are left out: what a single one
/// took in a run is not kept.
pub(super) fn items(plan: &Plan, location_prefix: &str) -> Vec<Item> {
    let selectors = StoredNames::new(location_prefix);
    // Paths of files include the prefix.
    let files = StoredNames::new("");
    let cases = plan.tasks.values().flat_map(|task| &task.tests);
    let mut known: Vec<(&StoredNames<'_>, &Case)> = cases
        .filter(|case| has_history(case))
        .filter_map(|case| match case.format {
            CaseFormat::Selector => Some((&selectors, case)),
            CaseFormat::File => Some((&files, case)),
            CaseFormat::Example | CaseFormat::Test => None,
        })
        .collect();
    known.sort_by(|(_, one), (_, other)| {
        let longest = estimate(other).cmp(&estimate(one));
        longest.then_with(|| one.target().cmp(other.target()))
    });
    known.truncate(MAX_COMPARED);
    let items = known.into_iter().map(|(names, case)| Item {
        name: case.target().to_owned(),
        stored: names.of(case.target()).map(Into::into).collect(),
        estimate: estimate(case),
        samples: u64::try_from(case.timing_sample_size.unwrap_or(0)).unwrap_or(0),
    });
    items.collect()
}

/// The names to look up.
pub(super) fn names(items: &[Item]) -> Vec<String> {
    items.iter().flat_map(|item| item.stored.clone()).collect()
}

/// What items took in a run.
pub(super) struct Compared {
    pub(super) facts: EstimateFacts,
    /// With what it took; the largest difference first.
    pub(super) items: Vec<(Item, Micros)>,
}

/// `times` are by stored name.
pub(super) fn compare(items: Vec<Item>, times: &BTreeMap<String, Micros>) -> Compared {
    let took = |item: &Item| item.stored.iter().find_map(|name| times.get(name)).copied();
    let items = items.into_iter();
    let mut compared: Vec<(Item, Micros)> = items
        .filter_map(|item| took(&item).map(|took| (item, took)))
        .collect();
    let mut errors: Vec<f64> = compared
        .iter()
        .map(|(item, took)| {
            let difference = item.estimate.get().abs_diff(took.get());
            Micros::new(difference).seconds() / took.seconds().max(0.001)
        })
        .collect();
    errors.sort_by(f64::total_cmp);
    let facts = EstimateFacts {
        compared: compared.len() as u64,
        planned: compared.iter().map(|(item, _)| item.estimate).sum(),
        took: compared.iter().map(|(_, took)| *took).sum(),
        median_error: errors.get(errors.len() / 2).copied().unwrap_or(0.0),
    };
    compared
        .sort_by_key(|(item, took)| std::cmp::Reverse(item.estimate.get().abs_diff(took.get())));
    Compared {
        facts,
        items: compared,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use test_engine_duration::Micros;
    use test_engine_wire::{Case, CaseFormat, Plan, Task};

    use super::{compare, items, names};

    fn case(format: CaseFormat, target: &str, seconds: i64, samples: i64) -> Case {
        let (path, value) = match format {
            CaseFormat::Selector => (String::new(), target.to_owned()),
            _ => (target.to_owned(), String::new()),
        };
        Case {
            path,
            value,
            format,
            estimated_duration: Some(seconds * 1_000),
            timing_sample_size: Some(samples),
            ..Case::default()
        }
    }

    #[test]
    fn items_with_history_are_compared_by_their_stored_names() {
        use CaseFormat::{Example, File, Selector};
        let tests = vec![
            case(Selector, "./a.py", 10, 3),
            case(File, "web/b.py", 20, 5),
            case(Selector, "new.py", 30, 0),
            case(Example, "c.py::test", 40, 9),
        ];
        let task = Task {
            node_number: 0,
            tests,
        };
        let plan = Plan {
            tasks: [("0".to_owned(), task)].into(),
            ..Plan::default()
        };
        let items = items(&plan, "web");
        assert_eq!(names(&items), ["web/b.py", "web/a.py", "a.py"]);
        let seconds = |seconds: u64| Micros::from_milliseconds(seconds * 1_000);
        // One collector did not know the prefix.
        let times = [
            ("a.py".to_owned(), seconds(40)),
            ("web/b.py".to_owned(), seconds(25)),
        ];
        let compared = compare(items.clone(), &times.into());
        assert_eq!(compared.facts.compared, 2);
        assert_eq!(compared.facts.planned, seconds(30));
        assert_eq!(compared.facts.took, seconds(65));
        assert!((compared.facts.median_error - 0.75).abs() < 1e-9);
        let worst = compared.items.iter().map(|(item, _)| item.name.as_str());
        assert_eq!(worst.collect::<Vec<_>>(), ["./a.py", "web/b.py"]);
        assert_eq!(compare(items, &BTreeMap::new()).facts.compared, 0);
    }
}
