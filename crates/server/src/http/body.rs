//! Reads request bodies completely, decompressed, with limits on size and time.
//!
//! Every body of the API is read here, so this is the only place that stops slow senders, endless
//! bodies and gzip bombs.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_ENCODING;
use axum::http::{HeaderMap, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use serde::de::DeserializeOwned;

use super::body_receiver::Receiver;
use super::error::ApiError;
use super::integers;
use crate::App;
use crate::config::Limits;
use crate::spill::{Spill, TemporaryFiles};

/// Larger bodies, in bytes, are decoded outside the threads that serve connections.
const MAX_INLINE_DECODE: usize = 128 * 1024;

/// Limits of a body, and where a large one is kept.
#[derive(Clone, Debug)]
pub(crate) struct BodyLimits {
    bytes: usize,
    silence: Duration,
    time: Duration,
    files: TemporaryFiles,
}

impl BodyLimits {
    fn new(limits: Limits, files: TemporaryFiles) -> Self {
        Self {
            bytes: limits.body_bytes,
            silence: limits.body_silence,
            time: limits.body_time,
            files,
        }
    }
}

impl From<&App> for BodyLimits {
    fn from(app: &App) -> Self {
        Self::new(app.config.limits, app.temporary_files.clone())
    }
}

/// A limit in bytes, with the default timeouts.
impl From<usize> for BodyLimits {
    fn from(bytes: usize) -> Self {
        Self {
            bytes,
            ..Self::new(Limits::default(), TemporaryFiles::default())
        }
    }
}

pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    limits: impl Into<BodyLimits>,
) -> Result<Bytes, ApiError> {
    let limits = limits.into();
    let time = limits.time;
    let frames = Frames {
        announced: usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX),
        body,
        limits,
        received: 0,
    };
    let whole = async {
        match Encoding::of(headers)? {
            Encoding::Identity => collect(frames).await,
            Encoding::Gzip => {
                let receiver = Receiver::gzip(frames.spill(0), frames.limits.bytes);
                receive(frames, Vec::new(), receiver).await
            }
        }
    };
    tokio::time::timeout(time, whole)
        .await
        .map_err(|_elapsed| too_slow())?
}

/// The body as it is sent.
struct Frames {
    body: Body,
    limits: BodyLimits,
    /// Its length, or less.
    announced: usize,
    received: usize,
}

impl Frames {
    fn spill(&self, expected: usize) -> Spill {
        let expected = expected.min(self.limits.bytes);
        self.limits.files.spill_of(expected)
    }

    async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        loop {
            let frame = tokio::time::timeout(self.limits.silence, self.body.frame())
                .await
                .map_err(|_elapsed| too_slow())?;
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame
                .map_err(|_broken| ApiError::bad_request("The body ended early. Send it again."))?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            self.received += data.len();
            if self.received > self.limits.bytes {
                return Err(ApiError::too_large(self.limits.bytes));
            }
            return Ok(Some(data));
        }
    }
}

async fn collect(mut frames: Frames) -> Result<Bytes, ApiError> {
    let Some(first) = frames.next().await? else {
        return Ok(Bytes::new());
    };
    // Small bodies have a single frame, which is not copied.
    let Some(second) = frames.next().await? else {
        return Ok(first);
    };
    let receiver = Receiver::identity(frames.spill(frames.announced), frames.limits.bytes);
    receive(frames, vec![first, second], receiver).await
}

/// Writes the frames, and those that follow, to the receiver.
async fn receive(
    mut frames: Frames,
    mut waiting: Vec<Bytes>,
    mut receiver: Receiver,
) -> Result<Bytes, ApiError> {
    let mut size = waiting.iter().map(Bytes::len).sum::<usize>();
    loop {
        let data = frames.next().await?;
        let is_end = data.is_none();
        size += data.as_ref().map_or(0, Bytes::len);
        waiting.extend(data);
        if size < MAX_INLINE_DECODE && !is_end {
            continue;
        }
        let ready = std::mem::take(&mut waiting);
        receiver = run_blocking(size, move || {
            for frame in &ready {
                receiver.write(frame)?;
            }
            Ok(receiver)
        })
        .await?;
        size = 0;
        if is_end {
            return receiver.finish();
        }
    }
}

fn too_slow() -> ApiError {
    ApiError::new(
        StatusCode::REQUEST_TIMEOUT,
        "The body took too long to arrive. Send it over a faster connection, or in parts.",
    )
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        let Some(value) = headers.get(CONTENT_ENCODING) else {
            return Ok(Self::Identity);
        };
        let name = value
            .to_str()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        match name.as_str() {
            "" | "identity" => Ok(Self::Identity),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            _ => Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Content-Encoding must be gzip or absent.",
            )),
        }
    }
}

/// Runs work on many bytes in a blocking thread, and other work inline.
pub(crate) async fn run_blocking<T, F>(bytes: usize, work: F) -> Result<T, ApiError>
where
    F: FnOnce() -> Result<T, ApiError> + Send + 'static,
    T: Send + 'static,
{
    if bytes <= MAX_INLINE_DECODE {
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(ApiError::internal("process the request", &error)),
    }
}

/// A JSON body as `T`; invalid JSON is a 400 that names the field.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T> FromRequest<App> for JsonBody<T>
where
    T: DeserializeOwned + Send + 'static,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        read_json(request, app.into()).await.map(Self)
    }
}

/// Like [`JsonBody`], of at most `BYTES` after decompression.
pub(crate) struct LimitedJson<T, const BYTES: usize>(pub(crate) T);

impl<T, const BYTES: usize> FromRequest<App> for LimitedJson<T, BYTES>
where
    T: DeserializeOwned + Send + 'static,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let mut limits = BodyLimits::from(app);
        limits.bytes = limits.bytes.min(BYTES);
        read_json(request, limits).await.map(Self)
    }
}

async fn read_json<T>(request: Request, limits: BodyLimits) -> Result<T, ApiError>
where
    T: DeserializeOwned + Send + 'static,
{
    let (parts, body) = request.into_parts();
    let bytes = read(&parts.headers, body, limits).await?;
    run_blocking(bytes.len(), move || decode(&bytes)).await
}

/// Decodes invalid JSON a second time to name the field: to track it takes as long as decoding.
///
/// Every body is an object; serde would take the elements of an array for its fields.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        let message = "Invalid JSON body: expected an object, not an array.";
        return Err(ApiError::bad_request(message));
    }
    if let Ok(decoded) = serde_json::from_slice(bytes) {
        return Ok(decoded);
    }
    if let Some(rewritten) = integers::rewritten(bytes)
        && let Ok(decoded) = serde_json::from_slice(&rewritten)
    {
        return Ok(decoded);
    }
    let mut source = serde_json::Deserializer::from_slice(bytes);
    let decoded = serde_path_to_error::deserialize(&mut source).map_err(|error| {
        let field = error.path().to_string();
        let place = if field == "." {
            String::new()
        } else {
            format!(" at {field}")
        };
        ApiError::bad_request(format!("Invalid JSON body{place}: {}.", error.inner()))
    })?;
    source
        .end()
        .map_err(|error| ApiError::bad_request(format!("Invalid JSON body: {error}.")))?;
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::io::Write as _;

    use axum::body::Body;
    use axum::http::{HeaderMap, HeaderValue, StatusCode};
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::read;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn encoded(encoding: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("content-encoding", HeaderValue::from_static(encoding));
        headers
    }

    #[tokio::test]
    async fn gzip_bodies_are_decompressed() {
        let plain = b"hello ".repeat(100);
        let body = gzip(&plain);
        let read_back = read(&encoded("gzip"), Body::from(body), 600).await.unwrap();
        assert_eq!(read_back, plain);
    }

    #[tokio::test]
    async fn gzip_bodies_are_decompressed_in_parts() {
        let plain: Vec<u8> = (0..3_000_000_u32)
            .flat_map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes())
            .collect();
        // Two members, as `cat a.gz b.gz` writes them.
        let (one, other) = plain.split_at(5_000_001);
        let body = [gzip(one), gzip(other)].concat();
        for size in [1_000, 65_536, body.len()] {
            let frames: Vec<_> = body
                .chunks(size)
                .map(|frame| Ok::<_, Infallible>(frame.to_vec()))
                .collect();
            let body = Body::from_stream(futures_util::stream::iter(frames));
            let read_back = read(&encoded("gzip"), body, 2 * plain.len()).await.unwrap();
            assert!(read_back == plain, "{size}");
        }
    }

    #[tokio::test]
    async fn gzip_bombs_stop_at_the_limit() {
        let bomb = gzip(&vec![0_u8; 1_000_000]);
        assert!(bomb.len() < 10_000);
        let error = read(&encoded("gzip"), Body::from(bomb), 10_000)
            .await
            .unwrap_err();
        assert_eq!(error.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn frames_are_joined_in_order() {
        for (frames, expected) in [
            (&[][..], ""),
            (&["whole"], "whole"),
            (&["", "a", "", "bc", "d"], "abcd"),
        ] {
            let frames = frames.iter().map(|frame| Ok::<_, Infallible>(*frame));
            let body = Body::from_stream(futures_util::stream::iter(frames));
            assert_eq!(
                read(&HeaderMap::new(), body, 4.max(expected.len()))
                    .await
                    .unwrap(),
                expected
            );
        }
        let frames = ["abc", "de"].map(Ok::<_, Infallible>);
        let body = Body::from_stream(futures_util::stream::iter(frames));
        let error = read(&HeaderMap::new(), body, 4).await.unwrap_err();
        assert_eq!(error.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn plain_bodies_over_the_limit_are_rejected() {
        let error = read(&HeaderMap::new(), Body::from("12345"), 4)
            .await
            .unwrap_err();
        assert_eq!(error.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert!(error.message().contains("4 bytes"), "{}", error.message());
    }

    /// A body that never sends a frame.
    struct Silent;

    impl hyper::body::Body for Silent {
        type Data = axum::body::Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _context: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
            std::task::Poll::Pending
        }
    }

    #[tokio::test]
    async fn stalled_bodies_time_out() {
        let silence = std::time::Duration::from_millis(20);
        let limits = super::BodyLimits {
            silence,
            ..100.into()
        };
        for encoding in ["identity", "gzip"] {
            let error = read(&encoded(encoding), Body::new(Silent), limits.clone())
                .await
                .unwrap_err();
            assert_eq!(error.status(), StatusCode::REQUEST_TIMEOUT);
        }
    }

    #[tokio::test]
    async fn invalid_encodings_are_rejected() {
        let error = read(&encoded("gzip"), Body::from("plain"), 100)
            .await
            .unwrap_err();
        assert_eq!(error.status(), StatusCode::BAD_REQUEST);
        let mut cut = gzip(b"hello hello hello");
        cut.truncate(cut.len() - 5);
        let error = read(&encoded("gzip"), Body::from(cut), 100)
            .await
            .unwrap_err();
        assert_eq!(error.status(), StatusCode::BAD_REQUEST);
        let error = read(&encoded("br"), Body::from("x"), 100)
            .await
            .unwrap_err();
        assert_eq!(error.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
}
