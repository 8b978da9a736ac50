//! The style sheet, which is part of the binary.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::IntoResponse;

/// Contains the version, so that browsers can cache it.
pub(super) const STYLE: &str = concat!("/assets/", env!("CARGO_PKG_VERSION"), "/style.css");

const TEXT: &str = include_str!("../../../assets/style.css");

pub(super) async fn style() -> impl IntoResponse {
    (
        [
            (CONTENT_TYPE, "text/css; charset=utf-8"),
            (CACHE_CONTROL, "public, max-age=86400"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ],
        TEXT,
    )
}
