//! How often an organization may ask: a count per minute for plans and one for everything else.
//!
//! Counted in memory and by known tokens only, so strangers cannot use up an organization's share.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::http::HeaderMap;
use axum::http::HeaderValue;

use crate::config::Limits;

/// Length of a counting window, in milliseconds.
const WINDOW: i64 = 60_000;

/// Which limit a request counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Bucket {
    /// The plan endpoints.
    Plan,
    /// Everything else of the REST API.
    Rest,
}

/// Where an organization stands in the current window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RateStatus {
    /// Requests allowed in a window.
    pub(crate) limit: u32,
    /// Requests left in this one.
    pub(crate) remaining: u32,
    /// Whole seconds until the next window.
    pub(crate) reset: u32,
    /// Whether this request was one too many.
    pub(crate) exceeded: bool,
}

impl RateStatus {
    /// Say it in the headers that clients read.
    pub(crate) fn write_to(self, headers: &mut HeaderMap) {
        headers.insert("ratelimit-limit", HeaderValue::from(self.limit));
        headers.insert("ratelimit-remaining", HeaderValue::from(self.remaining));
        headers.insert("ratelimit-reset", HeaderValue::from(self.reset));
    }
}

#[derive(Clone, Copy)]
struct Window {
    began: i64,
    used: u32,
}

/// The counts of all organizations.
pub(crate) struct RateLimits {
    limits: Limits,
    windows: Mutex<HashMap<(i64, Bucket), Window>>,
}

impl RateLimits {
    /// With these limits; 0 switches one off.
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            windows: Mutex::new(HashMap::new()),
        }
    }

    /// Count one request of the organization with this internal id; `None` when there is no limit.
    /// `now` is in milliseconds since 1970.
    pub(crate) fn take(&self, organization: i64, bucket: Bucket, now: i64) -> Option<RateStatus> {
        let limit = match bucket {
            Bucket::Plan => self.limits.plan_requests_per_minute,
            Bucket::Rest => self.limits.rest_requests_per_minute,
        };
        if limit == 0 {
            return None;
        }
        let began = now - now.rem_euclid(WINDOW);
        let used = {
            let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
            let window = windows
                .entry((organization, bucket))
                .or_insert(Window { began, used: 0 });
            if window.began != began {
                *window = Window { began, used: 0 };
            }
            window.used = window.used.saturating_add(1);
            window.used
        };
        let reset = u32::try_from((began + WINDOW - now).div_euclid(1_000) + 1).unwrap_or(60);
        Some(RateStatus {
            limit,
            remaining: limit.saturating_sub(used),
            reset: reset.min(60),
            exceeded: used > limit,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Bucket, RateLimits};
    use crate::config::Limits;

    fn limits(plan: u32, rest: u32) -> RateLimits {
        RateLimits::new(Limits {
            plan_requests_per_minute: plan,
            rest_requests_per_minute: rest,
            ..Limits::default()
        })
    }

    #[test]
    fn the_request_after_the_last_is_refused_until_the_next_minute() {
        let limits = limits(2, 1);
        let first = limits.take(1, Bucket::Plan, 1_000).unwrap();
        assert_eq!(
            (first.remaining, first.reset, first.exceeded),
            (1, 60, false)
        );
        assert!(!limits.take(1, Bucket::Plan, 2_000).unwrap().exceeded);
        let third = limits.take(1, Bucket::Plan, 58_500).unwrap();
        assert_eq!((third.remaining, third.reset, third.exceeded), (0, 2, true));
        assert!(!limits.take(1, Bucket::Plan, 60_000).unwrap().exceeded);
    }

    #[test]
    fn organizations_and_buckets_do_not_share() {
        let limits = limits(1, 1);
        assert!(!limits.take(1, Bucket::Plan, 0).unwrap().exceeded);
        assert!(!limits.take(2, Bucket::Plan, 0).unwrap().exceeded);
        assert!(!limits.take(1, Bucket::Rest, 0).unwrap().exceeded);
        assert!(limits.take(1, Bucket::Plan, 0).unwrap().exceeded);
    }

    #[test]
    fn zero_is_no_limit() {
        assert_eq!(limits(0, 1).take(1, Bucket::Plan, 0), None);
    }
}
