//! Users, their roles, and the rules that admit people, for the command line and the API.
//!
//! Works on the database directly, whether or not a server is running.

use secrecy::SecretString;
use test_engine_store::{
    Change, Conflict, Identity, NewUser, Organization, OrganizationId, Role, RuleMatch, SignInRule,
    Store, StoreError, Token, TokenKind, User,
};
use uuid::Uuid;

use crate::passwords::{self, PasswordError};

/// In characters.
const MAX_LOGIN: usize = 100;
/// Characters of the value of a rule.
const MAX_RULE_VALUE: usize = 255;

/// Claims that no rule compares: the protocol's own, and those that people can often choose.
pub(crate) const UNSUITABLE_CLAIMS: [&str; 19] = [
    "acr",
    "aud",
    "azp",
    "email",
    "email_verified",
    "exp",
    "family_name",
    "given_name",
    "iat",
    "iss",
    "name",
    "nbf",
    "nickname",
    "nonce",
    "phone_number",
    "preferred_username",
    "sub",
    "unique_name",
    "upn",
];

/// Reads after "failed to …: ".
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum PeopleError {
    #[error(
        "{given:?} is not a login: use at most {MAX_LOGIN} letters, digits and . _ - + @, without \
         spaces"
    )]
    Login { given: String },
    #[error(
        "there is already a user {login:?}\n\
         hint: give them a role in the organization with: test-engine user set-role {login} ROLE"
    )]
    Exists { login: String },
    #[error("there is no user {given:?}\nhint: list them with: test-engine user list")]
    NoUser { given: String },
    #[error(
        "several people are called {given:?}\nhint: use the id that test-engine user list prints"
    )]
    Ambiguous { given: String },
    #[error("{name} has no role in the organization {organization}")]
    NotMember { name: String, organization: String },
    #[error("{name} signs in with the provider and has no password")]
    NoPassword { name: String },
    #[error("{given:?} is not a role; the roles are reader, writer and admin")]
    Role { given: String },
    #[error("the rule is invalid: {0}")]
    Rule(String),
    #[error("there is already a rule for the same people; remove it first")]
    RuleExists,
    #[error("there is no sign-in rule {id} in the organization {organization}")]
    NoRule { id: Uuid, organization: String },
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error("the database is unavailable")]
    Store(#[from] StoreError),
}

/// The role with this name.
pub fn role(name: &str) -> Result<Role, PeopleError> {
    Role::of_name(name.trim()).ok_or_else(|| PeopleError::Role {
        given: name.to_owned(),
    })
}

/// In place of a role: keeps people out.
pub const NO_ROLE: &str = "none";

/// The role of a sign-in rule, which may be [`NO_ROLE`].
pub fn role_or_none(name: &str) -> Result<Option<Role>, PeopleError> {
    match name.trim() {
        NO_ROLE => Ok(None),
        name => role(name).map(Some),
    }
}

/// Creates a user with a login. Without a password, it generates one and returns it.
pub async fn create_user(
    store: &Store,
    organization: &Organization,
    login: &str,
    role: Role,
    password: Option<SecretString>,
    change: &Change,
) -> Result<(User, Option<SecretString>), PeopleError> {
    check_login(login)?;
    let generated = password.is_none().then(passwords::generate);
    let password = password.or_else(|| generated.clone());
    let user = NewUser {
        uuid: Uuid::now_v7(),
        login: login.to_owned(),
        password_hash: passwords::hash(&password.unwrap_or_default())?,
        organization: organization.id,
        role,
    };
    match store.create_user(user, change).await {
        Ok(user) => Ok((user, generated)),
        Err(StoreError::Conflict(Conflict::User)) => Err(PeopleError::Exists {
            login: login.to_owned(),
        }),
        Err(error) => Err(error.into()),
    }
}

fn check_login(given: &str) -> Result<(), PeopleError> {
    let is_valid = |c: char| c.is_alphanumeric() || "._-+@".contains(c);
    let length = given.chars().count();
    if length == 0 || length > MAX_LOGIN || !given.chars().all(is_valid) {
        let given = given.to_owned();
        return Err(PeopleError::Login { given });
    }
    Ok(())
}

/// The user with this id, login or name.
pub async fn find_user(store: &Store, given: &str) -> Result<User, PeopleError> {
    let given = given.trim();
    if let Ok(uuid) = given.parse() {
        let found = store.user(uuid).await?;
        return found.ok_or_else(|| PeopleError::NoUser {
            given: given.to_owned(),
        });
    }
    let all = store.users(None).await?;
    let mut named = all.into_iter().filter(|user| user.name == given);
    match (named.next(), named.next()) {
        (Some(user), None) => Ok(user),
        (Some(_), Some(_)) => Err(PeopleError::Ambiguous {
            given: given.to_owned(),
        }),
        (None, _) => Err(PeopleError::NoUser {
            given: given.to_owned(),
        }),
    }
}

/// Gives a user a role that no sign-in rule changes.
pub async fn set_role(
    store: &Store,
    user: &User,
    organization: OrganizationId,
    role: Role,
    change: &Change,
) -> Result<(), PeopleError> {
    if store
        .set_role(user.uuid, organization, role, change)
        .await?
    {
        return Ok(());
    }
    let given = user.name.clone();
    Err(PeopleError::NoUser { given })
}

/// Takes a user out of an organization, and ends their sessions and tokens.
pub async fn remove(
    store: &Store,
    user: &User,
    organization: &Organization,
    change: &Change,
) -> Result<(), PeopleError> {
    if store
        .remove_member(user.uuid, organization.id, change)
        .await?
    {
        return Ok(());
    }
    Err(PeopleError::NotMember {
        name: user.name.clone(),
        organization: organization.slug.clone(),
    })
}

/// Sets a password, and ends the user's sessions except for one. Without a password, it generates
/// one and returns it.
pub async fn set_password(
    store: &Store,
    user: &User,
    password: Option<SecretString>,
    kept_session: Option<Uuid>,
    change: &Change,
) -> Result<Option<SecretString>, PeopleError> {
    let no_password = || PeopleError::NoPassword {
        name: user.name.clone(),
    };
    if !matches!(user.identity, Identity::Login(_)) {
        return Err(no_password());
    }
    let generated = password.is_none().then(passwords::generate);
    let password = password.or_else(|| generated.clone()).unwrap_or_default();
    let work = tokio::task::spawn_blocking(move || passwords::hash(&password));
    let hash = work
        .await
        .map_err(|error| PasswordError::Hash(error.to_string()))??;
    if store
        .set_password(user.uuid, &hash, kept_session, change)
        .await?
    {
        return Ok(generated);
    }
    Err(no_password())
}

/// Ends a session of a member of an organization, or of one of its access tokens. False if there is
/// none.
pub async fn end_session(
    store: &Store,
    organization: OrganizationId,
    session: Uuid,
    change: &Change,
) -> Result<bool, StoreError> {
    let tokens = store.tokens(organization).await?;
    let of_token = |token: &Token| token.uuid == session && token.kind == TokenKind::Session;
    if tokens.iter().any(of_token) {
        return store.revoke_token(organization, session, change).await;
    }
    let user = store.user_of_session(session).await?;
    let is_member = |user: &User| {
        let mut roles = user.memberships.iter();
        roles.any(|membership| membership.organization == organization)
    };
    match user.filter(is_member) {
        Some(user) => store.end_session(&user, session, change).await,
        None => Ok(false),
    }
}

/// Whom a rule matches, from its parts: `email_domain`, `claim` as `NAME=VALUE`, or `subject`.
pub fn rule_match(kind: &str, value: &str) -> Result<RuleMatch, PeopleError> {
    let problem = |text: &str| PeopleError::Rule(text.to_owned());
    let is_long = value.chars().count() > MAX_RULE_VALUE;
    if value.trim().is_empty() || is_long || value.contains(char::is_control) {
        return Err(PeopleError::Rule(format!(
            "its value is empty, longer than {MAX_RULE_VALUE} characters, or has control characters"
        )));
    }
    let value = value.trim();
    match kind {
        "email_domain" => domain(value).map(RuleMatch::EmailDomain),
        "subject" => Ok(RuleMatch::Subject(value.to_owned())),
        "claim" => {
            let (name, value) = value
                .split_once('=')
                .map(|(name, value)| (name.trim(), value.trim()))
                .filter(|(name, value)| !name.is_empty() && !value.is_empty())
                .ok_or_else(|| problem("a claim is NAME=VALUE, such as groups=engineering"))?;
            if UNSUITABLE_CLAIMS.contains(&name) {
                return Err(PeopleError::Rule(format!(
                    "the claim {name:?} does not prove membership; use a claim that the provider \
                     sets, such as groups, or an e-mail domain or a subject"
                )));
            }
            let (name, value) = (name.to_owned(), value.to_owned());
            Ok(RuleMatch::Claim { name, value })
        }
        _ => Err(PeopleError::Rule(format!(
            "{kind:?} is not what a rule can match; use email_domain, claim or subject"
        ))),
    }
}

fn domain(value: &str) -> Result<String, PeopleError> {
    let value = value.to_ascii_lowercase();
    let is_domain = value.contains('.')
        && value.split('.').all(|label| {
            !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        });
    if !is_domain {
        return Err(PeopleError::Rule(format!(
            "{value:?} is not a domain such as example.com"
        )));
    }
    Ok(value)
}

/// Adds a rule; without a role it keeps people out.
pub async fn create_rule(
    store: &Store,
    organization: OrganizationId,
    matches: RuleMatch,
    role: Option<Role>,
    change: &Change,
) -> Result<SignInRule, PeopleError> {
    let rule = SignInRule {
        uuid: Uuid::now_v7(),
        organization,
        matches,
        role,
        created_at: change.at,
    };
    match store.create_sign_in_rule(&rule, change).await {
        Ok(()) => Ok(rule),
        Err(StoreError::Conflict(Conflict::SignInRule)) => Err(PeopleError::RuleExists),
        Err(error) => Err(error.into()),
    }
}

/// Kind and value of a rule, as the command line and the API show it.
pub fn rule_parts(matches: &RuleMatch) -> (&'static str, String) {
    match matches {
        RuleMatch::EmailDomain(domain) => ("email_domain", domain.clone()),
        RuleMatch::Claim { name, value } => ("claim", format!("{name}={value}")),
        RuleMatch::Subject(subject) => ("subject", subject.clone()),
    }
}

#[cfg(test)]
mod tests {
    use test_engine_store::RuleMatch;

    use super::{check_login, rule_match, rule_parts};

    #[test]
    fn logins_have_no_spaces_or_controls() {
        for good in ["priya", "priya@example.com", "größe.2", "a+b_c-d"] {
            assert!(check_login(good).is_ok(), "{good}");
        }
        let long = "a".repeat(101);
        for bad in ["", "a b", "a\nb", "a/b", "<b>", long.as_str()] {
            assert!(check_login(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rules_are_validated() {
        for (kind, value, expected) in [
            (
                "email_domain",
                "Example.COM",
                RuleMatch::EmailDomain("example.com".to_owned()),
            ),
            ("subject", " 42 ", RuleMatch::Subject("42".to_owned())),
            (
                "claim",
                "groups=a=b",
                RuleMatch::Claim {
                    name: "groups".to_owned(),
                    value: "a=b".to_owned(),
                },
            ),
        ] {
            let parsed = rule_match(kind, value).unwrap();
            assert_eq!(parsed, expected);
            let (kind, value) = rule_parts(&parsed);
            assert_eq!(rule_match(kind, &value).unwrap(), expected);
        }
        let long = "a".repeat(256);
        for (kind, value) in [
            ("email_domain", "com"),
            ("email_domain", "@example.com"),
            ("email_domain", "*.example.com"),
            ("email_domain", "example.com."),
            ("subject", ""),
            ("subject", long.as_str()),
            ("subject", "a\0"),
            ("claim", "groups"),
            ("claim", "=x"),
            ("claim", "groups="),
            ("claim", "email=priya@example.com"),
            ("claim", "preferred_username=priya"),
            ("group", "x"),
        ] {
            assert!(rule_match(kind, value).is_err(), "{kind} {value}");
        }
    }
}
