//! Reading the query of an address, with JSON errors.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::error::ApiError;

/// The query as `T`; anything else is a 400 that says which part is wrong.
pub(crate) struct Params<T>(pub(crate) T);

impl<T, S> FromRequestParts<S> for Params<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(ApiError::bad_request(format!(
                "The query of the address is not what was expected: {}.",
                rejection.body_text().trim_end_matches('.')
            ))),
        }
    }
}

/// The `{id}` of a path; what is no UUID is not there.
pub(crate) struct IdInPath(pub(crate) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for IdInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        use axum::extract::RawPathParams;
        let parameters = RawPathParams::from_request_parts(parts, state).await;
        parameters
            .ok()
            .and_then(|parameters| {
                parameters
                    .iter()
                    .find(|(name, _)| *name == "id")
                    .and_then(|(_, value)| Uuid::parse_str(value).ok())
            })
            .map(Self)
            .ok_or_else(|| {
                ApiError::not_found("The id in the address is not a UUID, so nothing has it.")
            })
    }
}
