//! Made-up suites for tests, benches and examples: the same from the same seed.
//!
//! The shapes are those that real suites come near: most tests short and a few very long
//! (lognormal), a heavier tail still (Pareto), and no tail at all (uniform).

/// Random numbers from a seed (SplitMix64). Not for secrets.
pub(crate) struct Numbers(u64);

impl Numbers {
    /// The same seed gives the same numbers.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From 0 to `u64::MAX`.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Above 0, at most 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double")]
    pub(crate) fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Normal, mean 0, deviation 1 (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.unit().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// How the durations of a suite are spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shape {
    /// `exp(deviation * normal)`.
    Lognormal(f64),
    /// Exponent of the tail.
    Pareto(f64),
    /// Anything from nothing to the longest, equally likely.
    Uniform,
}

/// The shapes that quality is measured on.
pub(crate) const SHAPES: [Shape; 4] = [
    Shape::Lognormal(1.8),
    Shape::Lognormal(0.7),
    Shape::Pareto(1.3),
    Shape::Uniform,
];

/// Ten minutes: longer tests do not survive in practice.
const LONGEST_MICROS: f64 = 600e6;

/// Half a second, typical of a test file.
const TYPICAL_MICROS: f64 = 500e3;

impl Shape {
    /// One duration in microseconds, 1 at least.
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

    /// A suite of such durations.
    pub(crate) fn suite(self, count: usize, seed: u64) -> Vec<u64> {
        let mut numbers = Numbers::new(seed);
        (0..count).map(|_| self.micros(&mut numbers)).collect()
    }
}
