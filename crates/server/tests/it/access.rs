//! Every address of the API × every kind of token: who gets in, and who is told what.
//!
//! The table is compared with the addresses that the router itself has, so an address without a
//! row fails here.

use std::collections::BTreeSet;

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use test_engine::admin::{self, TokenRequest};
use test_engine::clock::Clock;
use test_engine::scopes::Scope;
use test_engine_store::{NewToken, Store, Timestamp, TokenKind};
use test_engine_testkit::LocalIssuer;

use crate::support::{Answer, TestServer};

/// Whom an address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    /// Everybody.
    Open,
    /// The token of the settings that is for it alone.
    Metrics,
    /// Any live access token, whatever it may do.
    AnyAccess,
    /// Access tokens that the server keeps itself, whatever they may do.
    OwnToken,
    /// Any token of the organization, whatever it may do.
    Member,
    /// Tokens of the organization with this scope; none that is bound to a suite.
    Organization(Scope),
    /// Tokens of the organization with this scope, and OIDC tokens of the suite.
    Suite(Scope),
    /// The suite's token, and OIDC tokens of the suite that may upload.
    Uploads,
}

struct Row {
    method: &'static str,
    path: &'static str,
    door: Door,
    body: Option<Value>,
    /// What whoever is let in is answered.
    status: u16,
    /// It answers so only once: each token is tried on a server of its own.
    only_once: bool,
}

const METRICS_TOKEN: &str = "scrape-me";
const A: &str = "/v2/analytics/organizations/{organization}";

fn table() -> Vec<Row> {
    use Scope::{ReadSuites, ReadTestPlan, WriteSuites, WriteTestPlan};
    let row = |method, path, door, status| Row {
        method,
        path,
        door,
        body: None,
        status,
        only_once: false,
    };
    let with = |body: Value, row: Row| Row {
        body: Some(body),
        ..row
    };
    let once = |row: Row| Row {
        only_once: true,
        ..row
    };
    let upload = json!({"format": "json", "run_env": {"key": "k"}, "data": []});
    let plan = json!({"runner": "rspec", "identifier": "b/s", "parallelism": 1, "branch": ""});
    let metadata = json!({"env": {"BUILDKITE_TEST_ENGINE_IDENTIFIER": "none"}});
    let suite = json!({"name": "New", "default_branch": "main"});
    vec![
        row("GET", "/", Door::Open, 200),
        row("GET", "/healthz", Door::Open, 200),
        row("GET", "/readyz", Door::Open, 200),
        row("GET", "/metrics", Door::Metrics, 200),
        with(upload, row("POST", "/v1/uploads", Door::Uploads, 202)),
        row("GET", "/v1/uploads/metadata", Door::Uploads, 200),
        row("GET", "/v2/access-token", Door::AnyAccess, 200),
        once(row("DELETE", "/v2/access-token", Door::OwnToken, 204)),
        row(
            "GET",
            "/v2/organizations/{organization}/rate_limit",
            Door::Member,
            200,
        ),
        row("GET", "/.well-known/api-catalog", Door::Open, 200),
        row("GET", "/v2/analytics/openapi.yaml", Door::Open, 200),
        with(
            json!({}),
            row("POST", "/v1/test-ownerships", Door::Uploads, 415),
        ),
        row(
            "GET",
            "A/builds/{build}/tests",
            Door::Organization(ReadSuites),
            404,
        ),
        with(
            json!({"executions": []}),
            row("PUT", "S/execution-tags", Door::Suite(WriteSuites), 200),
        ),
        row("GET", "S/flaky-tests", Door::Suite(ReadSuites), 200),
        with(
            json!({"operator": "add", "labels": ["a"]}),
            row(
                "PATCH",
                "S/tests/{id}/labels",
                Door::Suite(WriteSuites),
                404,
            ),
        ),
        row("GET", "S/uploads", Door::Suite(ReadSuites), 200),
        row("GET", "A/suites", Door::Organization(ReadSuites), 200),
        once(with(
            suite,
            row("POST", "A/suites", Door::Organization(WriteSuites), 201),
        )),
        row("GET", "S", Door::Suite(ReadSuites), 200),
        with(
            json!({"color": "#fff"}),
            row("PATCH", "S", Door::Suite(WriteSuites), 200),
        ),
        once(row("DELETE", "S", Door::Suite(WriteSuites), 204)),
        row("GET", "S/test_plan", Door::Suite(ReadTestPlan), 400),
        with(
            plan,
            row("POST", "S/test_plan", Door::Suite(WriteTestPlan), 200),
        ),
        with(
            json!({"files": []}),
            row(
                "POST",
                "S/test_plan/filter_tests",
                Door::Suite(WriteTestPlan),
                200,
            ),
        ),
        with(
            json!({"paths": []}),
            row("POST", "S/test_files", Door::Suite(ReadTestPlan), 200),
        ),
        with(
            metadata,
            row(
                "POST",
                "S/test_plan_metadata",
                Door::Suite(WriteTestPlan),
                404,
            ),
        ),
        row(
            "GET",
            "S/commit-metadata-backfill",
            Door::Suite(ReadSuites),
            200,
        ),
        row(
            "POST",
            "S/commit-metadata-backfill/presigned-upload",
            Door::Suite(WriteSuites),
            200,
        ),
        // Its proof is the form that was handed out, which this request does not have.
        row("POST", "S/commit-metadata-backfill/upload", Door::Open, 400),
        row(
            "GET",
            "S/runs/{id}/uploads/{upload_id}/raw",
            Door::Suite(ReadSuites),
            404,
        ),
        row("GET", "S/commits", Door::Suite(ReadSuites), 200),
        row("GET", "S/runs", Door::Suite(ReadSuites), 200),
        row("GET", "S/runs/{id}", Door::Suite(ReadSuites), 404),
        row(
            "GET",
            "S/runs/{id}/failed_executions",
            Door::Suite(ReadSuites),
            404,
        ),
        row("GET", "S/tests", Door::Suite(ReadSuites), 200),
        with(
            json!({"name": "a"}),
            row("POST", "S/tests/find", Door::Suite(ReadSuites), 404),
        ),
        row("GET", "S/tests/muted", Door::Suite(ReadSuites), 200),
        row("GET", "S/tests/skipped", Door::Suite(ReadSuites), 200),
        row("GET", "S/tests/{id}", Door::Suite(ReadSuites), 404),
        row("PUT", "S/tests/{id}/mute", Door::Suite(WriteSuites), 404),
        row("PUT", "S/tests/{id}/skip", Door::Suite(WriteSuites), 404),
        row("PUT", "S/tests/{id}/enable", Door::Suite(WriteSuites), 404),
    ]
}

/// The address as the router has it.
fn pattern(path: &str) -> String {
    let suite = format!("{A}/suites/{{suite}}");
    if path == "S" || path.starts_with("S/") {
        path.replacen('S', &suite, 1)
    } else if path.starts_with("A/") {
        path.replacen('A', A, 1)
    } else {
        path.to_owned()
    }
}

/// An address to ask.
fn address(pattern: &str) -> String {
    let mut address = pattern
        .replace("{organization}", "acme")
        .replace("{suite}", "web");
    while let Some((before, rest)) = address.split_once('{') {
        let (_name, after) = rest.split_once('}').expect("a closed brace");
        address = format!("{before}018f2f6e-0000-8000-8000-000000000000{after}");
    }
    address
}

/// What a kind of token is, as far as doors care.
#[derive(Clone, Debug)]
enum Kind {
    /// No token, or one that proves nothing.
    Nobody,
    /// An access token of the organization of the address.
    Access(Vec<Scope>),
    /// One of another organization, with every scope.
    ForeignAccess,
    /// A live suite token, of whichever suite.
    SuiteToken,
    /// An OIDC token for the suite of the address.
    Oidc(Vec<Scope>),
    /// One for another suite of the same organization, with every scope.
    SiblingOidc,
    /// One for a suite of another organization, with every scope.
    ForeignOidc,
    /// The one that the settings have for metrics.
    Metrics,
}

/// What a door answers to a kind: the row's own status, or a refusal and what it must say.
fn verdict(door: Door, kind: &Kind) -> Result<(), (u16, String)> {
    let refused = |status: u16, says: &str| Err((status, says.to_owned()));
    let needs = |scope: Scope, scopes: &[Scope]| {
        let writes = scope == Scope::ReadTestPlan && scopes.contains(&Scope::WriteTestPlan);
        if scopes.contains(&scope) || writes {
            Ok(())
        } else {
            refused(403, scope.name())
        }
    };
    match (door, kind) {
        (Door::Open, _) => Ok(()),
        (Door::Metrics, Kind::Metrics) => Ok(()),
        (Door::Metrics, _) => refused(401, "--metrics-token"),
        (_, Kind::Nobody | Kind::Metrics) => refused(401, ""),
        (Door::Uploads, Kind::SuiteToken | Kind::SiblingOidc | Kind::ForeignOidc) => Ok(()),
        (Door::Uploads, Kind::Oidc(scopes)) => needs(Scope::WriteUploads, scopes),
        (Door::Uploads, _) | (_, Kind::SuiteToken) => refused(401, ""),
        (Door::AnyAccess, _) => Ok(()),
        (Door::OwnToken, Kind::Access(_) | Kind::ForeignAccess) => Ok(()),
        (Door::OwnToken, _) => refused(400, "cannot be revoked"),
        (_, Kind::ForeignAccess | Kind::ForeignOidc) => refused(404, "There is no organization"),
        (Door::Member, _) => Ok(()),
        (Door::Organization(scope) | Door::Suite(scope), Kind::Access(scopes)) => {
            needs(scope, scopes)
        }
        (Door::Organization(scope), Kind::Oidc(scopes)) => {
            needs(scope, scopes)?;
            refused(403, "for the suite")
        }
        (Door::Organization(_), Kind::SiblingOidc) => refused(403, "for the suite"),
        (Door::Suite(scope), Kind::Oidc(scopes)) => needs(scope, scopes),
        (Door::Suite(_), Kind::SiblingOidc) => refused(404, "There is no suite"),
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
            ("no token".to_owned(), Kind::Nobody, None),
            (
                "an unknown token".to_owned(),
                Kind::Nobody,
                Some("tea_unknown".to_owned()),
            ),
            (
                "no OIDC token".to_owned(),
                Kind::Nobody,
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

/// Tokens that lie in the database, and the policies for those that do not.
async fn stored_tokens(store: &Store, issuer: &LocalIssuer) -> Vec<(String, Kind, Option<String>)> {
    let now = Timestamp::from_millis(0);
    let acme = admin::organization(store, "acme").await.unwrap();
    let other = admin::create_organization(store, "other", now)
        .await
        .unwrap();
    let mut tokens = Vec::new();
    for scope in Scope::ALL {
        let request = TokenRequest {
            scopes: vec![scope],
            ..TokenRequest::default()
        };
        let made = admin::create_token(store, &acme, request, now)
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
    let expired = admin::create_token(store, &acme, expired, now)
        .await
        .unwrap();
    let revoked = admin::create_token(store, &acme, everything(), now)
        .await
        .unwrap();
    assert!(
        store
            .revoke_token(acme.id, revoked.token.uuid, now)
            .await
            .unwrap()
    );
    let foreign = admin::create_token(store, &other, everything(), now)
        .await
        .unwrap();
    let web = admin::suite(store, "acme", "web").await.unwrap();
    let gone = admin::create_suite_token(store, &web, None, now)
        .await
        .unwrap();
    assert!(
        store
            .revoke_token(acme.id, gone.token.uuid, now)
            .await
            .unwrap()
    );
    let sibling = admin::create_suite(store, "acme", "api", "API", "main", now)
        .await
        .unwrap();
    let double = admin::create_suite(store, "other", "web", "Web", "main", now)
        .await
        .unwrap();
    // A browser's session is no token for programs.
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
    };
    store.create_token(kept, now).await.unwrap();
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
        admin::set_oidc_policy(store, suite, Some(&policy))
            .await
            .unwrap();
    }
    let named = [
        (
            "an expired token",
            Kind::Nobody,
            expired.secret.expose_secret().to_owned(),
        ),
        (
            "a revoked token",
            Kind::Nobody,
            revoked.secret.expose_secret().to_owned(),
        ),
        (
            "a revoked suite token",
            Kind::Nobody,
            gone.secret.expose_secret().to_owned(),
        ),
        ("a session", Kind::Nobody, session.to_owned()),
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
            Kind::Nobody,
            token("acme", "web", "all", 1_000),
        ),
        (
            "OIDC that no statement matches".to_owned(),
            Kind::Nobody,
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
fn every_address_has_a_row_and_no_row_is_left_over() {
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
        "say in this table who may use {missing:#?}; no longer served: {stale:#?}"
    );
}

#[test]
fn every_door_opens_for_the_right_tokens_only() {
    let issuer = LocalIssuer::start();
    let shared = Scene::start(&issuer);
    let mut asked = 0;
    for row in table() {
        for (index, (name, kind, token)) in shared.tokens.iter().enumerate() {
            let case = format!("{} {} with {name}", row.method, row.path);
            let expected = verdict(row.door, kind);
            let own = (row.only_once && expected.is_ok()).then(|| Scene::start(&issuer));
            let answer = match &own {
                // Tokens differ from server to server; their places do not.
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
    assert!(asked > 700, "{asked} is not every address with every token");
}
