//! The run time of `bktec --version`, compared with a program that does nothing.

use crate::figure::{Figure, milliseconds};
use crate::programs::{Programs, command, run_time};
use crate::timing::median;

const SPAWNS: usize = 200;

pub(crate) fn measure(programs: Programs) -> anyhow::Result<Vec<Figure>> {
    let bktec = programs.path("bktec")?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // Alternating, so that load on the machine affects both.
    for _ in 0..SPAWNS {
        ours.push(run_time(command(&bktec).arg("--version").env_clear())?);
        theirs.push(run_time(command("/bin/true").env_clear())?);
    }
    Ok(vec![
        Figure::of("startup", milliseconds(median(ours)))
            .beside("/bin/true", milliseconds(median(theirs)))
            .judged_by_distance()
            .must_goal(1.5, 0.6),
    ])
}
