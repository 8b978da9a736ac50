//! Making organizations, suites and tokens: what the command line does, and tests before they start.
//!
//! Works on the database alone, so it does not matter whether a server is running.

use secrecy::SecretString;
use test_engine_store::{
    Conflict, NewSuite, NewToken, Organization, OrganizationId, Store, StoreError, Suite,
    SuiteChanges, Timestamp, Token, TokenKind,
};
use uuid::Uuid;

use crate::oidc::{Policy, PolicyError};
use crate::scopes::Scope;
use crate::secrets::{self, SecretKind};

/// The longest slug, in bytes.
const LONGEST_SLUG: usize = 100;
/// The description of the token made on the first start.
const FIRST_TOKEN: &str = "first admin token";

/// Why something could not be made. Reads after "failed to …: ".
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Not a slug.
    #[error(
        "{given:?} is not a slug: use lower-case letters, digits, - and _, at most {LONGEST_SLUG}"
    )]
    Slug {
        /// As given.
        given: String,
    },
    /// No such organization.
    #[error(
        "there is no organization {slug:?}; make it with: test-engine organization create {slug}"
    )]
    NoOrganization {
        /// As given.
        slug: String,
    },
    /// No such suite.
    #[error(
        "there is no suite {organization}/{suite}; make it with: test-engine suite create \
         {organization}/{suite}"
    )]
    NoSuite {
        /// As given.
        organization: String,
        /// As given.
        suite: String,
    },
    /// There is one already.
    #[error("{0} already exists; choose another slug")]
    Exists(Conflict),
    /// Not an OIDC policy.
    #[error(transparent)]
    OidcPolicy(#[from] PolicyError),
    /// The database.
    #[error("the database could not be used")]
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

/// A suite that was just made.
pub struct CreatedSuite {
    /// The suite.
    pub suite: Suite,
    /// Its token for uploads. Not stored: this is the only time it can be read.
    pub token: SecretString,
}

/// A token that was just made.
pub struct CreatedToken {
    /// The token.
    pub token: Token,
    /// Its secret. Not stored: this is the only time it can be read.
    pub secret: SecretString,
}

/// What a token shall be.
#[derive(Clone, Debug, Default)]
pub struct TokenRequest {
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// For people.
    pub description: Option<String>,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
}

/// A slug as it is given, or why it is none.
pub fn check_slug(given: &str) -> Result<&str, AdminError> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    let is_slug = !given.is_empty()
        && given.len() <= LONGEST_SLUG
        && given.chars().all(good)
        && given.starts_with(|c: char| c.is_ascii_alphanumeric());
    is_slug.then_some(given).ok_or_else(|| AdminError::Slug {
        given: given.to_owned(),
    })
}

/// A slug made of a name: its ASCII letters and digits, joined by `-`; empty when it has none.
pub fn slug_of(name: &str) -> String {
    let mut slug = String::new();
    for character in name.chars() {
        if character.is_ascii_alphanumeric() {
            slug.push(character.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() == LONGEST_SLUG {
            break;
        }
    }
    slug.trim_end_matches('-').to_owned()
}

/// Make an organization.
pub async fn create_organization(
    store: &Store,
    slug: &str,
    now: Timestamp,
) -> Result<Organization, AdminError> {
    let slug = check_slug(slug)?;
    Ok(store.create_organization(Uuid::now_v7(), slug, now).await?)
}

/// The organization of this slug.
pub async fn organization(store: &Store, slug: &str) -> Result<Organization, AdminError> {
    store
        .organization(slug)
        .await?
        .ok_or_else(|| AdminError::NoOrganization {
            slug: slug.to_owned(),
        })
}

/// The suite of these slugs.
pub async fn suite(store: &Store, organization: &str, suite: &str) -> Result<Suite, AdminError> {
    store
        .suite(organization, suite)
        .await?
        .ok_or_else(|| AdminError::NoSuite {
            organization: organization.to_owned(),
            suite: suite.to_owned(),
        })
}

/// Make a suite and its token.
pub async fn create_suite(
    store: &Store,
    organization_slug: &str,
    slug: &str,
    name: &str,
    default_branch: &str,
    now: Timestamp,
) -> Result<CreatedSuite, AdminError> {
    check_slug(slug)?;
    let organization = organization(store, organization_slug).await?;
    let suite = NewSuite {
        uuid: Uuid::now_v7(),
        slug: slug.to_owned(),
        name: name.to_owned(),
        default_branch: default_branch.to_owned(),
        ..NewSuite::default()
    };
    create_suite_in(store, organization.id, suite, now).await
}

/// Make a suite with all its fields, and its token.
pub async fn create_suite_in(
    store: &Store,
    organization: OrganizationId,
    suite: NewSuite,
    now: Timestamp,
) -> Result<CreatedSuite, AdminError> {
    check_slug(&suite.slug)?;
    let suite = store.create_suite(organization, suite, now).await?;
    let token = create_suite_token(store, &suite, None, now).await?.secret;
    Ok(CreatedSuite { suite, token })
}

/// Check the text of an OIDC policy.
pub fn check_oidc_policy(text: &str) -> Result<(), PolicyError> {
    Policy::parse(text).map(|_policy| ())
}

/// Give a suite an OIDC policy, or take it away.
pub async fn set_oidc_policy(
    store: &Store,
    suite: &Suite,
    policy: Option<&str>,
) -> Result<Suite, AdminError> {
    policy.map(check_oidc_policy).transpose()?;
    let changes = SuiteChanges {
        oidc_policy: Some(policy.map(str::to_owned)),
        ..SuiteChanges::default()
    };
    store
        .update_suite(suite.id, changes)
        .await?
        .ok_or_else(|| AdminError::NoSuite {
            organization: suite.organization_slug.clone(),
            suite: suite.slug.clone(),
        })
}

/// Make one more token for a suite's uploads.
pub async fn create_suite_token(
    store: &Store,
    suite: &Suite,
    description: Option<String>,
    now: Timestamp,
) -> Result<CreatedToken, AdminError> {
    let secret = secrets::generate(SecretKind::Suite);
    let token = NewToken {
        uuid: Uuid::now_v7(),
        organization: suite.organization,
        suite: Some(suite.id),
        kind: TokenKind::Suite,
        secret_hash: secrets::hash_of(&secret),
        scopes: Vec::new(),
        description: description.or_else(|| Some(format!("uploads to {}", suite.slug))),
        expires_at: None,
    };
    let token = store.create_token(token, now).await?;
    Ok(CreatedToken { token, secret })
}

/// Make an API access token.
pub async fn create_token(
    store: &Store,
    organization: &Organization,
    request: TokenRequest,
    now: Timestamp,
) -> Result<CreatedToken, AdminError> {
    let secret = secrets::generate(SecretKind::Access);
    let token = NewToken {
        uuid: Uuid::now_v7(),
        organization: organization.id,
        suite: None,
        kind: TokenKind::Access,
        secret_hash: secrets::hash_of(&secret),
        scopes: request
            .scopes
            .into_iter()
            .map(|scope| scope.name().to_owned())
            .collect(),
        description: request.description,
        expires_at: request.expires_at,
    };
    let token = store.create_token(token, now).await?;
    Ok(CreatedToken { token, secret })
}

/// Give a database without any organization its first one, and a token that may do everything.
///
/// `None` when there was one already.
pub async fn first_start(
    store: &Store,
    slug: &str,
    now: Timestamp,
) -> Result<Option<SecretString>, AdminError> {
    if !store.organizations().await?.is_empty() {
        return Ok(None);
    }
    let organization = match create_organization(store, slug, now).await {
        // Another server on the same database, started at the same moment, was first.
        Err(AdminError::Exists(Conflict::Organization)) => return Ok(None),
        made => made?,
    };
    let request = TokenRequest {
        scopes: Scope::ALL.to_vec(),
        description: Some(FIRST_TOKEN.to_owned()),
        expires_at: None,
    };
    let created = create_token(store, &organization, request, now).await?;
    Ok(Some(created.secret))
}

#[cfg(test)]
mod tests {
    use super::{check_slug, slug_of};

    #[test]
    fn names_become_slugs() {
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
    fn slugs_can_stand_in_an_address() {
        for good in ["a", "web-app", "web_2", "0"] {
            assert!(check_slug(good).is_ok(), "{good}");
        }
        let long = "a".repeat(101);
        for bad in ["", "Web", "a b", "a/b", "é", "-a", ".", long.as_str()] {
            assert!(check_slug(bad).is_err(), "{bad}");
        }
    }
}
