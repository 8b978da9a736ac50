//! The structure of the source tree: which crate and module may import which, and how large files
//! and lines may be. ARCHITECTURE.md explains the order.

mod crates;
mod imports;
mod layout;
mod modules;
mod source;
