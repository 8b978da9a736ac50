//! Presigned upload forms of the server itself, signed with a key from the database.
//!
//! A form is valid for one archive of one suite, with a size limit and an expiry. The database
//! records that it was used, see [`test_engine_store::Store::begin_backfill`].

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use test_engine_store::Timestamp;
use uuid::Uuid;

/// The field of the file, which must be the last one.
pub(crate) const FILE_FIELD: &str = "file";

const UPLOAD: &str = "upload_id";
const SUITE: &str = "suite_id";
const EXPIRES: &str = "expires";
const LIMIT: &str = "max_bytes";
const SIGNATURE: &str = "signature";

/// The key that signs forms, shared by all servers of a database.
#[derive(Clone)]
pub(crate) struct FormKey([u8; 32]);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignedForm {
    pub(crate) upload: Uuid,
    pub(crate) suite: Uuid,
    pub(crate) expires_at: Timestamp,
    /// Maximum bytes of the archive.
    pub(crate) limit: u64,
}

/// Why a form is rejected. Each message is a sentence for the sender.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum FormError {
    #[error("The form's field {0} is missing or invalid. Send all fields before the file.")]
    Field(&'static str),
    /// The fields were changed, or signed with the key of another database.
    #[error("The form's signature does not match its fields. Request a new form.")]
    Signature,
    #[error("The form belongs to another suite. Request a form for this one.")]
    OtherSuite,
    #[error("The form has expired. Request a new one.")]
    Expired,
}

impl FormKey {
    pub(crate) const fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// All fields except for the file.
    pub(crate) fn fields(&self, form: &SignedForm) -> BTreeMap<String, String> {
        let field = |name: &str, value: String| (name.to_owned(), value);
        BTreeMap::from([
            field(UPLOAD, form.upload.to_string()),
            field(SUITE, form.suite.to_string()),
            field(EXPIRES, form.expires_at.millis().to_string()),
            field(LIMIT, form.limit.to_string()),
            field(
                SIGNATURE,
                hex::encode(self.mac(form).finalize().into_bytes()),
            ),
        ])
    }

    pub(crate) fn check(
        &self,
        fields: &BTreeMap<String, String>,
        suite: Uuid,
        now: Timestamp,
    ) -> Result<SignedForm, FormError> {
        let form = SignedForm {
            upload: read(fields, UPLOAD)?,
            suite: read(fields, SUITE)?,
            expires_at: Timestamp::from_millis(read(fields, EXPIRES)?),
            limit: read(fields, LIMIT)?,
        };
        let signature = fields.get(SIGNATURE).ok_or(FormError::Field(SIGNATURE))?;
        let signature = hex::decode(signature).map_err(|_not_hex| FormError::Signature)?;
        self.mac(&form)
            .verify_slice(&signature)
            .map_err(|_differs| FormError::Signature)?;
        if form.suite != suite {
            return Err(FormError::OtherSuite);
        }
        if form.expires_at <= now {
            return Err(FormError::Expired);
        }
        Ok(form)
    }

    fn mac(&self, form: &SignedForm) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key may have any length");
        mac.update(b"commit-metadata-backfill\0");
        // Every part has a fixed length, so different forms have different bytes.
        mac.update(form.upload.as_bytes());
        mac.update(form.suite.as_bytes());
        mac.update(&form.expires_at.millis().to_be_bytes());
        mac.update(&form.limit.to_be_bytes());
        mac
    }
}

fn read<T: std::str::FromStr>(
    fields: &BTreeMap<String, String>,
    name: &'static str,
) -> Result<T, FormError> {
    fields
        .get(name)
        .and_then(|value| value.parse().ok())
        .ok_or(FormError::Field(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn form() -> SignedForm {
        SignedForm {
            upload: Uuid::from_u128(1),
            suite: Uuid::from_u128(2),
            expires_at: NOW.plus_millis(1),
            limit: 100,
        }
    }

    #[test]
    fn accepts_its_own_forms() {
        let key = FormKey::new([7; 32]);
        let fields = key.fields(&form());
        assert_eq!(key.check(&fields, form().suite, NOW), Ok(form()));
    }

    #[test]
    fn rejects_changed_fields() {
        let key = FormKey::new([7; 32]);
        for (name, value) in [
            (UPLOAD, Uuid::from_u128(3).to_string()),
            (SUITE, Uuid::from_u128(3).to_string()),
            (EXPIRES, "9000000000000".to_owned()),
            (LIMIT, "101".to_owned()),
            (SIGNATURE, "00".repeat(32)),
            (SIGNATURE, String::new()),
            (SIGNATURE, "zz".to_owned()),
        ] {
            let mut fields = key.fields(&form());
            fields.insert(name.to_owned(), value);
            let checked = key.check(&fields, form().suite, NOW);
            assert_eq!(checked, Err(FormError::Signature), "{name}");
        }
        let other = FormKey::new([8; 32]).fields(&form());
        let checked = key.check(&other, form().suite, NOW);
        assert_eq!(checked, Err(FormError::Signature));
    }

    #[test]
    fn rejects_incomplete_expired_and_foreign_forms() {
        let key = FormKey::new([7; 32]);
        for name in [UPLOAD, SUITE, EXPIRES, LIMIT, SIGNATURE] {
            let mut fields = key.fields(&form());
            fields.remove(name);
            let checked = key.check(&fields, form().suite, NOW);
            assert_eq!(checked, Err(FormError::Field(name)));
        }
        let fields = key.fields(&form());
        let foreign = key.check(&fields, Uuid::from_u128(9), NOW);
        assert_eq!(foreign, Err(FormError::OtherSuite));
        let late = key.check(&fields, form().suite, NOW.plus_millis(1));
        assert_eq!(late, Err(FormError::Expired));
    }
}
