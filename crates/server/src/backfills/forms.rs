//! The server's own presigned forms: fields with a seal that only this database's servers can make.
//!
//! A form is good for one archive of one suite, of a limited size, for a limited time. That it is
//! used once is written down in the database, see [`test_engine_store::Store::begin_backfill`].

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use test_engine_store::Timestamp;
use uuid::Uuid;

/// The field that holds the file; it comes last.
pub(crate) const FILE_FIELD: &str = "file";

const UPLOAD: &str = "upload_id";
const SUITE: &str = "suite_id";
const EXPIRES: &str = "expires";
const LIMIT: &str = "max_bytes";
const SEAL: &str = "signature";

/// What forms are sealed with; the same for all servers of a database.
#[derive(Clone)]
pub(crate) struct FormKey([u8; 32]);

/// What a form allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SealedForm {
    /// Of the archive.
    pub(crate) upload: Uuid,
    /// Whose commits it holds.
    pub(crate) suite: Uuid,
    /// From when on the form is refused.
    pub(crate) expires_at: Timestamp,
    /// Bytes the archive may have.
    pub(crate) limit: u64,
}

/// Why a form is refused. A sentence for the sender.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum FormProblem {
    /// A field is missing or is not what it should be.
    #[error("The form's field {0} is missing or cannot be read. Send all fields before the file.")]
    Field(&'static str),
    /// Somebody changed the fields, or another server made them.
    #[error("The form's signature does not fit its fields. Ask for a new form.")]
    Seal,
    /// The form is of another suite than the address.
    #[error("The form belongs to another suite. Ask for a form of this one.")]
    OtherSuite,
    /// Too late.
    #[error("The form has expired. Ask for a new one.")]
    Expired,
}

impl FormKey {
    pub(crate) const fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// All fields of a form.
    pub(crate) fn fields(&self, form: &SealedForm) -> BTreeMap<String, String> {
        let field = |name: &str, value: String| (name.to_owned(), value);
        BTreeMap::from([
            field(UPLOAD, form.upload.to_string()),
            field(SUITE, form.suite.to_string()),
            field(EXPIRES, form.expires_at.millis().to_string()),
            field(LIMIT, form.limit.to_string()),
            field(SEAL, hex::encode(self.mac(form).finalize().into_bytes())),
        ])
    }

    /// The form of these fields, if this key sealed it for this suite and it has not run out.
    pub(crate) fn check(
        &self,
        fields: &BTreeMap<String, String>,
        suite: Uuid,
        now: Timestamp,
    ) -> Result<SealedForm, FormProblem> {
        let form = SealedForm {
            upload: read(fields, UPLOAD)?,
            suite: read(fields, SUITE)?,
            expires_at: Timestamp::from_millis(read(fields, EXPIRES)?),
            limit: read(fields, LIMIT)?,
        };
        let seal = fields.get(SEAL).ok_or(FormProblem::Field(SEAL))?;
        let seal = hex::decode(seal).map_err(|_not_hex| FormProblem::Seal)?;
        self.mac(&form)
            .verify_slice(&seal)
            .map_err(|_differs| FormProblem::Seal)?;
        if form.suite != suite {
            return Err(FormProblem::OtherSuite);
        }
        if form.expires_at <= now {
            return Err(FormProblem::Expired);
        }
        Ok(form)
    }

    fn mac(&self, form: &SealedForm) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key may have any length");
        mac.update(b"commit-metadata-backfill\0");
        // Every part has a fixed length, so no two forms are the same bytes.
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
) -> Result<T, FormProblem> {
    fields
        .get(name)
        .and_then(|value| value.parse().ok())
        .ok_or(FormProblem::Field(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn form() -> SealedForm {
        SealedForm {
            upload: Uuid::from_u128(1),
            suite: Uuid::from_u128(2),
            expires_at: NOW.plus_millis(1),
            limit: 100,
        }
    }

    #[test]
    fn a_form_comes_back_as_it_was_given_out() {
        let key = FormKey::new([7; 32]);
        let fields = key.fields(&form());
        assert_eq!(key.check(&fields, form().suite, NOW), Ok(form()));
    }

    #[test]
    fn every_change_breaks_the_seal() {
        let key = FormKey::new([7; 32]);
        for (name, value) in [
            (UPLOAD, Uuid::from_u128(3).to_string()),
            (SUITE, Uuid::from_u128(3).to_string()),
            (EXPIRES, "9000000000000".to_owned()),
            (LIMIT, "101".to_owned()),
            (SEAL, "00".repeat(32)),
            (SEAL, String::new()),
            (SEAL, "zz".to_owned()),
        ] {
            let mut fields = key.fields(&form());
            fields.insert(name.to_owned(), value);
            let checked = key.check(&fields, form().suite, NOW);
            assert_eq!(checked, Err(FormProblem::Seal), "{name}");
        }
        let other = FormKey::new([8; 32]).fields(&form());
        assert_eq!(key.check(&other, form().suite, NOW), Err(FormProblem::Seal));
    }

    #[test]
    fn what_is_missing_late_or_of_another_suite_is_named() {
        let key = FormKey::new([7; 32]);
        for name in [UPLOAD, SUITE, EXPIRES, LIMIT, SEAL] {
            let mut fields = key.fields(&form());
            fields.remove(name);
            let checked = key.check(&fields, form().suite, NOW);
            assert_eq!(checked, Err(FormProblem::Field(name)));
        }
        let fields = key.fields(&form());
        let elsewhere = key.check(&fields, Uuid::from_u128(9), NOW);
        assert_eq!(elsewhere, Err(FormProblem::OtherSuite));
        let late = key.check(&fields, form().suite, NOW.plus_millis(1));
        assert_eq!(late, Err(FormProblem::Expired));
    }
}
