//! Decoding and verifying OIDC tokens with `jsonwebtoken`.
//!
//! Two steps, because only the token itself names the issuer whose key is needed: [`Jwt::decode`]
//! reads the token without trusting it, [`Jwt::is_signed_by`] verifies the signature. Times are
//! checked by the caller, with the server's clock. `docs/design/oidc.md` says why signatures are
//! verified by ring.

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::signature::{Error as InvalidSignature, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, Validation, decode, decode_header};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::OidcError;

const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// All other algorithms are rejected, above all `none` and HMAC.
const ALGORITHMS: [Algorithm; 2] = [Algorithm::RS256, Algorithm::ES256];

/// A decoded token. Its claims are not verified.
#[derive(Debug)]
pub(crate) struct Jwt<'a> {
    token: &'a str,
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<String>,
    pub(crate) issuer: String,
    pub(crate) audiences: Vec<String>,
    /// Seconds since 1970, like the other times.
    pub(crate) expires: i64,
    pub(crate) not_before: Option<i64>,
    pub(crate) issued: Option<i64>,
    pub(crate) claims: Map<String, Value>,
}

/// Distinguishes OIDC tokens from this server's own secrets, which contain no dots.
pub(crate) fn is_jwt(secret: &str) -> bool {
    secret.bytes().filter(|byte| *byte == b'.').count() == 2
}

impl<'a> Jwt<'a> {
    pub(crate) fn decode(token: &'a str) -> Result<Self, OidcError> {
        let malformed = OidcError::Malformed;
        if token.len() > MAX_TOKEN_BYTES {
            return Err(malformed("it is too long"));
        }
        let header = decode_header(token)
            .ok()
            .filter(|header| ALGORITHMS.contains(&header.alg))
            .ok_or(malformed("it is not a JWT signed with RS256 or ES256"))?;
        if header.crit.is_some() {
            return Err(malformed("its header has critical extensions (crit)"));
        }
        let claims: Map<String, Value> = insecure_decode_claims(token)
            .map_err(|_error| malformed("its claims are not a JSON object"))?;
        let Some(Value::String(issuer)) = claims.get("iss") else {
            return Err(malformed("it has no issuer (iss)"));
        };
        Ok(Self {
            token,
            algorithm: header.alg,
            key_id: header.kid,
            issuer: issuer.clone(),
            audiences: audiences(claims.get("aud")).ok_or(malformed(
                "its audience (aud) is not a string or a list of strings",
            ))?,
            expires: seconds(claims.get("exp"))?.ok_or(malformed("it has no expiry time (exp)"))?,
            not_before: seconds(claims.get("nbf"))?,
            issued: seconds(claims.get("iat"))?,
            claims,
        })
    }

    /// Whether the signature over header and claims is valid. Checks nothing else.
    pub(crate) fn is_signed_by(&self, key: &DecodingKey) -> bool {
        // An error means that a provider is installed already.
        let _installed = RING.install_default();
        let mut validation = Validation::new(self.algorithm);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        decode::<IgnoredAny>(self.token, key, &validation).is_ok()
    }
}

fn audiences(claim: Option<&Value>) -> Option<Vec<String>> {
    match claim {
        None => Some(Vec::new()),
        Some(Value::String(one)) => Some(vec![one.clone()]),
        Some(Value::Array(several)) => several
            .iter()
            .map(|audience| audience.as_str().map(str::to_owned))
            .collect(),
        Some(_) => None,
    }
}

/// A time in whole seconds; fractions are truncated.
fn seconds(claim: Option<&Value>) -> Result<Option<i64>, OidcError> {
    let Some(value) = claim else { return Ok(None) };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "casts from floats saturate"
    )]
    value
        .as_i64()
        .or_else(|| value.as_f64().map(|seconds| seconds as i64))
        .map(Some)
        .ok_or(OidcError::Malformed(
            "its times (exp, nbf, iat) are not numbers",
        ))
}

static RING: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
    verifier_factory: |algorithm, key| {
        Ok(Box::new(RingVerifier {
            algorithm: *algorithm,
            key: key.clone(),
        }))
    },
    key_utils: KeyUtils::new_unimplemented(),
};

struct RingVerifier {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, signed: &[u8], signature: &Vec<u8>) -> Result<(), InvalidSignature> {
        match (self.algorithm, self.key.kind()) {
            // Rejects moduli of fewer than 2048 bits.
            (Algorithm::RS256, DecodingKeyKind::RsaModulusExponent { n, e }) => {
                RsaPublicKeyComponents { n, e }.verify(
                    &RSA_PKCS1_2048_8192_SHA256,
                    signed,
                    signature,
                )
            }
            (Algorithm::ES256, DecodingKeyKind::SecretOrDer(point)) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature)
            }
            _ => Err(ring::error::Unspecified),
        }
        .map_err(|_unspecified| InvalidSignature::new())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Map, Value, json};

    use super::{Jwt, is_jwt};

    fn encoded(part: &Value) -> String {
        URL_SAFE_NO_PAD.encode(part.to_string())
    }

    pub(crate) fn token(header: &Value, claims: &Value) -> String {
        format!("{}.{}.AAAA", encoded(header), encoded(claims))
    }

    /// An unsigned token whose other claims are valid.
    pub(crate) fn token_with(more: Value) -> String {
        let mut claims = json!({"iss": "https://issuer.example", "exp": 4_000_000_000_u64});
        let more: Map<String, Value> = serde_json::from_value(more).unwrap();
        claims.as_object_mut().unwrap().extend(more);
        token(&json!({"alg": "ES256", "kid": "a"}), &claims)
    }

    #[test]
    fn accepts_only_rs256_and_es256() {
        let claims = json!({"iss": "a", "exp": 1});
        for good in ["RS256", "ES256"] {
            assert!(Jwt::decode(&token(&json!({"alg": good}), &claims)).is_ok());
        }
        for bad in [
            json!("none"),
            json!("None"),
            json!(""),
            json!("HS256"),
            json!("RS384"),
            json!("PS256"),
            json!("EdDSA"),
            json!("rs256"),
            json!(null),
            json!(["RS256"]),
        ] {
            let error = Jwt::decode(&token(&json!({"alg": bad}), &claims)).unwrap_err();
            assert!(error.to_string().contains("RS256 or ES256"), "{bad}");
        }
    }

    #[test]
    fn rejects_malformed_tokens() {
        let header = json!({"alg": "RS256"});
        for claims in [
            json!({"exp": 1}),
            json!({"iss": 1, "exp": 1}),
            json!({"iss": "a"}),
            json!({"iss": "a", "exp": "1"}),
            json!({"iss": "a", "exp": null}),
            json!({"iss": "a", "exp": 1, "nbf": "never"}),
            json!({"iss": "a", "exp": 1, "nbf": {}}),
            json!({"iss": "a", "exp": 1, "aud": 1}),
            json!({"iss": "a", "exp": 1, "aud": [1]}),
            json!([]),
        ] {
            assert!(Jwt::decode(&token(&header, &claims)).is_err(), "{claims}");
        }
        let good = json!({"iss": "a", "exp": 1});
        for header in [
            json!({"alg": "RS256", "kid": 1}),
            json!({"alg": "RS256", "crit": ["b64"]}),
            json!("RS256"),
        ] {
            assert!(Jwt::decode(&token(&header, &good)).is_err(), "{header}");
        }
        let long = format!("{}.{}", "a".repeat(20_000), token(&header, &good));
        for text in ["", ".", "..", "a.b.c", "e30.e30.", "é.é.é", long.as_str()] {
            assert!(Jwt::decode(text).is_err(), "{text}");
        }
    }

    #[test]
    fn truncates_fractional_times() {
        let claims = json!({"iss": "a", "exp": 1.9, "nbf": 1e300});
        let token = token(&json!({"alg": "RS256"}), &claims);
        let jwt = Jwt::decode(&token).unwrap();
        assert_eq!((jwt.expires, jwt.not_before), (1, Some(i64::MAX)));
    }

    #[test]
    fn recognizes_tokens_by_their_two_dots() {
        assert!(is_jwt("a.b.c"));
        assert!(!is_jwt("tea_0123"));
        assert!(!is_jwt("a.b.c.d"));
    }
}
