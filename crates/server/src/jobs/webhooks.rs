//! Delivers events to webhooks.
//!
//! The server with the lease delivers, so that events arrive in order. If two servers do it all the
//! same, each delivery is claimed by one of them.

use std::time::{Duration, Instant};

use secrecy::SecretString;
use test_engine_store::{AttemptOutcome, Delivery, StoreError, Webhook, WebhookFormat};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::Schedule;
use crate::App;
use crate::error_chain::ErrorChain;
use crate::events::EventBody;
use crate::webhooks::{Message, SendError, Sender, next_attempt, too_old};

const JOB: &str = "webhooks";
/// The lease lasts twice as long: longer than [`PASS_TIME`] and one attempt.
const LEASE_PERIOD: Duration = Duration::from_secs(30);
/// How long one pass begins new attempts for a webhook.
const PASS_TIME: Duration = Duration::from_secs(20);
/// Webhooks that are served at a time.
const MAX_CONCURRENT: usize = 8;
/// How long a delivery belongs to an attempt. If the server dies meanwhile, another one follows.
const CLAIM_MS: i64 = 2 * 60 * 1_000;

pub(super) async fn run(app: App) {
    let lease = Schedule::new(&app, JOB, LEASE_PERIOD);
    let mut interval = super::interval(app.config.webhooks.period);
    loop {
        interval.tick().await;
        match app.store.due_webhooks(app.clock.now()).await {
            Ok(due) if due.is_empty() => {}
            Ok(due) => {
                if lease.acquire().await {
                    app.metrics.job_run(JOB, deliver_all(&app, due).await);
                }
            }
            Err(error) => report(&error),
        }
    }
}

fn report(error: &StoreError) {
    tracing::error!(cause = %ErrorChain(error), "failed to deliver events to webhooks");
}

/// Whether the database worked; that receivers do not is their matter.
async fn deliver_all(app: &App, due: Vec<Webhook>) -> bool {
    let mut waiting = due.into_iter();
    let mut running = JoinSet::new();
    let mut succeeded = true;
    loop {
        while running.len() < MAX_CONCURRENT
            && let Some(webhook) = waiting.next()
        {
            let app = App::clone(app);
            running.spawn(async move { deliver_to(&app, &webhook).await });
        }
        match running.join_next().await {
            None => return succeeded,
            Some(Ok(Ok(()))) => {}
            Some(Ok(Err(error))) => {
                report(&error);
                succeeded = false;
            }
            Some(Err(error)) => {
                tracing::error!(cause = %error, "failed to deliver events to a webhook");
                succeeded = false;
            }
        }
    }
}

/// Delivers what is due to one webhook, in order, until an attempt fails: then the receiver is
/// probably unavailable, and the others wait for the next pass.
async fn deliver_to(app: &App, webhook: &Webhook) -> Result<(), StoreError> {
    let began = Instant::now();
    let mut receiver = None;
    while began.elapsed() < PASS_TIME {
        let now = app.clock.now();
        let until = now.plus_millis(CLAIM_MS);
        let claimed = app.store.claim_delivery(webhook.id, now, until).await?;
        let Some(delivery) = claimed else { break };
        if receiver.is_none() {
            receiver = Some(Receiver::open(app, webhook).await);
        }
        let result = match &receiver {
            Some(Ok(receiver)) => receiver.deliver(app, webhook, &delivery).await?,
            Some(Err(failure)) => Err(failure.clone()),
            None => break,
        };
        if !finish(app, webhook, &delivery, result).await? {
            break;
        }
    }
    Ok(())
}

/// Why an attempt failed.
#[derive(Clone)]
struct Failure {
    error: String,
    status: Option<u16>,
    retry_after: Option<Duration>,
    is_final: bool,
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        Self {
            status: error.status(),
            retry_after: error.retry_after(),
            is_final: error.is_final(),
            error: error.to_string(),
        }
    }
}

impl Failure {
    /// A problem of this server.
    fn ours(error: String) -> Self {
        Self {
            error,
            status: None,
            retry_after: None,
            is_final: false,
        }
    }
}

/// Where the deliveries of a webhook go.
enum Receiver {
    Http {
        sender: Sender,
        secret: SecretString,
    },
    /// An e-mail address.
    Mail(String),
}

impl Receiver {
    async fn open(app: &App, webhook: &Webhook) -> Result<Self, Failure> {
        let target = app.webhooks.target(webhook, app.clock.now()).await;
        let target = target.map_err(|error| {
            let cause = ErrorChain(&error);
            tracing::error!(webhook = %webhook.uuid, %cause, "failed to decrypt a webhook");
            Failure::ours("the server cannot decrypt the webhook; its log has the cause".to_owned())
        })?;
        if let Some(address) = target.mail_address() {
            return Ok(Self::Mail(address.to_owned()));
        }
        let settings = &app.config.webhooks;
        let sender = Sender::open(&target, &settings.allowed_networks, settings.attempt_time);
        Ok(Self::Http {
            sender: sender.await?,
            secret: target.secret().clone(),
        })
    }

    /// The HTTP status, if there is one.
    async fn deliver(
        &self,
        app: &App,
        webhook: &Webhook,
        delivery: &Delivery,
    ) -> Result<Result<Option<u16>, Failure>, StoreError> {
        let Some(suite) = app.store.suite_by_id(delivery.event.suite).await? else {
            let failure = Failure {
                is_final: true,
                ..Failure::ours("the suite was deleted".to_owned())
            };
            return Ok(Err(failure));
        };
        let event = EventBody::new(delivery.event.clone(), &suite, &app.links);
        Ok(self.send(app, webhook.format, delivery.uuid, &event).await)
    }

    async fn send(
        &self,
        app: &App,
        format: WebhookFormat,
        delivery: Uuid,
        event: &EventBody,
    ) -> Result<Option<u16>, Failure> {
        match self {
            Self::Http { sender, secret } => {
                let message = Message::new(format, secret, delivery, event, app.clock.now())
                    .map_err(|error| Failure::ours(error.to_string()))?;
                let status = sender.post(&message.headers, message.body).await?;
                Ok(Some(status))
            }
            Self::Mail(address) => {
                let mailer = app.webhooks.mailer().ok_or_else(|| {
                    Failure::ours("the server has no mail server; set --smtp-url".to_owned())
                })?;
                mailer.send(address, delivery, event).await?;
                Ok(None)
            }
        }
    }
}

/// Stores the outcome of an attempt. Whether the receiver works.
async fn finish(
    app: &App,
    webhook: &Webhook,
    delivery: &Delivery,
    result: Result<Option<u16>, Failure>,
) -> Result<bool, StoreError> {
    let now = app.clock.now();
    let failure = match result {
        Ok(status) => {
            let outcome = AttemptOutcome {
                status,
                error: None,
                retry_at: None,
            };
            app.store.finish_attempt(delivery, &outcome, now).await?;
            app.metrics.webhook_attempt("delivered");
            return Ok(true);
        }
        Err(failure) => failure,
    };
    let next = next_attempt(
        delivery.attempts,
        delivery.first_at,
        failure.retry_after,
        now,
    );
    let retry_at = next.filter(|_| !failure.is_final);
    let outcome = AttemptOutcome {
        status: failure.status,
        error: Some(failure.error.clone()),
        retry_at,
    };
    app.store.finish_attempt(delivery, &outcome, now).await?;
    let given_up = if failure.is_final {
        0
    } else {
        let error = &failure.error;
        let before = too_old(now);
        let old = app
            .store
            .give_up_old_deliveries(webhook.id, before, error, now);
        old.await?
    };
    let is_dead = retry_at.is_none();
    app.metrics
        .webhook_attempt(if is_dead { "dead" } else { "failed" });
    tracing::warn!(
        webhook = %webhook.uuid,
        address = webhook.target.address,
        delivery = %delivery.uuid,
        attempts = delivery.attempts,
        given_up = given_up + u64::from(is_dead),
        cause = failure.error,
        "failed to deliver an event"
    );
    Ok(false)
}
