//! Object storage in a bucket of a real S3-compatible service, which checks signatures.

use secrecy::SecretString;
use serde_json::json;
use test_engine::clock::Clock;
use test_engine::config::{BlobStore, Config, S3Keys, S3Settings};
use test_engine_store::Timestamp;
use test_engine_testkit::{BUCKET, KEY_ID, S3Server, SECRET};

use crate::backfills::{commit, finished, form, record, unlimited};
use crate::support::{SUITE, TestServer, result};
use crate::waiting::{until, wait_for};

fn bucket(s3: &S3Server, config: &mut Config) {
    unlimited(config);
    config.storage.blobs = BlobStore::S3(S3Settings {
        bucket: BUCKET.to_owned(),
        prefix: "some/prefix".to_owned(),
        endpoint: Some(s3.endpoint().to_owned()),
        region: "us-east-1".to_owned(),
        keys: Some(S3Keys {
            id: KEY_ID.to_owned(),
            secret: SecretString::from(SECRET.to_owned()),
        }),
    });
}

#[test]
fn ingests_an_archive_that_was_uploaded_to_the_bucket() {
    let s3 = S3Server::start();
    let server = TestServer::with(|config| bucket(&s3, config), Clock::System);
    let form = form(&server);
    assert_eq!(form.url, format!("{}/{BUCKET}", s3.endpoint()));
    let archive = form.archive(&(record(1) + &record(2)));
    let answer = form.send(&archive);
    assert_eq!(answer.status, 204, "{}", answer.text());
    let listed = finished(&server);
    assert_eq!(listed[0]["state"], "ingested", "{listed}");
    assert_eq!(listed[0]["commits"], 2);
    assert_eq!(listed[0]["size"], archive.len());
    assert!(commit(&server, 2).is_some());

    // The bucket accepts a form again until it expires; the server ingests an archive once.
    assert_eq!(form.send(&form.archive(&record(3))).status, 204);
    let second = self::form(&server);
    assert_eq!(second.send(b"not an archive").status, 204);
    let listed = wait_for("a rejection", || {
        let listed = finished(&server);
        let is_rejected = listed[0]["state"] == "rejected";
        if is_rejected { Ok(listed) } else { Err(listed) }
    });
    assert_eq!(listed.as_array().unwrap().len(), 2, "{listed}");
    assert_eq!(commit(&server, 3), None);
}

#[test]
fn the_bucket_rejects_what_the_form_does_not_allow() {
    let s3 = S3Server::start();
    let small = |config: &mut Config| {
        bucket(&s3, config);
        config.limits.backfill_bytes = 1_000;
    };
    let server = TestServer::with(small, Clock::System);
    let assert_rejected = |answer: crate::support::Answer, what: &str| {
        assert!(
            (400..500).contains(&answer.status),
            "{what}: {}",
            answer.status
        );
        assert_eq!(s3.keys(), Vec::<String>::new(), "{what}");
    };
    assert_rejected(form(&server).send(&[7; 1_001]), "too large");
    assert_rejected(form(&server).send(b""), "empty");
    for (name, value) in [
        ("key", "some/prefix/elsewhere.tar.gz"),
        ("x-amz-signature", &"0".repeat(64)),
        (
            "x-amz-credential",
            "other/20260101/us-east-1/s3/aws4_request",
        ),
        (
            "policy",
            "eyJleHBpcmF0aW9uIjoiMjA5OS0wMS0wMVQwMDowMDowMFoiLCJjb25kaXRpb25zIjpbXX0=",
        ),
        ("x-amz-meta-more", "a field outside of the policy"),
    ] {
        assert_rejected(form(&server).with(name, value).send(b"x"), name);
    }

    // A form created an hour ago.
    #[expect(clippy::disallowed_methods, reason = "the service has the real clock")]
    let now = jiff::Timestamp::now().as_millisecond();
    let an_hour_ago = Clock::fixed_at(Timestamp::from_millis(now - 3_600_000));
    let server = TestServer::with(|config| bucket(&s3, config), an_hour_ago);
    assert_rejected(form(&server).send(b"x"), "expired");
}

#[test]
fn stores_raw_uploads_in_the_bucket() {
    let s3 = S3Server::start();
    let keep = |config: &mut Config| {
        bucket(&s3, config);
        config.storage.keep_raw_uploads = true;
    };
    let mut server = TestServer::with(keep, Clock::System);
    let sent = json!([result("S", "a", "a.rb", 1.0, "passed")]);
    let receipt = server.upload("k", "main", &sent).json();
    let id = |key: &str| receipt[key].as_str().unwrap().to_owned();
    let path = format!(
        "{SUITE}/runs/{}/uploads/{}/raw",
        id("run_id"),
        id("upload_id")
    );
    until("the file", || server.get(&path).status == 200);
    let keys = s3.keys();
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert!(keys[0].starts_with("some/prefix/uploads/"), "{keys:?}");
    assert!(
        keys[0].ends_with(&format!("{}.gz", id("upload_id"))),
        "{keys:?}"
    );
    server.stop();
}

#[test]
fn an_unavailable_bucket_does_not_fail_an_upload() {
    let s3 = S3Server::start();
    let keep = |config: &mut Config| {
        bucket(&s3, config);
        config.storage.keep_raw_uploads = true;
    };
    let server = TestServer::with(keep, Clock::System);
    drop(s3);
    let sent = json!([result("S", "a", "a.rb", 1.0, "passed")]);
    assert_eq!(server.upload("k", "main", &sent).status, 202);
}
