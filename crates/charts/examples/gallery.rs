//! Writes a page with every picture to stdout, to look at after a change:
//! `cargo run --package test-engine-charts --example gallery > gallery.html`.

#[path = "../tests/pictures/samples.rs"]
mod samples;

use std::io::Write as _;

use test_engine_charts::{
    KeyMark, Pulse, STYLE, Share, Spans, Split, Tone, bars, key, meter, share_bar, sparkline,
};

fn main() -> std::io::Result<()> {
    let style = include_str!("gallery.css");
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Pictures</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{style}{STYLE}</style>\
         <main><h1>Pictures</h1>"
    );
    for (title, markup) in pictures() {
        page += &[
            "<section class=\"card\"><h2>",
            title,
            "</h2>",
            &markup,
            "</section>",
        ]
        .concat();
    }
    page.push_str("</main></html>\n");
    std::io::stdout().write_all(page.as_bytes())
}

fn pictures() -> Vec<(&'static str, String)> {
    let pulse = Pulse {
        days: (0..28).map(samples::day).collect(),
        format: samples::seconds,
    };
    let raster = samples::raster(6, 130);
    let strips: String = (0..6).map(|row| raster.strip(row)).collect();
    let split = Split {
        nodes: (0..6).map(samples::node).collect(),
        format: samples::seconds,
    };
    let durations = samples::durations(400);
    let spans = Spans {
        spans: samples::spans(),
        duration: 116,
        format: samples::seconds,
    };
    let share = |label: &str, count, tone| Share {
        label: label.to_owned(),
        count,
        tone,
    };
    let shares = [
        share("broken", 60, Tone::Failed),
        share("flaky", 40, Tone::Flaky),
        share("muted", 1, Tone::Muted),
        share("passed", 1_134, Tone::Passed),
        share("skipped", 9, Tone::Neutral),
    ];
    let line: Vec<Option<u64>> = (0..28).map(|index| samples::day(index).flaky).collect();
    let counts: Vec<u64> = (0..28)
        .map(|index| samples::day(index).runs.len() as u64)
        .collect();
    vec![
        ("Pulse", pulse.svg() + &key(&PULSE_KEY)),
        (
            "Raster of failures",
            strips + &raster.axis() + &key(&RASTER_KEY),
        ),
        ("Split", split.svg() + &key(&SPLIT_KEY)),
        ("History", samples::history(100).svg() + &key(&HISTORY_KEY)),
        ("History of three runs", samples::history(3).svg()),
        ("Uploads by hour", samples::hours(24).svg()),
        ("Durations", durations.svg() + &key(&DURATIONS_KEY)),
        (
            "Caught by share of the time",
            samples::curve(212).svg() + &key(&CURVE_KEY),
        ),
        ("Rates", samples::rates().svg()),
        ("Spans", spans.svg()),
        ("Share bar", share_bar(&shares)),
        ("Sparkline", sparkline(&line, Tone::Flaky)),
        ("Counts", bars(&counts, Tone::Failed, "counts")),
        ("Meter", meter(2, 99, Tone::Passed)),
        ("Table", durations.table().html()),
    ]
}

const PULSE_KEY: [(KeyMark, &str); 6] = [
    (KeyMark::Passed, "passed at first"),
    (KeyMark::RecoveredRun, "passed on retry"),
    (KeyMark::FailedRun, "failed"),
    (KeyMark::Outage, "outage"),
    (KeyMark::Median, "median"),
    (KeyMark::Band, "middle 80%"),
];
const RASTER_KEY: [(KeyMark, &str); 4] = [
    (KeyMark::Passes, "passed"),
    (KeyMark::Recovered, "failed, then passed on the same commit"),
    (KeyMark::Failed, "failed every execution"),
    (KeyMark::Muted, "failed while muted"),
];
const SPLIT_KEY: [(KeyMark, &str); 5] = [
    (KeyMark::Planned, "planned"),
    (KeyMark::File, "files"),
    (KeyMark::Pace, "sets the pace"),
    (KeyMark::FailedFile, "failed"),
    (KeyMark::Retry, "retries"),
];
const CURVE_KEY: [(KeyMark, &str); 4] = [
    (KeyMark::Median, "all known failing builds"),
    (KeyMark::Unbiased, "unbiased ones"),
    (KeyMark::Promise, "promised"),
    (KeyMark::Now, "now"),
];
const HISTORY_KEY: [(KeyMark, &str); 4] = [
    (KeyMark::Passed, "passed"),
    (KeyMark::FailedExecution, "failed"),
    (KeyMark::FailedMuted, "failed while muted"),
    (KeyMark::PassedOnRetry, "passed on retry"),
];
const DURATIONS_KEY: [(KeyMark, &str); 3] = [
    (KeyMark::Median, "median"),
    (KeyMark::Band, "middle 80%"),
    (KeyMark::FailedDot, "failed"),
];
