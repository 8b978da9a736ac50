//! Taking a signed token apart, strictly: three parts, one of two algorithms, claims of the right
//! types. Nothing here is believed; signatures are checked with `keys`, claims by the caller.
//!
//! This is our own because the usual libraries read the machine's clock, keep their cryptography
//! in a global, and know many more algorithms than should ever be accepted here.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::OidcError;

/// Bytes of the longest token that is looked at.
const LONGEST: usize = 16 * 1024;

/// How a token may be signed. All others do not exist here, `none` and `HS256` above all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Algorithm {
    /// RSA with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
}

/// A token taken apart.
#[derive(Debug)]
pub(crate) struct Jwt<'a> {
    pub(crate) algorithm: Algorithm,
    /// Which of the issuer's keys signed it.
    pub(crate) key_id: Option<String>,
    pub(crate) issuer: String,
    pub(crate) audiences: Vec<String>,
    /// Seconds since 1970, as the other times.
    pub(crate) expires: i64,
    pub(crate) not_before: Option<i64>,
    pub(crate) issued: Option<i64>,
    pub(crate) claims: Map<String, Value>,
    /// What the signature is over.
    pub(crate) signed: &'a [u8],
    pub(crate) signature: Vec<u8>,
}

/// Whether a secret is meant to be such a token. Secrets made here have no dots.
pub(crate) fn looks_like_one(secret: &str) -> bool {
    secret.bytes().filter(|byte| *byte == b'.').count() == 2
}

impl<'a> Jwt<'a> {
    /// Take a token apart.
    pub(crate) fn read(token: &'a str) -> Result<Self, OidcError> {
        let bad = OidcError::Malformed;
        if token.len() > LONGEST {
            return Err(bad("it is too long"));
        }
        let (signed, signature) = token
            .rsplit_once('.')
            .ok_or(bad("it does not have three parts"))?;
        let (header, payload) = signed
            .split_once('.')
            .ok_or(bad("it does not have three parts"))?;
        let header = object(header).ok_or(bad("its header is not a JSON object"))?;
        let claims = object(payload).ok_or(bad("its claims are not a JSON object"))?;
        let algorithm = match header.get("alg").and_then(Value::as_str) {
            Some("RS256") => Algorithm::Rs256,
            Some("ES256") => Algorithm::Es256,
            _ => return Err(bad("it must be signed with RS256 or ES256")),
        };
        if header.contains_key("crit") {
            return Err(bad("its header has extensions that must be understood"));
        }
        let key_id = match header.get("kid") {
            None => None,
            Some(Value::String(id)) => Some(id.clone()),
            Some(_) => return Err(bad("its key id is not a text")),
        };
        let Some(Value::String(issuer)) = claims.get("iss") else {
            return Err(bad("it has no issuer (iss)"));
        };
        Ok(Self {
            algorithm,
            key_id,
            issuer: issuer.clone(),
            audiences: audiences(claims.get("aud"))
                .ok_or(bad("its audience (aud) is not a text or a list of texts"))?,
            expires: seconds(claims.get("exp"))
                .map_err(bad)?
                .ok_or(bad("it has no time of expiry (exp)"))?,
            not_before: seconds(claims.get("nbf")).map_err(bad)?,
            issued: seconds(claims.get("iat")).map_err(bad)?,
            signature: URL_SAFE_NO_PAD
                .decode(signature)
                .map_err(|_not_base64| bad("its signature is not base64url"))?,
            signed: signed.as_bytes(),
            claims,
        })
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    let json = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&json).ok()
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

/// A time in whole seconds; a fraction is cut.
fn seconds(claim: Option<&Value>) -> Result<Option<i64>, &'static str> {
    let Some(value) = claim else { return Ok(None) };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cast from a float stops at the ends of the range"
    )]
    let whole = value
        .as_i64()
        .or_else(|| value.as_f64().map(|seconds| seconds as i64));
    whole
        .map(Some)
        .ok_or("its times (exp, nbf, iat) are not numbers")
}

#[cfg(test)]
pub(crate) mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    use super::{Jwt, looks_like_one};

    fn encoded(part: &Value) -> String {
        URL_SAFE_NO_PAD.encode(part.to_string())
    }

    fn token(header: &Value, claims: &Value) -> String {
        format!("{}.{}.AAAA", encoded(header), encoded(claims))
    }

    /// An unsigned token whose other claims are good.
    pub(crate) fn token_with(more: Value) -> String {
        let mut claims = json!({"iss": "https://issuer.example", "exp": 4_000_000_000_u64});
        let Value::Object(more) = more else {
            panic!("an object")
        };
        claims.as_object_mut().unwrap().extend(more);
        token(&json!({"alg": "ES256", "kid": "a"}), &claims)
    }

    #[test]
    fn only_two_algorithms_exist() {
        let claims = json!({"iss": "a", "exp": 1});
        for good in ["RS256", "ES256"] {
            assert!(Jwt::read(&token(&json!({"alg": good}), &claims)).is_ok());
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
            let error = Jwt::read(&token(&json!({"alg": bad}), &claims)).unwrap_err();
            assert!(error.to_string().contains("RS256 or ES256"), "{bad}");
        }
    }

    #[test]
    fn what_is_not_quite_a_token_is_refused() {
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
            assert!(Jwt::read(&token(&header, &claims)).is_err(), "{claims}");
        }
        let good = json!({"iss": "a", "exp": 1});
        for header in [
            json!({"alg": "RS256", "kid": 1}),
            json!({"alg": "RS256", "crit": ["b64"]}),
            json!("RS256"),
        ] {
            assert!(Jwt::read(&token(&header, &good)).is_err(), "{header}");
        }
        let long = format!("{}.{}", "a".repeat(20_000), token(&header, &good));
        for text in ["", ".", "..", "a.b.c", "e30.e30.", "é.é.é", long.as_str()] {
            assert!(Jwt::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_may_be_fractions() {
        let claims = json!({"iss": "a", "exp": 1.9, "nbf": 1e300});
        let token = token(&json!({"alg": "RS256"}), &claims);
        let jwt = Jwt::read(&token).unwrap();
        assert_eq!((jwt.expires, jwt.not_before), (1, Some(i64::MAX)));
    }

    #[test]
    fn tokens_are_told_from_other_secrets() {
        assert!(looks_like_one("a.b.c"));
        assert!(!looks_like_one("tea_0123"));
        assert!(!looks_like_one("a.b.c.d"));
    }
}
