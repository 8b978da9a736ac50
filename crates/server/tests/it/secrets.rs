//! Secrets: only their hashes are stored, they are printed once, and logs contain neither secrets
//! nor texts of results.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use serde_json::json;
use test_engine_testkit::LocalIssuer;

use crate::receiver::{Receiver, Reply};
use crate::support::{Ask, SUITE, TestServer, form, gzip, program};

/// The contents of all files in a directory, recursively.
fn contents_of(directory: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs_err::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                bytes.extend(fs_err::read(path).unwrap());
            }
        }
    }
    bytes
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// A server that logs to a file.
pub(crate) struct Logged {
    child: Child,
    base: String,
    admin: String,
}

impl Logged {
    fn start(data: &Path, log: &Path, format: &str) -> Self {
        Self::with(data, log, format, &[])
    }

    pub(crate) fn with(data: &Path, log: &Path, format: &str, more: &[&str]) -> Self {
        let mut child = program(data)
            .args(["serve", "--listen", "127.0.0.1:0", "--organization", "acme"])
            .args(["--log-level", "trace", "--log-format", format])
            .args(["--oidc-allow-loopback-http", "--web-open"])
            .args(["--webhook-allowed-networks", "127.0.0.1"])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(fs_err::File::create(log).unwrap().into_file())
            .spawn()
            .unwrap();
        let mut admin = String::new();
        let mut base = String::new();
        for line in BufReader::new(child.stdout.as_mut().unwrap()).lines() {
            let line = line.unwrap();
            if let Some((_, secret)) = line.split_once("shown only this once: ") {
                secret.clone_into(&mut admin);
            }
            if let Some(address) = line.strip_prefix("listening on ") {
                address.clone_into(&mut base);
                break;
            }
        }
        assert!(!admin.is_empty() && !base.is_empty(), "the server starts");
        Self { child, base, admin }
    }

    pub(crate) fn stop(&mut self) {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
    }

    pub(crate) fn ask(&self, method: &str, path: &str) -> Ask {
        Ask::new(method, &format!("{}{path}", self.base))
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        // It may have exited already.
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

/// The secret of a webhook that has delivered an event about a test, after a failed attempt.
fn delivered(server: &Logged) -> String {
    let receiver = Receiver::start([Reply::Status(500)]);
    let ask = |method, path: &str| server.ask(method, path).bearer(&server.admin);
    let webhooks = "/v2/analytics/organizations/acme/webhooks";
    let created = ask("POST", webhooks).json(&json!({"url": receiver.url()}));
    let created = created.send().json();
    let secret = created["secret"].as_str().unwrap().to_owned();
    let test = json!({"scope": "secretscope", "name": "Secretname"});
    let found = ask("POST", &format!("{SUITE}/tests/find")).json(&test);
    let found = found.send().ok();
    let id = found["id"].as_str().unwrap();
    for state in ["mute", "enable"] {
        ask("PUT", &format!("{SUITE}/tests/{id}/{state}"))
            .send()
            .ok();
    }
    receiver.wait_for(2);
    secret
}

pub(crate) fn printed(data: &Path, arguments: &[&str]) -> String {
    let output = program(data).args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn secret_of(text: &str) -> String {
    let (_, secret) = text.split_once("shown only this once: ").expect("a secret");
    secret.trim().to_owned()
}

#[test]
fn logs_contain_no_secrets_or_texts_of_results() {
    for format in ["text", "json"] {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        let log = directory.path().join("log");
        let mut server = Logged::start(&data, &log, format);
        let suite_token = secret_of(&printed(&data, &["suite", "create", "acme/web"]));
        let weak = secret_of(&printed(
            &data,
            &["token", "create", "--scope", "read_suites"],
        ));

        let issuer = LocalIssuer::start();
        let policy = directory.path().join("policy.yaml");
        let text = format!(
            "- iss: {}\n  claims: {{pipeline_slug: web}}\n  scopes: [write_uploads, read_suites]\n",
            issuer.url()
        );
        fs_err::write(&policy, text).unwrap();
        let policy = policy.to_str().unwrap();
        printed(
            &data,
            &["suite", "set", "acme/web", "--oidc-policy", policy],
        );
        let mut claims = issuer.claims(&format!("{}{SUITE}", server.base), 0);
        claims["exp"] = json!(4_000_000_000_u64);
        let good_jwt = issuer.token(&claims);
        claims["pipeline_slug"] = json!("other");
        let bad_jwt = issuer.token(&claims);

        let texts = [
            "Secretname",
            "secretscope",
            "secretreason",
            "secrettrace",
            "secretfile",
            "secrettag",
            "secretbranch",
            "secretmessage",
            "secretselector",
        ];
        let result = json!({
            "scope": "secretscope", "name": "Secretname", "location": "secretfile:1",
            "file_name": "secretfile", "result": "failed", "failure_reason": "secretreason",
            "failure_expanded": [{"expanded": ["secrettrace"], "backtrace": ["secrettrace"]}],
            "history": {"duration": 1.0}, "tags": {"a": "secrettag"},
        });
        let broken = json!({"name": "", "failure_reason": "secretreason", "result": 7});
        let upload = json!({"format": "json", "data": [result, broken],
            "run_env": {"key": "k", "branch": "secretbranch", "message": "secretmessage"}});
        let upload_as = |authorization: &str| {
            let ask = server.ask("POST", "/v1/uploads");
            ask.header("authorization", authorization)
                .json(&upload)
                .send()
                .status
        };
        assert_eq!(upload_as(&format!("Token token=\"{suite_token}\"")), 202);
        assert_eq!(upload_as(&format!("Token token={good_jwt}")), 202);
        assert_eq!(upload_as(&format!("Token token={bad_jwt}")), 401);
        assert_eq!(upload_as("Token token=\"tes_wrongsecret\""), 401);
        let junit = "<testsuite><testcase name='Secretname' classname='secretscope'>\
            <failure message='secretreason'>secrettrace</failure></testcase>";
        for data in [junit.to_owned(), format!("{junit}</testsuite>")] {
            let (kind, body) = form(&[("format", "junit"), ("run_env[key]", "k"), ("data", &data)]);
            server
                .ask("POST", "/v1/uploads")
                .header("authorization", &format!("Token {suite_token}"))
                .header("content-type", &kind)
                .body(body)
                .send();
        }
        server
            .ask("POST", "/v1/uploads")
            .header("authorization", &format!("Token {suite_token}"))
            .header("content-type", "application/json")
            .header("content-encoding", "gzip")
            .body(gzip(upload.to_string().as_bytes()))
            .send();
        let plan = json!({"runner": "rspec", "identifier": "secretselector", "parallelism": 2,
            "branch": "secretbranch", "tests": {"files": [{"path": "secretfile"}]}});
        let planned = server
            .ask("POST", &format!("{SUITE}/test_plan"))
            .bearer(&server.admin)
            .json(&plan)
            .send();
        assert_eq!(planned.status, 200);
        for token in [&server.admin, &weak, &good_jwt, &bad_jwt, "tea_wrongsecret"] {
            server
                .ask("GET", &format!("{SUITE}/tests?search=Secretname"))
                .bearer(token)
                .send();
            server
                .ask("PUT", &format!("{SUITE}/tests/x/mute"))
                .bearer(token)
                .send();
        }
        server
            .ask("GET", &format!("{SUITE}/nothing?token={}", server.admin))
            .send();
        let webhook = delivered(&server);

        let sign_in = |token: &str| {
            let ask = server.ask("POST", "/sign-in");
            let ask = ask.header("content-type", "application/x-www-form-urlencoded");
            ask.body(format!("token={token}&next=/organizations"))
                .send()
        };
        assert_eq!(sign_in("tea_wrongsecret").status, 422);
        let signed_in = sign_in(&server.admin);
        assert_eq!(signed_in.status, 303);
        let cookie = signed_in
            .header("set-cookie")
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        let session = cookie.split_once('=').unwrap().1.to_owned();
        let page = server
            .ask("GET", "/organizations/acme/analytics/suites/web")
            .header("cookie", &cookie)
            .send();
        assert_eq!(page.status, 200);
        let text = page.text();
        let (_, rest) = text.split_once("name=\"form_token\" value=\"").unwrap();
        let form_token = rest.split_once('"').unwrap().0.to_owned();
        server
            .ask("POST", "/sign-out")
            .header("cookie", &cookie)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("form_token={form_token}"))
            .send();

        server.stop();
        let said = fs_err::read_to_string(&log).unwrap();
        // It did log, at the most verbose level.
        assert!(
            said.contains("/v1/uploads") && said.contains("TRACE"),
            "{said}"
        );
        let secrets = [
            server.admin.as_str(),
            &suite_token,
            &weak,
            &good_jwt,
            &bad_jwt,
            &session,
            &form_token,
            &webhook,
            "secret-path",
            "wrongsecret",
        ];
        for secret in secrets.into_iter().chain(texts) {
            assert!(
                !said.contains(secret),
                "the {format} log holds {secret}:\n{said}"
            );
        }
        // Nor parts: the signature of a token, the digits of a secret.
        for token in [&server.admin, &suite_token, &good_jwt] {
            let tail = &token[token.len() - 20..];
            assert!(!said.contains(tail), "the {format} log holds {tail}");
        }
    }
}

#[test]
fn only_hashes_of_secrets_are_stored() {
    use sha2::{Digest as _, Sha256};
    let server = TestServer::start();
    let extra = server.token("acme", &test_engine::scopes::Scope::ALL);
    let signed_in = server
        .ask("POST", "/sign-in")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("token={}", server.access))
        .send();
    let cookie = signed_in.header("set-cookie").unwrap().to_owned();
    let (_, rest) = cookie.split_once('=').unwrap();
    let session = rest.split(';').next().unwrap();
    let kept = contents_of(server.directory());
    for secret in [server.access.as_str(), &server.suite_token, &extra, session] {
        assert!(secret.len() > 40, "{secret}");
        assert!(
            !contains(&kept, secret.as_bytes()),
            "a secret is kept as it is"
        );
        let digits = secret.split_once('_').unwrap().1;
        assert!(
            !contains(&kept, digits.as_bytes()),
            "a secret is kept without its prefix"
        );
        let bits = hex::decode(digits).unwrap();
        assert!(!contains(&kept, &bits), "a secret is stored in binary");
        // The hash is found, so the search covers the database.
        assert!(contains(&kept, &Sha256::digest(secret.as_bytes())));
    }
}

#[test]
fn secrets_are_printed_only_once() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    crate::support::create_database(data);
    printed(data, &["organization", "create", "acme"]);
    let suite = secret_of(&printed(data, &["suite", "create", "acme/web"]));
    let access = secret_of(&printed(data, &["token", "create"]));
    for arguments in [
        &["token", "list"][..],
        &["token", "list", "--json"],
        &["suite", "list", "acme"],
    ] {
        let text = printed(data, arguments);
        assert!(!text.is_empty());
        for secret in [&suite, &access] {
            assert!(!text.contains(secret.as_str()), "{arguments:?}: {text}");
        }
    }
}
