//! Ids and keys derived by hashing. They are stored or public, so none of them may ever change.

use sha2::{Digest, Sha256};
use test_engine_insights::Fingerprint;
use uuid::Uuid;

/// The public id of a test: a version 8 UUID from a hash of suite, scope and name.
///
/// Hashes lengths as well, so that ("a", "bc") and ("ab", "c") differ.
pub fn test_uuid(suite: Uuid, scope: &str, name: &str) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(suite.as_bytes());
    for part in [scope, name] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    Uuid::new_v8(first_bytes(&hash.finalize()))
}

/// The public id of an execution: its position, and part of its upload's UUID so that it is unique
/// across databases.
pub(crate) fn execution_uuid(upload_id: i64, upload: Uuid, position: u32) -> Uuid {
    let mut bytes = *upload.as_bytes();
    // 6 bytes of upload id, 4 of position; the rest is from the upload's UUID.
    bytes[..6].copy_from_slice(&upload_id.to_be_bytes()[2..]);
    bytes[9..13].copy_from_slice(&position.to_be_bytes());
    Uuid::new_v8(bytes)
}

/// The upload's internal id and the position that are encoded in an execution's public id. The
/// execution exists if [`execution_uuid`] for that upload yields the same UUID.
pub(crate) fn execution_place(execution: Uuid) -> (i64, u32) {
    let bytes = execution.as_bytes();
    let mut upload_id = [0; 8];
    upload_id[2..].copy_from_slice(&bytes[..6]);
    let position = [bytes[9], bytes[10], bytes[11], bytes[12]];
    (i64::from_be_bytes(upload_id), u32::from_be_bytes(position))
}

/// The stored form of a producer's execution id.
pub(crate) fn result_key(id: &str) -> u64 {
    u64::from_be_bytes(first_bytes(&Sha256::digest(id)))
}

/// The indexed form of a file name. Collisions are possible: compare names as well.
pub(crate) fn file_key(file_name: &str) -> i64 {
    i64::from_be_bytes(first_bytes(&Sha256::digest(file_name)))
}

/// The indexed form of a selector: 16 bytes, long enough to rule out collisions.
pub(crate) fn selector_hash(value: &str) -> [u8; 16] {
    first_bytes(&Sha256::digest(value))
}

/// The indexed form of a commit's SHA, whatever its case.
pub(crate) fn commit_key(sha: &str) -> i64 {
    i64::from_be_bytes(first_bytes(&Sha256::digest(sha.to_lowercase())))
}

/// The same for a run without a commit, which has one of its own.
pub(crate) fn own_commit_key(run: Uuid) -> i64 {
    commit_key(&format!("run {run}"))
}

/// The stored form of a fingerprint. Those with the same message are consecutive.
pub(crate) fn fingerprint_code(fingerprint: Fingerprint) -> i64 {
    fingerprint.0.cast_signed()
}

/// The reverse of [`fingerprint_code`].
pub(crate) fn fingerprint(code: i64) -> Fingerprint {
    Fingerprint(code.cast_unsigned())
}

/// The lowest and the highest stored form of fingerprints with this message.
pub(crate) fn codes_of_message(message: u32) -> (i64, i64) {
    let low = u64::from(message) << 32;
    let code = |number: u64| fingerprint_code(Fingerprint(number));
    (code(low), code(low | u64::from(u32::MAX)))
}

fn first_bytes<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut first = [0; N];
    first.copy_from_slice(&bytes[..N]);
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUITE: Uuid = Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0001);

    #[test]
    fn test_ids_are_stable() {
        let id = test_uuid(SUITE, "Basket", "adds an item");
        assert_eq!(id.to_string(), "87e0ac7c-85d6-8d36-8038-e2558143717d");
        assert_eq!(id.get_version_num(), 8);
    }

    #[test]
    fn hashes_scope_and_name_separately() {
        assert_ne!(test_uuid(SUITE, "a", "bc"), test_uuid(SUITE, "ab", "c"));
        assert_ne!(test_uuid(SUITE, "", "x"), test_uuid(SUITE, "x", ""));
        assert_ne!(test_uuid(SUITE, "a", "b"), test_uuid(Uuid::nil(), "a", "b"));
    }

    #[test]
    fn execution_ids_encode_positions() {
        let upload = Uuid::from_u128(0x0193_1111_2222_7333_8444_5555_6666_7777);
        let first = execution_uuid(7, upload, 0);
        assert_eq!(first.get_version_num(), 8);
        for (upload_id, position) in [(7, 0), (1 << 40, 1 << 20), (123_456_789, 4_999)] {
            let execution = execution_uuid(upload_id, upload, position);
            assert_eq!(execution_place(execution), (upload_id, position));
        }
        assert_ne!(first, execution_uuid(7, upload, 1));
        assert_ne!(first, execution_uuid(8, upload, 0));
        assert_ne!(
            execution_uuid(7, upload, 1 << 8),
            execution_uuid(7, upload, 1 << 16)
        );
    }

    #[test]
    fn stored_keys_are_stable() {
        assert_eq!(result_key("a"), 0xca97_8112_ca1b_bdca);
        assert_eq!(
            file_key("a"),
            i64::from_be_bytes(0xca97_8112_ca1b_bdca_u64.to_be_bytes())
        );
    }
}
