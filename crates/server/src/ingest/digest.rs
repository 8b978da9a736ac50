//! The digest of an upload, to recognize an upload that is sent again.

use sha2::{Digest as _, Sha256};

use super::Submission;

/// SHA-256 over every field, each with its length, so that different uploads differ.
pub(super) fn of(submission: &Submission) -> [u8; 32] {
    let mut digest = Sha256::new();
    let mut add = |bytes: &[u8]| {
        digest.update((bytes.len() as u64).to_be_bytes());
        digest.update(bytes);
    };
    add(submission.format.name().as_bytes());
    for fields in [&submission.run_env, &submission.tags] {
        add(&(fields.len() as u64).to_be_bytes());
        for (key, value) in fields {
            add(key.as_bytes());
            add(value.as_bytes());
        }
    }
    add(&submission.data);
    digest.finalize().into()
}
