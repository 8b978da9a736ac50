//! Load test: a realistic mix of requests to a real server with a realistic amount of data, from
//! another process, at a rate that does not depend on the responses.
//!
//! `dataset` generates the data, `history` imports a suite worth looking at, `mix` schedules the
//! requests, `views` lists pages and API lists, `hostile` sends requests that take much memory, and
//! `limits` says how fast each has to be. The time of a plan request starts when it is due, so a
//! server that falls behind cannot hide it; that of the requests after it starts with the previous
//! response.

mod dataset;
mod history;
mod hostile;
mod limits;
mod mix;
mod views;

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::figure::{Figure, bytes, count, megabytes, milliseconds, per_second};
use crate::http::Connection;
use crate::programs::Programs;
use crate::server::Server;
use crate::timing::{median, timed};
use dataset::Size;
use mix::{KINDS, Kind, Mix};
use views::Target;

/// Concurrent clients; enough that one is free when a request is due.
const CLIENTS: usize = 32;
const MEMORY_POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Requests for each page and list when it is measured alone.
const VIEW_REPEATS: usize = 7;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Duration of the load.
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// Plan requests per minute; all other requests are in proportion.
    #[arg(long, default_value_t = 10_000)]
    rate: u32,
    /// Also write the figures to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Exit with 1 also if a figure misses its must, not only if a request fails.
    #[arg(long)]
    check: bool,
    /// Measure the existing release builds.
    #[arg(long)]
    no_build: bool,
    /// Keep the data set in this file: it is created if it does not exist, and copied if it does.
    /// Its runs are from the days before its creation, so delete it after a day.
    #[arg(long, value_name = "FILE")]
    data_set: Option<PathBuf>,
    #[command(flatten)]
    size: Size,
}

/// The measurements of one kind of request.
#[derive(Default)]
struct Samples {
    milliseconds: Vec<f64>,
    errors: u64,
    first_error: Option<String>,
}

/// Runs the load test and prints one line per figure. Returns false if a request failed, or with
/// `--check` if a figure missed its must.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let directory = tempfile::tempdir()?;
    let size = arguments.size;
    let written = dataset::provide(
        size,
        &directory.path().join("data"),
        arguments.data_set.as_deref(),
    )?;
    let programs = Programs {
        build: !arguments.no_build,
    };
    // Also builds the server, before its start is measured.
    let imported = history::import(programs, directory.path())?;
    let (started, server) = timed(|| Server::start_in(programs, directory, None));
    let server = server?;
    #[expect(clippy::cast_precision_loss, reason = "far below 52 bits")]
    let per_execution = written as f64 / size.executions();
    let mut figures = vec![
        Figure::of("load data set, per execution", bytes(per_execution)).must_goal(120.0, 32.0),
        imported,
        Figure::of("load start to ready", milliseconds(started)).must_goal(2000.0, 500.0),
    ];
    let mix = Mix::new(size, &server)?;
    figures.extend(views(size, &server, &mix)?);
    let (under_load, failed) = load(arguments, &server, &mix)?;
    figures.extend(under_load);
    figures.extend(hostile::measure(programs)?);
    let mut out = std::io::stdout();
    for figure in &figures {
        writeln!(out, "{figure}")?;
    }
    if let Some(path) = &arguments.json {
        let json = serde_json::to_string_pretty(&figures).context("write the figures as JSON")?;
        fs_err::write(path, json + "\n")?;
    }
    let missed = arguments.check && figures.iter().any(Figure::misses_its_must);
    Ok(failed == 0 && !missed)
}

/// Measures every page and list on an idle server.
fn views(size: Size, server: &Server, mix: &Mix) -> anyhow::Result<Vec<Figure>> {
    let mut connection = Connection::open(&server.host)?;
    let mut figures = Vec::new();
    for target in [Target::Page, Target::List] {
        let (must, goal) = limits::of_view(target, size);
        for view in mix.views().of(target) {
            let mut times = Vec::new();
            for _ in 0..VIEW_REPEATS {
                let (time, result) = timed(|| mix.views().request(view, 0, &mut connection));
                result?;
                times.push(time);
            }
            let kind = if target == Target::Page { "page, " } else { "" };
            let name = format!("load {kind}{}", view.name);
            let figure = Figure::of(name, milliseconds(median(times)));
            figures.push(figure.must_goal(must, goal));
        }
    }
    Ok(figures)
}

/// Runs the mix. Returns its figures and the number of failed requests.
fn load(arguments: &Arguments, server: &Server, mix: &Mix) -> anyhow::Result<(Vec<Figure>, u64)> {
    let duration = Duration::from_secs_f64(arguments.minutes * 60.0);
    let gap = Duration::from_mins(1) / arguments.rate.max(1);
    let samples: Vec<Mutex<Samples>> = KINDS.iter().map(|_| Mutex::default()).collect();
    let next = AtomicU64::new(0);
    let over = AtomicBool::new(false);
    let (first_half, peak) = (AtomicU64::new(0), AtomicU64::new(0));
    let before = server.memory()?;
    let began = Instant::now();
    let panicked = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let mut connection = None;
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let due = gap * u32::try_from(number).unwrap_or(u32::MAX);
                        if due >= duration {
                            return;
                        }
                        std::thread::sleep(due.saturating_sub(began.elapsed()));
                        let mut due = due;
                        for kind in mix::due(number) {
                            let result = send(server, mix, kind, number, &mut connection);
                            let now = began.elapsed();
                            record(&samples[kind as usize], result, now.saturating_sub(due));
                            // A node sends one request after the other.
                            due = now;
                        }
                    }
                })
            })
            .collect();
        let watcher = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                // If the server has exited, the requests fail.
                let memory = server.memory().unwrap_or_default();
                peak.fetch_max(memory, Ordering::Relaxed);
                if began.elapsed() < duration / 2 {
                    first_half.fetch_max(memory, Ordering::Relaxed);
                }
                std::thread::sleep(MEMORY_POLL_INTERVAL);
            }
        });
        let clients: Vec<_> = clients
            .into_iter()
            .map(std::thread::ScopedJoinHandle::join)
            .collect();
        over.store(true, Ordering::Relaxed);
        clients.iter().any(Result::is_err) | watcher.join().is_err()
    });
    ensure!(!panicked, "a client panicked");
    let took = began.elapsed().as_secs_f64();
    let (mut figures, mut failed) = (Vec::new(), 0);
    for (kind, samples) in KINDS.iter().zip(samples) {
        let samples = samples.into_inner().context("read the times")?;
        failed += samples.errors;
        figures.extend(figures_of(*kind, arguments.size, samples, took));
    }
    let mb = |bytes: u64| {
        #[expect(clippy::cast_precision_loss, reason = "no machine has that much")]
        megabytes(bytes as f64 / 1e6)
    };
    figures.push(
        Figure::of("load server memory, peak", mb(peak.into_inner()))
            .beside("before the load", mb(before))
            .must_goal(419.0, 210.0),
    );
    figures.push(
        Figure::of("load server memory, after", mb(server.memory()?))
            .beside("peak of the first half", mb(first_half.into_inner())),
    );
    Ok((figures, failed))
}

/// Sends one request. After an error, the next one opens a new connection.
fn send(
    server: &Server,
    mix: &Mix,
    kind: Kind,
    number: u64,
    connection: &mut Option<Connection>,
) -> anyhow::Result<()> {
    let mut open = match connection.take() {
        Some(open) => open,
        None => Connection::open(&server.host)?,
    };
    mix.send(kind, number, &mut open)?;
    *connection = Some(open);
    Ok(())
}

fn record(samples: &Mutex<Samples>, result: anyhow::Result<()>, took: Duration) {
    let Ok(mut samples) = samples.lock() else {
        return;
    };
    samples.milliseconds.push(took.as_secs_f64() * 1e3);
    if let Err(error) = result {
        samples.errors += 1;
        samples
            .first_error
            .get_or_insert_with(|| format!("{error:#}"));
    }
}

fn figures_of(kind: Kind, size: Size, mut samples: Samples, seconds: f64) -> Vec<Figure> {
    let name = kind.name();
    let (must, goal) = limits::under_load(kind, size);
    samples.milliseconds.sort_unstable_by(f64::total_cmp);
    let times = &samples.milliseconds;
    let part = |of: usize| times.get(times.len() * of / 100).copied().unwrap_or(0.0);
    #[expect(clippy::cast_precision_loss, reason = "far below 52 bits")]
    let (requests, errors) = (times.len() as f64, samples.errors as f64);
    if let Some(error) = samples.first_error {
        // The figure only has the number of errors.
        let _ = writeln!(std::io::stderr(), "{name}: {error}");
    }
    vec![
        Figure::of(format!("load {name}, rate"), per_second(requests / seconds)),
        Figure::of(format!("load {name}, p50"), milliseconds(part(50))),
        Figure::of(format!("load {name}, p99"), milliseconds(part(99))).must_goal(must, goal),
        Figure::of(format!("load {name}, errors"), count(errors)).must(0.0),
    ]
}
