//! How well flaky tests are found, measured by an example of the insights crate on histories whose
//! flaky tests are known.

use crate::figure::{Figure, fraction, milliseconds};
use crate::programs::{Programs, read_value};

const PACKAGE: &str = "test-engine-insights";
const STORE: &str = "test-engine-store";

pub(crate) fn measure(programs: Programs) -> anyhow::Result<Vec<Figure>> {
    let printed = programs.example(PACKAGE, "quality")?;
    let stored = programs.example(STORE, "preview_time")?;
    let value = |name: &str| read_value(&printed, name);
    let f1 = |title: &str, name: &str| -> anyhow::Result<Figure> {
        Ok(Figure::of(title, fraction(value(name)?)).higher_is_better())
    };
    let number = |title: &str, name: &str| -> anyhow::Result<Figure> {
        Ok(Figure::of(title, fraction(value(name)?)))
    };
    Ok(vec![
        f1("flaky F1, >= 4 failures, 10/day", "10_a_day_frequent_f1")?.must_goal(0.95, 0.98),
        f1("flaky F1, all, 10/day", "10_a_day_f1")?.must_goal(0.90, 0.95),
        f1("flaky F1, all, 4/day", "4_a_day_f1")?.must_goal(0.82, 0.88),
        f1("flaky F1, all, no retries", "no_retries_f1")?,
        number("flaky false alarms, 10/day", "10_a_day_false_alarms")?.must_goal(3.0, 1.0),
        number("flaky false alarms, 4/day", "4_a_day_false_alarms")?.must_goal(3.0, 1.0),
        number("flaky false alarms, no retries", "no_retries_false_alarms")?,
        number("flaky flaps per 20, 10/day", "10_a_day_flaps")?.must_goal(1.0, 0.3),
        number("flaky flaps per 20, 4/day", "4_a_day_flaps")?.must_goal(1.0, 0.3),
        number(
            "flaky days until alarm, 10/day",
            "10_a_day_days_until_alarm",
        )?,
        number(
            "flaky tests flagged by an outage",
            "outage_flagged_by_outage",
        )?
        .must_goal(0.0, 0.0),
        Figure::of(
            "flaky preview, 100,000 tests",
            milliseconds(value("preview_100000_ms")?),
        )
        .must_goal(2_000.0, 500.0),
        Figure::of(
            "flaky preview, 100,000 stored tests, 88 days",
            milliseconds(read_value(&stored, "preview_stored_ms")?),
        )
        .must_goal(2_000.0, 500.0),
    ])
}
