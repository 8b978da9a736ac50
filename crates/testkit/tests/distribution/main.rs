//! What people install and how: `install.sh`, release archives, packages of the server, the
//! integrations of CIs, and `bin/setup` for developers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod failures;
mod file_server;
mod forge;
mod install_script;
mod integrations;
mod packages;
mod release;
mod scripts;
mod setup;
