//! How a branch does: its runs, run times and flaky tests on one time axis.

use std::fmt::Write as _;

use crate::Format;
use crate::axis::axis;
use crate::geometry::{Slots, Tenths, count, ticks};
use crate::markup::{Markup, isolate};
use crate::small::line;
use crate::table::{Cell, Table};

const WIDTH: Tenths = Tenths::units(1_000);
const RUNS_HEIGHT: u64 = 125;
const TIME_HEIGHT: u64 = 64;
const FLAKY_HEIGHT: u64 = 44;
/// Of a box with the space above it.
const MAX_PITCH: Tenths = Tenths::units(13);
const MAX_BOX_WIDTH: Tenths = Tenths::units(18);
/// With more runs, there is a link for each day instead.
const MAX_LINKS: usize = 250;
const MAX_DATES: usize = 7;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunMark {
    /// Nothing failed.
    Passed,
    /// What failed passed on retry, or was muted.
    Recovered,
    /// A test failed every execution.
    Failed,
    /// Part of an outage: it does not count.
    Outage,
}

impl RunMark {
    const ALL: [Self; 4] = [Self::Passed, Self::Recovered, Self::Failed, Self::Outage];
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PulseRun {
    /// How it ended.
    pub mark: RunMark,
    /// Such as `#4510 Lock stock while paying · passed on retry`.
    pub label: String,
    /// Of its page.
    pub address: String,
}

/// Durations of a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DurationBand {
    /// One in ten is shorter.
    pub low: u64,
    /// One in two is shorter.
    pub median: u64,
    /// Nine in ten are shorter.
    pub high: u64,
}

/// A day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// Such as `3 Nov`.
    pub label: String,
    /// Of the list of its runs.
    pub address: String,
    /// Oldest first.
    pub runs: Vec<PulseRun>,
    /// How long its runs took, if there were any.
    pub run_time: Option<DurationBand>,
    /// Tests that were considered flaky on that day, if that is known.
    pub flaky: Option<u64>,
}

impl Day {
    fn count(&self, mark: RunMark) -> usize {
        self.runs.iter().filter(|run| run.mark == mark).count()
    }

    fn words(&self) -> String {
        let [passed, recovered, failed, outage] = RunMark::ALL.map(|mark| self.count(mark));
        let mut words =
            format!("{passed} passed at first, {recovered} passed on retry, {failed} failed");
        if outage > 0 {
            let _infallible = write!(words, ", {outage} in an outage");
        }
        words
    }
}

/// The days of a branch.
#[derive(Clone, Debug)]
pub struct Pulse {
    /// Oldest first.
    pub days: Vec<Day>,
    /// Writes a duration.
    pub format: Format,
}

impl Pulse {
    fn slots(&self) -> Slots {
        Slots::new(WIDTH, self.days.len())
    }

    fn total(&self, mark: RunMark) -> usize {
        self.days.iter().map(|day| day.count(mark)).sum()
    }

    /// Three bands with their labels above one axis of days.
    pub fn svg(&self) -> String {
        let mut out = Markup::default();
        out.open("div", &[("class", &"pulse")]);
        let runs: usize = self.days.iter().map(|day| day.runs.len()).sum();
        label(
            &mut out,
            "Runs",
            &format!("{runs} in {} days", self.days.len()),
        );
        self.runs(&mut out);
        if self.days.iter().any(|day| day.run_time.is_some()) {
            label(&mut out, "Run time", "median and middle 80%");
            self.run_times(&mut out);
        }
        if self.days.iter().any(|day| day.flaky.is_some()) {
            label(&mut out, "Flaky tests", "known by then");
            self.flaky(&mut out);
        }
        self.axis(&mut out);
        out.close("div");
        out.finish()
    }

    fn runs(&self, out: &mut Markup) {
        let [passed, recovered, failed, outage] = RunMark::ALL.map(|mark| self.total(mark));
        let label = format!(
            "Runs of each day: {passed} passed at first, {recovered} passed on retry, \
             {failed} failed, {outage} in an outage"
        );
        let height = RUNS_HEIGHT;
        out.open(
            "svg",
            &[
                ("class", &"chart runs"),
                ("viewBox", &format_args!("0 0 1000 {height}")),
                ("preserveAspectRatio", &"none"),
                ("role", &"group"),
                ("aria-label", &label),
            ],
        );
        let boxes = Boxes::of(&self.days);
        let mut shapes = [const { String::new() }; 5];
        for (index, day) in self.days.iter().enumerate() {
            for (level, run) in day.runs.iter().enumerate() {
                boxes.draw(&mut shapes, (index, level), run.mark);
            }
        }
        let classes = ["c-passed pale", "c-flaky", "c-failed", "bar", "outage"];
        for (class, shape) in classes.iter().zip(&shapes) {
            out.path(class, shape);
        }
        self.links(out, &boxes);
        out.close("svg");
    }

    fn links(&self, out: &mut Markup, boxes: &Boxes) {
        let runs: usize = self.days.iter().map(|day| day.runs.len()).sum();
        for (index, day) in self.days.iter().enumerate() {
            if runs > MAX_LINKS {
                let label = format!("{}: {}", day.label, day.words());
                if !day.runs.is_empty() {
                    link(out, &day.address, &label, boxes.column(index));
                }
                continue;
            }
            for (level, run) in day.runs.iter().enumerate() {
                let label = isolate(&run.label);
                link(out, &run.address, &label, boxes.cell(index, level));
            }
        }
    }

    fn run_times(&self, out: &mut Markup) {
        let times = self.days.iter().map(|day| day.run_time);
        let times: Vec<Option<DurationBand>> = times.collect();
        let greatest = times
            .iter()
            .flatten()
            .map(|time| time.high.max(time.median));
        let plot = Plot::new(TIME_HEIGHT, greatest.max().unwrap_or(0));
        plot.open(out, "Run time of each day: median and middle 80%");
        out.path("base", &plot.grid());
        out.path("band", &self.band(&times, &plot));
        let medians = times.iter().map(|time| time.map(|time| time.median));
        let shape = line(medians, self.slots(), |value| plot.y(value));
        out.path("line c-strong", &shape);
        plot.close(out, self.format);
    }

    /// A band along each stretch of days with runs.
    fn band(&self, times: &[Option<DurationBand>], plot: &Plot) -> String {
        let slots = self.slots();
        let mut shape = String::new();
        let indexed: Vec<(usize, Option<DurationBand>)> =
            times.iter().copied().enumerate().collect();
        for stretch in indexed.split(|(_, time)| time.is_none()) {
            if stretch.len() < 2 {
                continue;
            }
            let upper = stretch
                .iter()
                .map(|(index, time)| (*index, time.map(|t| t.high)));
            let lower = stretch.iter().rev();
            let lower = lower.map(|(index, time)| (*index, time.map(|t| t.low)));
            for (number, (index, value)) in upper.chain(lower).enumerate() {
                let command = if number == 0 { 'M' } else { 'L' };
                let (x, y) = (slots.middle(index), plot.y(value.unwrap_or(0)));
                let _infallible = write!(shape, "{command}{x} {y}");
            }
            shape.push('z');
        }
        shape
    }

    fn flaky(&self, out: &mut Markup) {
        let numbers = self.days.iter().map(|day| day.flaky);
        let greatest = numbers.clone().flatten().max().unwrap_or(0);
        let plot = Plot::new(FLAKY_HEIGHT, greatest);
        plot.open(out, "Number of flaky tests on each day");
        out.path("base", &plot.grid());
        let shape = line(numbers, self.slots(), |value| plot.y(value));
        out.path("line c-flaky", &shape);
        plot.close(out, |number| number.to_string());
    }

    fn axis(&self, out: &mut Markup) {
        let every = self.days.len().div_ceil(MAX_DATES).max(1);
        let labels = self.days.iter().map(|day| day.label.as_str());
        let shown = labels.enumerate().step_by(every);
        axis(out, self.days.len(), (22, 15), shown);
    }

    /// A row for each day, newest first.
    pub fn table(&self) -> Table {
        let head = [
            "Day",
            "Runs",
            "Passed at first",
            "Passed on retry",
            "Failed",
            "Outage",
            "Run time, median",
            "Middle 80%",
            "Flaky tests",
        ];
        let mut table = Table::new("Runs by day, newest first", &head);
        let none = || "–".to_owned();
        let rows = self.days.iter().rev().map(|day| {
            let time = day.run_time;
            let middle = |time: DurationBand| {
                format!(
                    "{} to {}",
                    (self.format)(time.low),
                    (self.format)(time.high)
                )
            };
            let mut row = vec![
                Cell::link(&day.label, &day.address),
                Cell::count(count(day.runs.len())),
            ];
            row.extend(RunMark::ALL.map(|mark| Cell::count(count(day.count(mark)))));
            row.extend([
                Cell::number(time.map_or_else(none, |time| (self.format)(time.median))),
                Cell::number(time.map_or_else(none, middle)),
                Cell::number(day.flaky.map_or_else(none, |number| number.to_string())),
            ]);
            row
        });
        table.rows = rows.collect();
        table
    }
}

fn label(out: &mut Markup, title: &str, note: &str) {
    out.open("p", &[("class", &"lab")]);
    out.element("b", &[], title);
    out.text(" ");
    out.text(note);
    out.close("p");
}

/// A rectangle: left, top, width, height.
type Rectangle = (Tenths, Tenths, Tenths, Tenths);

fn link(out: &mut Markup, address: &str, label: &str, (x, y, width, height): Rectangle) {
    out.open(
        "a",
        &[
            ("href", &address),
            ("tabindex", &-1),
            ("aria-label", &label),
            ("data-tip", &""),
        ],
    );
    out.empty(
        "rect",
        &[
            ("class", &"hit"),
            ("x", &x),
            ("y", &y),
            ("width", &width),
            ("height", &height),
        ],
    );
    out.close("a");
}

/// The places of the boxes, which stand on each other.
struct Boxes {
    slots: Slots,
    width: Tenths,
    pitch: Tenths,
}

impl Boxes {
    fn of(days: &[Day]) -> Self {
        let slots = Slots::new(WIDTH, days.len());
        let most = days.iter().map(|day| day.runs.len()).max().unwrap_or(0);
        let room = Tenths::units(RUNS_HEIGHT - 5).0;
        Self {
            slots,
            width: slots.step().part(3, 5).min(MAX_BOX_WIDTH),
            pitch: MAX_PITCH.min(Tenths(room / count(most).max(1))),
        }
    }

    fn cell(&self, day: usize, level: usize) -> Rectangle {
        let below = Tenths(self.pitch.0.saturating_mul(count(level) + 1));
        let y = Tenths::units(RUNS_HEIGHT - 2).minus(below);
        let x = self.slots.middle(day).minus(self.width.part(1, 2));
        (x, y, self.width, self.pitch)
    }

    fn column(&self, day: usize) -> Rectangle {
        let (x, _, width, _) = self.cell(day, 0);
        (x, Tenths(0), width, Tenths::units(RUNS_HEIGHT))
    }

    /// Adds a run to the shapes of passes, retries, failures, bars and outages.
    fn draw(&self, shapes: &mut [String; 5], (day, level): (usize, usize), mark: RunMark) {
        let (x, y, width, pitch) = self.cell(day, level);
        let gap = pitch.part(2, 13);
        let (y, height) = (y.plus(gap), pitch.minus(gap));
        let whole = |shape: &mut String| {
            let _infallible = write!(shape, "M{x} {y}h{width}v{height}h-{width}z");
        };
        match mark {
            RunMark::Passed => whole(&mut shapes[0]),
            RunMark::Recovered => {
                whole(&mut shapes[0]);
                let half = height.part(1, 2);
                let middle = y.plus(height.minus(half));
                let _infallible = write!(shapes[1], "M{x} {middle}h{width}v{half}h-{width}z");
            }
            RunMark::Failed => {
                whole(&mut shapes[2]);
                let inset = width.part(1, 4);
                let (from, length) = (x.plus(inset), width.part(1, 2));
                let middle = y.plus(height.part(1, 2));
                let _infallible = write!(shapes[3], "M{from} {middle}h{length}");
            }
            RunMark::Outage => {
                whole(&mut shapes[4]);
                let bottom = y.plus(height);
                let _infallible = write!(shapes[4], "M{x} {bottom}l{width} -{height}");
            }
        }
    }
}

/// A band of the picture with values from zero.
struct Plot {
    height: u64,
    greatest: u64,
}

impl Plot {
    fn new(height: u64, greatest: u64) -> Self {
        Self {
            height,
            greatest: greatest.max(1),
        }
    }

    fn y(&self, value: u64) -> Tenths {
        let room = Tenths::units(self.height - 10);
        let height = room.part(value.min(self.greatest), self.greatest);
        Tenths::units(self.height - 2).minus(height)
    }

    fn ticks(&self) -> Vec<u64> {
        let mut ticks = ticks(self.greatest);
        ticks.retain(|tick| *tick <= self.greatest);
        // The band is low.
        let last = ticks.last().copied();
        last.into_iter().collect()
    }

    fn grid(&self) -> String {
        let bottom = self.y(0);
        let ticks = self.ticks();
        let lines = ticks
            .iter()
            .map(|tick| format!("M0 {}H1000", self.y(*tick)));
        lines.collect::<String>() + &format!("M0 {bottom}H1000")
    }

    fn open(&self, out: &mut Markup, label: &str) {
        let height = self.height;
        out.open(
            "svg",
            &[
                ("class", &"chart plot"),
                ("width", &"100%"),
                ("height", &height),
                ("role", &"img"),
                ("aria-label", &label),
            ],
        );
        out.open(
            "svg",
            &[
                ("viewBox", &format_args!("0 0 1000 {height}")),
                ("preserveAspectRatio", &"none"),
                ("width", &"100%"),
                ("height", &height),
            ],
        );
    }

    fn close(&self, out: &mut Markup, format: Format) {
        out.close("svg");
        for tick in self.ticks() {
            let y = self.y(tick).plus(Tenths::units(4));
            out.element("text", &[("x", &4), ("y", &y)], &format(tick));
        }
        out.close("svg");
    }
}
