//! Limits failed attempts to sign in, per client address and minute.
//!
//! Tokens cannot be guessed, but attempts cost database reads, and a person should notice them in
//! the log instead of the load. Successful attempts do not count, because the clients of a proxy
//! may share its address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use test_engine_store::Timestamp;

const MAX_FAILURES: u32 = 10;
const WINDOW_MILLIS: i64 = 60_000;
/// Addresses that are remembered per minute; later ones share one count.
const MAX_ADDRESSES: usize = 10_000;

#[derive(Default)]
pub(crate) struct SignInAttempts(Mutex<Window>);

#[derive(Default)]
struct Window {
    number: i64,
    failures: HashMap<String, u32>,
}

impl Window {
    fn at(&mut self, now: Timestamp) -> &mut Self {
        let number = now.millis().div_euclid(WINDOW_MILLIS);
        if self.number != number {
            self.number = number;
            self.failures.clear();
        }
        self
    }
}

impl SignInAttempts {
    /// Whether this address may try again now.
    pub(crate) fn is_allowed(&self, address: Option<&str>, now: Timestamp) -> bool {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = &window.at(now).failures;
        let key = key(address, failures);
        failures.get(&key).is_none_or(|count| *count < MAX_FAILURES)
    }

    pub(crate) fn failed(&self, address: Option<&str>, now: Timestamp) {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = &mut window.at(now).failures;
        let key = key(address, failures);
        *failures.entry(key).or_default() += 1;
    }
}

/// What is counted together: an IPv4 address, or the IPv6 network of one client.
fn key(address: Option<&str>, known: &HashMap<String, u32>) -> String {
    let text = address.unwrap_or_default();
    let key = match text.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).to_string()
        }
        _ => text.to_owned(),
    };
    if known.len() < MAX_ADDRESSES || known.contains_key(&key) {
        key
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_limited_per_address_and_minute() {
        let attempts = SignInAttempts::default();
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
        for _ in 0..MAX_FAILURES {
            assert!(attempts.is_allowed(Some("10.0.0.1"), at(0)));
            attempts.failed(Some("10.0.0.1"), at(0));
        }
        assert!(!attempts.is_allowed(Some("10.0.0.1"), at(59)));
        assert!(attempts.is_allowed(Some("10.0.0.2"), at(59)));
        assert!(attempts.is_allowed(Some("10.0.0.1"), at(60)));
    }

    #[test]
    fn addresses_of_one_network_count_together() {
        let attempts = SignInAttempts::default();
        let now = Timestamp::from_millis(0);
        for host in 0..MAX_FAILURES {
            attempts.failed(Some(&format!("2001:db8:1:2::{host:x}")), now);
        }
        assert!(!attempts.is_allowed(Some("2001:db8:1:2:ffff::1"), now));
        assert!(attempts.is_allowed(Some("2001:db8:1:3::1"), now));
    }

    #[test]
    fn memory_is_bounded() {
        let attempts = SignInAttempts::default();
        let now = Timestamp::from_millis(0);
        for number in 0..20_000_u32 {
            let address = std::net::Ipv4Addr::from(number).to_string();
            attempts.failed(Some(&address), now);
        }
        assert!(attempts.0.lock().unwrap().failures.len() <= MAX_ADDRESSES + 1);
    }
}
