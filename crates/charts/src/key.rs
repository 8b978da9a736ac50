//! The key of a picture: what its marks mean.

use crate::markup::Markup;

/// A mark of a picture, as its key shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyMark {
    /// A pale box.
    Passed,
    /// A box whose lower half is amber.
    RecoveredRun,
    /// A red box with a bar.
    FailedRun,
    /// A hatched box.
    Outage,
    /// A box with a notch.
    FailedExecution,
    /// The same, while the test was muted.
    FailedMuted,
    /// An amber box.
    PassedOnRetry,
    /// A dashed line.
    Passes,
    /// A low amber mark.
    Recovered,
    /// A high red mark.
    Failed,
    /// A low violet mark.
    Muted,
    /// A line.
    Median,
    /// A grey area.
    Band,
    /// A red square among dots.
    FailedDot,
    /// A dashed outline.
    Planned,
    /// A grey box.
    File,
    /// A dark box.
    Pace,
    /// A red box.
    FailedFile,
    /// A hatched amber box.
    Retry,
    /// A grey line.
    Unbiased,
    /// A dashed line.
    Promise,
    /// A large dot.
    Now,
}

impl KeyMark {
    /// Classes and shapes in a box of 12 by 12.
    const fn shapes(self) -> &'static [(&'static str, &'static str)] {
        const BOX: &str = "M0 1h12v10h-12z";
        const NOTCHED: &str = "M2 1l4 3l4 -3v10h-8z";
        match self {
            Self::Passed => &[("c-passed pale", BOX)],
            Self::RecoveredRun => &[("c-passed pale", BOX), ("c-flaky", "M0 6h12v5h-12z")],
            Self::FailedRun => &[("c-failed", BOX), ("bar", "M3 6h6")],
            Self::Outage => &[("outage", "M1 2h10v8h-10zM1 10l10 -8")],
            Self::FailedExecution => &[("c-failed", NOTCHED)],
            Self::FailedMuted => &[("c-muted", NOTCHED)],
            Self::PassedOnRetry => &[("c-flaky", "M2 1h8v10h-8z")],
            Self::Passes => &[("dashes", "M0 6h12")],
            Self::Recovered => &[("c-flaky", "M4 3h4v6h-4z")],
            Self::Failed => &[("c-failed", "M4 0h4v12h-4z")],
            Self::Muted => &[("c-muted", "M4 3h4v6h-4z")],
            Self::Median => &[("line c-strong", "M1 6h10")],
            Self::Band => &[("band", BOX)],
            Self::FailedDot => &[("dots c-failed", "M6 6h0")],
            Self::Planned => &[("planned", "M1 2h10v8h-10z")],
            Self::File => &[("c-neutral", BOX)],
            Self::Pace => &[("c-strong", BOX)],
            Self::FailedFile => &[("c-failed", BOX)],
            Self::Retry => &[("retry", "M1 2h10v8h-10zM1 10l5 -8M6 10l5 -8")],
            Self::Unbiased => &[("line c-neutral", "M1 6h10")],
            Self::Promise => &[("planned", "M0 6h12")],
            Self::Now => &[("dots now", "M6 6h0")],
        }
    }
}

/// A list of marks with their meanings.
pub fn key(marks: &[(KeyMark, &str)]) -> String {
    let mut out = Markup::default();
    out.open("ul", &[("class", &"key")]);
    for (mark, meaning) in marks {
        out.open("li", &[]);
        out.open(
            "svg",
            &[
                ("class", &"chart"),
                ("viewBox", &"0 0 12 12"),
                ("aria-hidden", &"true"),
            ],
        );
        for (class, shape) in mark.shapes() {
            out.path(class, shape);
        }
        out.close("svg");
        out.text(meaning);
        out.close("li");
    }
    out.close("ul");
    out.finish()
}
