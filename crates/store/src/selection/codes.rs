//! How values of selection are stored: codes, shares in parts per million, values of items in
//! millionths, rows of counts as bytes.

use test_engine_selection::{Cut, Drift, Origin, Row, Share};

use crate::error::StoreError;
use crate::records::{DecisionState, DecisionVerdict};
use crate::varint;

type Result<T> = std::result::Result<T, StoreError>;

pub(super) const OPEN: i64 = 0;
pub(super) const WAITING: i64 = 1;
pub(super) const CLOSED: i64 = 2;

pub(crate) const ON: i64 = 0;
pub(crate) const OFF_BY_PERSON: i64 = 1;
pub(crate) const OFF_BY_DRIFT: i64 = 2;

pub(super) const FILES: i64 = 0;
pub(super) const FOLDERS: i64 = 1;
pub(super) const ITEMS: i64 = 2;

/// Of values and cuts.
const MILLION: f64 = 1e6;
/// Values beyond this never occur; keeps the conversion exact.
const MAX_VALUE: f64 = 1e9;

const fn damaged(what: &'static str) -> StoreError {
    StoreError::Damaged { what }
}

pub(super) const fn verdict_code(verdict: DecisionVerdict) -> i64 {
    match verdict {
        DecisionVerdict::Selected => 1,
        DecisionVerdict::Observed => 2,
        DecisionVerdict::Full => 3,
    }
}

pub(super) fn verdict(code: i64) -> Result<DecisionVerdict> {
    match code {
        1 => Ok(DecisionVerdict::Selected),
        2 => Ok(DecisionVerdict::Observed),
        3 => Ok(DecisionVerdict::Full),
        _ => Err(damaged("verdict of a decision")),
    }
}

pub(super) const fn state_code(state: DecisionState) -> i64 {
    match state {
        DecisionState::Open => OPEN,
        DecisionState::Waiting => WAITING,
        DecisionState::Closed => CLOSED,
    }
}

pub(super) fn state(code: i64) -> Result<DecisionState> {
    match code {
        OPEN => Ok(DecisionState::Open),
        WAITING => Ok(DecisionState::Waiting),
        CLOSED => Ok(DecisionState::Closed),
        _ => Err(damaged("state of a decision")),
    }
}

const ORIGINS: [Origin; 6] = [
    Origin::Holdout,
    Origin::Observed,
    Origin::Caught,
    Origin::Missed,
    Origin::Full,
    Origin::History,
];

/// From 1.
pub(super) fn origin_code(origin: Origin) -> i64 {
    let mut codes = (1..).zip(ORIGINS);
    codes
        .find(|(_, one)| *one == origin)
        .map_or(0, |(code, _)| code)
}

pub(super) fn origin(code: i64) -> Result<Origin> {
    let place = usize::try_from(code - 1).ok();
    let found = place.and_then(|place| ORIGINS.get(place));
    found.copied().ok_or(damaged("origin of a holdout"))
}

pub(super) fn share(ppm: i64) -> Result<Share> {
    let share = u32::try_from(ppm).ok().and_then(Share::from_ppm);
    share.ok_or(damaged("share"))
}

/// From 0 to 1, in parts per million.
#[expect(clippy::cast_possible_truncation, reason = "at most a million")]
pub(super) fn ppm(share: f64) -> i64 {
    (share.clamp(0.0, 1.0) * MILLION).round() as i64
}

#[expect(clippy::cast_precision_loss, reason = "at most a million")]
pub(super) fn of_ppm(ppm: i64) -> f64 {
    ppm as f64 / MILLION
}

/// `None` for minus infinity.
#[expect(clippy::cast_possible_truncation, reason = "limited to 50 bits")]
pub(super) fn millionths(value: f64) -> Option<i64> {
    let is_finite = value > f64::NEG_INFINITY;
    is_finite.then(|| (value.clamp(-MAX_VALUE, MAX_VALUE) * MILLION).round() as i64)
}

/// Minus infinity for `None`.
#[expect(clippy::cast_precision_loss, reason = "limited to 50 bits")]
pub(super) fn of_millionths(stored: Option<i64>) -> f64 {
    stored.map_or(f64::NEG_INFINITY, |stored| stored as f64 / MILLION)
}

pub(super) fn cut(has_cut: bool, stored: Option<i64>) -> Option<Cut> {
    has_cut.then(|| Cut(of_millionths(stored)))
}

pub(super) fn drift_bytes(drift: Drift) -> Vec<u8> {
    let bets = drift.bets();
    bets.iter().flat_map(|worth| worth.to_le_bytes()).collect()
}

/// `None` stands for the start.
pub(super) fn drift(bytes: Option<&[u8]>) -> Result<Drift> {
    let Some(bytes) = bytes else {
        return Ok(Drift::default());
    };
    let (worths, []) = bytes.as_chunks::<8>() else {
        return Err(damaged("drift statistic"));
    };
    let worths: Vec<f64> = worths.iter().copied().map(f64::from_le_bytes).collect();
    let bets: [f64; 5] = worths.try_into().map_err(|_| damaged("drift statistic"))?;
    let is_valid = bets.iter().all(|worth| worth.is_finite() && *worth > 0.0);
    is_valid
        .then(|| Drift::from_parts(bets))
        .ok_or(damaged("drift statistic"))
}

/// Clock, total, and the failures of each item by the difference of its ID to the previous one.
pub(super) fn row_bytes(row: &Row) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(16 + row.failures().len() * 8);
    varint::put(&mut bytes, row.clock().into());
    bytes.extend(row.total().to_le_bytes());
    varint::put(&mut bytes, row.failures().len() as u64);
    let mut previous = 0;
    for (item, count) in row.failures() {
        varint::put(&mut bytes, u64::from(item - previous));
        bytes.extend(count.to_le_bytes());
        previous = *item;
    }
    bytes
}

pub(super) fn row(bytes: &[u8]) -> Result<Row> {
    parse_row(bytes).ok_or(damaged("row of counts"))
}

fn parse_row(mut bytes: &[u8]) -> Option<Row> {
    let clock = u32::try_from(varint::take(&mut bytes)?).ok()?;
    let total = float(&mut bytes)?;
    let count = usize::try_from(varint::take(&mut bytes)?).ok()?;
    // Each takes at least five bytes.
    if count > bytes.len() / 5 {
        return None;
    }
    let mut failures = Vec::with_capacity(count);
    let mut item = 0_u32;
    for _ in 0..count {
        item = item.checked_add(u32::try_from(varint::take(&mut bytes)?).ok()?)?;
        failures.push((item, float(&mut bytes)?));
    }
    bytes
        .is_empty()
        .then(|| Row::from_parts(clock, total, failures))
}

fn float(bytes: &mut &[u8]) -> Option<f32> {
    let (float, rest) = bytes.split_first_chunk::<4>()?;
    *bytes = rest;
    Some(f32::from_le_bytes(*float)).filter(|float| float.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_restored_and_damaged_ones_rejected() {
        let failures = vec![(0, 0.5), (7, 2.25), (u32::MAX, 1e-4)];
        let full = Row::from_parts(900, 12.5, failures);
        let bytes = row_bytes(&full);
        assert_eq!(row(&bytes).unwrap(), full);
        assert_eq!(row(&row_bytes(&Row::default())).unwrap(), Row::default());
        for end in 0..bytes.len() {
            row(&bytes[..end]).unwrap_err();
        }
        row(&[bytes.as_slice(), &[0]].concat()).unwrap_err();
        row(&[0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x7f]).unwrap_err();
    }

    #[test]
    fn codes_are_restored_and_unknown_ones_rejected() {
        use DecisionState::{Closed, Open, Waiting};
        use DecisionVerdict::{Full, Observed, Selected};

        for one in ORIGINS {
            assert_eq!(origin(origin_code(one)).unwrap(), one);
        }
        for code in [-1, 0, 7, i64::MIN + 1] {
            origin(code).unwrap_err();
        }
        for one in [Open, Waiting, Closed] {
            assert_eq!(state(state_code(one)).unwrap(), one);
        }
        for one in [Selected, Observed, Full] {
            assert_eq!(verdict(verdict_code(one)).unwrap(), one);
        }
        state(3).unwrap_err();
        verdict(0).unwrap_err();
    }

    #[test]
    fn values_are_restored_to_six_decimals() {
        for value in [-12.345_678, 0.0, 3.5] {
            let restored = of_millionths(millionths(value));
            assert!((restored - value).abs() < 1e-9, "{value}");
        }
        assert_eq!(millionths(f64::NEG_INFINITY), None);
        assert!(of_millionths(None) < f64::MIN);
        assert_eq!(millionths(f64::INFINITY), Some(1_000_000_000_000_000));
        assert!((of_ppm(ppm(0.953_125)) - 0.953_125).abs() < 1e-9);
        assert_eq!([ppm(-1.0), ppm(2.0), ppm(f64::NAN)], [0, 1_000_000, 0]);
        let mut changed = Drift::default();
        changed.add(false, Share::from_percent(95));
        assert_eq!(drift(Some(&drift_bytes(changed))).unwrap(), changed);
        assert_eq!(drift(None).unwrap(), Drift::default());
        for broken in [&[][..], &[0; 40], &[1; 41]] {
            drift(Some(broken)).unwrap_err();
        }
    }
}
