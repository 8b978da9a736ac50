//! Webhooks: creates them, and makes single attempts to deliver. `jobs` decides when.

mod addresses;
mod mail;
mod schedule;
mod sender;
mod signature;
mod slack;
mod summary;
mod target;
mod views;

use ipnet::IpNet;
use secrecy::SecretString;
use test_engine_store::{
    Change, EventKind, NewWebhook, OrganizationId, Store, StoreError, Suite, Timestamp, Webhook,
    WebhookChanges, WebhookFormat, WebhookTarget,
};
use uuid::Uuid;

use crate::config::{Config, Storage};
use crate::events::EventBody;
use crate::sealing::{Sealer, SealingError};
use crate::secrets;
use target::{Target, UrlProblem};

pub(crate) use mail::{MailError, Mailer};
pub(crate) use schedule::{next_attempt, too_old};
pub(crate) use sender::{SendError, Sender};
pub(crate) use views::{DeliveryBody, WebhookBody};

/// What an event is, in a few words.
pub(crate) fn headline(event: &EventBody) -> String {
    summary::Summary::new(event).headline
}

/// In characters.
const MAX_DESCRIPTION: usize = 255;

/// Reads after "failed to …: ".
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebhookError {
    #[error("Validation failed: {}", .0.join(", "))]
    Invalid(Vec<String>),
    #[error(transparent)]
    Sealing(#[from] SealingError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A webhook as somebody asks for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    /// Required for a new webhook.
    pub(crate) url: Option<SecretString>,
    /// Empty: none.
    pub(crate) description: Option<String>,
    /// By default `json`.
    pub(crate) format: Option<String>,
    /// Names of kinds; empty: every kind.
    pub(crate) events: Option<Vec<String>>,
    pub(crate) enabled: Option<bool>,
    /// Replace the secret.
    pub(crate) new_secret: bool,
}

/// A new or changed webhook.
pub(crate) struct Changed {
    pub(crate) webhook: Webhook,
    /// Shown only this once.
    pub(crate) secret: Option<SecretString>,
}

/// Creates and changes webhooks for the API and the command line.
pub(crate) struct Webhooks {
    store: Store,
    sealer: Sealer,
    allowed: Vec<IpNet>,
    /// The public URL of this server, which is no receiver.
    itself: Option<String>,
    mail: MailServer,
}

enum MailServer {
    /// Commands do not know the settings of the server.
    Unknown,
    Missing,
    Known(Box<Mailer>),
}

impl Webhooks {
    pub(crate) fn new(store: Store, config: &Config, public_url: &str) -> Self {
        // The command line has checked the settings.
        let time = config.webhooks.attempt_time;
        let mail = Mailer::new(&config.mail, time).ok().flatten();
        Self {
            sealer: Sealer::new(store.clone(), &config.storage),
            store,
            allowed: config.webhooks.allowed_networks.clone(),
            itself: Some(public_url.to_owned()),
            mail: mail.map_or(MailServer::Missing, |mailer| {
                MailServer::Known(Box::new(mailer))
            }),
        }
    }

    /// For commands, which do not know what the server allows: it checks addresses again before it
    /// sends to them.
    pub(crate) fn of_command(store: Store, storage: &Storage) -> Self {
        let all = [
            IpNet::new_assert(std::net::Ipv4Addr::UNSPECIFIED.into(), 0),
            IpNet::new_assert(std::net::Ipv6Addr::UNSPECIFIED.into(), 0),
        ];
        Self {
            sealer: Sealer::new(store.clone(), storage),
            store,
            allowed: all.to_vec(),
            itself: None,
            mail: MailServer::Unknown,
        }
    }

    pub(crate) async fn create(
        &self,
        organization: OrganizationId,
        suite: Option<&Suite>,
        request: Request,
        change: &Change,
    ) -> Result<Changed, WebhookError> {
        let url = request.url.clone().unwrap_or_default();
        let secret = secrets::webhook();
        let fields = self.validate(request, Some((&url, secret.clone())), None)?;
        let target = fields
            .target
            .ok_or_else(|| WebhookError::Invalid(Vec::new()))?;
        let uuid = Uuid::now_v7();
        let new = NewWebhook {
            uuid,
            organization,
            suite: suite.map(|suite| suite.id),
            description: fields.description.filter(|text| !text.is_empty()),
            target: self.seal(uuid, &target, change.at).await?,
            format: fields.format.unwrap_or_else(|| target.default_format()),
            kinds: fields.kinds.unwrap_or_default(),
        };
        let webhook = self.store.create_webhook(new, change).await?;
        tracing::info!(webhook = %uuid, address = target.address(), "webhook created");
        Ok(Changed {
            webhook,
            secret: Some(secret),
        })
    }

    /// `None` if there is no such webhook.
    pub(crate) async fn update(
        &self,
        organization: OrganizationId,
        uuid: Uuid,
        request: Request,
        change: &Change,
    ) -> Result<Option<Changed>, WebhookError> {
        let Some(known) = self.store.webhook(organization, uuid).await? else {
            return Ok(None);
        };
        let is_enabled = request.enabled;
        let new_secret = request.new_secret.then(secrets::webhook);
        let url = request.url.clone();
        let mut target = None;
        let format = Some(known.format);
        let fields = if url.is_some() || new_secret.is_some() {
            let known = self.target(&known, change.at).await?;
            let secret = new_secret.clone().unwrap_or_else(|| known.secret().clone());
            let new_target = url.as_ref().map(|url| (url, secret.clone()));
            let fields = self.validate(request, new_target, format)?;
            target = fields.target.or(Some(known.with_secret(secret)));
            Fields {
                target: None,
                ..fields
            }
        } else {
            self.validate(request, None, format)?
        };
        let target = match &target {
            Some(target) => Some(self.seal(uuid, target, change.at).await?),
            None => None,
        };
        let description = fields.description;
        let changes = WebhookChanges {
            description: description.map(|text| Some(text).filter(|text| !text.is_empty())),
            target,
            is_new_secret: new_secret.is_some(),
            format: fields.format,
            kinds: fields.kinds,
            is_enabled,
        };
        let webhook = self
            .store
            .update_webhook(organization, uuid, changes, change);
        let webhook = webhook.await?;
        Ok(webhook.map(|webhook| Changed {
            webhook,
            secret: new_secret,
        }))
    }

    async fn seal(
        &self,
        uuid: Uuid,
        target: &Target,
        now: Timestamp,
    ) -> Result<WebhookTarget, SealingError> {
        Ok(WebhookTarget {
            address: target.address(),
            sealed: self.sealer.seal(uuid, &target.to_bytes(), now).await?,
        })
    }

    /// The decrypted target of a webhook.
    pub(crate) async fn target(
        &self,
        webhook: &Webhook,
        now: Timestamp,
    ) -> Result<Target, SealingError> {
        let sealed = &webhook.target.sealed;
        let plain = self.sealer.open(webhook.uuid, sealed, now).await?;
        Target::from_bytes(&plain).ok_or(SealingError::Damaged)
    }
}

/// The valid fields of a request.
struct Fields {
    /// Trimmed; empty: none.
    description: Option<String>,
    target: Option<Target>,
    format: Option<WebhookFormat>,
    kinds: Option<Vec<EventKind>>,
}

impl Webhooks {
    /// All problems together.
    fn validate(
        &self,
        request: Request,
        target: Option<(&SecretString, SecretString)>,
        known: Option<WebhookFormat>,
    ) -> Result<Fields, WebhookError> {
        use secrecy::ExposeSecret as _;
        let mut problems = Vec::new();
        let target = target.and_then(|(url, secret)| {
            let itself = self.itself.as_deref();
            let parsed = Target::new(url.expose_secret(), secret, &self.allowed, itself);
            parsed
                .map_err(|problem: UrlProblem| problems.push(format!("url {problem}")))
                .ok()
        });
        let description = request.description.map(|given| {
            if given.chars().count() > MAX_DESCRIPTION {
                problems.push(format!(
                    "description is too long (maximum is {MAX_DESCRIPTION} characters)"
                ));
            }
            if given.chars().any(char::is_control) {
                problems.push("description has a control character".to_owned());
            }
            given.trim().to_owned()
        });
        let format = request.format.and_then(|given| {
            let format = WebhookFormat::of_name(&given);
            if format.is_none() {
                let names = WebhookFormat::ALL.map(WebhookFormat::name).join(", ");
                problems.push(format!("format must be one of {names}"));
            }
            format
        });
        let kinds = request.events.map(|given| kinds(&given, &mut problems));
        self.check_mail(target.as_ref(), format, known, &mut problems);
        if !problems.is_empty() {
            return Err(WebhookError::Invalid(problems));
        }
        Ok(Fields {
            description,
            target,
            format,
            kinds,
        })
    }
}

impl Webhooks {
    /// E-mail is a format of its own, for `mailto:` URLs only, and a webhook keeps to one or the
    /// other.
    fn check_mail(
        &self,
        target: Option<&Target>,
        format: Option<WebhookFormat>,
        known: Option<WebhookFormat>,
        problems: &mut Vec<String>,
    ) {
        let is_email = |format: WebhookFormat| format == WebhookFormat::Email;
        let by_url = target.map(|target| is_email(target.default_format()));
        let by_format = format.map(is_email);
        let known = known.map(is_email);
        let given = [by_url, by_format, known];
        let mut given = given.into_iter().flatten();
        let first = given.next();
        if given.any(|other| Some(other) != first) {
            problems.push(
                "the format email is for mailto: URLs, and only for them; a webhook cannot change \
                 to or from e-mail"
                    .to_owned(),
            );
        }
        if by_url == Some(true) && matches!(self.mail, MailServer::Missing) {
            problems.push(
                "url is an e-mail address, but the server has no mail server; its operator can \
                 set --smtp-url"
                    .to_owned(),
            );
        }
    }

    /// `None` if the server has no mail server.
    pub(crate) fn mailer(&self) -> Option<&Mailer> {
        match &self.mail {
            MailServer::Known(mailer) => Some(mailer),
            MailServer::Unknown | MailServer::Missing => None,
        }
    }
}

/// The named kinds, each once.
fn kinds(given: &[String], problems: &mut Vec<String>) -> Vec<EventKind> {
    let mut kinds = Vec::new();
    for name in given {
        match EventKind::of_name(name) {
            Some(kind) if kinds.contains(&kind) => {}
            Some(kind) => kinds.push(kind),
            None => {
                let known: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.name()).collect();
                let known = known.join(", ");
                problems.push(format!("{name:?} is not an event; use {known}"));
                break;
            }
        }
    }
    kinds
}

/// The body and the headers of one request.
pub(crate) struct Message {
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// Bodies of attempts of one delivery are equal; only the time of the signature differs.
    pub(crate) fn new(
        format: WebhookFormat,
        secret: &SecretString,
        delivery: Uuid,
        event: &EventBody,
        now: Timestamp,
    ) -> Result<Self, serde_json::Error> {
        let body = match format {
            WebhookFormat::Json | WebhookFormat::Email => serde_json::to_vec(event)?,
            WebhookFormat::Slack => serde_json::to_vec(&slack::message(event))?,
        };
        let headers = vec![
            ("x-test-engine-event", event.event.to_owned()),
            ("x-test-engine-delivery", delivery.to_string()),
            (
                "x-test-engine-signature",
                signature::sign(secret, now, &body),
            ),
        ];
        Ok(Self { headers, body })
    }
}
