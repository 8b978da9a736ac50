//! The style sheet and the script, which are part of the binary.
//!
//! Their addresses contain a hash of their content, so browsers never ask for the same text twice
//! and always get a changed one.

use std::io::Write as _;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

use super::page::PageError;

pub(super) const ROUTE: &str = "/assets/{hash}/{name}";

pub(super) static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "style.css",
        "text/css; charset=utf-8",
        concat!(
            include_str!("../../../assets/style.css"),
            include_str!("../../../assets/pages.css"),
            include_str!("../../../../charts/src/charts.css"),
            include_str!("../../../assets/tests.css"),
        ),
    )
});

pub(super) static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "page.js",
        "text/javascript; charset=utf-8",
        include_str!("../../../assets/page.js"),
    )
});

/// A text that browsers may keep for a year.
pub(super) struct Asset {
    /// Its path.
    pub(super) address: String,
    kind: &'static str,
    text: &'static str,
    compressed: Vec<u8>,
}

impl Asset {
    fn new(name: &str, kind: &'static str, text: &'static str) -> Self {
        let hash = hex::encode(&Sha256::digest(text)[..8]);
        Self {
            address: format!("/assets/{hash}/{name}"),
            kind,
            text,
            compressed: gzip(text.as_bytes(), Compression::best()),
        }
    }

    fn respond(&self, headers: &HeaderMap) -> Response {
        let common = [
            (CONTENT_TYPE, self.kind),
            (CACHE_CONTROL, "public, max-age=31536000, immutable"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (VARY, "accept-encoding"),
        ];
        if accepts_gzip(headers) {
            let body = self.compressed.clone();
            return (common, [(CONTENT_ENCODING, "gzip")], body).into_response();
        }
        (common, self.text).into_response()
    }
}

/// Another hash is that of another version of this server, whose text is gone.
pub(super) async fn get(
    Path((hash, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let address = format!("/assets/{hash}/{name}");
    [&STYLE, &SCRIPT]
        .into_iter()
        .find(|asset| asset.address == address)
        .map(|asset| asset.respond(&headers))
        .ok_or(PageError::NotFound)
}

/// Whether the client decodes gzip.
pub(super) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter();
    values
        .filter_map(|value: &HeaderValue| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
            let is_refused = matches!(parameters.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
            name.trim().eq_ignore_ascii_case("gzip") && !is_refused
        })
}

pub(super) fn gzip(text: &[u8], level: Compression) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 4), level);
    // A vector accepts every write.
    let _infallible = encoder.write_all(text);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use axum::http::header::ACCEPT_ENCODING;
    use axum::http::{HeaderMap, HeaderValue};
    use flate2::Compression;
    use flate2::read::GzDecoder;

    use super::{SCRIPT, STYLE, accepts_gzip, gzip};

    #[test]
    fn only_clients_that_accept_gzip_get_it() {
        for (value, accepted) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("br;q=1, identity", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(value));
            assert_eq!(accepts_gzip(&headers), accepted, "{value}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    #[test]
    fn compressed_texts_are_whole() {
        let text = "a test ".repeat(1_000);
        let mut decoded = String::new();
        GzDecoder::new(gzip(text.as_bytes(), Compression::fast()).as_slice())
            .read_to_string(&mut decoded)
            .unwrap();
        assert_eq!(decoded, text);
    }

    #[test]
    fn assets_stay_within_their_budget() {
        assert!(SCRIPT.text.len() <= 12 * 1024, "{}", SCRIPT.text.len());
        let (script, style) = (SCRIPT.compressed.len(), STYLE.compressed.len());
        assert!(script <= 5 * 1024, "{script} bytes of script");
        assert!(style <= 8 * 1024, "{style} bytes of style");
    }
}
