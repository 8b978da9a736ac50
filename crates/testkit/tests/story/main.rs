//! The whole story with real parts: the server as a program, the client as a program, real runners
//! on the sample projects, nodes at once, build after build.
//!
//! What really ran is told by witnesses inside the runners, what was kept by the server's database,
//! and how it should be by `expected.json` of each project. Everything smaller is tested lower.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails where it stands"
)]

mod backfill;
mod backup;
mod build;
mod collector;
mod curl;
mod durability;
mod fallback;
mod javascript;
mod oidc;
mod one_plan;
mod shutdown;
mod stand_ins;
mod two_builds;
