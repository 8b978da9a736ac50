//! Presigned forms for S3: POST policies of AWS Signature Version 4. Pure.
//!
//! The service checks the signature, the expiry and the size of the file. A form can be used more
//! than once until it expires, but the server ingests an archive only once, see `backfills`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

pub(super) struct Signer<'a> {
    pub(super) key_id: &'a str,
    pub(super) secret_key: &'a str,
    /// Only for temporary credentials.
    pub(super) session_token: Option<&'a str>,
    pub(super) region: &'a str,
}

pub(super) struct Policy<'a> {
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
    /// Maximum bytes of the file.
    pub(super) limit: u64,
    pub(super) now: jiff::Timestamp,
    pub(super) expires_at: jiff::Timestamp,
}

pub(super) fn fields(signer: &Signer<'_>, policy: &Policy<'_>) -> BTreeMap<String, String> {
    let date = policy.now.strftime("%Y%m%d").to_string();
    let time = policy.now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let scope = format!("{date}/{}/s3/aws4_request", signer.region);
    let mut fields = BTreeMap::from([
        ("key".to_owned(), policy.key.to_owned()),
        ("success_action_status".to_owned(), "204".to_owned()),
        ("x-amz-algorithm".to_owned(), ALGORITHM.to_owned()),
        (
            "x-amz-credential".to_owned(),
            format!("{}/{scope}", signer.key_id),
        ),
        ("x-amz-date".to_owned(), time),
    ]);
    if let Some(token) = signer.session_token {
        fields.insert("x-amz-security-token".to_owned(), token.to_owned());
    }
    let mut conditions = vec![
        json!({"bucket": policy.bucket}),
        json!(["content-length-range", 1, policy.limit]),
    ];
    conditions.extend(
        fields
            .iter()
            .map(|(name, value)| json!(["eq", format!("${name}"), value])),
    );
    let document = json!({
        "expiration": policy.expires_at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string(),
        "conditions": conditions,
    });
    let encoded = STANDARD.encode(document.to_string());
    let signature = sign(signer, &date, encoded.as_bytes());
    fields.insert("policy".to_owned(), encoded);
    fields.insert("x-amz-signature".to_owned(), signature);
    fields
}

fn sign(signer: &Signer<'_>, date: &str, text: &[u8]) -> String {
    let secret = format!("AWS4{}", signer.secret_key);
    let key = [date, signer.region, "s3", "aws4_request"]
        .iter()
        .fold(secret.into_bytes(), |key, part| mac(&key, part.as_bytes()));
    hex::encode(mac(&key, text))
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key may have any length");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_like_the_example_in_the_aws_documentation() {
        // "Browser-based uploads using POST" in the documentation of Amazon S3.
        let signer = Signer {
            key_id: "AKIAIOSFODNN7EXAMPLE",
            secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            session_token: None,
            region: "us-east-1",
        };
        let policy = "\
            eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsN\
            CiAgICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRr\
            ZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vz\
            c19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3MuY29t\
            L3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUi\
            LCAiaW1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7\
            IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIs\
            ICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZP\
            RE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXot\
            YWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlU\
            MDAwMDAwWiIgfQ0KICBdDQp9";
        assert_eq!(
            sign(&signer, "20151229", policy.as_bytes()),
            "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e"
        );
    }

    #[test]
    fn the_policy_covers_every_field() {
        let signer = Signer {
            key_id: "me",
            secret_key: "secret",
            session_token: Some("token"),
            region: "eu-west-1",
        };
        let now: jiff::Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let policy = Policy {
            bucket: "b",
            key: "a/b.tar.gz",
            limit: 7,
            now,
            expires_at: "2026-11-22T10:15:00Z".parse().unwrap(),
        };
        let fields = fields(&signer, &policy);
        let credential = "me/20261122/eu-west-1/s3/aws4_request";
        assert_eq!(fields["x-amz-credential"], credential);
        assert_eq!(fields["x-amz-date"], "20261122T100000Z");
        let document = STANDARD.decode(&fields["policy"]).unwrap();
        let document: serde_json::Value = serde_json::from_slice(&document).unwrap();
        assert_eq!(document["expiration"], "2026-11-22T10:15:00.000Z");
        let conditions = document["conditions"].as_array().unwrap();
        assert!(conditions.contains(&json!({"bucket": "b"})));
        assert!(conditions.contains(&json!(["content-length-range", 1, 7])));
        for (name, value) in &fields {
            let signed = conditions.contains(&json!(["eq", format!("${name}"), value]));
            let is_signature = ["policy", "x-amz-signature"].contains(&name.as_str());
            assert_eq!(signed, !is_signature, "{name}");
        }
        assert!(!fields.values().any(|value| value.contains("secret")));
    }
}
