//! The size of the shipped programs.

use crate::figure::{Figure, megabytes};
use crate::programs::Programs;

pub(crate) fn measure(programs: Programs) -> anyhow::Result<Vec<Figure>> {
    let shipped = [("bktec", 9.0, 5.0), ("test-engine", 60.0, 30.0)];
    shipped
        .into_iter()
        .map(|(name, must, goal)| {
            let size = fs_err::metadata(programs.path(name)?)?.len();
            #[expect(clippy::cast_precision_loss, reason = "no program is that large")]
            let size = size as f64 / 1e6;
            Ok(Figure::of(format!("binary {name}"), megabytes(size)).must_goal(must, goal))
        })
        .collect()
}
