//! OIDC tokens with a real server and a real issuer on this machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use test_engine::admin;
use test_engine::clock::Clock;
use test_engine_store::{Change, Timestamp};
use test_engine_testkit::{IssuerBehavior, LocalIssuer, NO_SERVER, SigningKey};

use crate::support::{Answer, SUITE, TestServer, result};

/// Seconds since 1970 at which these tests start.
const NOW: i64 = 1_800_000_000;

struct Scene {
    server: TestServer,
    issuer: LocalIssuer,
    time: Arc<AtomicI64>,
}

impl Scene {
    fn start() -> Self {
        Self::with_scopes(&["read_suites", "write_test_plan", "write_uploads"])
    }

    fn with_scopes(scopes: &[&str]) -> Self {
        let time = Arc::new(AtomicI64::new(NOW * 1_000));
        let server = TestServer::with(
            |config| config.oidc.allow_loopback_http = true,
            Clock::Fixed(Arc::clone(&time)),
        );
        let issuer = LocalIssuer::start();
        let scene = Self {
            server,
            issuer,
            time,
        };
        scene.set_policy(&json!([{
            "iss": scene.issuer.url(),
            "claims": {"organization_slug": "acme", "pipeline_slug": {"in": ["web", "api"]}},
            "scopes": scopes,
        }]));
        scene
    }

    fn set_policy(&self, policy: &Value) {
        self.server.with_store(async |store| {
            let suite = admin::suite(store, "acme", "web").await.unwrap();
            let text = policy.to_string();
            let change = Change::by_server(Timestamp::from_millis(0));
            admin::set_oidc_policy(store, &suite, Some(&text), &change)
                .await
                .unwrap();
        });
    }

    fn wait(&self, seconds: i64) {
        self.time.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }

    fn api_audience(&self) -> String {
        format!("{}{SUITE}", self.server.base)
    }

    /// Valid claims with changes; `null` removes a claim.
    fn claims(&self, changes: Value) -> Value {
        let now = self.time.load(Ordering::SeqCst) / 1_000;
        let mut claims = self.issuer.claims(&self.api_audience(), now);
        let Value::Object(changes) = changes else {
            panic!("an object")
        };
        for (name, value) in changes {
            match value {
                Value::Null => claims.as_object_mut().unwrap().remove(&name),
                value => claims.as_object_mut().unwrap().insert(name, value),
            };
        }
        claims
    }

    fn token(&self) -> String {
        self.issuer.token(&self.claims(json!({})))
    }

    fn get(&self, token: &str) -> Answer {
        self.server.ask("GET", SUITE).bearer(token).send()
    }

    #[track_caller]
    fn refused(&self, token: &str, expected: &str) {
        let message = self.get(token).error(401);
        assert!(message.contains(expected), "{message}");
        assert!(!message.contains(token), "{message}");
    }
}

#[test]
fn accepts_valid_tokens_in_every_authorization_format() {
    let scene = Scene::start();
    let web = format!(
        "{}/organizations/acme/analytics/suites/web",
        scene.server.base
    );
    let upload = json!({
        "format": "json", "run_env": {"key": "one"},
        "data": [result("a", "b", "c", 1.0, "passed")],
    });
    for token in [
        scene.token(),
        scene.issuer.rs256_token(&scene.claims(json!({}))),
        scene.issuer.token(&scene.claims(json!({"aud": web}))),
        scene
            .issuer
            .token(&scene.claims(json!({"aud": ["else", web], "pipeline_slug": "api"}))),
        // A trailing slash does not matter.
        scene
            .issuer
            .token(&scene.claims(json!({"aud": format!("{}/", scene.api_audience())}))),
        // A minute of leeway on either side.
        scene
            .issuer
            .token(&scene.claims(json!({"exp": NOW - 59, "nbf": null, "iat": null}))),
        scene
            .issuer
            .token(&scene.claims(json!({"nbf": NOW + 59, "iat": NOW + 59}))),
    ] {
        assert_eq!(scene.get(&token).ok()["slug"], "web");
        for spelling in [
            format!("Token token=\"{token}\""),
            format!("Token token={token}"),
            format!("Token {token}"),
            format!("Bearer {token}"),
        ] {
            let answer = scene
                .server
                .ask("POST", "/v1/uploads")
                .header("authorization", &spelling)
                .json(&upload)
                .send();
            assert_eq!(answer.status, 202, "{}", answer.text());
        }
    }
    // The issuer was contacted once: discovery document and keys.
    assert_eq!(scene.issuer.requests(), 2);
    let access = scene
        .server
        .ask("GET", "/v2/access-token")
        .bearer(&scene.token())
        .send()
        .ok();
    assert_eq!(
        access["scopes"],
        json!(["read_suites", "write_test_plan", "write_uploads"])
    );
}

#[test]
fn a_token_has_only_the_scopes_of_its_policy() {
    let scene = Scene::with_scopes(&["read_test_plan"]);
    let token = scene.token();
    let message = scene.get(&token).error(403);
    assert!(message.contains("read_suites"), "{message}");
    let plan = scene
        .server
        .ask("GET", &format!("{SUITE}/test_plan?identifier=none"))
        .bearer(&token)
        .send();
    plan.error(404);
    let make = scene
        .server
        .ask("POST", &format!("{SUITE}/test_plan"))
        .bearer(&token)
        .json(&json!({"runner": "rspec", "identifier": "b/s", "parallelism": 1, "branch": ""}))
        .send();
    assert!(make.error(403).contains("write_test_plan"));
    let upload = scene
        .server
        .ask("GET", "/v1/uploads/metadata")
        .header("authorization", &format!("Token token=\"{token}\""))
        .send();
    assert!(upload.error(403).contains("write_uploads"));
}

#[test]
fn a_token_is_valid_for_one_suite() {
    let scene = Scene::start();
    scene.server.with_store(async |store| {
        let now = Timestamp::from_millis(0);
        admin::create_suite(
            store,
            "acme",
            admin::new_suite("api"),
            &Change::by_server(now),
        )
        .await
        .unwrap();
        admin::create_organization(store, "other", &Change::by_server(now))
            .await
            .unwrap();
        admin::create_suite(
            store,
            "other",
            admin::new_suite("web"),
            &Change::by_server(now),
        )
        .await
        .unwrap();
    });
    let token = scene.token();
    let ask = |path: &str| scene.server.ask("GET", path).bearer(&token).send();
    let suite = SUITE.trim_end_matches("/web");
    ask(&format!("{suite}/api")).error(404);
    ask(&format!("{suite}/nothing")).error(404);
    ask(&SUITE.replace("/acme/", "/other/")).error(404);
    let message = ask(suite).error(403);
    assert!(message.contains("\"web\" only"), "{message}");
    // The other suites have no policy, and the response does not reveal whether they exist.
    for other in [
        "/acme/suites/api",
        "/other/suites/web",
        "/acme/suites/nothing",
    ] {
        let audience = scene.api_audience().replace("/acme/suites/web", other);
        let token = scene.issuer.token(&scene.claims(json!({"aud": audience})));
        scene.refused(&token, "No OIDC policy of the suite");
    }
}

#[test]
fn rejects_tokens_with_other_claims() {
    let scene = Scene::start();
    for (changes, expected) in [
        (json!({"exp": NOW - 60}), "expired"),
        (json!({"nbf": NOW + 61}), "not valid yet"),
        (json!({"iat": NOW + 61}), "not valid yet"),
        (json!({"exp": null}), "no expiry time"),
        (json!({"exp": "4000000000"}), "not numbers"),
        (json!({"nbf": "later"}), "not numbers"),
        (json!({"aud": null}), "audience"),
        (
            json!({"aud": "https://tests.example.com"}),
            "/v2/analytics/organizations/ORGANIZATION/suites/SUITE",
        ),
        (
            json!({"iss": "https://evil.example"}),
            "No OIDC policy of the suite",
        ),
        (
            json!({"iss": format!("{}/", scene.issuer.url())}),
            "No OIDC policy of the suite",
        ),
        (json!({"iss": null}), "no issuer"),
        (json!({"organization_slug": "other"}), "no statement"),
        (json!({"pipeline_slug": "ops"}), "no statement"),
        (json!({"pipeline_slug": null}), "no statement"),
        (json!({"pipeline_slug": ["web"]}), "no statement"),
    ] {
        let token = scene.issuer.token(&scene.claims(changes.clone()));
        scene.refused(&token, expected);
    }
}

#[test]
fn rejects_signatures_of_other_keys() {
    let scene = Scene::start();
    let claims = scene.claims(json!({}));
    scene.refused(
        &SigningKey::es256("first").sign(&claims),
        "signature of the OIDC token is wrong",
    );
    let good = scene.token();
    let (signed, _) = good.rsplit_once('.').unwrap();
    scene.refused(&format!("{signed}."), "signature");
    let other = scene.issuer.token(&scene.claims(json!({"sub": "other"})));
    let (_, signature) = other.rsplit_once('.').unwrap();
    scene.refused(&format!("{signed}.{signature}"), "signature");
    // An RSA signature under the id of the EC key, and vice versa.
    let rsa = SigningKey::rs256("first").sign(&claims);
    scene.refused(&rsa, "does not publish");
    let mixed = SigningKey::rs256("rsa").sign_as(&json!({"alg": "ES256", "kid": "rsa"}), &claims);
    scene.refused(&mixed, "does not publish");
    let mixed =
        SigningKey::rs256("first").sign_as(&json!({"alg": "ES256", "kid": "first"}), &claims);
    scene.refused(&mixed, "signature");
}

#[test]
fn rejects_unsigned_and_symmetric_tokens() {
    let scene = Scene::start();
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let claims = encode(&scene.claims(json!({})));
    for algorithm in ["none", "None", "NONE", ""] {
        let header = encode(&json!({"alg": algorithm, "kid": "first"}));
        scene.refused(&format!("{header}.{claims}."), "RS256 or ES256");
    }
    // Algorithm confusion: the public key as the secret of an HMAC.
    let header = encode(&json!({"alg": "HS256", "kid": "rsa"}));
    let signed = format!("{header}.{claims}");
    let public = scene.issuer.public_rsa_key();
    for secret in [
        public["n"].as_str().unwrap().as_bytes().to_vec(),
        URL_SAFE_NO_PAD
            .decode(public["n"].as_str().unwrap())
            .unwrap(),
        public.to_string().into_bytes(),
    ] {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &secret);
        let tag = URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, signed.as_bytes()));
        scene.refused(&format!("{signed}.{tag}"), "RS256 or ES256");
    }
    assert_eq!(scene.issuer.requests(), 0, "the issuer is not contacted");
}

#[test]
fn contacts_only_issuers_that_a_policy_names() {
    let scene = Scene::start();
    let other = LocalIssuer::start();
    let claims = other.claims(&scene.api_audience(), NOW);
    scene.refused(&other.token(&claims), "No OIDC policy of the suite");
    // Nor for expired tokens.
    let expired = scene
        .issuer
        .token(&scene.claims(json!({"exp": NOW - 1_000})));
    scene.refused(&expired, "expired");
    assert_eq!((other.requests(), scene.issuer.requests()), (0, 0));
    scene.set_policy(&json!([{
        "iss": other.url(), "claims": {"pipeline_slug": "web"}, "scopes": ["read_suites"],
    }]));
    assert_eq!(scene.get(&other.token(&claims)).status, 200);
    scene.refused(&scene.token(), "No OIDC policy of the suite");
}

#[test]
fn follows_key_rotation() {
    let scene = Scene::start();
    let old = scene.token();
    assert_eq!(scene.get(&old).status, 200);
    scene.issuer.rotate("second");
    let new = scene.token();
    // Too early for another fetch, so the new key is not known yet.
    scene.refused(&new, "does not publish");
    assert_eq!(scene.issuer.requests(), 2);
    scene.wait(11);
    assert_eq!(scene.get(&new).status, 200);
    assert_eq!(scene.issuer.requests(), 4);
    scene.refused(&old, "does not publish");
}

#[test]
fn unknown_key_ids_do_not_cause_repeated_fetches() {
    let scene = Scene::start();
    for id in 0..50 {
        let forged = SigningKey::es256(&format!("unknown-{id}")).sign(&scene.claims(json!({})));
        scene.refused(&forged, "does not publish");
    }
    assert_eq!(scene.issuer.requests(), 2);
    assert_eq!(scene.get(&scene.token()).status, 200);
}

#[test]
fn an_unavailable_issuer_is_a_503() {
    let scene = Scene::start();
    for behavior in [
        IssuerBehavior::ServerError,
        IssuerBehavior::Redirect,
        IssuerBehavior::EndlessKeys,
        IssuerBehavior::WrongIssuer,
    ] {
        scene.wait(11);
        scene.issuer.set_behavior(behavior);
        let message = scene.get(&scene.token()).error(503);
        // The same for every cause: a policy may name any address in the network of the server.
        let expected = format!(
            "The keys of the OIDC issuer {} cannot be fetched: the cause is in the log of the \
             server. Try again later.",
            scene.issuer.url()
        );
        assert_eq!(message, expected, "{behavior:?}");
    }
    // One fetch, not one per request.
    let before = scene.issuer.requests();
    scene.get(&scene.token()).error(503);
    assert_eq!(scene.issuer.requests(), before);
    scene.wait(11);
    scene.issuer.set_behavior(IssuerBehavior::Normal);
    assert_eq!(scene.get(&scene.token()).status, 200);
    // Cached keys outlast an outage of a day.
    scene.issuer.set_behavior(IssuerBehavior::ServerError);
    scene.wait(23 * 60 * 60);
    assert_eq!(scene.get(&scene.token()).status, 200);
    scene.wait(2 * 60 * 60);
    scene.get(&scene.token()).error(503);
}

#[test]
fn an_issuer_that_refuses_connections_is_a_503() {
    let scene = Scene::start();
    scene.set_policy(
        &json!([{"iss": NO_SERVER, "claims": {"pipeline_slug": "web"}, "scopes": ["read_suites"]}]),
    );
    let token = scene.issuer.token(&scene.claims(json!({"iss": NO_SERVER})));
    let message = scene.get(&token).error(503);
    assert!(message.contains(NO_SERVER), "{message}");
    assert!(!message.contains("refused"), "{message}");
}

#[test]
fn policies_name_issuers_without_tls_only_if_they_are_allowed() {
    for allowed in [false, true] {
        let server = TestServer::with(
            |config| config.oidc.allow_loopback_http = allowed,
            Clock::System,
        );
        let policy = json!([{
            "iss": "http://127.0.0.1:1", "claims": {"a": "b"}, "scopes": ["read_suites"],
        }]);
        let changed = server.patch(SUITE, &json!({ "oidc_policy": policy }));
        let new = json!({"name": "New", "default_branch": "main", "oidc_policy": policy});
        let created = server.post("/v2/analytics/organizations/acme/suites", &new);
        for answer in [changed, created] {
            if allowed {
                assert!(answer.status < 300, "{}", answer.text());
            } else {
                let message = answer.error(422);
                assert!(message.contains("must start with https://"), "{message}");
            }
        }
    }
}

#[test]
fn rejects_plain_http_by_default() {
    let server = TestServer::with(|_| {}, Clock::System);
    let issuer = LocalIssuer::start();
    server.with_store(async |store| {
        let suite = admin::suite(store, "acme", "web").await.unwrap();
        let policy = json!([{
            "iss": issuer.url(), "claims": {"pipeline_slug": "web"}, "scopes": ["read_suites"],
        }]);
        let change = Change::by_server(Timestamp::from_millis(0));
        admin::set_oidc_policy(store, &suite, Some(&policy.to_string()), &change)
            .await
            .unwrap();
    });
    let mut claims = issuer.claims(&format!("{}{SUITE}", server.base), 0);
    claims["exp"] = json!(4_000_000_000_u64);
    let answer = server
        .ask("GET", SUITE)
        .bearer(&issuer.token(&claims))
        .send();
    let message = answer.error(503);
    assert!(message.contains("--oidc-allow-loopback-http"), "{message}");
    assert_eq!(issuer.requests(), 0);
}
