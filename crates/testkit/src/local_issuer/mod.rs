//! An OIDC issuer inside the test: publishes its keys, signs tokens, and can be made to fail.
//!
//! It implements just enough HTTP for the server, which requests its keys and exchanges the codes
//! of people, and for the stand-in of `buildkite-agent`, which requests tokens.

mod keys;
mod sign_in;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

pub use keys::SigningKey;
use sign_in::People;
pub use sign_in::{CLIENT_ID, CLIENT_SECRET, IdTokens};

/// The lifetime of a token of the stand-in agent, in seconds.
const TOKEN_LIFETIME: u64 = 600;
const IO_TIMEOUT: Duration = Duration::from_secs(20);

/// How the issuer responds to key requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuerBehavior {
    /// With valid keys.
    Normal,
    /// With 500 to every request.
    ServerError,
    /// With a response that never ends.
    EndlessKeys,
    /// With a redirect to another address.
    Redirect,
    /// With the metadata of another issuer.
    WrongIssuer,
}

/// A running issuer. Its thread ends with the test process.
#[derive(Debug)]
pub struct LocalIssuer {
    url: String,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    keys: Vec<SigningKey>,
    behavior: IssuerBehavior,
    requests: usize,
    claims: Value,
    people: People,
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
            behavior: IssuerBehavior::Normal,
            requests: 0,
            claims: json!({}),
            people: People::default(),
        }));
        let (issuer, state) = (url.clone(), Arc::clone(&shared));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (issuer, state) = (issuer.clone(), Arc::clone(&state));
                // A broken connection fails the test on the other side.
                std::thread::spawn(move || respond(stream, &issuer, &state).ok());
            }
        });
        Self { url, shared }
    }

    /// The value of `iss`, for example `http://127.0.0.1:40001`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Requests received so far.
    pub fn requests(&self) -> usize {
        locked(&self.shared).requests
    }

    /// Response like this from now on.
    pub fn set_behavior(&self, behavior: IssuerBehavior) {
        locked(&self.shared).behavior = behavior;
    }

    /// Sets additional claims for the tokens of the stand-in agent.
    pub fn set_claims(&self, claims: Value) {
        locked(&self.shared).claims = claims;
    }

    /// Sets the claims of people who sign in; null removes one that ID tokens otherwise have.
    pub fn set_person(&self, claims: Value) {
        locked(&self.shared).people.claims = claims;
    }

    /// Signs the ID tokens of people like this from now on.
    pub fn set_id_tokens(&self, id_tokens: IdTokens) {
        locked(&self.shared).people.id_tokens = id_tokens;
    }

    /// Accepts the codes of people more than once from now on.
    pub fn accept_used_codes(&self) {
        locked(&self.shared).people.accepts_used_codes = true;
    }

    /// Accepts the client secret only in bodies from now on.
    pub fn want_secret_in_body(&self) {
        locked(&self.shared).people.wants_secret_in_body = true;
    }

    /// Replaces all keys with a new ES256 key.
    pub fn rotate(&self, id: &str) {
        locked(&self.shared).keys = vec![SigningKey::es256(id)];
    }

    /// A token with these claims, signed with the first key.
    pub fn token(&self, claims: &Value) -> String {
        locked(&self.shared).keys[0].sign(claims)
    }

    /// A token with these claims, signed with the RSA key.
    #[track_caller]
    pub fn rs256_token(&self, claims: &Value) -> String {
        let shared = locked(&self.shared);
        let key = shared.keys.iter().find(|key| key.is_rsa());
        key.expect("an RSA key").sign(claims)
    }

    /// The public RSA key as an entry of the JWK set.
    #[track_caller]
    pub fn public_rsa_key(&self) -> Value {
        let shared = locked(&self.shared);
        let key = shared.keys.iter().find(|key| key.is_rsa());
        key.expect("an RSA key").public_jwk()
    }

    /// Valid claims for this audience and time (seconds since 1970).
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

    /// A shell script that replaces `buildkite-agent` and requests tokens from this issuer.
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

fn respond(mut stream: TcpStream, url: &str, shared: &Mutex<Shared>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(IO_TIMEOUT))?;
    stream.set_write_timeout(Some(IO_TIMEOUT))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut length = 0;
    let mut authorization = String::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "authorization" => value.trim().clone_into(&mut authorization),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    std::io::Read::read_exact(&mut reader, &mut body)?;
    let path = first.split(' ').nth(1).unwrap_or_default();
    let behavior = {
        let mut shared = locked(shared);
        shared.requests += 1;
        shared.behavior
    };
    let json = match (path, behavior) {
        (_, IssuerBehavior::ServerError) => {
            return stream.write_all(b"HTTP/1.1 500 Broken\r\ncontent-length: 0\r\n\r\n");
        }
        (_, IssuerBehavior::Redirect) => {
            return redirect(stream, &format!("{url}/elsewhere"));
        }
        ("/.well-known/openid-configuration", behavior) => {
            let issuer = match behavior {
                IssuerBehavior::WrongIssuer => "https://other.example",
                _ => url,
            };
            let methods = if locked(shared).people.wants_secret_in_body {
                json!(["client_secret_post"])
            } else {
                json!(["client_secret_post", "client_secret_basic"])
            };
            json!({
                "issuer": issuer,
                "jwks_uri": format!("{url}/jwks"),
                "authorization_endpoint": format!("{url}/authorize"),
                "token_endpoint": format!("{url}/token"),
                "token_endpoint_auth_methods_supported": methods,
            })
            .to_string()
        }
        ("/jwks", IssuerBehavior::EndlessKeys) => return endless(&mut stream),
        ("/jwks", _) => {
            let keys = &locked(shared).keys;
            let keys: Vec<Value> = keys.iter().map(SigningKey::public_jwk).collect();
            json!({"keys": keys}).to_string()
        }
        (path, _) if path.starts_with("/authorize?") => {
            let query = path.trim_start_matches("/authorize?");
            let answer = locked(shared).people.authorize(url, query);
            return match answer {
                Ok(address) => redirect(stream, &address),
                Err(problem) => bad_request(stream, &json!({"error": problem}).to_string()),
            };
        }
        ("/token", _) => {
            let body = String::from_utf8_lossy(&body);
            let redeemed = locked(shared).people.redeem(&authorization, &body);
            match redeemed {
                Ok(nonce) => id_token(url, &nonce, shared),
                Err(problem) => {
                    return bad_request(stream, &json!({"error": problem}).to_string());
                }
            }
        }
        ("/mint", _) => mint(url, &String::from_utf8_lossy(&body), shared),
        _ => return stream.write_all(b"HTTP/1.1 404 Nothing\r\ncontent-length: 0\r\n\r\n"),
    };
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{json}",
        json.len()
    )
}

fn redirect(mut stream: TcpStream, address: &str) -> std::io::Result<()> {
    let headers = format!("location: {address}\r\ncontent-length: 0");
    write!(stream, "HTTP/1.1 302 Found\r\n{headers}\r\n\r\n")
}

fn bad_request(mut stream: TcpStream, json: &str) -> std::io::Result<()> {
    let headers = format!("connection: close\r\ncontent-length: {}", json.len());
    write!(
        stream,
        "HTTP/1.1 400 Bad Request\r\n{headers}\r\n\r\n{json}"
    )
}

/// Writes until the client closes the connection.
fn endless(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"keys\": [")?;
    loop {
        stream.write_all(b"{\"kty\": \"unknown\"}, ")?;
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the issuer has no other clock when it makes tokens itself"
    )]
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// The response of the token endpoint.
fn id_token(issuer: &str, nonce: &str, shared: &Mutex<Shared>) -> String {
    let now = now();
    let claims = json!({
        "iss": issuer,
        "sub": "42",
        "aud": CLIENT_ID,
        "nonce": nonce,
        "iat": now,
        "exp": now + TOKEN_LIFETIME,
    });
    let shared = locked(shared);
    shared.people.tokens(claims, &shared.keys).to_string()
}

fn mint(issuer: &str, audience: &str, shared: &Mutex<Shared>) -> String {
    let now = now();
    let shared = locked(shared);
    let exp = now + TOKEN_LIFETIME;
    let mut claims = json!({"iss": issuer, "aud": audience, "iat": now, "nbf": now, "exp": exp});
    if let (Value::Object(claims), Value::Object(more)) = (&mut claims, shared.claims.clone()) {
        claims.extend(more);
    }
    shared.keys[0].sign(&claims)
}
