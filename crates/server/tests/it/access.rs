//! Every endpoint of the API with every kind of token: which are accepted, and which errors others
//! get.
//!
//! A test compares the table with the routes, so every endpoint needs a row.

mod table;

use std::collections::BTreeSet;

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use test_engine::admin::{self, TokenRequest};
use test_engine::clock::Clock;
use test_engine::people;
use test_engine::scopes::Scope;
use test_engine_store::{Change, NewToken, Role, Store, Timestamp, TokenKind};
use test_engine_testkit::LocalIssuer;

use self::table::{Accepts, Row, address, pattern, table};
use crate::support::{Answer, TestServer};

const METRICS_TOKEN: &str = "scrape-me";
/// The kinds of tokens that endpoints distinguish.
#[derive(Clone, Debug)]
enum Kind {
    /// No token, or an invalid one.
    Invalid,
    /// An access token of the organization.
    Access(Vec<Scope>),
    /// One of a person with this role.
    Person(Role, Vec<Scope>),
    /// One of another organization, with every scope.
    ForeignAccess,
    /// A live token of any suite.
    SuiteToken,
    /// An OIDC token for the suite.
    Oidc(Vec<Scope>),
    /// One for another suite of the same organization, with every scope.
    SiblingOidc,
    /// One for a suite of another organization, with every scope.
    ForeignOidc,
    /// The token of --metrics-token.
    Metrics,
}

/// The expected result for a kind of token: success, or an error status and text.
fn verdict(accepts: Accepts, kind: &Kind) -> Result<(), (u16, String)> {
    let refused = |status: u16, says: &str| Err((status, says.to_owned()));
    let needs = |scope: Scope, scopes: &[Scope]| {
        let writes = scope == Scope::ReadTestPlan && scopes.contains(&Scope::WriteTestPlan);
        if scopes.contains(&scope) || writes {
            Ok(())
        } else {
            refused(403, scope.name())
        }
    };
    match (accepts, kind) {
        (Accepts::Open, _) => Ok(()),
        (Accepts::Metrics, Kind::Metrics) => Ok(()),
        (Accepts::Metrics, _) => refused(401, "--metrics-token"),
        (_, Kind::Invalid | Kind::Metrics) => refused(401, ""),
        (Accepts::Uploads, Kind::SuiteToken | Kind::SiblingOidc | Kind::ForeignOidc) => Ok(()),
        (Accepts::Uploads, Kind::Oidc(scopes)) => needs(Scope::WriteUploads, scopes),
        (Accepts::Uploads, _) | (_, Kind::SuiteToken) => refused(401, ""),
        (Accepts::AnyAccess, _) => Ok(()),
        (Accepts::OwnToken, Kind::Access(_) | Kind::Person(..) | Kind::ForeignAccess) => Ok(()),
        (Accepts::OwnToken, _) => refused(400, "cannot be revoked"),
        (Accepts::Organization(scope) | Accepts::Suite(scope), Kind::Person(role, scopes)) => {
            let allowed = Scope::of_role(*role);
            let scopes: Vec<Scope> = scopes
                .iter()
                .copied()
                .filter(|scope| allowed.contains(scope))
                .collect();
            needs(scope, &scopes)
        }
        (Accepts::People, Kind::Person(Role::Admin, scopes)) if scopes.len() == 6 => Ok(()),
        (_, Kind::ForeignAccess | Kind::ForeignOidc) => refused(404, "There is no organization"),
        (Accepts::Member, _) => Ok(()),
        (Accepts::People, _) => refused(403, "Only people with the role admin"),
        (Accepts::Organization(scope) | Accepts::Suite(scope), Kind::Access(scopes)) => {
            needs(scope, scopes)
        }
        (Accepts::Organization(scope), Kind::Oidc(scopes)) => {
            needs(scope, scopes)?;
            refused(403, "for the suite")
        }
        (Accepts::Organization(_), Kind::SiblingOidc) => refused(403, "for the suite"),
        (Accepts::Suite(scope), Kind::Oidc(scopes)) => needs(scope, scopes),
        (Accepts::Suite(_), Kind::SiblingOidc) => refused(404, "There is no suite"),
    }
}

/// A server with every kind of token.
struct Scene {
    server: TestServer,
    tokens: Vec<(String, Kind, Option<String>)>,
}

impl Scene {
    fn start(issuer: &LocalIssuer) -> Self {
        let server = TestServer::with(
            |config| {
                config.oidc.allow_loopback_http = true;
                config.limits.rest_requests_per_minute = 0;
                config.limits.plan_requests_per_minute = 0;
                config.metrics.token = Some(METRICS_TOKEN.to_owned().into());
            },
            Clock::System,
        );
        let mut tokens = vec![
            ("no token".to_owned(), Kind::Invalid, None),
            (
                "an unknown token".to_owned(),
                Kind::Invalid,
                Some("tea_unknown".to_owned()),
            ),
            (
                "no OIDC token".to_owned(),
                Kind::Invalid,
                Some("a.b.c".to_owned()),
            ),
            (
                "the token of the metrics".to_owned(),
                Kind::Metrics,
                Some(METRICS_TOKEN.to_owned()),
            ),
            (
                "its suite token".to_owned(),
                Kind::SuiteToken,
                Some(server.suite_token.clone()),
            ),
            (
                "every scope".to_owned(),
                Kind::Access(Scope::ALL.to_vec()),
                Some(server.access.clone()),
            ),
        ];
        tokens.extend(server.with_store(async |store| stored_tokens(store, issuer).await));
        tokens.extend(oidc_tokens(issuer, &server.base));
        Self { server, tokens }
    }

    fn ask(&self, row: &Row, token: Option<&str>) -> Answer {
        let mut ask = self.server.ask(row.method, &address(&pattern(row.path)));
        if let Some(token) = token {
            ask = ask.bearer(token);
        }
        if let Some(body) = &row.body {
            ask = ask.json(body);
        }
        ask.send()
    }
}

/// Creates tokens in the database, and policies for OIDC tokens.
async fn stored_tokens(store: &Store, issuer: &LocalIssuer) -> Vec<(String, Kind, Option<String>)> {
    let now = Timestamp::from_millis(0);
    let acme = admin::organization(store, "acme").await.unwrap();
    let other = admin::create_organization(store, "other", &Change::by_server(now))
        .await
        .unwrap();
    let mut tokens = Vec::new();
    for scope in Scope::ALL {
        let request = TokenRequest {
            scopes: vec![scope],
            ..TokenRequest::default()
        };
        let made = admin::create_token(store, &acme, request, &Change::by_server(now))
            .await
            .unwrap();
        let secret = made.secret.expose_secret().to_owned();
        tokens.push((
            format!("only {scope}"),
            Kind::Access(vec![scope]),
            Some(secret),
        ));
    }
    let everything = || TokenRequest {
        scopes: Scope::ALL.to_vec(),
        ..TokenRequest::default()
    };
    let expired = TokenRequest {
        expires_at: Some(Timestamp::from_millis(1)),
        ..everything()
    };
    let expired = admin::create_token(store, &acme, expired, &Change::by_server(now))
        .await
        .unwrap();
    let revoked = admin::create_token(store, &acme, everything(), &Change::by_server(now))
        .await
        .unwrap();
    assert!(
        store
            .revoke_token(acme.id, revoked.token.uuid, &Change::by_server(now))
            .await
            .unwrap()
    );
    let foreign = admin::create_token(store, &other, everything(), &Change::by_server(now))
        .await
        .unwrap();
    let web = admin::suite(store, "acme", "web").await.unwrap();
    let gone = admin::create_suite_token(store, &web, None, &Change::by_server(now))
        .await
        .unwrap();
    assert!(
        store
            .revoke_token(acme.id, gone.token.uuid, &Change::by_server(now))
            .await
            .unwrap()
    );
    let sibling = admin::create_suite(
        store,
        "acme",
        admin::new_suite("api"),
        &Change::by_server(now),
    )
    .await
    .unwrap();
    let double = admin::create_suite(
        store,
        "other",
        admin::new_suite("web"),
        &Change::by_server(now),
    )
    .await
    .unwrap();
    // Sessions of browsers are not valid for the API.
    let session = "tew_session";
    let kept = NewToken {
        uuid: uuid::Uuid::now_v7(),
        organization: acme.id,
        suite: None,
        kind: TokenKind::Session,
        secret_hash: hash(session),
        scopes: Scope::ALL.map(|scope| scope.name().to_owned()).to_vec(),
        description: None,
        expires_at: None,
        user: None,
    };
    store
        .create_token(kept, &Change::by_server(now))
        .await
        .unwrap();
    for suite in [&web, &sibling.suite, &double.suite] {
        let statements: Vec<Value> = Scope::OF_POLICIES
            .iter()
            .map(|scope| (scope.name(), vec![scope.name()]))
            .chain([("all", Scope::OF_POLICIES.map(Scope::name).to_vec())])
            .map(|(step, scopes)| {
                json!({"iss": issuer.url(), "claims": {"step": step}, "scopes": scopes})
            })
            .collect();
        let policy = Value::Array(statements).to_string();
        admin::set_oidc_policy(store, suite, Some(&policy), &Change::by_server(now))
            .await
            .unwrap();
    }
    let named = [
        (
            "an expired token",
            Kind::Invalid,
            expired.secret.expose_secret().to_owned(),
        ),
        (
            "a revoked token",
            Kind::Invalid,
            revoked.secret.expose_secret().to_owned(),
        ),
        (
            "a revoked suite token",
            Kind::Invalid,
            gone.secret.expose_secret().to_owned(),
        ),
        ("a session", Kind::Invalid, session.to_owned()),
        (
            "a foreign token",
            Kind::ForeignAccess,
            foreign.secret.expose_secret().to_owned(),
        ),
        (
            "a sibling's suite token",
            Kind::SuiteToken,
            sibling.token.expose_secret().to_owned(),
        ),
        (
            "a foreign suite token",
            Kind::SuiteToken,
            double.token.expose_secret().to_owned(),
        ),
    ];
    tokens.extend(named.map(|(name, kind, secret)| (name.to_owned(), kind, Some(secret))));
    tokens.extend(tokens_of_people(store).await);
    tokens
}

/// Tokens of people, each with every scope, and one of an admin with a single scope.
async fn tokens_of_people(store: &Store) -> Vec<(String, Kind, Option<String>)> {
    let change = Change::by_server(Timestamp::from_millis(0));
    let acme = admin::organization(store, "acme").await.unwrap();
    let other = admin::organization(store, "other").await.unwrap();
    let mut tokens = Vec::new();
    let all = Scope::ALL.to_vec();
    for (login, organization, role, scopes) in [
        ("reader", &acme, Role::Reader, all.clone()),
        ("writer", &acme, Role::Writer, all.clone()),
        ("admin", &acme, Role::Admin, all.clone()),
        ("limited", &acme, Role::Admin, vec![Scope::ReadSuites]),
        ("foreign", &other, Role::Admin, all.clone()),
        ("removed", &acme, Role::Admin, all),
    ] {
        let (user, _) = people::create_user(store, organization, login, role, None, &change)
            .await
            .unwrap();
        let request = TokenRequest {
            scopes: scopes.clone(),
            user: Some(user.id),
            ..TokenRequest::default()
        };
        let made = admin::create_token(store, organization, request, &change)
            .await
            .unwrap();
        let kind = match login {
            "foreign" => Kind::ForeignAccess,
            "removed" => {
                people::remove(store, &user, organization, &change)
                    .await
                    .unwrap();
                Kind::Invalid
            }
            _ => Kind::Person(role, scopes),
        };
        let secret = made.secret.expose_secret().to_owned();
        tokens.push((format!("of the person {login}"), kind, Some(secret)));
    }
    tokens
}

fn hash(secret: &str) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, secret.as_bytes());
    digest.as_ref().try_into().unwrap()
}

fn oidc_tokens(issuer: &LocalIssuer, base: &str) -> Vec<(String, Kind, Option<String>)> {
    let token = |organization: &str, suite: &str, step: &str, expires: u64| {
        let audience = format!("{base}/v2/analytics/organizations/{organization}/suites/{suite}");
        let mut claims = issuer.claims(&audience, 0);
        claims["step"] = json!(step);
        claims["exp"] = json!(expires);
        Some(issuer.token(&claims))
    };
    let later = 4_000_000_000;
    let mut tokens = vec![
        (
            "OIDC with every scope".to_owned(),
            Kind::Oidc(Scope::OF_POLICIES.to_vec()),
            token("acme", "web", "all", later),
        ),
        (
            "OIDC, expired".to_owned(),
            Kind::Invalid,
            token("acme", "web", "all", 1_000),
        ),
        (
            "OIDC that no statement matches".to_owned(),
            Kind::Invalid,
            token("acme", "web", "none", later),
        ),
        (
            "OIDC of a sibling".to_owned(),
            Kind::SiblingOidc,
            token("acme", "api", "all", later),
        ),
        (
            "OIDC of an equal suite elsewhere".to_owned(),
            Kind::ForeignOidc,
            token("other", "web", "all", later),
        ),
    ];
    tokens.extend(Scope::OF_POLICIES.map(|scope| {
        (
            format!("OIDC with only {scope}"),
            Kind::Oidc(vec![scope]),
            token("acme", "web", scope.name(), later),
        )
    }));
    tokens
}

#[test]
fn the_table_covers_every_endpoint() {
    let served: BTreeSet<String> = test_engine::api_addresses()
        .into_iter()
        .map(|(method, path)| format!("{method} {path}"))
        .collect();
    let rows: BTreeSet<String> = table()
        .iter()
        .map(|row| format!("{} {}", row.method, pattern(row.path)))
        .collect();
    let missing: Vec<_> = served.difference(&rows).collect();
    let stale: Vec<_> = rows.difference(&served).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "add rows for {missing:#?}; remove rows for {stale:#?}"
    );
}

#[test]
fn endpoints_accept_only_permitted_tokens() {
    let issuer = LocalIssuer::start();
    let shared = Scene::start(&issuer);
    let mut asked = 0;
    for row in table() {
        for (index, (name, kind, token)) in shared.tokens.iter().enumerate() {
            let case = format!("{} {} with {name}", row.method, row.path);
            let expected = verdict(row.accepts, kind);
            let own = (row.only_once && expected.is_ok()).then(|| Scene::start(&issuer));
            let answer = match &own {
                // Tokens differ between servers, but have the same index.
                Some(scene) => scene.ask(&row, scene.tokens[index].2.as_deref()),
                None => shared.ask(&row, token.as_deref()),
            };
            asked += 1;
            let Err((status, says)) = expected else {
                assert_eq!(answer.status, row.status, "{case}: {}", answer.text());
                continue;
            };
            assert_eq!(answer.status, status, "{case}: {}", answer.text());
            let message = answer.error(status);
            assert!(message.contains(&says), "{case}: {message}");
            if let Some(token) = token {
                assert!(!message.contains(token.as_str()), "{case}: {message}");
            }
        }
    }
    assert!(
        asked > 700,
        "{asked} requests are too few for all endpoints and tokens"
    );
}
