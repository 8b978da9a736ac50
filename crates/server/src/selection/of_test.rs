//! What selections did with a test lately, for its page.

use test_engine_store::{KnownFailures, SelectedPlan, Suite, Test, Timestamp};

use super::keys::ItemKey;
use super::scores::{self, Scored, Scores};
use super::{SelectionError, Selections};

/// Plans that are looked at.
const MAX_PLANS: u32 = 40;
/// Of their compressed scores together: about 200,000 items.
const MAX_BYTES: u64 = 2 * 1024 * 1024;

/// The newest plans that left something out and whose request had a test.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TestSelections {
    pub(crate) plans: u64,
    /// Those that left out the test.
    pub(crate) left_out: u64,
    /// The known failing builds among the plans that left it out.
    pub(crate) failures: KnownFailures,
    pub(crate) newest: PlaceInPlan,
}

/// What a plan did with a test.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PlaceInPlan {
    pub(crate) identifier: String,
    pub(crate) created_at: Timestamp,
    /// The item that the test is, or is in.
    pub(crate) item: String,
    pub(crate) is_in: bool,
    /// From 1.
    pub(crate) rank: u64,
    /// Items of the plan request.
    pub(crate) items: u64,
    pub(crate) value: f64,
}

impl Selections {
    /// What the newest selections did with a test; `None` if none of them had it.
    pub(crate) async fn of_test(
        &self,
        suite: &Suite,
        test: &Test,
    ) -> Result<Option<TestSelections>, SelectionError> {
        let plans = self
            .store
            .newest_selected_plans(suite.id, MAX_PLANS, MAX_BYTES)
            .await?;
        if plans.is_empty() {
            return Ok(None);
        }
        let names = Names::of(test);
        let search = move || {
            let places = plans.into_iter().map(|plan| place(plan, &names));
            places.collect::<Result<Vec<_>, SelectionError>>()
        };
        let places = tokio::task::spawn_blocking(search).await??;
        let places: Vec<PlaceInPlan> = places.into_iter().flatten().collect();
        let Some(newest) = places.first().cloned() else {
            return Ok(None);
        };
        let plans = places.len() as u64;
        let mut left_out = places;
        left_out.retain(|place| !place.is_in);
        let left_out: Vec<(String, String)> = left_out
            .into_iter()
            .map(|place| (place.identifier, place.item))
            .collect();
        let failures = self.store.known_failures_of_plans(suite.id, &left_out);
        Ok(Some(TestSelections {
            plans,
            left_out: left_out.len() as u64,
            failures: failures.await?,
            newest,
        }))
    }
}

/// How items name a test.
struct Names {
    example: ItemKey,
    selector: Option<ItemKey>,
    /// The last part of the selector's path, which its item has in every spelling.
    last_part: String,
}

impl Names {
    fn of(test: &Test) -> Self {
        let selector = test.selector.clone();
        let last_part = selector.as_deref().unwrap_or_default().rsplit('/').next();
        Self {
            example: ItemKey::Example {
                scope: test.scope.clone(),
                name: test.name.clone(),
            },
            last_part: last_part.unwrap_or_default().to_owned(),
            selector: selector.map(ItemKey::Selector),
        }
    }

    fn has(&self, item: &Scored, location_prefix: &str) -> bool {
        if item.example.is_none() && !item.target.contains(&self.last_part) {
            return false;
        }
        let keys = ItemKey::of_scored(item, location_prefix);
        let is_own = |key: &ItemKey| *key == self.example || Some(key) == self.selector.as_ref();
        keys.iter().any(is_own)
    }
}

fn place(plan: SelectedPlan, names: &Names) -> Result<Option<PlaceInPlan>, SelectionError> {
    let scores = scores::decode(&plan.scores)?;
    Ok(rank(&scores, names).map(|rank| {
        let scored = &scores.items[rank];
        PlaceInPlan {
            identifier: plan.identifier,
            created_at: plan.created_at,
            item: scored.target.clone(),
            is_in: scored.item.selected.is_some(),
            rank: rank as u64 + 1,
            items: scores.items.len() as u64,
            value: scored.item.value,
        }
    }))
}

/// From 0.
fn rank(scores: &Scores, names: &Names) -> Option<usize> {
    let mut items = scores.items.iter();
    items.position(|item| names.has(item, &scores.location_prefix))
}

#[cfg(test)]
mod tests {
    use test_engine_duration::Micros;
    use test_engine_selection::ScoredItem;

    use super::*;

    fn names(scope: &str, name: &str, selector: &str) -> Names {
        Names {
            example: ItemKey::Example {
                scope: scope.to_owned(),
                name: name.to_owned(),
            },
            selector: Some(ItemKey::Selector(selector.to_owned())),
            last_part: selector.rsplit('/').next().unwrap().to_owned(),
        }
    }

    #[test]
    fn a_test_is_found_by_selector_and_as_an_example() {
        let scored = |target: &str, is_file, example: Option<(&str, &str)>| Scored {
            target: target.to_owned(),
            is_file,
            example: example.map(|(scope, name)| (scope.to_owned(), name.to_owned())),
            item: ScoredItem {
                value: 0.0,
                selected: None,
                duration: Micros::ONE,
            },
        };
        let scores = Scores {
            location_prefix: "web".to_owned(),
            items: vec![
                scored("./spec/a_spec.rb", false, None),
                scored("web/spec/b_spec.rb", true, None),
                scored("web/spec/c_spec.rb[1:1]", true, Some(("C", "adds"))),
                scored("example.com/mod/pkg", false, None),
            ],
        };
        let found = |scope, name, selector| rank(&scores, &names(scope, name, selector));
        assert_eq!(found("A", "x", "web/spec/a_spec.rb"), Some(0));
        // A collector that does not know the location prefix.
        assert_eq!(found("A", "x", "spec/a_spec.rb"), Some(0));
        assert_eq!(found("B", "x", "web/spec/b_spec.rb"), Some(1));
        assert_eq!(found("C", "adds", "web/spec/c_spec.rb"), Some(2));
        assert_eq!(found("C", "subtracts", "web/spec/c_spec.rb"), None);
        assert_eq!(found("P", "x", "example.com/mod/pkg"), Some(3));
        assert_eq!(found("A", "x", "web/lib/a_spec.rb"), None);
    }
}
