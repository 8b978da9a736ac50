//! How often an organization may ask: a count per minute for plans and one for everything else.
//!
//! Counted by known tokens only, so strangers cannot use up an organization's share. One server
//! counts in memory. Servers that share a database take portions of the limit from there, and
//! count those in memory: large portions while much is left, single requests near the end. So all
//! of them together never let more through than the limit, at the price of few round trips.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::HeaderMap;
use axum::http::HeaderValue;
use test_engine_store::{OrganizationId, Store, StoreError, Timestamp};

use crate::config::Limits;

/// Length of a counting window, in milliseconds.
const WINDOW: i64 = 60_000;
/// A portion is this part of what is left...
const PORTIONS: u64 = 64;
/// ... and at most so many requests: more would save nothing that can be noticed.
const LARGEST_PORTION: u64 = 100;
/// Requests with tags for executions in a window, unless the REST API has no limit.
const EXECUTION_TAGS_LIMIT: u32 = 1;

/// Which limit a request counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Bucket {
    /// The plan endpoints.
    Plan,
    /// Everything else of the REST API.
    Rest,
    /// Tags for executions, of which one request may hold very many.
    ExecutionTags,
}

impl Bucket {
    /// Every limit there is.
    pub(crate) const ALL: [Self; 3] = [Self::Rest, Self::Plan, Self::ExecutionTags];

    /// The name in headers and answers.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Plan => "test_plan",
            Self::Rest => "rest",
            Self::ExecutionTags => "execution_tags",
        }
    }

    /// In the database. Never changes its meaning.
    const fn number(self) -> i64 {
        match self {
            Self::Plan => 0,
            Self::Rest => 1,
            Self::ExecutionTags => 2,
        }
    }

    /// Requests in a window; 0 is no limit.
    const fn limit(self, limits: &Limits) -> u32 {
        match self {
            Self::Plan => limits.plan_requests_per_minute,
            Self::Rest => limits.rest_requests_per_minute,
            Self::ExecutionTags if limits.rest_requests_per_minute == 0 => 0,
            Self::ExecutionTags => EXECUTION_TAGS_LIMIT,
        }
    }
}

/// Where an organization stands in the current window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RateStatus {
    /// Which limit this is.
    pub(crate) scope: &'static str,
    /// Requests in this window so far, this one included.
    pub(crate) current: u32,
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
        headers.insert("ratelimit-scope", HeaderValue::from_static(self.scope));
        headers.insert("ratelimit-limit", HeaderValue::from(self.limit));
        headers.insert("ratelimit-remaining", HeaderValue::from(self.remaining));
        headers.insert("ratelimit-reset", HeaderValue::from(self.reset));
    }
}

/// What this server knows of one organization's requests of one kind.
#[derive(Clone, Copy, Default)]
struct Window {
    /// When it began, in milliseconds since 1970.
    began: i64,
    /// Requests let through or refused, and portions taken by any server that this one knows of.
    used: u64,
    /// Requests that this server may still let through of what it has taken.
    portion: u64,
}

type Counts = HashMap<(OrganizationId, Bucket), Arc<tokio::sync::Mutex<Window>>>;

/// The counts of all organizations.
pub(crate) struct RateLimits {
    limits: Limits,
    counts: Mutex<Counts>,
    /// Where portions are taken from; `None` when no other server counts.
    shared: Option<Store>,
}

impl RateLimits {
    /// With these limits; 0 switches one off.
    pub(crate) fn new(limits: Limits, store: &Store) -> Self {
        Self {
            limits,
            counts: Mutex::default(),
            shared: store.may_be_shared().then(|| store.clone()),
        }
    }

    /// Count one request of an organization; `None` when there is no limit.
    pub(crate) async fn take(
        &self,
        organization: OrganizationId,
        bucket: Bucket,
        now: Timestamp,
    ) -> Result<Option<RateStatus>, StoreError> {
        let limit = bucket.limit(&self.limits);
        if limit == 0 {
            return Ok(None);
        }
        let now = now.millis();
        let began = now - now.rem_euclid(WINDOW);
        let window = {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(counts.entry((organization, bucket)).or_default())
        };
        // Held while a portion is taken on purpose: those who come meanwhile share it.
        let mut window = window.lock().await;
        if window.began != began {
            *window = Window {
                began,
                ..Window::default()
            };
        }
        let limit_of_all = u64::from(limit);
        if window.portion == 0 && window.used < limit_of_all {
            let left = limit_of_all - window.used;
            let wanted = match &self.shared {
                None => 1,
                Some(_) => (left / PORTIONS).clamp(1, LARGEST_PORTION),
            };
            window.used = match &self.shared {
                None => window.used + wanted,
                Some(store) => {
                    let asked = u32::try_from(wanted).unwrap_or(1);
                    let began = Timestamp::from_millis(began);
                    match store
                        .count_requests(organization, bucket.number(), began, asked)
                        .await
                    {
                        // What can still be read is still served; each server counts its own.
                        Err(StoreError::ReadOnly(_) | StoreError::Full(_)) => window.used + wanted,
                        counted => counted?,
                    }
                }
            };
            let before = window.used.saturating_sub(wanted);
            window.portion = wanted.min(limit_of_all.saturating_sub(before));
        }
        let exceeded = window.portion == 0;
        window.portion = window.portion.saturating_sub(1);
        let remaining = limit_of_all.saturating_sub(window.used) + window.portion;
        let remaining = u32::try_from(remaining).unwrap_or(limit);
        Ok(Some(status(bucket, limit, remaining, exceeded, now)))
    }

    /// Where an organization stands, as far as this server knows, without counting.
    pub(crate) async fn standing(
        &self,
        organization: OrganizationId,
        bucket: Bucket,
        now: Timestamp,
    ) -> RateStatus {
        let now = now.millis();
        let began = now - now.rem_euclid(WINDOW);
        let window = {
            let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            counts.get(&(organization, bucket)).map(Arc::clone)
        };
        let limit = bucket.limit(&self.limits);
        let left = match window {
            Some(window) => {
                let window = *window.lock().await;
                if window.began == began {
                    u64::from(limit).saturating_sub(window.used) + window.portion
                } else {
                    u64::from(limit)
                }
            }
            None => u64::from(limit),
        };
        let remaining = u32::try_from(left).unwrap_or(limit);
        status(bucket, limit, remaining, false, now)
    }
}

fn status(bucket: Bucket, limit: u32, remaining: u32, exceeded: bool, now: i64) -> RateStatus {
    let left = WINDOW - now.rem_euclid(WINDOW);
    let reset = u32::try_from(left.div_euclid(1_000) + 1).unwrap_or(60);
    RateStatus {
        scope: bucket.name(),
        current: limit.saturating_sub(remaining) + u32::from(exceeded),
        limit,
        remaining,
        reset: reset.min(60),
        exceeded,
    }
}

#[cfg(test)]
mod tests {
    use test_engine_store::{OrganizationId, Store, Timestamp};
    use uuid::Uuid;

    use super::{Bucket, RateLimits, RateStatus};
    use crate::config::Limits;

    const START: Timestamp = Timestamp::from_millis(0);

    /// A database at this address, and two organizations in it.
    async fn open(url: &str) -> (Store, [OrganizationId; 2]) {
        let store = Store::open(url).await.unwrap();
        let mut made = Vec::new();
        for slug in ["one", "two"] {
            let organization = store.create_organization(Uuid::new_v4(), slug, START).await;
            made.push(organization.unwrap().id);
        }
        (store, [made[0], made[1]])
    }

    fn limits(plan: u32, rest: u32, store: &Store) -> RateLimits {
        let limits = Limits {
            plan_requests_per_minute: plan,
            rest_requests_per_minute: rest,
            ..Limits::default()
        };
        RateLimits::new(limits, store)
    }

    async fn on_every_engine(test: impl AsyncFn(&Store, [OrganizationId; 2])) {
        let folder = tempfile::tempdir().unwrap();
        let file = format!("sqlite://{}/test.db", folder.path().display());
        for url in [file, test_engine_test_postgres::fresh_database()] {
            let (store, organizations) = open(&url).await;
            test(&store, organizations).await;
            store.close().await;
        }
    }

    async fn take(
        limits: &RateLimits,
        organization: OrganizationId,
        bucket: Bucket,
        millis: i64,
    ) -> Option<RateStatus> {
        limits
            .take(organization, bucket, Timestamp::from_millis(millis))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn the_request_after_the_last_is_refused_until_the_next_minute() {
        on_every_engine(async |store, [one, _]| {
            let limits = limits(2, 1, store);
            let first = take(&limits, one, Bucket::Plan, 1_000).await.unwrap();
            assert_eq!(
                (first.remaining, first.reset, first.exceeded),
                (1, 60, false)
            );
            let second = take(&limits, one, Bucket::Plan, 2_000).await.unwrap();
            assert!(!second.exceeded);
            let third = take(&limits, one, Bucket::Plan, 58_500).await.unwrap();
            assert_eq!((third.remaining, third.reset, third.exceeded), (0, 2, true));
            let next = take(&limits, one, Bucket::Plan, 60_000).await.unwrap();
            assert!(!next.exceeded);
        })
        .await;
    }

    #[tokio::test]
    async fn organizations_and_buckets_do_not_share() {
        on_every_engine(async |store, [one, two]| {
            let limits = limits(1, 1, store);
            let exceeded = async |organization, bucket| {
                take(&limits, organization, bucket, 0)
                    .await
                    .unwrap()
                    .exceeded
            };
            assert!(!exceeded(one, Bucket::Plan).await);
            assert!(!exceeded(two, Bucket::Plan).await);
            assert!(!exceeded(one, Bucket::Rest).await);
            assert!(exceeded(one, Bucket::Plan).await);
        })
        .await;
    }

    #[tokio::test]
    async fn zero_is_no_limit() {
        on_every_engine(async |store, [one, _]| {
            let limits = limits(0, 1, store);
            assert_eq!(take(&limits, one, Bucket::Plan, 0).await, None);
            assert!(take(&limits, one, Bucket::ExecutionTags, 0).await.is_some());
            let none = RateLimits::new(
                Limits {
                    rest_requests_per_minute: 0,
                    ..Limits::default()
                },
                store,
            );
            assert_eq!(take(&none, one, Bucket::ExecutionTags, 0).await, None);
        })
        .await;
    }

    #[tokio::test]
    async fn servers_on_one_database_share_a_limit() {
        let (store, [one, _]) = open(&test_engine_test_postgres::fresh_database()).await;
        for limit in [3, 1_000] {
            let minute = i64::from(limit) * 60_000;
            let servers = [(); 3].map(|()| limits(limit, 1, &store));
            let mut passed = 0;
            // In turns, until each has refused.
            for round in 0..2 * limit {
                let server = &servers[round as usize % 3];
                let status = take(server, one, Bucket::Plan, minute).await.unwrap();
                passed += u32::from(!status.exceeded);
            }
            assert_eq!(passed, limit);
        }
    }

    #[tokio::test]
    async fn standing_does_not_count() {
        on_every_engine(async |store, [one, two]| {
            let limits = limits(5, 5, store);
            take(&limits, one, Bucket::Rest, 1_000).await;
            let standing = async |organization, millis| {
                let now = Timestamp::from_millis(millis);
                let status = limits.standing(organization, Bucket::Rest, now).await;
                (status.current, status.remaining)
            };
            for _ in 0..3 {
                assert_eq!(standing(one, 30_000).await, (1, 4));
            }
            assert_eq!(standing(one, 60_000).await, (0, 5));
            assert_eq!(standing(two, 1_000).await, (0, 5));
        })
        .await;
    }
}
