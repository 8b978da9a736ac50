//! Query and path parameters, with JSON errors.

use axum::extract::{FromRequestParts, Query, RawPathParams};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use test_engine_insights::Fingerprint;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};
use uuid::Uuid;

use super::error::ApiError;
use super::openapi;

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

/// Declares extractors of path parameters; a value that is not valid is a 404.
macro_rules! path_parameters {
    ($($type:ident($value:ty) = $name:literal, $format:expr, $description:literal;)*) => {$(
        pub(crate) struct $type(pub(crate) $value);

        impl<S: Send + Sync> FromRequestParts<S> for $type {
            type Rejection = ApiError;

            async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
                path_parameter(parts, $name)
                    .await
                    .and_then(|value| value.parse().ok())
                    .map(Self)
                    .ok_or_else(|| {
                        ApiError::not_found(concat!("The ", $name, " in the path is not valid."))
                    })
            }
        }

        impl IntoParams for $type {
            fn into_params(_within: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
                vec![openapi::path_parameter($name, $description, $format)]
            }
        }
    )*};
}

path_parameters! {
    IdInPath(Uuid) = "id", Some("uuid"), "A UUID.";
    UploadIdInPath(Uuid) = "upload_id", Some("uuid"), "The UUID of an upload.";
    FingerprintInPath(Fingerprint) = "fingerprint", None, "16 hexadecimal digits.";
    PlanInPath(String) = "id", None, "The identifier of a plan.";
    BuildInPath(String) = "build", None, "The id of a Buildkite build.";
}

/// A path parameter, percent-decoded; `None` if it is not UTF-8.
pub(crate) async fn path_parameter(parts: &mut Parts, name: &str) -> Option<String> {
    let parameters = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    let (_name, value) = parameters.iter().find(|(found, _)| *found == name)?;
    Some(value.to_owned())
}
