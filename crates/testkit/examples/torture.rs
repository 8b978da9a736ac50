//! The long run behind `bin/torture`: prints the seed first, a line now and then, the verdict last.
//!
//! The work is the library's; the tests do a short run of the same.

use std::io::Write as _;
use std::process::ExitCode;

use test_engine_test_postgres::fresh_database;
use test_engine_testkit::{ServerProgram, Torture};

/// Rounds between two lines.
const TELL_EVERY: usize = 20;

fn main() -> ExitCode {
    let mut out = std::io::stdout();
    let mut say = move |line: String| {
        // A reader that has gone away changes nothing about the run.
        let _gone = writeln!(out, "{line}");
    };
    let mut arguments = std::env::args().skip(1).peekable();
    let on_postgres = arguments.next_if_eq("--postgres").is_some();
    let rounds = arguments.next().map_or(Ok(200), |rounds| rounds.parse());
    let seed = arguments
        .next()
        .map_or_else(|| Ok(rand::random()), |seed| seed.parse());
    let (Ok(rounds), Ok(seed), None) = (rounds, seed, arguments.next()) else {
        say("usage: bin/torture [--postgres] [ROUNDS [SEED]]".to_owned());
        return ExitCode::from(2);
    };
    let (database, server) = if on_postgres {
        let server = ServerProgram::start_on_database(fresh_database());
        ("PostgreSQL", server)
    } else {
        ("SQLite", ServerProgram::start())
    };
    say(format!("seed {seed}: {rounds} rounds on {database}"));
    let mut round = 0;
    let survived = Torture { rounds, seed }.run(server, |acknowledged| {
        round += 1;
        if round % TELL_EVERY == 0 {
            say(format!(
                "round {round}: {acknowledged} uploads acknowledged"
            ));
        }
    });
    say(format!(
        "nothing lost, nothing doubled: {} uploads with {} executions acknowledged and found, {} \
         sent again, {} servers killed while they started (seed {seed})",
        survived.acknowledged, survived.executions, survived.sent_again, survived.died_starting
    ));
    ExitCode::SUCCESS
}
