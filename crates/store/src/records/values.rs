//! What records of every subject are made of: times, internal ids, pages.
//!
//! Internal ids are small integers in their own types, so that one cannot stand for another.
//! They never leave the server: the outside world sees UUIDs. Times are always handed in.

/// A moment: whole milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Milliseconds in a day.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

impl Timestamp {
    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// The UTC day, counted from 1970-01-01.
    pub const fn day(self) -> i64 {
        self.0.div_euclid(DAY_MS)
    }

    /// So many milliseconds later; earlier when negative. Stops at the ends of the range.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// So many days later; earlier when negative. Stops at the ends of the range.
    #[must_use]
    pub const fn plus_days(self, days: i64) -> Self {
        self.plus_millis(days.saturating_mul(DAY_MS))
    }
}

macro_rules! internal_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            pub(crate) const fn new(id: i64) -> Self {
                Self(id)
            }

            /// The number itself, for logs and cache keys.
            pub const fn get(self) -> i64 {
                self.0
            }
        }
    )*};
}

internal_ids! {
    /// An organization inside this database.
    OrganizationId;
    /// A suite inside this database. Never given out twice.
    SuiteId;
    /// A run inside this database. Later runs have larger numbers.
    RunId;
    /// A test inside this database. Never given out twice.
    TestId;
    /// A branch of one suite inside this database.
    BranchId;
    /// A token inside this database.
    TokenId;
}

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// From 1.
    pub number: u32,
    /// Items on a page, at least 1.
    pub size: u32,
}

impl Page {
    /// A page by its number (from 1) and size; zeros are taken as 1.
    pub fn new(number: u32, size: u32) -> Self {
        Self {
            number: number.max(1),
            size: size.max(1),
        }
    }

    pub(crate) fn limit(self) -> i64 {
        i64::from(self.size)
    }

    pub(crate) fn offset(self) -> i64 {
        i64::from(self.number - 1).saturating_mul(i64::from(self.size))
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed<T> {
    /// What is on the page.
    pub items: Vec<T>,
    /// How many there are on all pages together.
    pub total: u64,
}

/// A stretch of whole UTC days, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// First day, see [`Timestamp::day`].
    pub first_day: i64,
    /// Last day.
    pub last_day: i64,
}

impl Period {
    /// The days that touch the stretch between two moments.
    pub const fn between(from: Timestamp, to: Timestamp) -> Self {
        Self {
            first_day: from.day(),
            last_day: to.day(),
        }
    }

    /// The last so many days before `now`, today included.
    pub const fn last_days(days: i64, now: Timestamp) -> Self {
        Self {
            first_day: now.day() - days + 1,
            last_day: now.day(),
        }
    }
}
