//! Checks of the database, the clock, backups, and the server at its URL.

use std::time::Duration;

use test_engine_store::{RetentionStart, Store, StoreError, Timestamp};
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};
use uuid::Uuid;

use super::checks::Check;
use crate::backup;
use crate::config::Storage;
use crate::error_chain::ErrorChain;
use crate::retention;
use crate::running::{Running, is_loopback};
use crate::server::file_of;

const MINUTE: i64 = 60 * 1_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// The database can be written, and the clock fits what is in it.
pub(super) async fn of_database(store: &Store, kept: RetentionStart, now: Timestamp) -> Vec<Check> {
    const NAME: &str = "database";
    let written = async {
        store.check_writable(Uuid::now_v7(), now).await?;
        store.schema_version().await
    };
    let version = match written.await {
        Ok(version) => version,
        Err(error) => {
            let fix = "check the disk, the permissions and the database server";
            let cause = ErrorChain(&error).to_string();
            return vec![Check::failed(NAME, cause, fix)];
        }
    };
    let checked = async {
        let newest = store.newest_upload().await?;
        let refusal = retention::check_clock(store, kept, now).await?;
        Ok::<_, StoreError>(clock(newest, refusal.map(|it| it.to_string()), now))
    };
    let clock = checked.await.unwrap_or_else(|error| {
        Check::failed("clock", ErrorChain(&error).to_string(), "try again")
    });
    let message = format!("can be written; schema version {version}");
    vec![Check::ok(NAME, message), clock]
}

/// `refusal` is why retention would remove nothing.
fn clock(newest: Option<Timestamp>, refusal: Option<String>, now: Timestamp) -> Check {
    const NAME: &str = "clock";
    const FIX: &str = "synchronize the clock, for example with chrony or systemd-timesyncd";
    let Some(newest) = newest else {
        return Check::skipped(NAME, "there are no uploads to compare it with");
    };
    let ahead = newest.millis().saturating_sub(now.millis());
    if ahead > MINUTE {
        let seconds = ahead / 1_000;
        let message = format!("it is {seconds} s behind the newest upload");
        return Check::failed(NAME, message, FIX);
    }
    match refusal {
        Some(refusal) => Check::warning(NAME, format!("retention removes nothing: {refusal}"), FIX),
        None => Check::ok(NAME, "fits the newest upload"),
    }
}

/// The age of the latest backup by `test-engine backup`.
pub(super) async fn backup(
    store: &Store,
    storage: &Storage,
    max_days: i64,
    now: Timestamp,
) -> Check {
    const NAME: &str = "backup";
    if file_of(storage).is_none() {
        return Check::skipped(
            NAME,
            "the database is not a file; pg_dump makes its backups",
        );
    }
    match store.last_run(backup::JOB).await {
        Ok(last) => age(last, max_days, now),
        Err(error) => Check::failed(NAME, ErrorChain(&error).to_string(), "try again"),
    }
}

fn age(last: Option<Timestamp>, max_days: i64, now: Timestamp) -> Check {
    const NAME: &str = "backup";
    const FIX: &str = "make one with: test-engine backup --to DIRECTORY; and repeat it every day";
    let Some(last) = last else {
        return Check::warning(NAME, "there is none by test-engine backup", FIX);
    };
    let days = now.millis().saturating_sub(last.millis()) / DAY;
    let message = format!("the latest is {days} days old");
    if days > max_days {
        Check::failed(NAME, message, FIX)
    } else {
        Check::ok(NAME, message)
    }
}

/// The URL of the server that runs on the database.
pub(super) fn running(storage: &Storage) -> Option<String> {
    let found = Running::find(&file_of(storage)?)?;
    Some(found.url)
}

/// The status of `GET /readyz`.
pub(super) fn readiness(url: &str, limit: Duration) -> Result<u16, String> {
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .build();
    let agent = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(limit))
        .tls_config(tls)
        .build()
        .new_agent();
    let response = agent.get(format!("{url}/readyz")).call();
    let response = response.map_err(|error| error.to_string())?;
    Ok(response.status().as_u16())
}

/// Whether tokens are encrypted on the way to the server.
pub(super) fn tls(url: &str) -> Check {
    const NAME: &str = "TLS";
    if url.starts_with("https://") {
        return Check::ok(NAME, "the public URL is https://");
    }
    if is_loopback(url) {
        return Check::ok(NAME, "the public URL is on this machine only");
    }
    Check::warning(
        NAME,
        "the public URL is http://, so that tokens can be read on the way",
        "put a proxy with TLS in front of the server, and set --public-url to its https:// URL",
    )
}

#[cfg(test)]
mod tests {
    use super::super::checks::Status;
    use super::*;

    #[test]
    fn a_clock_behind_the_newest_upload_is_wrong() {
        let at = Timestamp::from_millis;
        let now = at(100 * DAY);
        let jumped = || Some("the clock is 3 days ahead".to_owned());
        for (newest, refusal, status) in [
            (None, None, Status::Skipped),
            (Some(at(100 * DAY)), None, Status::Ok),
            (Some(at(100 * DAY + MINUTE)), None, Status::Ok),
            (Some(at(100 * DAY + MINUTE + 1)), None, Status::Failed),
            (Some(at(97 * DAY)), jumped(), Status::Warning),
        ] {
            let check = clock(newest, refusal, now);
            assert_eq!(check.status(), status, "{check:?}");
        }
    }

    #[test]
    fn backups_become_too_old() {
        let now = Timestamp::from_millis(100 * DAY);
        for (last, status) in [
            (None, Status::Warning),
            (Some(93), Status::Ok),
            (Some(92), Status::Failed),
        ] {
            let last = last.map(|day: i64| Timestamp::from_millis(day * DAY));
            assert_eq!(age(last, 7, now).status(), status, "{last:?}");
        }
    }

    #[test]
    fn only_loopback_addresses_need_no_tls() {
        for (url, status) in [
            ("https://tests.example.com", Status::Ok),
            ("http://127.0.0.1:8080", Status::Ok),
            ("http://[::1]:8080", Status::Ok),
            ("http://localhost:8080", Status::Ok),
            ("http://tests.example.com", Status::Warning),
            ("http://10.0.0.1:8080", Status::Warning),
        ] {
            assert_eq!(tls(url).status(), status, "{url}");
        }
    }
}
