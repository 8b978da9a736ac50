//! The signature of a request, by which its receiver knows that this server has sent it.

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use test_engine_store::Timestamp;

/// The value of `X-Test-Engine-Signature`: `t=SECONDS,v1=HEX`. The HMAC-SHA256 covers the time, a
/// dot and the body, so that a receiver can reject old requests.
pub(crate) fn sign(secret: &SecretString, now: Timestamp, body: &[u8]) -> String {
    let seconds = now.millis().div_euclid(1_000);
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
        .expect("HMAC accepts keys of any length");
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    format!(
        "t={seconds},v1={}",
        hex::encode(mac.finalize().into_bytes())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with `printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key`.
    #[test]
    fn signs_the_time_and_the_body() {
        let now = Timestamp::from_millis(1_700_000_000_999);
        let signed = sign(&"key".to_owned().into(), now, b"{\"a\":1}");
        assert_eq!(
            signed,
            "t=1700000000,v1=a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03"
        );
    }
}
