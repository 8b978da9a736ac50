//! Which builds run everything so that selection is measured without bias (§3 of the design).

use sha2::{Digest as _, Sha256};

use crate::share::Share;

/// Whether the build of this plan is held out. It is decided by the plan's identifier, before any
/// result is known, so nobody can pick.
pub fn is_held_out(suite: &[u8; 16], identifier: &str, share: Share) -> bool {
    let digest = Sha256::new()
        .chain_update(suite)
        .chain_update(identifier)
        .finalize();
    is_in_share(leading_bits(&digest), share)
}

/// The first 64 bits of a hash.
pub(crate) fn leading_bits(digest: &[u8]) -> u64 {
    let bytes = digest.iter().take(8);
    bytes.fold(0, |bits, byte| bits << 8 | u64::from(*byte))
}

/// Whether a position on the circle of hashes is in the first part of it.
fn is_in_share(bits: u64, share: Share) -> bool {
    u128::from(bits) * u128::from(Share::ALL.ppm()) < u128::from(share.ppm()) << 64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_held_out_builds_is_as_configured() {
        let suite = [7; 16];
        for percent in [1, 10, 100] {
            let share = Share::from_percent(percent);
            let held_out = (0..20_000)
                .filter(|number| is_held_out(&suite, &format!("build-{number}"), share))
                .count();
            let expected = 200 * percent as usize;
            assert!(held_out.abs_diff(expected) < 250, "{percent}: {held_out}");
        }
        assert!(is_in_share(u64::MAX, Share::ALL));
        assert!(!is_in_share(0, Share::ALL.rest()));
    }

    #[test]
    fn suites_hold_out_different_builds() {
        let share = Share::from_percent(10);
        let of = |suite: u8| {
            let held_out = (0..1_000)
                .filter(move |number: &u32| is_held_out(&[suite; 16], &number.to_string(), share));
            held_out.collect::<Vec<u32>>()
        };
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }
}
