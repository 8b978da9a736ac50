//! The public keys that an issuer publishes as a JWK set.
//!
//! Keys of other kinds are skipped: an issuer may publish more than this server supports.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

/// Bytes of an uncompressed point on P-256.
const P256_POINT_BYTES: usize = 65;

#[derive(Debug, Default)]
pub(super) struct KeySet {
    keys: Vec<Key>,
}

#[derive(Debug)]
struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    decoding: DecodingKey,
}

#[derive(Deserialize)]
struct Published {
    keys: Vec<serde_json::Value>,
}

impl KeySet {
    pub(super) fn parse(json: &[u8]) -> Result<Self, &'static str> {
        let published: Published = serde_json::from_slice(json)
            .map_err(|_error| "its key set is not a JSON object with keys")?;
        let keys: Vec<Key> = published
            .keys
            .into_iter()
            .filter_map(|key| usable(&serde_json::from_value(key).ok()?))
            .collect();
        if keys.is_empty() {
            return Err("its key set has no key for RS256 or ES256");
        }
        Ok(Self { keys })
    }

    /// The key with this id for this algorithm. Without an id, the algorithm must have only one
    /// key.
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<&DecodingKey> {
        let mut matching = self
            .keys
            .iter()
            .filter(|key| key.algorithm == algorithm && (id.is_none() || key.id.as_deref() == id));
        let first = matching.next()?;
        let is_unambiguous = id.is_some() || matching.next().is_none();
        is_unambiguous.then_some(&first.decoding)
    }
}

fn usable(jwk: &Jwk) -> Option<Key> {
    let (algorithm, name) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        _ => return None,
    };
    let common = &jwk.common;
    let is_for_signatures = matches!(common.public_key_use, None | Some(PublicKeyUse::Signature));
    let is_for_algorithm = common.key_algorithm.is_none_or(|named| named == name);
    let decoding = DecodingKey::from_jwk(jwk).ok()?;
    let is_complete = algorithm == Algorithm::RS256
        || decoding
            .try_get_as_bytes()
            .is_ok_and(|point| point.len() == P256_POINT_BYTES);
    (is_for_signatures && is_for_algorithm && is_complete).then(|| Key {
        id: common.key_id.clone(),
        algorithm,
        decoding,
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use serde_json::{Value, json};

    use super::super::jwt::Jwt;
    use super::super::jwt::tests::token_with;
    use super::{Algorithm, KeySet};

    const COORDINATE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn set(keys: &Value) -> Result<KeySet, &'static str> {
        KeySet::parse(json!({"keys": keys}).to_string().as_bytes())
    }

    #[test]
    fn finds_keys_by_id_and_algorithm() {
        let keys = set(&json!([
            {"kty": "EC", "crv": "P-256", "kid": "a", "x": COORDINATE, "y": COORDINATE},
            {"kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB", "use": "sig", "alg": "RS256"},
            {"kty": "RSA", "kid": "b", "n": "AQAC", "e": "AQAB"},
            {"kty": "oct", "kid": "c", "k": "AAAA"},
            "no key",
        ]))
        .unwrap();
        let found = |id, algorithm| keys.find(id, algorithm).is_some();
        assert!(found(Some("a"), Algorithm::RS256));
        assert!(found(Some("a"), Algorithm::ES256));
        assert!(found(Some("b"), Algorithm::RS256));
        assert!(!found(Some("b"), Algorithm::ES256));
        assert!(!found(Some("c"), Algorithm::RS256));
        assert!(found(None, Algorithm::ES256), "the only one");
        assert!(!found(None, Algorithm::RS256), "one of two");
    }

    #[test]
    fn skips_unsupported_keys() {
        for key in [
            json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", "use": "enc"}),
            json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", "alg": "RS512"}),
            json!({"kty": "RSA", "n": "not base64!", "e": "AQAB"}),
            json!({"kty": "RSA", "n": "AQAB"}),
            json!({"kty": "EC", "crv": "P-384", "x": COORDINATE, "y": COORDINATE}),
            json!({"kty": "EC", "crv": "P-256", "x": "AAAA", "y": COORDINATE}),
            json!({"kty": "oct", "k": "AAAA", "alg": "HS256"}),
        ] {
            assert!(set(&json!([key.clone()])).is_err(), "{key}");
        }
        assert!(KeySet::parse(b"[]").is_err());
        assert!(KeySet::parse(b"not json").is_err());
    }

    #[test]
    fn a_signature_is_valid_for_its_bytes_and_key_only() {
        let random = SystemRandom::new();
        let pair = || {
            let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
            let der = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
            EcdsaKeyPair::from_pkcs8(algorithm, der.as_ref(), &random).unwrap()
        };
        let published = |pair: &EcdsaKeyPair| {
            let point = pair.public_key().as_ref().to_owned();
            let part = |from: usize| URL_SAFE_NO_PAD.encode(&point[from..from + 32]);
            set(&json!([{"kty": "EC", "crv": "P-256", "x": part(1), "y": part(33)}])).unwrap()
        };
        let verifies = |token: &str, keys: &KeySet| {
            let key = keys.find(None, Algorithm::ES256).unwrap();
            Jwt::decode(token).unwrap().is_signed_by(key)
        };
        let unsigned = |subject: &str| {
            let token = token_with(json!({"sub": subject}));
            token.rsplit_once('.').unwrap().0.to_owned()
        };
        let own = pair();
        let keys = published(&own);
        let signature = own.sign(&random, unsigned("a").as_bytes()).unwrap();
        let signature = URL_SAFE_NO_PAD.encode(signature);
        assert!(verifies(&format!("{}.{signature}", unsigned("a")), &keys));
        assert!(!verifies(&format!("{}.{signature}", unsigned("b")), &keys));
        assert!(!verifies(&format!("{}.", unsigned("a")), &keys));
        assert!(!verifies(&format!("{}.!", unsigned("a")), &keys));
        let others = published(&pair());
        let signed = format!("{}.{signature}", unsigned("a"));
        assert!(!verifies(&signed, &others));
    }
}
