//! Passwords of people who sign in without a provider: hashed with Argon2id.
//!
//! Checking one takes about as long for an unknown login as for a known one, and few are checked
//! concurrently, because each takes 19 MiB of memory.

use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use rand::Rng as _;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{Semaphore, SemaphorePermit};

/// In characters.
pub(crate) const MIN_PASSWORD: usize = 12;
/// In bytes.
pub(crate) const MAX_PASSWORD: usize = 1_024;
/// Passwords that are checked concurrently.
const MAX_CHECKS: usize = 2;
/// Bytes of a salt.
const SALT: usize = 16;

/// Reads after "failed to …: ".
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Counted in characters.
    #[error("the password is too short: use at least {MIN_PASSWORD} characters")]
    Short,
    /// Counted in bytes.
    #[error("the password is too long: use at most {MAX_PASSWORD} bytes")]
    Long,
    /// A stored hash is damaged, or there is too little memory.
    #[error("the password cannot be hashed: {0}")]
    Hash(String),
}

/// Fails unless the length is allowed.
pub(crate) fn check(password: &SecretString) -> Result<(), PasswordError> {
    let password = password.expose_secret();
    if password.chars().count() < MIN_PASSWORD {
        return Err(PasswordError::Short);
    }
    if password.len() > MAX_PASSWORD {
        return Err(PasswordError::Long);
    }
    Ok(())
}

/// Hashes a password of allowed length, as a PHC string. Takes tens of milliseconds.
pub(crate) fn hash(password: &SecretString) -> Result<String, PasswordError> {
    check(password)?;
    let mut salt = [0; SALT];
    rand::rng().fill_bytes(&mut salt);
    Argon2::default()
        .hash_password_with_salt(password.expose_secret().as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|error| PasswordError::Hash(error.to_string()))
}

/// A password that nobody knows yet, for a new user.
pub(crate) fn generate() -> SecretString {
    let mut random = [0; 12];
    rand::rng().fill_bytes(&mut random);
    SecretString::from(hex::encode(random))
}

/// Checks passwords, few at a time.
pub(crate) struct PasswordChecks {
    permits: Semaphore,
    /// The hash of a password that nobody knows, for unknown logins.
    unknown: String,
}

/// Allows to check one password.
pub(crate) struct PasswordCheck<'a> {
    unknown: &'a str,
    _permit: Option<SemaphorePermit<'a>>,
}

impl PasswordChecks {
    pub(crate) fn new() -> Self {
        Self {
            permits: Semaphore::new(MAX_CHECKS),
            unknown: hash(&generate()).unwrap_or_default(),
        }
    }

    /// Waits for other checks.
    pub(crate) async fn next(&self) -> PasswordCheck<'_> {
        PasswordCheck {
            unknown: &self.unknown,
            // Nothing closes the semaphore.
            _permit: self.permits.acquire().await.ok(),
        }
    }
}

impl PasswordCheck<'_> {
    /// Whether a password has this hash. Without a hash it does the same work, and the result is
    /// false.
    pub(crate) async fn verify(
        self,
        password: SecretString,
        hash: Option<String>,
    ) -> Result<bool, PasswordError> {
        let is_known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.unknown.to_owned());
        let work = tokio::task::spawn_blocking(move || verify(&password, &hash));
        let matches = work
            .await
            .map_err(|error| PasswordError::Hash(error.to_string()))??;
        Ok(matches && is_known)
    }
}

fn verify(password: &SecretString, hash: &str) -> Result<bool, PasswordError> {
    use argon2::password_hash::Error;
    let password = password.expose_secret().as_bytes();
    if password.len() > MAX_PASSWORD {
        return Ok(false);
    }
    match Argon2::default().verify_password(password, hash) {
        Ok(()) => Ok(true),
        Err(Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(PasswordError::Hash(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::{PasswordChecks, PasswordError, check, hash};

    #[test]
    fn only_reasonable_lengths_are_allowed() {
        let check = |text: &str| check(&SecretString::from(text));
        assert!(matches!(check("elevenchars"), Err(PasswordError::Short)));
        assert!(check("twelve chars").is_ok());
        // Twelve characters of three bytes each.
        assert!(check(&"語".repeat(12)).is_ok());
        let long = "a".repeat(1_025);
        assert!(matches!(check(&long), Err(PasswordError::Long)));
    }

    #[tokio::test]
    async fn a_password_matches_its_own_hash_only() {
        let checks = PasswordChecks::new();
        let password = || SecretString::from("correct horse battery");
        let hashes = [hash(&password()).unwrap(), hash(&password()).unwrap()];
        assert_ne!(hashes[0], hashes[1], "salted");
        assert!(hashes[0].starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        for hash in hashes {
            let right = checks.next().await.verify(password(), Some(hash.clone()));
            assert!(right.await.unwrap());
            let wrong = SecretString::from("correct horse batterz");
            let wrong = checks.next().await.verify(wrong, Some(hash));
            assert!(!wrong.await.unwrap());
        }
        let unknown = checks.next().await.verify(password(), None);
        assert!(!unknown.await.unwrap());
        let damaged = checks.next().await.verify(password(), Some("x".to_owned()));
        assert!(damaged.await.is_err());
    }
}
