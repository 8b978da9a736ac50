//! Generating and hashing secrets: access tokens, suite tokens, session cookies.
//!
//! A secret is printed once, when it is created; only its SHA-256 is stored. A fast hash is enough
//! because every secret has 160 random bits and cannot be guessed. Secrets of webhooks are used
//! again, so `sealing` encrypts them instead.

use rand::Rng as _;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use test_engine_store::TokenKind;

pub(crate) type SecretHash = [u8; 32];

/// A new secret: a prefix by which people and secret scanners recognize its kind, and 40
/// hexadecimal digits.
pub(crate) fn generate(kind: TokenKind) -> SecretString {
    with_prefix(match kind {
        TokenKind::Access => "tea_",
        TokenKind::Suite => "tes_",
        TokenKind::Session => "tew_",
    })
}

/// A new secret that a webhook signs with. It is stored encrypted, because it is used again.
pub(crate) fn webhook() -> SecretString {
    with_prefix("teh_")
}

/// The prefix of the secret of a person's session.
const PERSON: &str = "teu_";

/// A new secret for the session of a person.
pub(crate) fn generate_for_person() -> SecretString {
    with_prefix(PERSON)
}

/// Whether a secret is that of a person's session.
pub(crate) fn is_of_person(secret: &SecretString) -> bool {
    secret.expose_secret().starts_with(PERSON)
}

fn with_prefix(prefix: &str) -> SecretString {
    let mut random = [0_u8; 20];
    rand::rng().fill_bytes(&mut random);
    SecretString::from(format!("{prefix}{}", hex::encode(random)))
}

pub(crate) fn random() -> [u8; 32] {
    let mut random = [0_u8; 32];
    rand::rng().fill_bytes(&mut random);
    random
}

pub(crate) fn hash(secret: &str) -> SecretHash {
    Sha256::digest(secret.as_bytes()).into()
}

pub(crate) fn hash_of(secret: &SecretString) -> SecretHash {
    hash(secret.expose_secret())
}

/// Whether two byte strings are equal, in constant time.
pub(crate) fn equal(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

/// The CSRF token of a session: only a holder of the session's secret can compute it.
pub(crate) fn form_token(session_secret: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(b"form:");
    digest.update(session_secret.as_bytes());
    hex::encode(digest.finalize())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::{TokenKind, equal, form_token, generate, hash};

    #[test]
    fn secrets_are_unique_and_start_with_the_prefix_of_their_kind() {
        let first = generate(TokenKind::Access);
        let second = generate(TokenKind::Access);
        assert!(first.expose_secret().starts_with("tea_"));
        assert_eq!(first.expose_secret().len(), 44);
        assert_ne!(first.expose_secret(), second.expose_secret());
    }

    #[test]
    fn the_hash_is_plain_sha256() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex::encode(hash("abc")), expected);
    }

    #[test]
    fn a_form_token_is_not_the_session_hash() {
        assert_ne!(form_token("tew_1"), hex::encode(hash("tew_1")));
    }

    #[test]
    fn compares_bytes_of_any_length() {
        let (first, second) = (form_token("tew_1"), form_token("tew_2"));
        assert!(equal(first.as_bytes(), form_token("tew_1").as_bytes()));
        assert!(!equal(first.as_bytes(), second.as_bytes()));
        assert!(!equal(b"short", b"longer"));
    }
}
