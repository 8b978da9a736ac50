//! Query and path parameters, with JSON errors.

use axum::extract::{FromRequestParts, Query, RawPathParams};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::error::ApiError;

/// The query parameters as `T`, else a 400 that names the invalid parameter.
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
            Err(rejection) => {
                let text = rejection.body_text();
                let cause = text
                    .trim_start_matches("Failed to deserialize query string: ")
                    .trim_end_matches('.');
                Err(ApiError::bad_request(format!(
                    "Invalid query parameters: {cause}."
                )))
            }
        }
    }
}

/// The `{id}` of a path. An id that is not a UUID is a 404.
pub(crate) struct IdInPath(pub(crate) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for IdInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        path_parameter(parts, "id")
            .await
            .and_then(|id| id.parse().ok())
            .map(Self)
            .ok_or_else(|| ApiError::not_found("The id in the address is not a UUID."))
    }
}

/// A path parameter, percent-decoded; `None` if it is not UTF-8.
pub(crate) async fn path_parameter(parts: &mut Parts, name: &str) -> Option<String> {
    let parameters = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    let (_name, value) = parameters.iter().find(|(found, _)| *found == name)?;
    Some(value.to_owned())
}
