//! `test-engine health`: asks a running server whether it is ready.
//!
//! For health checks of containers, whose images have no other HTTP client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use ureq::Agent;

use super::output;
use crate::config::{DEFAULT_LISTEN, parse_listen};

/// Container runtimes kill a check that takes longer than theirs, without a message.
const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Address and port that the server listens on
    #[arg(long, value_name = "ADDRESS", env = "TEST_ENGINE_LISTEN")]
    #[arg(default_value_t = DEFAULT_LISTEN, value_parser = parse_listen)]
    listen: SocketAddr,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let url = format!("http://{}/readyz", reachable(arguments.listen));
    let asked = url.clone();
    let status = tokio::task::spawn_blocking(move || ask(&asked))
        .await?
        .with_context(|| format!("failed to ask the server at {url}"))?;
    if status != 200 {
        bail!("failed to find the server ready: {url} responded with {status}");
    }
    output::print("ready")
}

/// A server that listens on all addresses can be reached on the loopback one.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn ask(url: &str) -> Result<u16, ureq::Error> {
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .build()
        .new_agent();
    Ok(agent.get(url).call()?.status().as_u16())
}

#[cfg(test)]
mod tests {
    use super::reachable;

    #[test]
    fn all_addresses_include_the_loopback_one() {
        for (listen, expected) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("192.0.2.7:80", "192.0.2.7:80"),
        ] {
            let reachable = reachable(listen.parse().unwrap());
            assert_eq!(reachable.to_string(), expected);
        }
    }
}
