//! How far the selections of a suite can be trusted, and what they save.

use std::collections::BTreeMap;

use test_engine_selection::{Off, Share, Target, Unit, Window};
use test_engine_store::{DecisionSums, DecisionVerdict, Suite, Timestamp};
use test_engine_wire::{
    SelectionOff, SelectionOperatingPoint, SelectionOverview, SelectionPoint, SelectionWeek,
};

use super::decide::{confidence, rounded};
use super::{SelectionError, Selections};
use crate::clock::rfc3339;

/// Days of plans that are counted by verdict and reason.
const COUNTED_DAYS: i64 = 90;
const WEEKS: i64 = 13;
const PROMISES: [u32; 4] = [900_000, 950_000, 980_000, 990_000];

impl Selections {
    /// How far the selections of a suite can be trusted, and what they save.
    pub(crate) async fn overview(
        &self,
        suite: &Suite,
        now: Timestamp,
    ) -> Result<SelectionOverview, SelectionError> {
        let learned = self.memory.of(&self.store, suite.id).await?;
        let since = now.plus_days(-COUNTED_DAYS);
        let first_week = first_day_of_week(now.day()) - 7 * (WEEKS - 1);
        let first = Timestamp::from_millis(0).plus_days(first_week);
        let sums = self
            .store
            .selection_sums(suite.id, first.min(since))
            .await?;
        let all = Target::Percent(Share::ALL, Unit::Time);
        let window = learned.window(all);
        let warnings = self.warnings(suite.id, &learned, now).await?;
        let mut overview = SelectionOverview {
            off: learned
                .off(now)
                .map(|off| self::off(&off, learned.state.off_since)),
            warnings,
            drift_statistic: rounded(learned.state.drift.statistic()),
            seen: confidence(window.confidence_seen(false)),
            seen_unbiased: confidence(window.confidence_seen(true)),
            curve: curve(&window),
            operating_points: operating_points(&window),
            ..SelectionOverview::default()
        };
        for known in &learned.holdouts {
            let origin = known.holdout.origin.as_str().to_owned();
            *overview.holdouts.entry(origin).or_default() += 1;
        }
        for sum in sums.iter().filter(|sum| sum.day >= since.day()) {
            let verdict = verdict_name(sum.verdict).to_owned();
            *overview.verdicts.entry(verdict).or_default() += sum.plans;
            if let Some(reason) = &sum.reason {
                *overview.full_reasons.entry(reason.clone()).or_default() += sum.plans;
            }
        }
        overview.weeks = weeks(&sums, first_week);
        Ok(overview)
    }
}

fn off(off: &Off, since: Option<Timestamp>) -> SelectionOff {
    let reason = test_engine_selection::FullReason::Off(off.clone());
    SelectionOff {
        reason: reason.as_str().to_owned(),
        text: reason.to_string(),
        since: since.filter(|_| *off != Off::NoHoldouts).map(rfc3339),
    }
}

fn curve(window: &Window) -> Vec<SelectionPoint> {
    if window.is_empty() {
        return Vec::new();
    }
    let unbiased = window.unbiased();
    let point = |time: u32| SelectionPoint {
        time,
        caught: window.confidence_of_time(f64::from(time) / 100.0).caught,
        unbiased_caught: unbiased.confidence_of_time(f64::from(time) / 100.0).caught,
    };
    (1..=100).map(point).collect()
}

fn operating_points(window: &Window) -> Vec<SelectionOperatingPoint> {
    let point = |ppm: u32| {
        let promise = Share::from_ppm(ppm).unwrap_or(Share::ALL);
        let mut settings = test_engine_selection::Settings::new(Target::Confidence(promise));
        settings.min_holdouts = 1;
        let needed = settings.holdouts_needed();
        let keeps = |time: &u32| {
            let confidence = window.confidence_of_time(f64::from(*time) / 100.0);
            confidence.shown() >= promise.as_f64()
        };
        let is_enough = window.len() >= needed as usize;
        SelectionOperatingPoint {
            confidence: f64::from(ppm) / 10_000.0,
            holdouts_needed: needed,
            time: (1..=100).find(keeps).filter(|_| is_enough),
        }
    };
    PROMISES.into_iter().map(point).collect()
}

const fn verdict_name(verdict: DecisionVerdict) -> &'static str {
    match verdict {
        DecisionVerdict::Selected => "selected",
        DecisionVerdict::Observed => "observe",
        DecisionVerdict::Full => "full",
    }
}

/// The Monday of a day's week, in days since the epoch, which was a Thursday.
const fn first_day_of_week(day: i64) -> i64 {
    day - (day + 3).rem_euclid(7)
}

fn weeks(sums: &[DecisionSums], first: i64) -> Vec<SelectionWeek> {
    let mut weeks: BTreeMap<i64, SelectionWeek> = (0..WEEKS)
        .map(|week| {
            let day = first + 7 * week;
            let at = rfc3339(Timestamp::from_millis(0).plus_days(day));
            let week = SelectionWeek {
                from: at.get(..10).unwrap_or_default().to_owned(),
                ..SelectionWeek::default()
            };
            (day, week)
        })
        .collect();
    for sum in sums {
        let Some(week) = weeks.get_mut(&first_day_of_week(sum.day)) else {
            continue;
        };
        let left_out = sum.time.seconds() - sum.selected_time.seconds();
        week.plans += sum.plans;
        week.time += sum.time.seconds();
        match sum.verdict {
            DecisionVerdict::Selected => {
                week.selected_plans += sum.plans;
                week.time_saved += left_out;
            }
            DecisionVerdict::Full if sum.reason.as_deref() == Some("holdout") => {
                week.time_of_holdouts += left_out;
            }
            DecisionVerdict::Full | DecisionVerdict::Observed => {}
        }
    }
    let rounded = |week: SelectionWeek| SelectionWeek {
        time: rounded(week.time),
        time_saved: rounded(week.time_saved),
        time_of_holdouts: rounded(week.time_of_holdouts),
        ..week
    };
    weeks.into_values().map(rounded).collect()
}

#[cfg(test)]
mod tests {
    use test_engine_duration::Micros;

    use super::*;

    #[test]
    fn weeks_begin_on_monday_and_are_complete() {
        // 1970-01-05 was a Monday.
        assert_eq!([3, 4, 10, 11].map(first_day_of_week), [-3, 4, 4, 11]);
        let sum = |day, verdict, reason: Option<&str>| DecisionSums {
            day,
            verdict,
            reason: reason.map(str::to_owned),
            plans: 2,
            time: Micros::from_seconds(100.0),
            selected_time: Micros::from_seconds(30.0),
        };
        let sums = [
            sum(3, DecisionVerdict::Selected, None),
            sum(5, DecisionVerdict::Selected, None),
            sum(10, DecisionVerdict::Full, Some("holdout")),
            sum(10, DecisionVerdict::Full, Some("message")),
        ];
        let weeks = weeks(&sums, 4);
        assert_eq!(weeks.len(), 13);
        let first = SelectionWeek {
            from: "1970-01-05".to_owned(),
            plans: 6,
            selected_plans: 2,
            time: 300.0,
            time_saved: 70.0,
            time_of_holdouts: 70.0,
        };
        assert_eq!(weeks[0], first);
        assert_eq!(
            (weeks[12].from.as_str(), weeks[12].plans),
            ("1970-03-30", 0)
        );
    }
}
