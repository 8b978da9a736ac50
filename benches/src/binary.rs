//! How large the programs are, as they ship.

use crate::figure::{Figure, megabytes};
use crate::programs::built;

pub(crate) fn measure() -> anyhow::Result<Vec<Figure>> {
    let programs = [("bktec", 10.0, 5.0), ("test-engine", 60.0, 30.0)];
    programs
        .into_iter()
        .map(|(name, must, goal)| {
            let size = fs_err::metadata(built(name)?)?.len();
            #[expect(clippy::cast_precision_loss, reason = "no program is that large")]
            let size = size as f64 / 1e6;
            Ok(Figure::of(format!("binary {name}"), megabytes(size)).must_goal(must, goal))
        })
        .collect()
}
