//! The program behind `bin/torture`: prints the seed, the progress, and the result.

use std::io::Write as _;
use std::process::ExitCode;

use test_engine_test_postgres::fresh_database;
use test_engine_testkit::{ServerProgram, Torture};

/// Rounds between two progress lines.
const PROGRESS_INTERVAL: usize = 20;

fn main() -> ExitCode {
    let mut out = std::io::stdout();
    let mut print = move |line: String| {
        // The run continues after its output was closed.
        let _ = writeln!(out, "{line}");
    };
    let mut arguments = std::env::args().skip(1).peekable();
    let on_postgres = arguments.next_if_eq("--postgres").is_some();
    let rounds = arguments.next().map_or(Ok(200), |rounds| rounds.parse());
    let seed = arguments
        .next()
        .map_or_else(|| Ok(rand::random()), |seed| seed.parse());
    let (Ok(rounds), Ok(seed), None) = (rounds, seed, arguments.next()) else {
        print("usage: bin/torture [--postgres] [ROUNDS [SEED]]".to_owned());
        return ExitCode::from(2);
    };
    let (database, server) = if on_postgres {
        let server = ServerProgram::start_on_database(fresh_database());
        ("PostgreSQL", server)
    } else {
        ("SQLite", ServerProgram::start())
    };
    print(format!("seed {seed}: {rounds} rounds on {database}"));
    let mut round = 0;
    let report = Torture { rounds, seed }.run(server, |acknowledged| {
        round += 1;
        if round % PROGRESS_INTERVAL == 0 {
            print(format!(
                "round {round}: {acknowledged} uploads acknowledged"
            ));
        }
    });
    print(format!(
        "nothing lost or duplicated: {} uploads with {} executions acknowledged and found, {} \
         uploads retried, {} servers killed while starting (seed {seed})",
        report.acknowledged, report.executions, report.retried, report.killed_while_starting
    ));
    ExitCode::SUCCESS
}
