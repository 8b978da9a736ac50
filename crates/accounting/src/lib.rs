//! Decides whether every test of a build ran, from its plan and the reports of its nodes.
//!
//! Values in, values out: the server and `bktec verify` compute the same verdict from the same
//! input. A verdict is [`Verdict::Complete`] only if every target that any node discovered or was
//! given is known to have run to its end; whatever cannot be proven is a [`Finding`] that fails.

mod account;
mod counts;
mod coverage;
mod finding;
mod group;
mod input;
mod jobs;
mod limits;
mod population;
mod rows;
mod sections;
mod targets;
mod vanished;
mod verdict;

pub use account::{Accounting, Accountings, account};
pub use counts::test_counts;
pub use finding::{Finding, VanishedTest};
pub use group::{GroupAccounting, MissingTargets};
pub use input::Input;
pub use limits::node_problem;
pub use population::{population, population_digest};
pub use rows::NodeRow;
pub use sections::{Level, Section, sections};
pub use verdict::Verdict;
