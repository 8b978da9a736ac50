//! Random choices, with the generator that the planner's tests use.

#[path = "../../../planner/tests/generated/numbers.rs"]
mod generator;

pub(crate) use generator::Numbers;

impl Numbers {
    /// Whether something of this probability happens.
    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        self.unit() <= probability
    }

    /// Uniform, `low` included, `high` excluded.
    pub(crate) fn between(&mut self, low: u32, high: u32) -> u32 {
        low + u32::try_from(self.next() % u64::from(high - low)).unwrap_or_default()
    }

    /// Uniform between two floats.
    pub(crate) fn within(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }
}
