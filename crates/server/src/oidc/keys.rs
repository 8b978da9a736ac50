//! The public keys of an issuer, as it publishes them (a JWK set), and checking signatures.
//!
//! Keys of other kinds are passed over: an issuer may publish more than this server needs.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;

use super::jwt::Algorithm;

/// Bytes of a coordinate on P-256.
const COORDINATE: usize = 32;

/// The keys of an issuer.
#[derive(Debug, Default)]
pub(super) struct KeySet {
    keys: Vec<(Option<String>, PublicKey)>,
}

/// A key that checks one kind of signature and no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PublicKey {
    /// For RS256.
    Rsa {
        /// Big-endian.
        modulus: Vec<u8>,
        /// Big-endian.
        exponent: Vec<u8>,
    },
    /// For ES256: an uncompressed point.
    P256(Vec<u8>),
}

#[derive(Deserialize)]
struct Published {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct PublishedKey {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// The usable keys of a published set.
    pub(super) fn parse(json: &[u8]) -> Result<Self, &'static str> {
        let published: Published = serde_json::from_slice(json)
            .map_err(|_error| "its key set is not a JSON object with keys")?;
        let keys: Vec<_> = published
            .keys
            .into_iter()
            .filter_map(|key| serde_json::from_value::<PublishedKey>(key).ok())
            .filter_map(|key| Some((key.kid.clone(), usable(&key)?)))
            .collect();
        if keys.is_empty() {
            return Err("its key set has no key for RS256 or ES256");
        }
        Ok(Self { keys })
    }

    /// The key of this id for this algorithm. A token without an id fits an only key.
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<&PublicKey> {
        let mut fitting = self
            .keys
            .iter()
            .filter(|(own, key)| {
                key.algorithm() == algorithm && (id.is_none() || own.as_deref() == id)
            })
            .map(|(_, key)| key);
        let first = fitting.next()?;
        let is_clear = id.is_some() || fitting.next().is_none();
        is_clear.then_some(first)
    }
}

fn usable(key: &PublishedKey) -> Option<PublicKey> {
    if key
        .purpose
        .as_deref()
        .is_some_and(|purpose| purpose != "sig")
    {
        return None;
    }
    let bytes = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
    let is_for = |name: &str| key.alg.as_deref().is_none_or(|alg| alg == name);
    match key.kty.as_str() {
        "RSA" if is_for("RS256") => Some(PublicKey::Rsa {
            modulus: bytes(&key.n)?,
            exponent: bytes(&key.e)?,
        }),
        "EC" if is_for("ES256") && key.crv.as_deref() == Some("P-256") => {
            let (x, y) = (bytes(&key.x)?, bytes(&key.y)?);
            if x.len() != COORDINATE || y.len() != COORDINATE {
                return None;
            }
            // 4 announces a point that is not compressed.
            Some(PublicKey::P256([&[4], x.as_slice(), y.as_slice()].concat()))
        }
        _ => None,
    }
}

impl PublicKey {
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa { .. } => Algorithm::Rs256,
            Self::P256(_) => Algorithm::Es256,
        }
    }

    /// Whether the signature is this key's, over exactly these bytes.
    pub(super) fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        match self {
            // Shorter moduli than 2048 bits do not verify anything.
            Self::Rsa { modulus, exponent } => RsaPublicKeyComponents {
                n: modulus,
                e: exponent,
            }
            .verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature)
            .is_ok(),
            Self::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(signed, signature)
                .is_ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use serde_json::{Value, json};

    use super::{Algorithm, KeySet};

    const COORDINATE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn set(keys: &Value) -> Result<KeySet, &'static str> {
        KeySet::parse(json!({"keys": keys}).to_string().as_bytes())
    }

    #[test]
    fn keys_are_found_by_id_and_algorithm() {
        let keys = set(&json!([
            {"kty": "EC", "crv": "P-256", "kid": "a", "x": COORDINATE, "y": COORDINATE},
            {"kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB", "use": "sig", "alg": "RS256"},
            {"kty": "RSA", "kid": "b", "n": "AQAC", "e": "AQAB"},
            {"kty": "oct", "kid": "c", "k": "AAAA"},
            "no key",
        ]))
        .unwrap();
        let found = |id, algorithm| keys.find(id, algorithm).is_some();
        assert!(found(Some("a"), Algorithm::Rs256));
        assert!(found(Some("a"), Algorithm::Es256));
        assert!(found(Some("b"), Algorithm::Rs256));
        assert!(!found(Some("b"), Algorithm::Es256));
        assert!(!found(Some("c"), Algorithm::Rs256));
        assert!(found(None, Algorithm::Es256), "the only one");
        assert!(!found(None, Algorithm::Rs256), "which of two?");
    }

    #[test]
    fn keys_that_do_not_fit_are_passed_over() {
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
    fn a_signature_is_good_for_its_bytes_and_key_only() {
        use base64::Engine as _;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let random = SystemRandom::new();
        let pair = || {
            let der =
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.as_ref(), &random)
                .unwrap()
        };
        let published = |pair: &EcdsaKeyPair| {
            let point = pair.public_key().as_ref().to_owned();
            let part = |from: usize| URL_SAFE_NO_PAD.encode(&point[from..from + 32]);
            set(&json!([{"kty": "EC", "crv": "P-256", "x": part(1), "y": part(33)}])).unwrap()
        };
        let own = pair();
        let signature = own.sign(&random, b"abc").unwrap();
        let keys = published(&own);
        let key = keys.find(None, Algorithm::Es256).unwrap();
        assert!(key.verifies(b"abc", signature.as_ref()));
        assert!(!key.verifies(b"abd", signature.as_ref()));
        assert!(!key.verifies(b"abc", b""));
        let others = published(&pair());
        let other = others.find(None, Algorithm::Es256).unwrap();
        assert!(!other.verifies(b"abc", signature.as_ref()));
    }
}
