//! Addresses of the loopback interface that no test's server listens on.
//!
//! A port that was bound and released is not one: the system may give it to the server of another
//! test a moment later.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// The base URL of a server that is down: nothing listens on the port of the discard service, and
/// the system never chooses it.
pub const NO_SERVER: &str = "http://127.0.0.1:9";

/// Below the ports that systems choose from, which begin at 32,768 on Linux.
const FIRST_PORT: u16 = 20_000;
const PORTS: u16 = 10_000;

/// An address for a program that is told where to listen. Only another program that is told the
/// same could take it.
///
/// # Panics
///
/// If every port is taken.
#[must_use]
pub fn free_address() -> SocketAddr {
    let start =
        u16::try_from(std::process::id() % u32::from(PORTS)).expect("it is less than 10,000");
    (0..PORTS)
        .map(|offset| FIRST_PORT + (start + offset) % PORTS)
        .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .find(|address| TcpListener::bind(address).is_ok())
        .expect("a port is free")
}
