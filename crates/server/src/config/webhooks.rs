//! Webhooks: the addresses that the server may send events to.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

/// Sending events to webhooks.
#[derive(Clone, Debug, clap::Args)]
pub struct Webhooks {
    /// Networks that webhooks may send to although they are not public, separated by commas, such
    /// as 10.0.0.0/8,192.168.1.7
    #[arg(id = "webhook_allowed_networks", long = "webhook-allowed-networks")]
    #[arg(value_name = "NETWORKS", env = "TEST_ENGINE_WEBHOOK_ALLOWED_NETWORKS")]
    #[arg(value_delimiter = ',', value_parser = network)]
    pub allowed_networks: Vec<IpNet>,
    /// For one attempt, from the lookup of the name to the last byte of the response. Not a
    /// setting: tests use a shorter time.
    #[arg(skip = Duration::from_secs(10))]
    pub attempt_time: Duration,
    /// How often to look for deliveries that are due. Not a setting: tests use a shorter time.
    #[arg(skip = Duration::from_secs(5))]
    pub period: Duration,
}

/// A network, or a single address.
fn network(given: &str) -> Result<IpNet, String> {
    let given = given.trim();
    let single = || given.parse::<IpAddr>().map(IpNet::from);
    given
        .parse()
        .or_else(|_| single())
        .map_err(|_| "use an address or a network, such as 10.0.0.0/8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::network;

    #[test]
    fn a_network_has_a_prefix_or_is_one_address() {
        for (given, expected) in [
            ("10.0.0.0/8", Some("10.0.0.0/8")),
            (" 127.0.0.1", Some("127.0.0.1/32")),
            ("fd00::/8", Some("fd00::/8")),
            ("::1", Some("::1/128")),
            ("10.0.0.0/33", None),
            ("localhost", None),
            ("", None),
        ] {
            let parsed = network(given).ok().map(|network| network.to_string());
            assert_eq!(parsed.as_deref(), expected, "{given}");
        }
    }
}
