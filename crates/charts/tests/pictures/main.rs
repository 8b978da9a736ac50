//! The markup of each picture: without data, with one item, with many, and with hostile names.

mod long;
mod samples;

use test_engine_charts::{
    History, Pulse, Raster, Rates, Share, Spans, Split, Tone, bars, meter, share_bar, sparkline,
};

/// One element per line, so that a difference can be read.
fn lines(markup: &str) -> String {
    let lines = markup.replace('<', "\n<").replace("\n</", "</");
    lines.trim().to_owned()
}

#[test]
fn pulse() {
    let of = |days| Pulse {
        days,
        format: samples::seconds,
    };
    insta::assert_snapshot!("pulse_empty", lines(&of(Vec::new()).svg()));
    let one = of(vec![samples::day(0)]);
    insta::assert_snapshot!("pulse_one", lines(&one.svg()));
    let week = of((0..7).map(samples::day).collect());
    insta::assert_snapshot!("pulse_week", lines(&week.svg()));
    insta::assert_snapshot!("pulse_week_table", lines(&week.table().html()));
}

#[test]
fn raster() {
    let empty = Raster::default();
    assert_eq!(empty.strip(0), "");
    insta::assert_snapshot!("raster_empty_axis", lines(&empty.axis()));
    let one = samples::raster(1, 1);
    insta::assert_snapshot!("raster_one", lines(&(one.strip(0) + &one.axis())));
    let many = samples::raster(3, 40);
    let strips: String = (0..3).map(|row| many.strip(row)).collect();
    insta::assert_snapshot!("raster_many", lines(&(strips + &many.axis())));
    insta::assert_snapshot!("raster_many_table", lines(&many.table().html()));
}

#[test]
fn split() {
    let of = |nodes| Split {
        nodes,
        format: samples::seconds,
    };
    assert_eq!(of(Vec::new()).svg(), "");
    insta::assert_snapshot!("split_one", lines(&of(vec![samples::node(3)]).svg()));
    let many = of((0..6).map(samples::node).collect());
    insta::assert_snapshot!("split_many", lines(&many.svg()));
    insta::assert_snapshot!("split_many_table", lines(&many.table().html()));
}

#[test]
fn hours() {
    insta::assert_snapshot!("hours_empty", lines(&samples::hours(0).svg()));
    insta::assert_snapshot!("hours_one", lines(&samples::hours(1).svg()));
    let day = samples::hours(24);
    insta::assert_snapshot!("hours_day", lines(&day.svg()));
    insta::assert_snapshot!("hours_day_table", lines(&day.table().html()));
}

#[test]
fn history() {
    insta::assert_snapshot!("history_empty", lines(&History::default().svg()));
    insta::assert_snapshot!("history_one", lines(&samples::history(1).svg()));
    let many = samples::history(12);
    insta::assert_snapshot!("history_many", lines(&many.svg()));
    insta::assert_snapshot!("history_many_table", lines(&many.table().html()));
}

#[test]
fn curve() {
    insta::assert_snapshot!("curve_empty", lines(&samples::curve(0).svg()));
    let known = samples::curve(212);
    insta::assert_snapshot!("curve", lines(&known.svg()));
    insta::assert_snapshot!("curve_table", lines(&known.table().html()));
}

#[test]
fn durations() {
    insta::assert_snapshot!("durations_empty", lines(&samples::durations(0).svg()));
    insta::assert_snapshot!("durations_one", lines(&samples::durations(1).svg()));
    let many = samples::durations(40);
    insta::assert_snapshot!("durations_many", lines(&many.svg()));
    insta::assert_snapshot!("durations_many_table", lines(&many.table().html()));
}

#[test]
fn rates() {
    assert_eq!(Rates::default().svg(), "");
    let rates = samples::rates();
    insta::assert_snapshot!("rates", lines(&rates.svg()));
    insta::assert_snapshot!("rates_table", lines(&rates.table().html()));
}

#[test]
fn spans() {
    let of = |number: usize| Spans {
        spans: samples::spans().into_iter().take(number).collect(),
        duration: 116,
        format: samples::seconds,
    };
    assert_eq!(of(0).svg(), "");
    insta::assert_snapshot!("spans", lines(&of(4).svg()));
    insta::assert_snapshot!("spans_table", lines(&of(4).table().html()));
}

#[test]
fn small_pictures() {
    let counts = [0, 3, 1, 0, 7];
    let values: Vec<Option<u64>> = counts.iter().map(|count| Some(*count)).collect();
    let share = |label: &str, count, tone| Share {
        label: label.to_owned(),
        count,
        tone,
    };
    let shares = [
        share("broken by this change", 4, Tone::Failed),
        share("muted", 0, Tone::Muted),
        share("passed", 1_134, Tone::Passed),
        share("skipped", 1, Tone::Neutral),
    ];
    let pictures = [
        sparkline(&[], Tone::Strong),
        sparkline(&[None, Some(5), None], Tone::Passed),
        sparkline(&values, Tone::Flaky),
        bars(&[], Tone::Failed, "no failures"),
        bars(&counts, Tone::Failed, "11 failures in 5 days"),
        share_bar(&[]),
        share_bar(&shares),
        meter(0, 0, Tone::Passed),
        meter(1, 1_000, Tone::Passed),
        meter(7, 5, Tone::Flaky),
    ];
    insta::assert_snapshot!("small", lines(&pictures.concat()));
}
