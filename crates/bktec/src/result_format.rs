//! The formats of result files that `bktec upload` accepts.

use std::fmt;

use test_engine_results::Format;

/// A format of the upload API, or one that is converted to Test Engine JSON before it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultFormat {
    Uploaded(Format),
    Converted(ConvertedFormat),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConvertedFormat {
    /// Visual Studio's test results.
    Trx,
    Nunit3,
    Xunit2,
    /// CTest's `Test.xml`.
    Ctest,
    /// The Test Anything Protocol, version 13 or 14.
    Tap,
}

impl ConvertedFormat {
    const ALL: [Self; 5] = [
        Self::Trx,
        Self::Nunit3,
        Self::Xunit2,
        Self::Ctest,
        Self::Tap,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Trx => "trx",
            Self::Nunit3 => "nunit3",
            Self::Xunit2 => "xunit2",
            Self::Ctest => "ctest",
            Self::Tap => "tap",
        }
    }
}

impl ResultFormat {
    /// All formats, in the order in which they are listed for users.
    pub fn all() -> impl Iterator<Item = Self> {
        let converted = ConvertedFormat::ALL.map(Self::Converted);
        Format::ALL.map(Self::Uploaded).into_iter().chain(converted)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Uploaded(format) => format.name(),
            Self::Converted(format) => format.name(),
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|format| format.name() == name)
    }
}

impl fmt::Display for ResultFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
