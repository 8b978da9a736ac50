//! An OIDC issuer inside the test: it publishes its keys, signs tokens, and fails when it is told to.
//!
//! It speaks just enough HTTP for the server that asks for its keys and for the stand-in of a CI
//! agent that asks for a token.

mod keys;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

pub use keys::SigningKey;

/// How long a token of the stand-in agent is good for, in seconds.
const LIFETIME: u64 = 600;
/// The longest a connection may be silent.
const SILENCE: Duration = Duration::from_secs(20);

/// How the issuer answers whoever asks for its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuerMood {
    /// As it should.
    Well,
    /// 500 for everything.
    Broken,
    /// Keys that never end.
    Endless,
    /// Another address.
    Elsewhere,
    /// As if it were another issuer.
    Impostor,
}

/// A running issuer; its thread ends with the test.
#[derive(Debug)]
pub struct LocalIssuer {
    url: String,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    keys: Vec<SigningKey>,
    mood: IssuerMood,
    requests: usize,
    claims: Value,
}

fn locked(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LocalIssuer {
    /// Starts an issuer with one ES256 and one RS256 key.
    #[track_caller]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let url = format!("http://{address}");
        let shared = Arc::new(Mutex::new(Shared {
            keys: vec![SigningKey::es256("first"), SigningKey::rs256("rsa")],
            mood: IssuerMood::Well,
            requests: 0,
            claims: json!({}),
        }));
        let (own, place) = (url.clone(), Arc::clone(&shared));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (own, place) = (own.clone(), Arc::clone(&place));
                // A connection that breaks is the other side's business.
                std::thread::spawn(move || answer(stream, &own, &place).ok());
            }
        });
        Self { url, shared }
    }

    /// What is in `iss`, such as `http://127.0.0.1:40001`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How many requests there have been.
    pub fn requests(&self) -> usize {
        locked(&self.shared).requests
    }

    /// Answer like this from now on.
    pub fn set_mood(&self, mood: IssuerMood) {
        locked(&self.shared).mood = mood;
    }

    /// The claims of the tokens that the stand-in agent is given, beside those every token has.
    pub fn set_claims(&self, claims: Value) {
        locked(&self.shared).claims = claims;
    }

    /// Sign with another key from now on, and publish only that one.
    pub fn rotate(&self, id: &str) {
        locked(&self.shared).keys = vec![SigningKey::es256(id)];
    }

    /// A token of this issuer: these claims, signed with its first key.
    pub fn token(&self, claims: &Value) -> String {
        locked(&self.shared).keys[0].sign(claims)
    }

    /// A token signed with its RSA key.
    #[track_caller]
    pub fn rs256_token(&self, claims: &Value) -> String {
        let shared = locked(&self.shared);
        let key = shared.keys.iter().find(|key| key.is_rsa());
        key.expect("an RSA key").sign(claims)
    }

    /// The public RSA key as it is published.
    #[track_caller]
    pub fn public_rsa_key(&self) -> Value {
        let shared = locked(&self.shared);
        let key = shared.keys.iter().find(|key| key.is_rsa());
        key.expect("an RSA key").published()
    }

    /// Good claims for this audience at this time, in seconds since 1970.
    pub fn claims(&self, audience: &str, now: i64) -> Value {
        json!({
            "iss": self.url,
            "sub": "organization:acme:pipeline:web",
            "aud": audience,
            "iat": now,
            "nbf": now,
            "exp": now + 300,
            "organization_slug": "acme",
            "pipeline_slug": "web",
        })
    }

    /// The text of a stand-in for `buildkite-agent`, which asks this issuer for its tokens.
    pub fn agent_script(&self) -> String {
        format!(
            "#!/bin/sh\n\
             # buildkite-agent oidc request-token --audience URL --lifetime SECONDS\n\
             [ \"$1 $2 $3\" = 'oidc request-token --audience' ] || exit 2\n\
             exec curl --fail --silent --show-error --noproxy '*' --data-raw \"$4\" {}/mint\n",
            self.url
        )
    }
}

fn answer(stream: TcpStream, own: &str, shared: &Mutex<Shared>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(SILENCE))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(given) = line.strip_prefix("content-length:") {
            length = given.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    std::io::Read::read_exact(&mut reader, &mut body)?;
    let path = first.split(' ').nth(1).unwrap_or_default();
    let mood = {
        let mut shared = locked(shared);
        shared.requests += 1;
        shared.mood
    };
    let mut stream = stream;
    let json = match (path, mood) {
        (_, IssuerMood::Broken) => {
            return stream.write_all(b"HTTP/1.1 500 Broken\r\ncontent-length: 0\r\n\r\n");
        }
        (_, IssuerMood::Elsewhere) => {
            return stream.write_all(
                format!(
                    "HTTP/1.1 302 Found\r\nlocation: {own}/elsewhere\r\ncontent-length: 0\r\n\r\n"
                )
                .as_bytes(),
            );
        }
        ("/.well-known/openid-configuration", mood) => {
            let issuer = match mood {
                IssuerMood::Impostor => "https://somebody.example",
                _ => own,
            };
            json!({"issuer": issuer, "jwks_uri": format!("{own}/jwks")}).to_string()
        }
        ("/jwks", IssuerMood::Endless) => return endless(&mut stream),
        ("/jwks", _) => {
            let keys: Vec<Value> = locked(shared)
                .keys
                .iter()
                .map(SigningKey::published)
                .collect();
            json!({"keys": keys}).to_string()
        }
        ("/mint", _) => mint(own, &String::from_utf8_lossy(&body), shared),
        _ => return stream.write_all(b"HTTP/1.1 404 Nothing\r\ncontent-length: 0\r\n\r\n"),
    };
    stream.write_all(
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{json}",
            json.len()
        )
        .as_bytes(),
    )
}

/// Writes until the other side has had enough.
fn endless(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"keys\": [")?;
    loop {
        stream.write_all(b"{\"kty\": \"none of yours\"}, ")?;
    }
}

fn mint(own: &str, audience: &str, shared: &Mutex<Shared>) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "the agent of a test has no other clock to go by"
    )]
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let shared = locked(shared);
    let mut claims =
        json!({"iss": own, "aud": audience, "iat": now, "nbf": now, "exp": now + LIFETIME});
    if let (Value::Object(claims), Value::Object(more)) = (&mut claims, shared.claims.clone()) {
        claims.extend(more);
    }
    shared.keys[0].sign(&claims)
}
