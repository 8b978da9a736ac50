//! The first line of the page of uploads.

use crate::http::web::format;

/// The uploads of a suite in the last day, by what became of them.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::http::web) struct UploadCounts {
    pub(in crate::http::web) accepted: u64,
    pub(in crate::http::web) rejected: u64,
    pub(in crate::http::web) failed: u64,
    /// Whether the suite ever had an upload.
    pub(in crate::http::web) has_any: bool,
}

pub(in crate::http::web) fn uploads(counts: UploadCounts) -> String {
    let UploadCounts {
        accepted,
        rejected,
        failed,
        has_any,
    } = counts;
    let total = accepted + rejected + failed;
    if !has_any {
        return "No upload has arrived yet.".to_owned();
    }
    if total == 0 {
        return "No upload has arrived in the last 24 hours.".to_owned();
    }
    let was = |number: u64| if number == 1 { "was" } else { "were" };
    let of = format!(
        "of {} of the last 24 hours",
        format::counted(total, "upload")
    );
    match (rejected, failed) {
        (0, 0) if total == 1 => "The only upload of the last 24 hours was accepted.".to_owned(),
        (0, 0) => format!(
            "All {} of the last 24 hours were accepted.",
            format::counted(total, "upload")
        ),
        (_, 0) => format!(
            "{} {of} {} rejected.",
            format::count(rejected),
            was(rejected)
        ),
        (0, _) => format!("{} {of} failed on the server.", format::count(failed)),
        _ => format!(
            "{} {of} {} rejected, and {} failed on the server.",
            format::count(rejected),
            was(rejected),
            format::count(failed)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{UploadCounts, uploads};

    #[test]
    fn uploads_begin_with_those_that_were_not_stored() {
        for (accepted, rejected, failed, has_any, expected) in [
            (0, 0, 0, false, "No upload has arrived yet."),
            (0, 0, 0, true, "No upload has arrived in the last 24 hours."),
            (
                1,
                0,
                0,
                true,
                "The only upload of the last 24 hours was accepted.",
            ),
            (
                312,
                0,
                0,
                true,
                "All 312 uploads of the last 24 hours were accepted.",
            ),
            (
                310,
                2,
                0,
                true,
                "2 of 312 uploads of the last 24 hours were rejected.",
            ),
            (
                0,
                1,
                0,
                true,
                "1 of 1 upload of the last 24 hours was rejected.",
            ),
            (
                1,
                0,
                1,
                true,
                "1 of 2 uploads of the last 24 hours failed on the server.",
            ),
            (
                1,
                1,
                2,
                true,
                "1 of 4 uploads of the last 24 hours was rejected, and 2 failed on the server.",
            ),
        ] {
            let counts = UploadCounts {
                accepted,
                rejected,
                failed,
                has_any,
            };
            assert_eq!(uploads(counts), expected);
        }
    }
}
