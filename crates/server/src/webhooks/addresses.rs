//! The addresses that webhooks may send to: public ones, and networks that the settings allow.
//!
//! Without this check, everybody who may create a webhook could make the server send requests into
//! its own network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Networks of IPv4 that are not the public internet, by the registry of special-purpose addresses
/// (RFC 6890 and later), and multicast.
const SPECIAL_V4: [(Ipv4Addr, u8); 16] = [
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    // Carrier-grade NAT.
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // Link-local: also the metadata services of clouds.
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 31, 196, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The only part of IPv6 that is public: everything else is reserved, private or multicast.
const GLOBAL_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
/// Networks within [`GLOBAL_V6`] that are not public.
const SPECIAL_V6: [(Ipv6Addr, u8); 3] = [
    // Protocol assignments, with Teredo.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    // Documentation.
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Whether a webhook may send to this address.
pub(crate) fn is_permitted(address: IpAddr, allowed: &[IpNet]) -> bool {
    // An IPv4 address in the notation of IPv6 is that IPv4 address.
    let address = address.to_canonical();
    is_public(address) || allowed.iter().any(|network| network.contains(&address))
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let contains = |(start, length): &(Ipv4Addr, u8)| {
        Ipv4Net::new(*start, *length).is_ok_and(|network| network.contains(&address))
    };
    !SPECIAL_V4.iter().any(contains)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let contains = |(start, length): &(Ipv6Addr, u8)| {
        Ipv6Net::new(*start, *length).is_ok_and(|network| network.contains(&address))
    };
    if let Some(inner) = embedded(address) {
        return is_public_v4(inner);
    }
    contains(&GLOBAL_V6) && !SPECIAL_V6.iter().any(contains)
}

/// The IPv4 address that a gateway would forward to: NAT64 (64:ff9b::/96) and 6to4 (2002::/16).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            let bits = u32::from(high) << 16 | u32::from(low);
            Some(Ipv4Addr::from(bits))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::is_permitted;

    fn permitted(address: &str, allowed: &[&str]) -> bool {
        let allowed: Vec<_> = allowed.iter().map(|it| it.parse().unwrap()).collect();
        is_permitted(address.parse().unwrap(), &allowed)
    }

    #[test]
    fn public_addresses_are_permitted() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450:4001::1",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
        ] {
            assert!(permitted(address, &[]), "{address}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0:127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:a00:1::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
        ] {
            assert!(!permitted(address, &[]), "{address}");
        }
    }

    #[test]
    fn settings_permit_networks() {
        let allowed = ["10.1.0.0/16", "fd00::/8"];
        assert!(permitted("10.1.2.3", &allowed));
        assert!(permitted("::ffff:10.1.2.3", &allowed));
        assert!(permitted("fd12::1", &allowed));
        assert!(!permitted("10.2.0.1", &allowed));
        assert!(!permitted("::1", &allowed));
        assert!(permitted("1.1.1.1", &allowed), "public ones stay");
    }
}
