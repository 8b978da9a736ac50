//! Rate limits: requests per organization, per minute, in three buckets.
//!
//! Only authenticated requests count, so others cannot use up an organization's limit. A single
//! server counts in memory. Servers that share a database reserve batches of requests there and
//! count those in memory: large batches while much of the limit is left, single requests near the
//! end. Together they never allow more than the limit, with few round trips.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use test_engine_store::{OrganizationId, Store, StoreError, Timestamp};

use crate::config::Limits;

/// Length of a counting window, in milliseconds.
const WINDOW: i64 = 60_000;
/// A batch is this fraction of the requests that are left,
const BATCH_DIVISOR: u64 = 64;
/// and at most this many requests: larger ones save nothing noticeable.
const MAX_BATCH: u64 = 100;
/// Requests per window to tag executions, unless the REST API has no limit.
const EXECUTION_TAGS_LIMIT: u32 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Bucket {
    Plan,
    /// The rest of the REST API.
    Rest,
    /// Tagging executions; one request may tag very many.
    ExecutionTags,
}

impl Bucket {
    pub(crate) const ALL: [Self; 3] = [Self::Rest, Self::Plan, Self::ExecutionTags];

    /// The scope in headers and responses.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Plan => "test_plan",
            Self::Rest => "rest",
            Self::ExecutionTags => "execution_tags",
        }
    }

    /// The stable number in the database.
    const fn number(self) -> i64 {
        match self {
            Self::Plan => 0,
            Self::Rest => 1,
            Self::ExecutionTags => 2,
        }
    }

    /// Requests per window; 0 is no limit.
    const fn limit(self, limits: &Limits) -> u32 {
        match self {
            Self::Plan => limits.plan_requests_per_minute,
            Self::Rest => limits.rest_requests_per_minute,
            Self::ExecutionTags if limits.rest_requests_per_minute == 0 => 0,
            Self::ExecutionTags => EXECUTION_TAGS_LIMIT,
        }
    }
}

/// An organization's use of a limit in the current window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RateStatus {
    pub(crate) scope: &'static str,
    /// Requests in this window so far, including this one.
    pub(crate) current: u32,
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// Whole seconds until the next window, 1 to 60.
    pub(crate) reset: u32,
    pub(crate) exceeded: bool,
}

impl RateStatus {
    fn new(bucket: Bucket, limit: u32, remaining: u64, exceeded: bool, now: Timestamp) -> Self {
        let remaining = u32::try_from(remaining).unwrap_or(limit);
        let left = WINDOW - now.millis().rem_euclid(WINDOW);
        let reset = u32::try_from(left.div_euclid(1_000) + 1).unwrap_or(60);
        Self {
            scope: bucket.name(),
            current: limit.saturating_sub(remaining) + u32::from(exceeded),
            limit,
            remaining,
            reset: reset.min(60),
            exceeded,
        }
    }
}

/// This server's count of one organization's requests in one bucket.
#[derive(Clone, Copy, Default)]
struct Window {
    /// Start of the window, in milliseconds since 1970.
    began: i64,
    /// Requests counted or reserved by any server, as far as this one knows.
    used: u64,
    /// Requests left in this server's batch.
    batch: u64,
}

impl Window {
    fn left(&self, limit: u32) -> u64 {
        u64::from(limit).saturating_sub(self.used) + self.batch
    }
}

type Counts = HashMap<(OrganizationId, Bucket), Arc<tokio::sync::Mutex<Window>>>;

pub(crate) struct RateLimits {
    limits: Limits,
    counts: Mutex<Counts>,
    /// Where batches are reserved; `None` when no other server uses the database.
    shared: Option<Store>,
}

impl RateLimits {
    pub(crate) fn new(limits: Limits, store: &Store) -> Self {
        Self {
            limits,
            counts: Mutex::default(),
            shared: store.may_be_shared().then(|| store.clone()),
        }
    }

    /// Counts one request of an organization; `None` when there is no limit.
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
        let began = window_start(now);
        let window = {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(counts.entry((organization, bucket)).or_default())
        };
        // Held while a batch is reserved, so that concurrent requests share it.
        let mut window = window.lock().await;
        if window.began != began {
            *window = Window {
                began,
                ..Window::default()
            };
        }
        let left = u64::from(limit).saturating_sub(window.used);
        if window.batch == 0 && left > 0 {
            let wanted = match &self.shared {
                None => 1,
                Some(_) => (left / BATCH_DIVISOR).clamp(1, MAX_BATCH),
            };
            let local = window.used + wanted;
            window.used = match &self.shared {
                None => local,
                Some(store) => {
                    let count = u32::try_from(wanted).unwrap_or(1);
                    let began = Timestamp::from_millis(began);
                    match store
                        .count_requests(organization, bucket.number(), began, count)
                        .await
                    {
                        // Reads still work; each server counts on its own.
                        Err(StoreError::ReadOnly(_) | StoreError::Full(_)) => local,
                        counted => counted?,
                    }
                }
            };
            let before = window.used.saturating_sub(wanted);
            window.batch = wanted.min(u64::from(limit).saturating_sub(before));
        }
        let exceeded = window.batch == 0;
        window.batch = window.batch.saturating_sub(1);
        let remaining = window.left(limit);
        Ok(Some(RateStatus::new(
            bucket, limit, remaining, exceeded, now,
        )))
    }

    /// An organization's status as far as this server knows, without counting a request.
    pub(crate) async fn status(
        &self,
        organization: OrganizationId,
        bucket: Bucket,
        now: Timestamp,
    ) -> RateStatus {
        let window = {
            let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            counts.get(&(organization, bucket)).map(Arc::clone)
        };
        let window = match window {
            Some(window) => *window.lock().await,
            None => Window::default(),
        };
        let limit = bucket.limit(&self.limits);
        let remaining = if window.began == window_start(now) {
            window.left(limit)
        } else {
            u64::from(limit)
        };
        RateStatus::new(bucket, limit, remaining, false, now)
    }
}

/// In milliseconds since 1970.
fn window_start(now: Timestamp) -> i64 {
    now.millis() - now.millis().rem_euclid(WINDOW)
}

#[cfg(test)]
mod tests {
    use test_engine_store::{Change, OrganizationId, Store, Timestamp};
    use uuid::Uuid;

    use super::{Bucket, RateLimits, RateStatus};
    use crate::config::Limits;

    const START: Timestamp = Timestamp::from_millis(0);

    async fn open(url: &str) -> (Store, [OrganizationId; 2]) {
        let store = Store::open(url).await.unwrap();
        let mut ids = Vec::new();
        for slug in ["one", "two"] {
            let organization = store
                .create_organization(Uuid::new_v4(), slug, &Change::by_server(START))
                .await;
            ids.push(organization.unwrap().id);
        }
        (store, [ids[0], ids[1]])
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
        let directory = tempfile::tempdir().unwrap();
        let file = format!("sqlite://{}/test.db", directory.path().display());
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
    async fn requests_over_the_limit_are_rejected_until_the_next_minute() {
        on_every_engine(async |store, [one, _]| {
            let limits = limits(2, 1, store);
            for (millis, remaining, reset, exceeded) in [
                (1_000, 1, 60, false),
                (2_000, 0, 59, false),
                (58_500, 0, 2, true),
                (60_000, 1, 60, false),
            ] {
                let found = take(&limits, one, Bucket::Plan, millis).await.unwrap();
                let found = (found.remaining, found.reset, found.exceeded);
                assert_eq!(found, (remaining, reset, exceeded), "{millis}");
            }
        })
        .await;
    }

    #[tokio::test]
    async fn organizations_and_buckets_are_counted_separately() {
        on_every_engine(async |store, [one, two]| {
            let limits = limits(1, 1, store);
            for (organization, bucket, exceeded) in [
                (one, Bucket::Plan, false),
                (two, Bucket::Plan, false),
                (one, Bucket::Rest, false),
                (one, Bucket::Plan, true),
            ] {
                let status = take(&limits, organization, bucket, 0).await.unwrap();
                assert_eq!(status.exceeded, exceeded);
            }
        })
        .await;
    }

    #[tokio::test]
    async fn zero_means_no_limit() {
        on_every_engine(async |store, [one, _]| {
            let limits = limits(0, 1, store);
            assert_eq!(take(&limits, one, Bucket::Plan, 0).await, None);
            assert!(take(&limits, one, Bucket::ExecutionTags, 0).await.is_some());
            let none = self::limits(1, 0, store);
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
            // In turns, until every server has rejected one.
            for round in 0..2 * limit {
                let server = &servers[round as usize % 3];
                let status = take(server, one, Bucket::Plan, minute).await.unwrap();
                passed += u32::from(!status.exceeded);
            }
            assert_eq!(passed, limit);
        }
    }

    #[tokio::test]
    async fn reading_the_status_counts_no_request() {
        on_every_engine(async |store, [one, two]| {
            let limits = limits(5, 5, store);
            take(&limits, one, Bucket::Rest, 1_000).await;
            let status = async |organization, millis| {
                let now = Timestamp::from_millis(millis);
                let status = limits.status(organization, Bucket::Rest, now).await;
                (status.current, status.remaining)
            };
            for _ in 0..3 {
                assert_eq!(status(one, 30_000).await, (1, 4));
            }
            assert_eq!(status(one, 60_000).await, (0, 5));
            assert_eq!(status(two, 1_000).await, (0, 5));
        })
        .await;
    }
}
