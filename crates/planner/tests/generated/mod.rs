//! Generated suites for tests and examples, reproducible by seed.
//!
//! The shapes resemble real suites: mostly short tests and a few very long ones (lognormal), a
//! heavier tail (Pareto), and no tail (uniform).

mod numbers;

pub(crate) use numbers::Numbers;

impl Numbers {
    /// Normally distributed with mean 0 and standard deviation 1 (Box–Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.unit().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// The distribution of durations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shape {
    /// `exp(deviation * normal)`
    Lognormal(f64),
    /// With this exponent.
    Pareto(f64),
    /// Up to the maximum.
    Uniform,
}

/// The shapes for measuring quality.
pub(crate) const SHAPES: [Shape; 4] = [
    Shape::Lognormal(1.8),
    Shape::Lognormal(0.7),
    Shape::Pareto(1.3),
    Shape::Uniform,
];

/// Ten minutes: longer tests are rare in practice.
const LONGEST_MICROS: f64 = 600e6;

/// Half a second, typical of a test file.
const TYPICAL_MICROS: f64 = 500e3;

impl Shape {
    /// A duration in microseconds, at least 1.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped right before"
    )]
    pub(crate) fn micros(self, numbers: &mut Numbers) -> u64 {
        let factor = match self {
            Self::Lognormal(deviation) => (deviation * numbers.normal()).exp(),
            Self::Pareto(exponent) => numbers.unit().powf(-1.0 / exponent),
            Self::Uniform => 2.0 * numbers.unit(),
        };
        (factor * TYPICAL_MICROS).clamp(1.0, LONGEST_MICROS) as u64
    }

    pub(crate) fn suite(self, count: usize, seed: u64) -> Vec<u64> {
        let mut numbers = Numbers::new(seed);
        (0..count).map(|_| self.micros(&mut numbers)).collect()
    }
}
