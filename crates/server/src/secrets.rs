//! Making and hashing secrets: access tokens, suite tokens, session cookies.
//!
//! A secret is shown once, when it is made; only its SHA-256 is stored. That is enough because
//! every secret is 160 random bits: there is nothing to guess from a hash.

use rand::RngCore as _;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// What a secret is for; it shows in the first letters, so that scanners and people can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecretKind {
    /// An API access token.
    Access,
    /// The token of one suite, for uploads.
    Suite,
    /// The cookie of somebody who signed in.
    Session,
}

impl SecretKind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Access => "tea_",
            Self::Suite => "tes_",
            Self::Session => "tew_",
        }
    }
}

/// SHA-256 of a secret, as it is stored.
pub(crate) type SecretHash = [u8; 32];

/// A fresh secret: the prefix of its kind and 40 hexadecimal digits.
pub(crate) fn generate(kind: SecretKind) -> SecretString {
    let mut random = [0_u8; 20];
    rand::rng().fill_bytes(&mut random);
    SecretString::from(format!("{}{}", kind.prefix(), hex::encode(random)))
}

/// A key that nobody can guess.
pub(crate) fn random() -> [u8; 32] {
    let mut random = [0_u8; 32];
    rand::rng().fill_bytes(&mut random);
    random
}

/// What is stored of a secret, and looked up by.
pub(crate) fn hash(secret: &str) -> SecretHash {
    Sha256::digest(secret.as_bytes()).into()
}

/// The hash of a secret that was just made.
pub(crate) fn hash_of(secret: &SecretString) -> SecretHash {
    hash(secret.expose_secret())
}

/// Whether two byte strings are equal, in a time that does not tell where they differ.
pub(crate) fn same(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

/// A value that only a holder of the session's secret can know, for forms.
pub(crate) fn form_token(session_secret: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(b"form:");
    digest.update(session_secret.as_bytes());
    hex::encode(digest.finalize())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::{SecretKind, form_token, generate, hash, same};

    #[test]
    fn secrets_differ_and_tell_their_kind() {
        let first = generate(SecretKind::Access);
        let second = generate(SecretKind::Access);
        assert!(first.expose_secret().starts_with("tea_"));
        assert_eq!(first.expose_secret().len(), 44);
        assert_ne!(first.expose_secret(), second.expose_secret());
    }

    #[test]
    fn the_hash_is_plain_sha256() {
        assert_eq!(
            hex::encode(hash("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn a_form_token_is_not_the_session_hash() {
        assert_ne!(form_token("tew_1"), hex::encode(hash("tew_1")));
        assert!(same(
            form_token("tew_1").as_bytes(),
            form_token("tew_1").as_bytes()
        ));
        assert!(!same(
            form_token("tew_1").as_bytes(),
            form_token("tew_2").as_bytes()
        ));
        assert!(!same(b"short", b"longer"));
    }
}
