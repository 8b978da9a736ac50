//! Takes over a request body piece by piece, decompressed.

use std::io::{self, Write};

use axum::body::Bytes;
use flate2::write::MultiGzDecoder;

use super::error::ApiError;
use crate::spill::Spill;

/// Takes over a body while it is sent, so that it is not in memory twice.
pub(super) enum Receiver {
    Identity(Limited),
    Gzip(Box<MultiGzDecoder<Limited>>),
}

impl Receiver {
    /// `limit` is the maximum of bytes.
    pub(super) fn identity(spill: Spill, limit: usize) -> Self {
        Self::Identity(Limited::new(spill, limit))
    }

    /// `limit` is the maximum of bytes after decompression.
    pub(super) fn gzip(spill: Spill, limit: usize) -> Self {
        Self::Gzip(Box::new(MultiGzDecoder::new(Limited::new(spill, limit))))
    }

    pub(super) fn write(&mut self, frame: &[u8]) -> Result<(), ApiError> {
        match self {
            Self::Identity(plain) => plain.write_all(frame).map_err(not_stored),
            Self::Gzip(decoder) => {
                let written = decoder.write_all(frame);
                written.map_err(|error| invalid_gzip(decoder, error))
            }
        }
    }

    pub(super) fn finish(self) -> Result<Bytes, ApiError> {
        let plain = match self {
            Self::Identity(plain) => plain,
            Self::Gzip(mut decoder) => {
                let finished = decoder.try_finish();
                finished.map_err(|error| invalid_gzip(&decoder, error))?;
                decoder.finish().map_err(not_stored)?
            }
        };
        plain.spill.into_bytes().map_err(not_stored)
    }
}

fn invalid_gzip(decoder: &MultiGzDecoder<Limited>, error: io::Error) -> ApiError {
    let Limited {
        limit, has_failed, ..
    } = *decoder.get_ref();
    if error.kind() == io::ErrorKind::FileTooLarge {
        return ApiError::too_large(limit);
    }
    if has_failed {
        return not_stored(error);
    }
    ApiError::bad_request(format!("The body is not valid gzip ({error})."))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn not_stored(error: io::Error) -> ApiError {
    ApiError::internal("store the body in a temporary file", &error)
}

/// A body after decompression. Writing more than the limit is the error `FileTooLarge`.
pub(super) struct Limited {
    spill: Spill,
    limit: usize,
    has_failed: bool,
}

impl Limited {
    fn new(spill: Spill, limit: usize) -> Self {
        Self {
            spill,
            limit,
            has_failed: false,
        }
    }
}

impl Write for Limited {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.spill.len() + data.len() > self.limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let written = self.spill.write(data);
        self.has_failed |= written.is_err();
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
