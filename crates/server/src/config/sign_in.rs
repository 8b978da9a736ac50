//! The OpenID Connect provider that people sign in with.

use secrecy::{ExposeSecret as _, SecretString};

use super::access::Oidc;

/// The provider, its registration of this server, and what the sign-in page calls it.
#[derive(Clone, Debug, clap::Args)]
pub struct SignIn {
    /// Issuer URL of the `OpenID` Connect provider that people sign in with
    #[arg(
        help = "Issuer URL of the OpenID Connect provider that people sign in with; requires \
                --public-url"
    )]
    #[arg(id = "sign_in_issuer", long = "sign-in-issuer", value_name = "URL")]
    #[arg(env = "TEST_ENGINE_SIGN_IN_ISSUER")]
    pub issuer: Option<String>,
    /// Client id that the provider gave to this server
    #[arg(
        id = "sign_in_client_id",
        long = "sign-in-client-id",
        value_name = "ID"
    )]
    #[arg(env = "TEST_ENGINE_SIGN_IN_CLIENT_ID")]
    pub client_id: Option<String>,
    /// Client secret that the provider gave to this server; use the variable to keep it out of
    /// process lists
    #[arg(id = "sign_in_client_secret", long = "sign-in-client-secret")]
    #[arg(value_name = "SECRET", env = "TEST_ENGINE_SIGN_IN_CLIENT_SECRET")]
    #[arg(hide_env_values = true)]
    pub client_secret: Option<SecretString>,
    /// Name of the provider on the sign-in page
    #[arg(id = "sign_in_name", long = "sign-in-name", value_name = "NAME")]
    #[arg(env = "TEST_ENGINE_SIGN_IN_NAME", default_value = "single sign-on")]
    pub name: String,
    /// Scopes to request from the provider, separated by spaces
    #[arg(id = "sign_in_scopes", long = "sign-in-scopes", value_name = "SCOPES")]
    #[arg(
        env = "TEST_ENGINE_SIGN_IN_SCOPES",
        default_value = "openid email profile"
    )]
    pub scopes: String,
}

/// Settings of the provider that do not fit together.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum SignInError {
    #[error(
        "--sign-in-issuer, --sign-in-client-id and --sign-in-client-secret must be set together; \
         {0} is missing"
    )]
    Incomplete(&'static str),
    #[error(
        "--sign-in-issuer {given:?} does not start with https://; plain HTTP requires a loopback \
         address and --oidc-allow-loopback-http"
    )]
    Issuer { given: String },
    #[error(
        "--sign-in-issuer requires --public-url, which the provider redirects to after sign-in"
    )]
    NoPublicUrl,
    #[error("--sign-in-scopes {given:?} must include openid")]
    Scopes { given: String },
}

impl SignIn {
    /// Checks the settings; those of a provider are complete afterwards, or all absent.
    pub(crate) fn checked(self, has_public_url: bool, settings: Oidc) -> Result<Self, SignInError> {
        let given = |text: Option<String>| {
            let text = text?.trim().to_owned();
            (!text.is_empty()).then_some(text)
        };
        let checked = Self {
            issuer: given(self.issuer),
            client_id: given(self.client_id),
            client_secret: self
                .client_secret
                .filter(|secret| !secret.expose_secret().is_empty()),
            ..self
        };
        for (is_set, name) in [
            (checked.issuer.is_some(), "--sign-in-issuer"),
            (checked.client_id.is_some(), "--sign-in-client-id"),
            (checked.client_secret.is_some(), "--sign-in-client-secret"),
        ] {
            if !is_set && checked.has_any() {
                return Err(SignInError::Incomplete(name));
            }
        }
        let Some(issuer) = &checked.issuer else {
            return Ok(checked);
        };
        let is_plain = issuer.starts_with("http://") && settings.allow_loopback_http;
        if !issuer.starts_with("https://") && !is_plain {
            let given = issuer.clone();
            return Err(SignInError::Issuer { given });
        }
        if !has_public_url {
            return Err(SignInError::NoPublicUrl);
        }
        if !checked
            .scopes
            .split_whitespace()
            .any(|scope| scope == "openid")
        {
            let given = checked.scopes;
            return Err(SignInError::Scopes { given });
        }
        Ok(checked)
    }

    fn has_any(&self) -> bool {
        self.issuer.is_some() || self.client_id.is_some() || self.client_secret.is_some()
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::super::defaults;
    use super::{Oidc, SignIn, SignInError};

    fn complete() -> SignIn {
        SignIn {
            issuer: Some(" https://id.example.com ".to_owned()),
            client_id: Some("tests".to_owned()),
            client_secret: Some(SecretString::from("secret")),
            ..defaults()
        }
    }

    fn check(
        settings: SignIn,
        has_public_url: bool,
        loopback: bool,
    ) -> Result<SignIn, SignInError> {
        let oidc = Oidc {
            allow_loopback_http: loopback,
        };
        settings.checked(has_public_url, oidc)
    }

    #[test]
    fn a_provider_is_complete_or_absent() {
        let checked = check(complete(), true, false).unwrap();
        assert_eq!(checked.issuer.as_deref(), Some("https://id.example.com"));
        let none: SignIn = defaults();
        assert!(check(none, false, false).unwrap().issuer.is_none());
        for (settings, missing) in [
            (
                SignIn {
                    issuer: Some(" ".to_owned()),
                    ..complete()
                },
                "--sign-in-issuer",
            ),
            (
                SignIn {
                    client_id: None,
                    ..complete()
                },
                "--sign-in-client-id",
            ),
            (
                SignIn {
                    client_secret: Some(SecretString::from("")),
                    ..complete()
                },
                "--sign-in-client-secret",
            ),
        ] {
            let error = check(settings, true, false).unwrap_err();
            assert_eq!(error, SignInError::Incomplete(missing));
        }
    }

    #[test]
    fn the_provider_needs_tls_a_public_url_and_openid() {
        assert_eq!(
            check(complete(), false, false).unwrap_err(),
            SignInError::NoPublicUrl
        );
        let plain = || SignIn {
            issuer: Some("http://127.0.0.1:1".to_owned()),
            ..complete()
        };
        assert!(check(plain(), true, false).is_err());
        assert!(check(plain(), true, true).is_ok());
        let scopes = SignIn {
            scopes: "email".to_owned(),
            ..complete()
        };
        assert!(check(scopes, true, false).is_err());
    }
}
