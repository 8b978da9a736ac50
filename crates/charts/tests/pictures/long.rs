//! Names of 10 KB, from right to left, and with markup; and numbers of marks beyond all use.

use test_engine_charts::{
    Attempt, Column, Day, Durations, History, HistoryRun, Mark, Node, Part, PartKind, Pulse,
    PulseRun, Raster, Rate, RateGroup, Rates, Row, RunMark, Span, Spans, Split, TimedExecution,
};

use crate::samples;

const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>";

/// Every picture with these names, and its table.
fn pictures(name: &str) -> Vec<(&'static str, String, String)> {
    let pulse = Pulse {
        days: vec![Day {
            label: "3 Nov".to_owned(),
            runs: vec![PulseRun {
                mark: RunMark::Failed,
                label: name.to_owned(),
                address: "/run".to_owned(),
            }],
            ..Day::default()
        }],
        format: samples::seconds,
    };
    let raster = Raster {
        columns: vec![Column {
            label: name.to_owned(),
            ..Column::default()
        }],
        rows: vec![Row {
            name: name.to_owned(),
            marks: vec![Mark::Failed],
            ..Row::default()
        }],
    };
    let split = Split {
        nodes: vec![Node {
            label: name.to_owned(),
            planned: Some(1),
            parts: vec![Part {
                label: name.to_owned(),
                duration: 1,
                kind: PartKind::Pace,
            }],
        }],
        format: samples::seconds,
    };
    let history = History {
        runs: vec![HistoryRun {
            label: name.to_owned(),
            attempts: vec![Attempt::Failed],
            ..HistoryRun::default()
        }],
    };
    let rates = Rates {
        groups: vec![RateGroup {
            title: name.to_owned(),
            rates: vec![Rate {
                label: name.to_owned(),
                failed: 1,
                total: 2,
                is_cause: true,
            }],
        }],
    };
    let spans = Spans {
        spans: vec![Span {
            section: name.to_owned(),
            detail: name.to_owned(),
            start: 0,
            duration: 1,
        }],
        duration: 1,
        format: samples::seconds,
    };
    vec![
        ("pulse", pulse.svg(), pulse.table().html()),
        ("raster", raster.strip(0), raster.table().html()),
        ("split", split.svg(), split.table().html()),
        ("history", history.svg(), history.table().html()),
        ("rates", rates.svg(), rates.table().html()),
        ("spans", spans.svg(), spans.table().html()),
    ]
}

#[test]
fn names_cannot_add_elements() {
    for (picture, svg, table) in pictures(HOSTILE) {
        for markup in [svg, table] {
            for element in ["<script", "<img", "onerror=\""] {
                assert!(!markup.contains(element), "{picture}: {markup}");
            }
        }
    }
}

#[test]
fn labels_of_long_names_are_short() {
    let long = "x".repeat(10_000);
    for (picture, svg, table) in pictures(&long) {
        // Rates are a table themselves.
        if picture != "rates" {
            assert!(svg.len() < 3_000, "{picture}: {} bytes", svg.len());
        }
        assert!(
            table.contains(&long) || picture == "pulse",
            "{picture}: the table has the name"
        );
    }
}

#[test]
fn names_do_not_change_the_direction_of_the_text_around_them() {
    for (picture, svg, _) in pictures("עגלה \u{202e}abc") {
        // A raster's strip has numbers only.
        let has_name = svg.contains("עגלה");
        let is_isolated = svg.contains("\u{2068}עגלה") || svg.contains("<bdi>עגלה");
        assert_eq!(has_name, is_isolated, "{picture}: {svg}");
        assert_eq!(has_name, picture != "raster", "{picture}: {svg}");
    }
}

fn elements(markup: &str) -> usize {
    markup.matches('<').count() - markup.matches("</").count()
}

#[test]
fn the_number_of_elements_does_not_grow_with_the_marks() {
    let raster = samples::raster(1, 5_000);
    assert!(elements(&raster.strip(0)) <= 6);
    let durations = Durations {
        periods: Vec::new(),
        executions: (0..5_000)
            .map(|at| TimedExecution {
                at,
                duration: at * 7 % 100,
                has_failed: at % 9 == 0,
            })
            .collect(),
        format: samples::seconds,
        date: samples::date,
    };
    assert!(elements(&durations.svg()) <= 20);
    let node = Node {
        label: "Node 1".to_owned(),
        planned: Some(50_000),
        parts: (0..50_000)
            .map(|_| Part {
                label: String::new(),
                duration: 1,
                kind: PartKind::File,
            })
            .collect(),
    };
    let split = Split {
        nodes: vec![node],
        format: samples::seconds,
    };
    assert!(elements(&split.svg()) <= 8);
    assert!(split.svg().len() < 20_000, "{} bytes", split.svg().len());
    let days = (0..28).map(|number| Day {
        address: "/runs".to_owned(),
        runs: (0..100)
            .map(|run| PulseRun {
                mark: RunMark::Recovered,
                label: format!("#{run}"),
                address: "/run".to_owned(),
            })
            .collect(),
        ..samples::day(number)
    });
    let pulse = Pulse {
        days: days.collect(),
        format: samples::seconds,
    };
    assert!(elements(&pulse.svg()) <= 110, "{}", elements(&pulse.svg()));
}

#[test]
fn greatest_numbers_do_not_overflow() {
    let part = Part {
        label: String::new(),
        duration: u64::MAX,
        kind: PartKind::Retry,
    };
    let split = Split {
        nodes: vec![Node {
            label: "Node 1".to_owned(),
            planned: Some(u64::MAX),
            parts: vec![part.clone(), part],
        }],
        format: samples::seconds,
    };
    assert!(split.svg().contains("planned"));
    let execution = |at, duration| TimedExecution {
        at,
        duration,
        has_failed: false,
    };
    let durations = Durations {
        periods: Vec::new(),
        executions: vec![execution(0, 0), execution(u64::MAX, u64::MAX)],
        format: samples::seconds,
        date: samples::date,
    };
    assert!(durations.svg().contains("dots"));
}
