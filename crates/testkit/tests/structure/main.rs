//! The structure of the source tree: which crate and module may import which. ARCHITECTURE.md
//! explains the order; these tests keep it.

mod crates;
mod imports;
mod modules;
mod source;
