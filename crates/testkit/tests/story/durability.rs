//! An upload that was answered with 202 is there after the server was killed, whenever that was.

use test_engine_testkit::{ServerProgram, Torture};

const ROUNDS: usize = 20;
const SEED: u64 = 20_261_123;

#[test]
fn what_was_acknowledged_survives_sigkill() {
    let torture = Torture {
        rounds: ROUNDS,
        seed: SEED,
    };
    let survived = torture.run(ServerProgram::start(), |_acknowledged| {});
    // Otherwise nothing was tried. A machine that is too slow for two uploads before each death
    // still sends again what was cut off.
    assert!(survived.acknowledged > ROUNDS, "{survived:?}");
}
