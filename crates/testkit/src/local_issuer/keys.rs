//! The keys of a local issuer: signing, and public keys as JWKs.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};

/// Only for these tests: generating an RSA key takes too long for a test.
const RSA_KEY: &[u8] = include_bytes!("rsa-for-tests-only.pk8");

/// A key that signs tokens.
pub struct SigningKey {
    id: String,
    pair: Pair,
}

enum Pair {
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl SigningKey {
    /// Generates a key for ES256.
    #[track_caller]
    pub fn es256(id: &str) -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document =
            EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key can be generated");
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random)
            .expect("a generated key is valid");
        Self {
            id: id.to_owned(),
            pair: Pair::P256(pair),
        }
    }

    /// The fixed key for RS256.
    #[track_caller]
    pub fn rs256(id: &str) -> Self {
        let pair = RsaKeyPair::from_pkcs8(RSA_KEY).expect("the key is valid");
        Self {
            id: id.to_owned(),
            pair: Pair::Rsa(pair),
        }
    }

    pub(super) fn is_rsa(&self) -> bool {
        matches!(self.pair, Pair::Rsa(_))
    }

    /// A signed token with these claims.
    pub fn sign(&self, claims: &Value) -> String {
        let algorithm = if self.is_rsa() { "RS256" } else { "ES256" };
        self.sign_as(
            &json!({"typ": "JWT", "alg": algorithm, "kid": self.id}),
            claims,
        )
    }

    /// A signed token with any header.
    pub fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encode(header), encode(claims));
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::P256(pair) => pair
                .sign(&random, signed.as_bytes())
                .expect("a key can sign")
                .as_ref()
                .to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(
                    &RSA_PKCS1_SHA256,
                    &random,
                    signed.as_bytes(),
                    &mut signature,
                )
                .expect("a key can sign");
                signature
            }
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The public key as an entry of a JWK set.
    pub fn public_jwk(&self) -> Value {
        match &self.pair {
            Pair::P256(pair) => {
                // The byte 4, then both coordinates.
                let point = pair.public_key().as_ref();
                let part = |from: usize| URL_SAFE_NO_PAD.encode(&point[from..from + 32]);
                json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.id,
                    "x": part(1), "y": part(33)})
            }
            Pair::Rsa(pair) => {
                let public = PublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.id,
                    "n": URL_SAFE_NO_PAD.encode(public.n), "e": URL_SAFE_NO_PAD.encode(public.e)})
            }
        }
    }
}
