//! What a failing build says about the selection that was made for it (§5 of the design).

use test_engine_duration::Micros;

use crate::catalog::Catalog;
use crate::decide::{Assessment, Selected};
use crate::window::{Holdout, Origin};

/// What was decided about an item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoredItem {
    /// Its value.
    pub value: f64,
    /// Why it is selected; `None` if it is left out.
    pub selected: Option<Selected>,
    /// The planner's estimate.
    pub duration: Micros,
}

impl ScoredItem {
    const fn is_always(&self) -> bool {
        matches!(self.selected, Some(Selected::Always(_)))
    }
}

impl Assessment {
    /// The share of the time that the selected items take, from 0 to 1.
    pub fn selected_share(&self) -> f64 {
        share(self.selected_time, self.time)
    }

    /// What was decided about an item, by position.
    pub fn item(&self, position: usize) -> ScoredItem {
        ScoredItem {
            value: self.values.as_slice()[position],
            selected: self.selected[position],
            duration: self.durations[position],
        }
    }

    /// What is kept of a failing build. `failed` are the positions of the items that failed because
    /// of its change; `None` if there are none.
    pub fn holdout(&self, catalog: &Catalog, origin: Origin, failed: &[usize]) -> Option<Holdout> {
        let order = self.values.ranking(catalog);
        let ranked: Vec<ScoredItem> = order.iter().map(|at| self.item(*at as usize)).collect();
        let is_failed = |at: &u32| failed.contains(&(*at as usize));
        let ranks = order.iter().enumerate().filter(|(_, at)| is_failed(at));
        let ranks: Vec<usize> = ranks.map(|(rank, _)| rank).collect();
        compare_failures(&ranked, origin, &ranks)
    }
}

/// What is kept of a failing build. The items are in the order of their values; `failed` are the
/// places in this order of the items that failed because of the change. `None` if there are none.
pub fn compare_failures(items: &[ScoredItem], origin: Origin, failed: &[usize]) -> Option<Holdout> {
    let first = *failed.iter().min()?;
    let is_found_always = failed.iter().any(|rank| items[*rank].is_always());
    let runs_before = |(rank, item): &(usize, &ScoredItem)| {
        item.is_always() || !is_found_always && *rank <= first
    };
    let ran = items.iter().enumerate().filter(runs_before);
    let time: Micros = ran.map(|(_, item)| item.duration).sum();
    let all: Micros = items.iter().map(|item| item.duration).sum();
    Some(Holdout {
        origin,
        needed: if is_found_always {
            f64::NEG_INFINITY
        } else {
            -items[first].value
        },
        time_share: share(time, all),
        is_caught: failed.iter().any(|rank| items[*rank].selected.is_some()),
    })
}

/// 1 if there is no time to share.
fn share(part: Micros, whole: Micros) -> f64 {
    if whole == Micros::ZERO {
        1.0
    } else {
        part.milliseconds() / whole.milliseconds()
    }
}
