//! The tokens that `test-engine init` creates for pipelines: one of each kind per suite, however
//! often it runs.

use secrecy::SecretString;
use test_engine_store::{Change, Organization, Store, Suite, Token, TokenKind};
use uuid::Uuid;

use super::{AdminError, TokenRequest};
use crate::scopes::Scope;
use crate::secrets;

const SCOPES: [Scope; 3] = [Scope::ReadSuites, Scope::ReadTestPlan, Scope::WriteTestPlan];

/// The two tokens of a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PipelineToken {
    /// For plans, and for the pages.
    Access,
    /// For results.
    Uploads,
}

impl PipelineToken {
    fn kind(self) -> TokenKind {
        match self {
            Self::Access => TokenKind::Access,
            Self::Uploads => TokenKind::Suite,
        }
    }

    /// Identifies the token of an earlier init.
    fn description(self, suite: &Suite) -> String {
        match self {
            Self::Access => format!("pipelines of {}", suite.slug),
            Self::Uploads => format!("uploads of pipelines to {}", suite.slug),
        }
    }
}

/// The secret of a pipeline's token.
pub enum Secret {
    /// To be printed once.
    New(SecretString),
    /// Of an earlier init, for a token with this id that somebody uses.
    InUse(Uuid),
}

/// Creates a token, or gives the present one a new secret if nobody uses it or `replace` is set.
pub async fn pipeline_token(
    store: &Store,
    organization: &Organization,
    suite: &Suite,
    which: PipelineToken,
    replace: bool,
    change: &Change,
) -> Result<Secret, AdminError> {
    let description = which.description(suite);
    let is_own = |token: &Token| {
        token.kind == which.kind()
            && token.owner.is_none()
            && token.is_live(change.at)
            && token.suite.is_none_or(|id| id == suite.id)
            && token.description.as_deref() == Some(&*description)
    };
    let mut tokens = store.tokens(organization.id).await?;
    tokens.retain(is_own);
    // Older versions created one with each init.
    let used = tokens.iter().find(|token| token.last_used_at.is_some());
    if let Some(used) = used
        && !replace
    {
        return Ok(Secret::InUse(used.uuid));
    }
    let mut secret = None;
    for token in &tokens {
        if secret.is_none() {
            let new = secrets::generate(token.kind);
            let hash = secrets::hash_of(&new);
            if store.replace_secret(token.id, &hash, change).await? {
                secret = Some(new);
            }
        } else {
            store
                .revoke_token(organization.id, token.uuid, change)
                .await?;
        }
    }
    if let Some(secret) = secret {
        return Ok(Secret::New(secret));
    }
    let created = match which {
        PipelineToken::Uploads => {
            super::create_suite_token(store, suite, Some(description), change).await?
        }
        PipelineToken::Access => {
            let request = TokenRequest {
                scopes: SCOPES.to_vec(),
                description: Some(description),
                expires_at: None,
                user: None,
            };
            super::create_token(store, organization, request, change).await?
        }
    };
    Ok(Secret::New(created.secret))
}
