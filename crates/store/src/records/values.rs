//! Values that all records share: times, internal ids, pages.
//!
//! Internal ids are integers with a type each. They never leave the server: pages and APIs show
//! UUIDs. The store has no clock: callers pass the time.

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

impl Timestamp {
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Days since 1970-01-01, in UTC.
    pub const fn day(self) -> i64 {
        self.0.div_euclid(DAY_MS)
    }

    /// Saturates; `millis` may be negative.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Saturates; `days` may be negative.
    #[must_use]
    pub const fn plus_days(self, days: i64) -> Self {
        self.plus_millis(days.saturating_mul(DAY_MS))
    }
}

macro_rules! internal_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            pub(crate) const fn new(id: i64) -> Self {
                Self(id)
            }

            /// The number, for logs and cache keys.
            pub const fn get(self) -> i64 {
                self.0
            }
        }
    )*};
}

internal_ids! {
    OrganizationId;
    /// Never reused.
    SuiteId;
    /// Later runs have larger ids.
    RunId;
    /// Never reused.
    TestId;
    BranchId;
    TokenId;
    WebhookId;
    UserId;
    RuleId;
}

/// A page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// From 1.
    pub number: u32,
    /// Items per page, at least 1.
    pub size: u32,
}

impl Page {
    /// Zeros count as 1.
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
    pub items: Vec<T>,
    /// Number of items on all pages.
    pub total: u64,
}

/// Whole UTC days, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    pub first_day: i64,
    pub last_day: i64,
}

impl Period {
    /// All days that overlap the time between two moments.
    pub const fn between(from: Timestamp, to: Timestamp) -> Self {
        Self {
            first_day: from.day(),
            last_day: to.day(),
        }
    }

    /// The last `days` days before `now`, including its own.
    pub const fn last_days(days: i64, now: Timestamp) -> Self {
        Self {
            first_day: now.day() - days + 1,
            last_day: now.day(),
        }
    }
}
