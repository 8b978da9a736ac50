//! Creating organizations, suites and tokens, for the command line, the API and tests.
//!
//! Works on the database directly, whether or not a server is running.

mod pipelines;

pub use pipelines::{PipelineToken, Secret, pipeline_token};

use secrecy::SecretString;
use test_engine_store::{
    Change, Conflict, NewSuite, NewToken, Organization, Store, StoreError, Suite, SuiteChanges,
    Timestamp, Token, TokenKind, UserId,
};
use uuid::Uuid;

use crate::config::Oidc;
use crate::oidc::{Policy, PolicyError};
use crate::scopes::Scope;
use crate::secrets;

const MAX_SLUG_BYTES: usize = 100;
/// The most days that the settings of a suite allow for mutes and skips.
pub(crate) const MAX_QUARANTINE_DAYS: u32 = 3_650;

/// Reads after "failed to …: ".
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum AdminError {
    #[error(
        "{given:?} is not a slug: use at most {MAX_SLUG_BYTES} lower-case letters, digits, - and _"
    )]
    Slug { given: String },
    #[error(
        "there is no organization {slug:?}; create it with: test-engine organization create {slug}"
    )]
    NoOrganization { slug: String },
    #[error(
        "there is no suite {organization}/{suite}; create it with: test-engine suite create \
         {organization}/{suite}"
    )]
    NoSuite { organization: String, suite: String },
    #[error("{0} already exists; choose another slug")]
    Exists(Conflict),
    #[error(transparent)]
    OidcPolicy(#[from] PolicyError),
    #[error("the database is unavailable")]
    Store(#[source] StoreError),
}

impl From<StoreError> for AdminError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(conflict) => Self::Exists(conflict),
            other => Self::Store(other),
        }
    }
}

/// A new suite and its upload token.
pub struct CreatedSuite {
    /// As stored.
    pub suite: Suite,
    /// Only its hash is stored.
    pub token: SecretString,
}

/// A new token and its secret.
pub struct CreatedToken {
    /// As stored.
    pub token: Token,
    /// Only its hash is stored.
    pub secret: SecretString,
}

/// The fields of a new API access token.
#[derive(Clone, Debug, Default)]
pub struct TokenRequest {
    /// May be empty.
    pub scopes: Vec<Scope>,
    /// For people.
    pub description: Option<String>,
    /// `None` means never.
    pub expires_at: Option<Timestamp>,
    /// Whom the token belongs to; `None` for CI.
    pub user: Option<UserId>,
}

/// Returns the slug if it is valid.
pub fn check_slug(given: &str) -> Result<&str, AdminError> {
    let is_valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    let is_slug = !given.is_empty()
        && given.len() <= MAX_SLUG_BYTES
        && given.chars().all(is_valid)
        && given.starts_with(|c: char| c.is_ascii_alphanumeric());
    is_slug.then_some(given).ok_or_else(|| AdminError::Slug {
        given: given.to_owned(),
    })
}

/// The ASCII letters and digits of a name, joined by `-`; empty if it has none.
pub fn slug_of(name: &str) -> String {
    let mut slug = String::new();
    for character in name.chars() {
        if character.is_ascii_alphanumeric() {
            slug.push(character.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() == MAX_SLUG_BYTES {
            break;
        }
    }
    slug.trim_end_matches('-').to_owned()
}

/// Fails if the slug is invalid or taken.
pub async fn create_organization(
    store: &Store,
    slug: &str,
    change: &Change,
) -> Result<Organization, AdminError> {
    let slug = check_slug(slug)?;
    Ok(store
        .create_organization(Uuid::now_v7(), slug, change)
        .await?)
}

/// Fails if there is none with this slug.
pub async fn organization(store: &Store, slug: &str) -> Result<Organization, AdminError> {
    store
        .organization(slug)
        .await?
        .ok_or_else(|| AdminError::NoOrganization {
            slug: slug.to_owned(),
        })
}

/// Fails if there is none with these slugs.
pub async fn suite(store: &Store, organization: &str, suite: &str) -> Result<Suite, AdminError> {
    store
        .suite(organization, suite)
        .await?
        .ok_or_else(|| AdminError::NoSuite {
            organization: organization.to_owned(),
            suite: suite.to_owned(),
        })
}

/// A suite to create: named like its slug, with the default branch `main`.
pub fn new_suite(slug: &str) -> NewSuite {
    NewSuite {
        uuid: Uuid::now_v7(),
        slug: slug.to_owned(),
        name: slug.to_owned(),
        default_branch: "main".to_owned(),
        ..NewSuite::default()
    }
}

/// Creates a suite without a token in the organization with this slug.
pub async fn add_suite(
    store: &Store,
    organization: &str,
    suite: NewSuite,
    change: &Change,
) -> Result<Suite, AdminError> {
    check_slug(&suite.slug)?;
    let organization = self::organization(store, organization).await?;
    Ok(store.create_suite(organization.id, suite, change).await?)
}

/// Creates a suite and its upload token in the organization with this slug.
pub async fn create_suite(
    store: &Store,
    organization: &str,
    suite: NewSuite,
    change: &Change,
) -> Result<CreatedSuite, AdminError> {
    let suite = add_suite(store, organization, suite, change).await?;
    let token = create_suite_token(store, &suite, None, change)
        .await?
        .secret;
    Ok(CreatedSuite { suite, token })
}

/// Validates the YAML or JSON of an OIDC policy that is about to be stored.
pub fn check_oidc_policy(text: &str, settings: Oidc) -> Result<(), PolicyError> {
    Policy::parse_new(text, settings).map(|_policy| ())
}

/// Sets or removes the OIDC policy of a suite.
pub async fn set_oidc_policy(
    store: &Store,
    suite: &Suite,
    policy: Option<&str>,
    change: &Change,
) -> Result<Suite, AdminError> {
    policy.map(Policy::parse).transpose()?;
    let changes = SuiteChanges {
        oidc_policy: Some(policy.map(str::to_owned)),
        ..SuiteChanges::default()
    };
    update_suite(store, suite, changes, change).await
}

/// Changes settings of a suite. Fails if it has been deleted meanwhile.
pub async fn update_suite(
    store: &Store,
    suite: &Suite,
    changes: SuiteChanges,
    change: &Change,
) -> Result<Suite, AdminError> {
    store
        .update_suite(suite.id, changes, change)
        .await?
        .ok_or_else(|| AdminError::NoSuite {
            organization: suite.organization_slug.clone(),
            suite: suite.slug.clone(),
        })
}

/// Creates another upload token for a suite.
pub async fn create_suite_token(
    store: &Store,
    suite: &Suite,
    description: Option<String>,
    change: &Change,
) -> Result<CreatedToken, AdminError> {
    let secret = secrets::generate(TokenKind::Suite);
    let token = NewToken {
        uuid: Uuid::now_v7(),
        organization: suite.organization,
        suite: Some(suite.id),
        kind: TokenKind::Suite,
        secret_hash: secrets::hash_of(&secret),
        scopes: Vec::new(),
        description: description.or_else(|| Some(format!("uploads to {}", suite.slug))),
        expires_at: None,
        user: None,
    };
    let token = store.create_token(token, change).await?;
    Ok(CreatedToken { token, secret })
}

/// Creates an API access token.
pub async fn create_token(
    store: &Store,
    organization: &Organization,
    request: TokenRequest,
    change: &Change,
) -> Result<CreatedToken, AdminError> {
    let secret = secrets::generate(TokenKind::Access);
    let token = NewToken {
        uuid: Uuid::now_v7(),
        organization: organization.id,
        suite: None,
        kind: TokenKind::Access,
        secret_hash: secrets::hash_of(&secret),
        scopes: request.scopes.iter().map(Scope::to_string).collect(),
        description: request.description,
        expires_at: request.expires_at,
        user: request.user,
    };
    let token = store.create_token(token, change).await?;
    Ok(CreatedToken { token, secret })
}

/// Creates the first organization of an empty database, and a token with all scopes.
///
/// `None` if there is an organization already.
pub async fn first_start(
    store: &Store,
    slug: &str,
    change: &Change,
) -> Result<Option<SecretString>, AdminError> {
    if !store.organizations().await?.is_empty() {
        return Ok(None);
    }
    let organization = match create_organization(store, slug, change).await {
        // Another server on the same database was faster.
        Err(AdminError::Exists(Conflict::Organization)) => return Ok(None),
        created => created?,
    };
    let request = TokenRequest {
        scopes: Scope::ALL.to_vec(),
        description: Some("first admin token".to_owned()),
        expires_at: None,
        user: None,
    };
    let created = create_token(store, &organization, request, change).await?;
    Ok(Some(created.secret))
}

/// The slug of the first organization, if no live token of any organization has all scopes.
pub async fn missing_admin_token(
    store: &Store,
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    let organizations = store.organizations().await?;
    for organization in &organizations {
        let tokens = store.tokens(organization.id).await?;
        let is_admin = |token: &Token| {
            token.kind == TokenKind::Access
                && token.is_live(now)
                && Scope::ALL
                    .iter()
                    .all(|scope| scope.is_granted_by(&token.scopes))
        };
        if tokens.iter().any(is_admin) {
            return Ok(None);
        }
    }
    Ok(organizations
        .into_iter()
        .next()
        .map(|organization| organization.slug))
}

#[cfg(test)]
mod tests {
    use super::{check_slug, slug_of};

    #[test]
    fn derives_slugs_from_names() {
        for (name, slug) in [
            ("Web App", "web-app"),
            ("  API (v2)!", "api-v2"),
            ("Größe", "gr-e"),
            ("日本語", ""),
        ] {
            assert_eq!(slug_of(name), slug, "{name}");
        }
        let long = slug_of(&"ab ".repeat(100));
        assert!(long.len() <= 100 && check_slug(&long).is_ok(), "{long}");
    }

    #[test]
    fn accepts_only_slugs_that_are_safe_in_urls() {
        for valid in ["a", "web-app", "web_2", "0"] {
            assert!(check_slug(valid).is_ok(), "{valid}");
        }
        let long = "a".repeat(101);
        for invalid in ["", "Web", "a b", "a/b", "é", "-a", ".", long.as_str()] {
            assert!(check_slug(invalid).is_err(), "{invalid}");
        }
    }
}
