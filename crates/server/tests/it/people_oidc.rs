//! Sign-in with an OpenID Connect provider, and attacks on it. The provider runs in the test.

use secrecy::SecretString;
use serde_json::{Value, json};
use test_engine::clock::Clock;
use test_engine::{admin, people};
use test_engine_store::{Change, Role, Timestamp, User};
use test_engine_testkit::{CLIENT_ID, CLIENT_SECRET, IdTokens, IssuerBehavior, LocalIssuer};

use crate::forms::get;
use crate::support::{Answer, Ask, TestServer};

const PAGES: &str = "/organizations/acme/analytics";

struct Scene {
    server: TestServer,
    issuer: LocalIssuer,
}

impl Scene {
    /// People with verified addresses of example.com are writers.
    fn start() -> Self {
        let issuer = LocalIssuer::start();
        let server = TestServer::with(
            |config| {
                config.oidc.allow_loopback_http = true;
                config.sign_in.issuer = Some(issuer.url().to_owned());
                config.sign_in.client_id = Some(CLIENT_ID.to_owned());
                config.sign_in.client_secret = Some(SecretString::from(CLIENT_SECRET));
                "Example ID".clone_into(&mut config.sign_in.name);
            },
            Clock::System,
        );
        issuer.set_person(json!({"email": "priya@example.com", "email_verified": true}));
        let scene = Self { server, issuer };
        scene.add_rule("email_domain", "example.com", Some(Role::Writer));
        scene
    }

    fn add_rule(&self, kind: &str, value: &str, role: Option<Role>) {
        let matches = people::rule_match(kind, value).unwrap();
        let change = Change::by_server(Timestamp::from_millis(0));
        self.server.with_store(async |store| {
            let acme = admin::organization(store, "acme").await.unwrap();
            people::create_rule(store, acme.id, matches, role, &change)
                .await
                .unwrap();
        });
    }

    fn users(&self) -> Vec<User> {
        self.server
            .with_store(async |store| store.users(None).await.unwrap())
    }

    /// As far as the provider's redirect back to the server.
    fn attempt(&self, next: &str) -> Attempt {
        let started = get(&self.server, &format!("/sign-in/provider?next={next}"), "");
        assert_eq!(started.status, 303, "{}", started.text());
        let set = started.header("set-cookie").unwrap().to_owned();
        let address = started.header("location").unwrap().to_owned();
        assert!(address.starts_with(self.issuer.url()), "{address}");
        let answered = Ask::new("GET", &address).send();
        assert_eq!(answered.status, 302, "{}", answered.text());
        let back = answered.header("location").unwrap();
        let path = back.strip_prefix(&self.server.base).expect("exactly ours");
        Attempt {
            cookie: set.split(';').next().unwrap().to_owned(),
            set,
            path: path.to_owned(),
        }
    }

    fn finish(&self, attempt: &Attempt) -> Answer {
        get(&self.server, &attempt.path, &attempt.cookie)
    }

    fn sign_in(&self) -> Answer {
        self.finish(&self.attempt(""))
    }

    #[track_caller]
    fn rejects(&self, attempt: &Attempt, why: &str) {
        let answer = self.finish(attempt);
        assert_eq!(answer.status, 403, "{why}: {}", answer.text());
        assert!(session(&answer).is_none(), "{why}");
        assert!(self.users().is_empty(), "{why}");
    }
}

struct Attempt {
    /// Name and value.
    cookie: String,
    /// With its attributes.
    set: String,
    /// With code and state.
    path: String,
}

/// The session cookie of an answer.
fn session(answer: &Answer) -> Option<String> {
    let mut set = answer
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie")
        .filter_map(|(_, value)| value.split(';').next());
    set.find(|pair| pair.starts_with("test_engine_session=teu_"))
        .map(str::to_owned)
}

#[test]
fn a_person_whom_a_rule_admits_signs_in() {
    let scene = Scene::start();
    let page = get(&scene.server, "/sign-in?next=/account", "").text();
    assert!(page.contains("Sign in with Example ID"), "{page}");
    assert!(page.contains("/sign-in/provider?next=%2Faccount"), "{page}");
    assert!(!page.contains(" open>"), "the forms are folded: {page}");

    let attempt = scene.attempt("%2Faccount");
    for part in ["HttpOnly", "SameSite=Lax", "Max-Age=600", "Path=/"] {
        assert!(attempt.set.contains(part), "{}", attempt.set);
    }
    let answer = scene.finish(&attempt);
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert_eq!(answer.header("location"), Some("/account"));
    let cleared = answer
        .headers
        .iter()
        .any(|(name, value)| name == "set-cookie" && value.starts_with("test_engine_sign_in=;"));
    assert!(cleared, "{:?}", answer.headers);
    let cookie = session(&answer).unwrap();
    let account = get(&scene.server, "/account", &cookie).text();
    assert!(account.contains("priya@example.com"), "{account}");
    assert!(account.contains("writer in "), "{account}");
    assert!(!account.contains("Change the password"), "{account}");
    assert_eq!(get(&scene.server, PAGES, &cookie).status, 200);
    let audit = "/v2/analytics/organizations/acme/audit?per_page=2";
    let events = scene.server.get(audit).ok();
    assert_eq!(events[0]["action"], "session.created");
    assert_eq!(events[1]["action"], "user.added");
    assert_eq!(events[1]["actor"]["name"], "priya@example.com");

    // The same person again, with another address: the subject counts.
    scene
        .issuer
        .set_person(json!({"email": "p@example.com", "email_verified": "true"}));
    assert_eq!(scene.sign_in().status, 303);
    let users = scene.users();
    assert_eq!(users.len(), 1);
    assert_eq!(users[0].name, "p@example.com");
}

#[test]
fn every_way_to_authenticate_and_sign_works() {
    let scene = Scene::start();
    scene.issuer.set_id_tokens(IdTokens::SignedWithRsa);
    scene.issuer.want_secret_in_body();
    assert_eq!(scene.sign_in().status, 303);
}

#[test]
fn nobody_gets_in_by_default() {
    let scene = Scene::start();
    for claims in [
        json!({"email": "priya@example.org", "email_verified": true}),
        json!({"email": "priya@example.com", "email_verified": false}),
        json!({"email": "priya@example.com", "email_verified": "false"}),
        json!({"email": "priya@example.com", "email_verified": 1}),
        json!({"email": "priya@example.com"}),
        json!({"email": "priya@sub.example.com", "email_verified": true}),
        json!({"email": "priya@example.com@evil.org", "email_verified": true}),
        json!({"email": ["priya@example.com"], "email_verified": true}),
        json!({"groups": ["engineering"]}),
    ] {
        scene.issuer.set_person(claims.clone());
        let answer = scene.sign_in();
        assert_eq!(answer.status, 403, "{claims}");
        assert!(answer.text().contains("your subject is 42"), "{claims}");
        assert!(session(&answer).is_none(), "{claims}");
        assert!(scene.users().is_empty(), "{claims}");
    }
    scene.add_rule("claim", "groups=engineering", Some(Role::Reader));
    assert_eq!(scene.sign_in().status, 303);
    scene.add_rule("subject", "42", None);
    assert_eq!(scene.sign_in().status, 403);
    assert!(scene.users().is_empty(), "kept out");
}

#[test]
fn state_and_code_belong_to_one_attempt_of_one_browser() {
    let scene = Scene::start();
    let [own, other] = [scene.attempt(""), scene.attempt("")];
    let with = |cookie: &str, path: &str| Attempt {
        cookie: cookie.to_owned(),
        set: String::new(),
        path: path.to_owned(),
    };
    scene.rejects(&with("", &own.path), "without the cookie");
    scene.rejects(&with(&other.cookie, &own.path), "another attempt's cookie");
    let state = own.path.split("state=").nth(1).unwrap();
    let state = state.split('&').next().unwrap();
    let wrong = own.path.replace(state, &"0".repeat(64));
    scene.rejects(&with(&own.cookie, &wrong), "a wrong state");
    let none = own.path.replace("state=", "other=");
    scene.rejects(&with(&own.cookie, &none), "without a state");
    // Somebody else's code in one's own attempt: PKCE and the nonce are of the other.
    let code = |path: &str| {
        let code = path.split("code=").nth(1).unwrap();
        code.split('&').next().unwrap().to_owned()
    };
    let mixed = own.path.replace(&code(&own.path), &code(&other.path));
    scene.rejects(&with(&own.cookie, &mixed), "the code of another attempt");
    let issuer = format!("{}&", own.path).replace("iss=http", "iss=https");
    scene.rejects(&with(&own.cookie, &issuer), "another issuer");
    let denied = format!("/sign-in/callback?error=access_denied&state={state}");
    scene.rejects(&with(&own.cookie, &denied), "denied by the person");
    assert_eq!(scene.finish(&own).status, 303, "the right one");
}

#[test]
fn an_answer_signs_in_once() {
    let scene = Scene::start();
    let attempt = scene.attempt("");
    assert_eq!(scene.finish(&attempt).status, 303);
    let again = scene.finish(&attempt);
    assert_eq!((again.status, session(&again)), (403, None));
    // Even if the provider does not care.
    scene.issuer.accept_used_codes();
    let again = scene.finish(&attempt);
    assert_eq!((again.status, session(&again)), (403, None));
}

#[test]
fn failed_answers_are_limited() {
    let scene = Scene::start();
    let attempt = scene.attempt("");
    for _ in 0..10 {
        let wrong = get(&scene.server, "/sign-in/callback?code=a&state=b", "");
        assert_eq!(wrong.status, 403);
    }
    assert_eq!(scene.finish(&attempt).status, 429);
}

#[test]
fn id_tokens_are_verified() {
    let now = Clock::System.now().millis() / 1_000;
    let person = json!({"email": "priya@example.com", "email_verified": true});
    let forged = |changes: Value| {
        let mut claims = person.clone();
        claims
            .as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        claims
    };
    let bad_claims = [
        ("wrong nonce", json!({"nonce": "0".repeat(64)})),
        ("no nonce", json!({"nonce": null})),
        ("another audience", json!({"aud": "other"})),
        ("no audience", json!({"aud": null})),
        ("two audiences", json!({"aud": ["other", CLIENT_ID]})),
        (
            "two audiences, for the other",
            json!({"aud": ["other", CLIENT_ID], "azp": "other"}),
        ),
        ("for another party", json!({"azp": "other"})),
        ("another issuer", json!({"iss": "https://id.example.com"})),
        ("expired", json!({"exp": now - 61})),
        ("no expiry", json!({"exp": null})),
        ("from the future", json!({"iat": now + 3_600})),
        ("not yet valid", json!({"nbf": now + 3_600})),
        ("no subject", json!({"sub": null})),
        ("an empty subject", json!({"sub": ""})),
        ("a long subject", json!({"sub": "4".repeat(256)})),
        ("a subject that is no text", json!({"sub": 42})),
    ];
    // Ten failures a minute are allowed.
    for group in bad_claims.chunks(8) {
        let scene = Scene::start();
        for (name, changes) in group {
            scene.issuer.set_person(forged(changes.clone()));
            scene.rejects(&scene.attempt(""), name);
        }
    }
    let scene = Scene::start();
    for id_tokens in [
        IdTokens::Unsigned,
        IdTokens::HmacOfSecret,
        IdTokens::HmacOfPublicKey,
        IdTokens::OtherKey,
        IdTokens::Missing,
    ] {
        scene.issuer.set_id_tokens(id_tokens);
        scene.rejects(&scene.attempt(""), &format!("{id_tokens:?}"));
    }
    scene.issuer.set_id_tokens(IdTokens::Signed);
    let several = json!({"aud": ["other", CLIENT_ID], "azp": CLIENT_ID});
    scene.issuer.set_person(forged(several));
    assert_eq!(scene.sign_in().status, 303);
}

#[test]
fn sign_in_returns_to_pages_of_this_server_only() {
    let scene = Scene::start();
    for (next, expected) in [
        ("%2Faccount%3Fa%3Db", "/account?a=b"),
        ("https%3A%2F%2Fevil.example", "/organizations"),
        ("%2F%2Fevil.example", "/organizations"),
        ("%2F%5Cevil.example", "/organizations"),
        ("%2F%09%2Fevil.example", "/organizations"),
        ("javascript%3Aalert(1)", "/organizations"),
    ] {
        let answer = scene.finish(&scene.attempt(next));
        assert_eq!(answer.header("location"), Some(expected), "{next}");
    }
    // The path is in a cookie, which somebody may have changed.
    let mut attempt = scene.attempt("");
    let (secret, _) = attempt.cookie.rsplit_once('.').unwrap();
    // base64 of "//evil.example"
    attempt.cookie = format!("{secret}.Ly9ldmlsLmV4YW1wbGU");
    let answer = scene.finish(&attempt);
    assert_eq!(answer.header("location"), Some("/organizations"));
}

#[test]
fn a_sign_in_never_keeps_the_old_session() {
    let scene = Scene::start();
    let old = crate::forms::cookie(&scene.server, &scene.server.access);
    let mut attempt = scene.attempt("");
    attempt.cookie = format!("{}; {old}", attempt.cookie);
    let answer = scene.finish(&attempt);
    assert_eq!(answer.status, 303);
    let new = session(&answer).unwrap();
    assert_ne!(new, old);
    assert_eq!(get(&scene.server, PAGES, &old).status, 303);
    assert_eq!(get(&scene.server, PAGES, &new).status, 200);
}

#[test]
fn deleting_the_rule_ends_the_session() {
    let scene = Scene::start();
    let cookie = session(&scene.sign_in()).unwrap();
    scene.server.with_store(async |store| {
        let rules = store.sign_in_rules(None).await.unwrap();
        let change = Change::by_server(Timestamp::from_millis(0));
        let deleted = store.delete_sign_in_rule(rules[0].organization, rules[0].uuid, &change);
        assert!(deleted.await.unwrap());
    });
    assert_eq!(get(&scene.server, PAGES, &cookie).status, 303);
    assert_eq!(scene.sign_in().status, 403);
}

#[test]
fn a_provider_that_fails_is_reported_without_details() {
    let scene = Scene::start();
    let attempt = scene.attempt("");
    for behavior in [
        IssuerBehavior::ServerError,
        IssuerBehavior::Redirect,
        IssuerBehavior::WrongIssuer,
    ] {
        let scene = Scene::start();
        scene.issuer.set_behavior(behavior);
        let answer = get(&scene.server, "/sign-in/provider", "");
        assert_eq!(answer.status, 503, "{behavior:?}");
        assert!(answer.text().contains("Example ID is unavailable"));
        assert!(!answer.text().contains("127.0.0.1"), "{}", answer.text());
    }
    scene.issuer.set_behavior(IssuerBehavior::ServerError);
    let answer = scene.finish(&attempt);
    assert_eq!((answer.status, session(&answer)), (403, None));
    let without = TestServer::start();
    for path in ["/sign-in/provider", "/sign-in/callback?code=a&state=b"] {
        assert_eq!(get(&without, path, "").status, 404, "no provider");
    }
}
