//! The issuer as a provider that people sign in with: authorization codes with PKCE.
//!
//! It is as strict as the protocol demands, unless a test makes it misbehave.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::{digest, hmac};
use serde_json::{Value, json};

use super::SigningKey;

/// The client id of the server.
pub const CLIENT_ID: &str = "test-engine";
/// The client secret of the server. Its characters have to be encoded.
pub const CLIENT_SECRET: &str = "client+secret/with:signs &%";

/// How ID tokens are signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdTokens {
    /// With the first published key.
    #[default]
    Signed,
    /// With an RSA key of the same issuer.
    SignedWithRsa,
    /// With `alg: none`.
    Unsigned,
    /// With HS256 and the client secret.
    HmacOfSecret,
    /// With HS256 and the published key as its secret.
    HmacOfPublicKey,
    /// With a key that is not published.
    OtherKey,
    /// Not at all: the response has none.
    Missing,
}

/// What the provider does at the next sign-ins.
#[derive(Debug)]
pub(super) struct People {
    codes: Vec<IssuedCode>,
    /// Added to the claims of ID tokens; null removes a claim.
    pub(super) claims: Value,
    pub(super) id_tokens: IdTokens,
    /// Accepts a code again and again.
    pub(super) accepts_used_codes: bool,
    /// Only `client_secret_post`.
    pub(super) wants_secret_in_body: bool,
}

impl Default for People {
    fn default() -> Self {
        Self {
            codes: Vec::new(),
            claims: json!({}),
            id_tokens: IdTokens::default(),
            accepts_used_codes: false,
            wants_secret_in_body: false,
        }
    }
}

#[derive(Debug)]
struct IssuedCode {
    value: String,
    redirect: String,
    nonce: String,
    challenge: String,
    is_used: bool,
}

/// The fields of a form or query.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn of(text: &str) -> Self {
        Self(serde_urlencoded::from_str(text).unwrap_or_default())
    }

    fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(found, _)| found == name);
        found.map_or("", |(_, value)| value)
    }
}

impl People {
    /// Everybody who comes is signed in; the address to redirect to.
    pub(super) fn authorize(&mut self, issuer: &str, query: &str) -> Result<String, String> {
        let fields = Fields::of(query);
        let expected = [
            ("response_type", "code"),
            ("client_id", CLIENT_ID),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in expected {
            if fields.get(name) != value {
                return Err(format!("{name} is {:?}", fields.get(name)));
            }
        }
        for name in ["state", "nonce", "code_challenge"] {
            if fields.get(name).len() < 43 {
                return Err(format!("{name} is too short"));
            }
        }
        let code = format!("code/{}", self.codes.len());
        let redirect = fields.get("redirect_uri").to_owned();
        let answer = [
            ("code", code.as_str()),
            ("state", fields.get("state")),
            ("iss", issuer),
        ];
        let answer = serde_urlencoded::to_string(answer).map_err(|error| error.to_string())?;
        let address = format!("{redirect}?{answer}");
        self.codes.push(IssuedCode {
            value: code,
            redirect,
            nonce: fields.get("nonce").to_owned(),
            challenge: fields.get("code_challenge").to_owned(),
            is_used: false,
        });
        Ok(address)
    }

    /// The nonce for a code that was not used, if the client proves that it requested it.
    pub(super) fn redeem(&mut self, authorization: &str, body: &str) -> Result<String, String> {
        let fields = Fields::of(body);
        if !self.is_client(authorization, &fields) {
            return Err("invalid_client".to_owned());
        }
        let verifier = digest::digest(&digest::SHA256, fields.get("code_verifier").as_bytes());
        let challenge = URL_SAFE_NO_PAD.encode(verifier.as_ref());
        let accepts_used = self.accepts_used_codes;
        let code = self.codes.iter_mut().find(|code| {
            code.value == fields.get("code")
                && code.redirect == fields.get("redirect_uri")
                && code.challenge == challenge
                && (!code.is_used || accepts_used)
        });
        let code = code.ok_or("invalid_grant")?;
        code.is_used = true;
        Ok(code.nonce.clone())
    }

    fn is_client(&self, authorization: &str, fields: &Fields) -> bool {
        if self.wants_secret_in_body {
            return authorization.is_empty()
                && fields.get("client_id") == CLIENT_ID
                && fields.get("client_secret") == CLIENT_SECRET;
        }
        let basic = authorization.strip_prefix("Basic ").unwrap_or_default();
        let decoded = STANDARD.decode(basic).unwrap_or_default();
        let decoded = String::from_utf8(decoded).unwrap_or_default();
        let (id, secret) = decoded.split_once(':').unwrap_or_default();
        let decoded = |text: &str| Fields::of(&format!("x={text}")).get("x").to_owned();
        decoded(id) == CLIENT_ID && decoded(secret) == CLIENT_SECRET
    }

    /// The response with an ID token that has these claims and those of the test.
    pub(super) fn tokens(&self, mut claims: Value, keys: &[SigningKey]) -> Value {
        if let (Some(all), Some(more)) = (claims.as_object_mut(), self.claims.as_object()) {
            for (name, value) in more {
                if value.is_null() {
                    all.remove(name);
                } else {
                    all.insert(name.clone(), value.clone());
                }
            }
        }
        let token = match self.id_tokens {
            IdTokens::Signed => keys[0].sign(&claims),
            IdTokens::SignedWithRsa => keys[1].sign(&claims),
            IdTokens::OtherKey => SigningKey::es256("first").sign(&claims),
            IdTokens::Unsigned => format!("{}.", unsigned(&json!({"alg": "none"}), &claims)),
            IdTokens::HmacOfSecret => with_hmac(CLIENT_SECRET.as_bytes(), &claims),
            IdTokens::HmacOfPublicKey => {
                with_hmac(keys[1].public_jwk().to_string().as_bytes(), &claims)
            }
            IdTokens::Missing => return json!({"access_token": "a", "token_type": "Bearer"}),
        };
        json!({"access_token": "a", "token_type": "Bearer", "id_token": token})
    }
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    format!("{}.{}", encode(header), encode(claims))
}

fn with_hmac(secret: &[u8], claims: &Value) -> String {
    let signed = unsigned(&json!({"alg": "HS256", "kid": "rsa"}), claims);
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let signature = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}
