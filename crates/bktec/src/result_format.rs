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

/// How a converted format is chosen and recognized.
struct Traits {
    name: &'static str,
    /// `None` if its files are called `.xml`, like those of JUnit.
    extension: Option<&'static str>,
    /// The root elements of its files; none if they are not XML.
    roots: &'static [&'static str],
}

impl ConvertedFormat {
    const ALL: [Self; 5] = [
        Self::Trx,
        Self::Nunit3,
        Self::Xunit2,
        Self::Ctest,
        Self::Tap,
    ];

    const fn traits(self) -> Traits {
        let (name, extension, roots): (_, _, &[&str]) = match self {
            Self::Trx => ("trx", Some("trx"), &["TestRun"]),
            Self::Nunit3 => ("nunit3", None, &["test-run"]),
            Self::Xunit2 => ("xunit2", None, &["assemblies", "assembly"]),
            Self::Ctest => ("ctest", None, &["Site"]),
            Self::Tap => ("tap", Some("tap"), &[]),
        };
        Traits {
            name,
            extension,
            roots,
        }
    }

    pub const fn name(self) -> &'static str {
        self.traits().name
    }

    pub(crate) const fn roots(self) -> &'static [&'static str] {
        self.traits().roots
    }

    pub(crate) fn of_root(element: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|format| format.roots().contains(&element))
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

    /// The most likely format of files with this extension, which is in lower case.
    pub(crate) fn of_extension(extension: &str) -> Option<Self> {
        let mut converted = ConvertedFormat::ALL.into_iter();
        Some(match extension {
            "xml" => Self::Uploaded(Format::Junit),
            "json" => Self::Uploaded(Format::Json),
            "jsonl" => Self::Uploaded(Format::GoJsonl),
            _ => Self::Converted(
                converted.find(|format| format.traits().extension == Some(extension))?,
            ),
        })
    }

    /// The help of an option for the format.
    pub(crate) fn help() -> String {
        let mut names: Vec<&str> = Self::all().map(Self::name).collect();
        let last = names.pop().unwrap_or_default();
        format!(
            "Format of the files: {} or {last} [default: by extension and content]",
            names.join(", ")
        )
    }
}

impl fmt::Display for ResultFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
