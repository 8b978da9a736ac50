//! Commit metadata: forms, archives, their state, and the pages.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use test_engine::admin;
use test_engine::clock::Clock;
use test_engine::config::Config;
use test_engine::scopes::Scope;
use test_engine_store::{Change, CommitRecord, Timestamp};

use crate::support::{Answer, Ask, SUITE, TestServer, gzip, result};
use crate::waiting::{until, wait_for};

const NOW: i64 = 1_800_000_000_000;
const FORM_LIFETIME: i64 = 15 * 60 * 1000;
const BACKFILL: &str = "/v2/analytics/organizations/acme/suites/web/commit-metadata-backfill";

/// These tests poll.
pub(crate) fn unlimited(config: &mut Config) {
    config.limits.rest_requests_per_minute = 0;
}

fn started() -> TestServer {
    TestServer::with(unlimited, Clock::System)
}

/// An upload form of the server.
pub(crate) struct Form {
    pub(crate) url: String,
    pub(crate) fields: Vec<(String, String)>,
    suite: String,
    organization: String,
}

pub(crate) fn form(server: &TestServer) -> Form {
    let answer = server
        .post(
            &format!("{SUITE}/commit-metadata-backfill/presigned-upload"),
            &json!(""),
        )
        .ok();
    let form = &answer["form"];
    assert_eq!(form["method"], "POST");
    assert_eq!(form["file_input"], "file");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Form {
        url: text(&form["url"]),
        fields: form["data"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), text(value)))
            .collect(),
        suite: text(&answer["suite_id"]),
        organization: text(&answer["organization_id"]),
    }
}

impl Form {
    pub(crate) fn send(&self, archive: &[u8]) -> Answer {
        self.send_parts(&[("file", archive)])
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(key, _)| key != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends the fields, then these parts.
    fn send_parts(&self, parts: &[(&str, &[u8])]) -> Answer {
        let mut body = Vec::new();
        for (name, value) in &self.fields {
            body.extend_from_slice(&part(name, "", value.as_bytes()));
        }
        for (name, content) in parts {
            body.extend_from_slice(&part(name, "; filename=\"a.tar.gz\"", content));
        }
        body.extend_from_slice(b"--limit--\r\n");
        Ask::new("POST", &self.url)
            .header("content-type", "multipart/form-data; boundary=limit")
            .body(body)
            .send()
    }

    pub(crate) fn archive(&self, records: &str) -> Vec<u8> {
        let metadata = json!({
            "schema_version": 2,
            "organization_uuid": self.organization,
            "suite_uuid": self.suite,
        });
        let mut tar = tar::Builder::new(Vec::new());
        for (name, content) in [
            ("commit-metadata.jsonl", records.to_owned()),
            ("metadata.json", metadata.to_string()),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            tar.append_data(
                &mut header,
                format!("backfill-x/{name}"),
                content.as_bytes(),
            )
            .unwrap();
        }
        gzip(&tar.into_inner().unwrap())
    }
}

fn part(name: &str, more: &str, content: &[u8]) -> Vec<u8> {
    let mut part =
        format!("--limit\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n")
            .into_bytes();
    part.extend_from_slice(content);
    part.extend_from_slice(b"\r\n");
    part
}

pub(crate) fn record(number: u32) -> String {
    let record = json!({
        "schema_version": 1,
        "commit_sha": format!("{number:040x}"),
        "parent_shas": [format!("{:040x}", number + 1)],
        "author_name": "Ada <b>Author</b>",
        "author_email": "ada@example.com",
        "author_date": "2026-01-02T03:04:05+01:00",
        "committer_name": "Cy Committer",
        "committer_email": "cy@example.com",
        "committer_date": "2026-01-02T03:04:06+01:00",
        "message": format!("Change <nr> {number}\n\nBecause <script>alert(1)</script>"),
        "files_changed": "src/<i>.rs\nlogo.png",
        "diff_stat": "10\t2\tsrc/<i>.rs\n-\t-\tlogo.png",
        "git_diff": "+\"quoted\"\n",
    });
    format!("{record}\n")
}

fn backfills(server: &TestServer) -> Value {
    server.get(BACKFILL).ok()
}

/// The list of backfills, once the first is ingested or rejected.
pub(crate) fn finished(server: &TestServer) -> Value {
    wait_for("the end of a backfill", || {
        let listed = backfills(server);
        let state = listed[0]["state"].as_str().unwrap_or("");
        let is_finished = ["ingested", "rejected"].contains(&state);
        if is_finished { Ok(listed) } else { Err(listed) }
    })
}

pub(crate) fn commit(server: &TestServer, number: u32) -> Option<CommitRecord> {
    server.with_store(async |store| {
        let suite = store.suite("acme", "web").await.unwrap().unwrap();
        let sha = format!("{number:040x}");
        store.commit(suite.id, &sha).await.unwrap()
    })
}

#[test]
fn ingests_an_archive_and_lists_it() {
    let server = started();
    let form = form(&server);
    let records = [&record(1), "garbage\n", &record(2), &record(1)]
        .map(str::to_owned)
        .concat();
    let archive = form.archive(&records);
    let answer = form.send(&archive);
    assert_eq!(answer.status, 204, "{}", answer.text());

    let listed = finished(&server);
    let backfill = &listed[0];
    assert_eq!(backfill["state"], "ingested", "{listed}");
    assert_eq!(backfill["commits"], 2);
    assert_eq!(backfill["skipped"], 2);
    assert_eq!(backfill["size"], archive.len());
    let problems = backfill["problems"].to_string();
    assert!(problems.contains("line 2"), "{problems}");
    let first = commit(&server, 1).unwrap();
    assert_eq!(first.author_name, "Ada <b>Author</b>");
    assert_eq!(first.parents, [format!("{:040x}", 2)]);
    assert_eq!(first.files_changed, "src/<i>.rs\nlogo.png");
    assert_eq!(commit(&server, 3), None);

    // The archive is kept, including diffs.
    let id = backfill["id"].as_str().unwrap();
    let stored = server.directory().join(format!(
        "blobs/backfills/ingested/{}/{id}.tar.gz",
        form.suite
    ));
    assert_eq!(fs_err::read(stored).unwrap(), archive);

    // Sending it again with a new form changes nothing.
    let again = self::form(&server);
    assert_eq!(again.send(&archive).status, 204);
    assert_eq!(finished(&server)[0]["state"], "ingested");
    assert_eq!(backfills(&server).as_array().unwrap().len(), 2);
    assert_eq!(commit(&server, 1), Some(first));
}

#[test]
fn a_stopping_server_releases_the_archive_it_is_reading() {
    let mut server = started();
    for size in [4_000, 40_000, 400_000] {
        let form = form(&server);
        let records: String = (size..2 * size).map(record).collect();
        assert_eq!(form.send(&form.archive(&records)).status, 204);
        until("the first commit", || commit(&server, size).is_some());
        server.stop();
        if commit(&server, 2 * size - 1).is_some() {
            // It was already complete. The next one is larger.
            server.restart(Clock::System);
            continue;
        }
        let claimed = server.with_store(async |store| {
            let now = Clock::System.now();
            store.claim_backfill(now, now).await.unwrap()
        });
        assert!(claimed.is_some_and(|it| it.claims == 1), "not released");
        server.restart(Clock::System);
        finished(&server);
        assert!(commit(&server, 2 * size - 1).is_some());
        return;
    }
    panic!("every archive was read before the server could be stopped");
}

#[test]
fn forms_require_write_suites() {
    let server = started();
    let path = format!("{SUITE}/commit-metadata-backfill/presigned-upload");
    let reads = server.token("acme", &[Scope::ReadSuites]);
    let answer = server.ask("POST", &path).bearer(&reads).send();
    let message = answer.error(403);
    assert!(
        message.contains("missing required scope: write_suites"),
        "{message}"
    );
    assert_eq!(server.ask("POST", &path).send().status, 401);
    let foreign = server.token("other", &Scope::ALL);
    assert_eq!(
        server.ask("POST", &path).bearer(&foreign).send().status,
        404
    );
    let writes = server.token("acme", &[Scope::WriteSuites]);
    assert_eq!(server.ask("POST", &path).bearer(&writes).send().status, 200);
    // The list requires read_suites.
    assert_eq!(
        server.ask("GET", BACKFILL).bearer(&writes).send().status,
        403
    );
    assert_eq!(
        server.ask("GET", BACKFILL).bearer(&reads).send().status,
        200
    );
}

#[test]
fn a_form_can_be_used_once() {
    let server = started();
    let form = form(&server);
    let archive = form.archive(&record(1));
    assert_eq!(form.send(&archive).status, 204);
    let message = form.send(&archive).error(403);
    assert!(message.contains("used"), "{message}");
    finished(&server);
    assert_eq!(form.send(&archive).status, 403);
    assert_eq!(backfills(&server).as_array().unwrap().len(), 1);
}

#[test]
fn rejects_changed_and_foreign_forms() {
    let server = started();
    let archive = form(&server).archive(&record(1));
    for (name, value) in [
        ("signature", "00".repeat(32)),
        ("max_bytes", "9999999999999".to_owned()),
        ("expires", "9999999999999".to_owned()),
        ("upload_id", uuid::Uuid::nil().to_string()),
        ("suite_id", uuid::Uuid::nil().to_string()),
    ] {
        let message = form(&server).with(name, &value).send(&archive).error(403);
        assert!(message.contains("signature"), "{name}: {message}");
    }
    let mut incomplete = form(&server);
    incomplete.fields.retain(|(name, _)| name != "signature");
    let message = incomplete.send(&archive).error(403);
    assert!(message.contains("field signature is missing"), "{message}");

    // A valid form, sent to the URL of another suite.
    server.with_store(async |store| {
        let now = Timestamp::from_millis(0);
        let other = admin::new_suite("other");
        let created = admin::create_suite(store, "acme", other, &Change::by_server(now)).await;
        created.unwrap();
    });
    let mut elsewhere = form(&server);
    elsewhere.url = elsewhere.url.replace("/suites/web/", "/suites/other/");
    let message = elsewhere.send(&archive).error(403);
    assert!(message.contains("another suite"), "{message}");
    elsewhere.url = elsewhere.url.replace("/suites/other/", "/suites/none/");
    assert_eq!(elsewhere.send(&archive).status, 404);
    assert_eq!(backfills(&server), json!([]));
}

#[test]
fn forms_expire() {
    let clock = Clock::fixed_at(Timestamp::from_millis(NOW));
    let Clock::Fixed(time) = &clock else {
        panic!("the clock is fixed")
    };
    let time = time.clone();
    let server = TestServer::with(unlimited, clock);
    let (first, second) = (form(&server), form(&server));
    let archive = first.archive(&record(1));
    time.store(NOW + FORM_LIFETIME - 1, Ordering::SeqCst);
    assert_eq!(first.send(&archive).status, 204);
    time.store(NOW + FORM_LIFETIME, Ordering::SeqCst);
    let message = second.send(&archive).error(403);
    assert!(message.contains("expired"), "{message}");
    assert_eq!(form(&server).send(&archive).status, 204);
}

#[test]
fn a_form_stays_valid_after_a_rejected_archive() {
    let small = |config: &mut Config| {
        unlimited(config);
        config.limits.backfill_bytes = 5_000;
    };
    let server = TestServer::with(small, Clock::System);
    let form = form(&server);
    // Detected by the announced length, and detected while receiving.
    for size in [200_000, 5_001] {
        let message = form.send(&vec![7; size]).error(413);
        assert!(message.contains("5000 bytes"), "{message}");
    }
    let empty = form.send(b"").error(400);
    assert!(empty.contains("must not be empty"), "{empty}");
    let none = form.send_parts(&[]).error(400);
    assert!(none.contains("no file"), "{none}");
    let archive = form.archive(&record(1));
    let after = form
        .send_parts(&[("file", &archive), ("upload_id", b"x")])
        .error(400);
    assert!(after.contains("must end with its file"), "{after}");
    let before = form.send_parts(&[("x", &[b'x'; 5_000])]).error(400);
    assert!(before.contains("longer than 4096 bytes"), "{before}");

    assert_eq!(form.send(&archive).status, 204);
    assert_eq!(finished(&server)[0]["commits"], 1);
    let left = server.directory().join("blobs/unfinished");
    assert_eq!(fs_err::read_dir(left).unwrap().count(), 0);
}

#[test]
fn rejects_other_requests() {
    let server = started();
    let path = format!("{BACKFILL}/upload");
    let json = server.ask("POST", &path).json(&json!({"file": "x"})).send();
    assert!(json.error(400).contains("form is not valid"));
    let cut = server
        .ask("POST", &path)
        .header("content-type", "multipart/form-data; boundary=limit")
        .body("--limit\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nabc")
        .send();
    // No signature: rejected before the file is read.
    assert_eq!(cut.status, 403, "{}", cut.text());
}

#[test]
fn rejects_invalid_archives_with_a_reason() {
    let server = started();
    let wrong_suite = {
        let mut form = form(&server);
        form.suite = uuid::Uuid::nil().to_string();
        form.archive(&record(1))
    };
    for (archive, expected) in [
        (b"not an archive".to_vec(), "not a gzip archive"),
        (gzip(b"not a tar"), "not a tar archive"),
        (wrong_suite, "names the suite"),
        (form(&server).archive("garbage\n"), "None of its 1 records"),
    ] {
        let form = form(&server);
        assert_eq!(form.send(&archive).status, 204);
        let listed = finished(&server);
        assert_eq!(listed[0]["state"], "rejected");
        let reason = listed[0]["problems"][0].as_str().unwrap();
        assert!(reason.contains(expected), "{reason}");
        // It is kept for inspection.
        let id = listed[0]["id"].as_str().unwrap();
        let kept = format!("blobs/backfills/rejected/{}/{id}.tar.gz", form.suite);
        until(&kept, || server.directory().join(&kept).exists());
    }
    assert_eq!(commit(&server, 1), None);
    let page = page(&server, "");
    assert!(page.contains("None of its 1 records"), "{page}");
}

#[test]
fn reads_an_archive_again_if_its_claim_expires() {
    let clock = Clock::fixed_at(Timestamp::from_millis(NOW));
    let Clock::Fixed(time) = &clock else {
        panic!("the clock is fixed")
    };
    let time = time.clone();
    let server = TestServer::with(unlimited, clock);
    // Another server claims the archive as soon as it arrives, and dies.
    let form = form(&server);
    let id = form.fields.iter().find(|(name, _)| name == "upload_id");
    let id = uuid::Uuid::parse_str(&id.unwrap().1).unwrap();
    let archive = form.archive(&record(1));
    let directory = server
        .directory()
        .join(format!("blobs/backfills/incoming/{}", form.suite));
    fs_err::create_dir_all(&directory).unwrap();
    fs_err::write(directory.join(format!("{id}.tar.gz")), archive).unwrap();
    server.with_store(async |store| {
        let until = Timestamp::from_millis(NOW + 60_000);
        let now = Timestamp::from_millis(NOW);
        assert!(store.backfill_received(id, 9, now).await.unwrap());
        // Unless the server, which polls every few seconds, was faster; then it reads it now.
        let _other_server = store.claim_backfill(now, until).await.unwrap();
    });
    // The claim expires.
    time.store(NOW + 60_000, Ordering::SeqCst);
    assert_eq!(finished(&server)[0]["commits"], 1);
    assert!(commit(&server, 1).is_some());
}

fn page(server: &TestServer, path: &str) -> String {
    let signed_in = server
        .ask("POST", "/sign-in")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("token={}&next=/organizations", server.access))
        .send();
    let cookie = signed_in.header("set-cookie").expect("signed in");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let path = format!("/organizations/acme/analytics/suites/web{path}");
    let page = server.ask("GET", &path).header("cookie", &cookie).send();
    assert_eq!(page.status, 200, "{}", page.text());
    page.text()
}

#[test]
fn a_run_shows_its_commit_escaped() {
    let server = started();
    let body = json!({
        "format": "json",
        "run_env": {"key": "k", "commit_sha": format!("{:040X}", 10), "message": "message from CI"},
        "data": [result("S", "a", "a.rb", 1.0, "passed")],
    });
    let receipt = server.upload_json(&body).json();
    let run = format!("/runs/{}", receipt["run_id"].as_str().unwrap());
    let before = page(&server, &run);
    assert!(before.contains("message from CI"));
    assert!(!before.contains("files changed"));

    let form = form(&server);
    let archive = form.archive(&record(10));
    assert_eq!(form.send(&archive).status, 204);
    finished(&server);
    let shown = page(&server, &run);
    for expected in [
        "Change &#60;nr&#62; 10",
        "Because &#60;script&#62;",
        "Ada &#60;b&#62;Author",
        "committed by Cy Committer",
        "2 files changed",
        "+10",
        "src/&#60;i&#62;.rs",
        "binary",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    for wrong in ["<script>", "<b>Author"] {
        assert!(!shown.contains(wrong), "{wrong}: {shown}");
    }
    let suite = page(&server, "");
    assert!(suite.contains("Known commits"), "{suite}");
    assert!(suite.contains("ingested"), "{suite}");
}
