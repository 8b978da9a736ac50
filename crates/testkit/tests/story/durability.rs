//! An upload with a 202 response survives a kill of the server at any moment.

use test_engine_testkit::{ServerProgram, Torture};

const ROUNDS: usize = 20;
const SEED: u64 = 20_261_123;

#[test]
fn acknowledged_uploads_survive_sigkill() {
    let torture = Torture {
        rounds: ROUNDS,
        seed: SEED,
    };
    let report = torture.run(ServerProgram::start(), |_acknowledged| {});
    // Otherwise the run tested nothing. A round waits for several responses on average.
    assert!(report.acknowledged > ROUNDS, "{report:?}");
}
