//! Events by e-mail, through the mail server of the settings.

use std::fmt::Write as _;
use std::time::Duration;

use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::Error as SmtpError;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use secrecy::ExposeSecret as _;
use uuid::Uuid;

use super::sender::SendError;
use super::summary::Summary;
use crate::config::Mail;
use crate::error_chain::ErrorChain;
use crate::events::EventBody;

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MailError {
    #[error("--smtp-url and --smtp-from belong together: set both or neither")]
    Half,
    /// Without the URL, which may have a password.
    #[error("--smtp-url is not a URL such as smtps://user:password@host: {0}")]
    Url(String),
    #[error("--smtp-from {0:?} is not an address such as tests@example.com")]
    From(String),
}

/// Sends e-mail.
pub(crate) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    /// For one e-mail.
    time: Duration,
}

impl Mailer {
    /// `None` without a mail server. Connects to nothing yet.
    pub(crate) fn new(settings: &Mail, time: Duration) -> Result<Option<Self>, MailError> {
        let (url, from) = match (&settings.url, &settings.from) {
            (Some(url), Some(from)) => (url.expose_secret(), from),
            (None, None) => return Ok(None),
            _ => return Err(MailError::Half),
        };
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
            .map_err(|error| MailError::Url(ErrorChain(&error).to_string()))?
            .timeout(Some(time))
            .build();
        let from = from.parse().map_err(|_| MailError::From(from.clone()))?;
        Ok(Some(Self {
            transport,
            from,
            time,
        }))
    }

    /// The id of the delivery is the one of the message too, so that most mail programs show a
    /// repeated message once.
    pub(crate) async fn send(
        &self,
        to: &str,
        delivery: Uuid,
        event: &EventBody,
    ) -> Result<(), SendError> {
        let message = self.message(to, delivery, event)?;
        let sent = tokio::time::timeout(self.time, self.transport.send(message));
        match sent.await {
            Err(_elapsed) => Err(SendError::Timeout(self.time)),
            Ok(Err(error)) => Err(failure(&error)),
            Ok(Ok(_response)) => Ok(()),
        }
    }

    fn message(&self, to: &str, delivery: Uuid, event: &EventBody) -> Result<Message, SendError> {
        let invalid = |cause: String| SendError::Mail {
            cause,
            is_final: true,
        };
        let to = to
            .parse()
            .map_err(|_| invalid("the address is not valid".to_owned()))?;
        let summary = Summary::new(event);
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(subject(&summary))
            .message_id(Some(format!("<{delivery}@test-engine>")))
            .header(AutoSubmitted)
            .header(ContentType::TEXT_PLAIN)
            .body(text(event, summary))
            .map_err(|error| invalid(error.to_string()))
    }
}

fn subject(summary: &Summary) -> String {
    let subject = format!("[{}] {}", summary.place, summary.headline);
    match &summary.test {
        Some(test) => format!("{subject}: {test}"),
        None => subject,
    }
}

fn text(event: &EventBody, summary: Summary) -> String {
    let lines = [
        ("Event", Some(summary.headline)),
        ("Test", summary.test),
        ("Suite", Some(summary.place)),
        ("Reason", summary.reason),
        ("By", summary.by),
        ("Ends", summary.ends),
    ];
    let mut text = String::new();
    for (name, value) in lines {
        if let Some(value) = value {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name}: {value}");
        }
    }
    let url = event
        .test
        .as_ref()
        .map_or(&event.suite.url, |test| &test.url);
    let _ = writeln!(text, "\n{url}");
    text
}

fn failure(error: &SmtpError) -> SendError {
    SendError::Mail {
        cause: ErrorChain(error).to_string(),
        is_final: error.is_permanent(),
    }
}

/// Tells vacation notices not to respond (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_value: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: Option<&str>, from: Option<&str>) -> Mail {
        Mail {
            url: url.map(|url| url.to_owned().into()),
            from: from.map(str::to_owned),
        }
    }

    fn mailer(url: Option<&str>, from: Option<&str>) -> Result<Option<Mailer>, MailError> {
        Mailer::new(&settings(url, from), Duration::from_secs(1))
    }

    #[tokio::test]
    async fn settings_are_complete_and_valid() {
        let (url, from) = (Some("smtps://me:secret@mail.example"), Some("a@b.example"));
        assert!(mailer(url, from).unwrap().is_some());
        assert!(mailer(None, None).unwrap().is_none());
        assert!(matches!(mailer(url, None), Err(MailError::Half)));
        assert!(matches!(mailer(None, from), Err(MailError::Half)));
        for wrong in ["mail.example", "http://me:secret@mail.example", ""] {
            let error = mailer(Some(wrong), from).err().unwrap();
            assert!(matches!(error, MailError::Url(_)), "{wrong}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        let error = mailer(url, Some("nobody")).err().unwrap();
        assert!(matches!(error, MailError::From(_)));
        let named = mailer(url, Some("Test Engine <a@b.example>"));
        assert!(named.unwrap().is_some());
    }

    #[tokio::test]
    async fn names_cannot_add_headers() {
        let mailer = mailer(Some("smtp://localhost"), Some("a@b.example"));
        let mut event = EventBody {
            event: "mute.created",
            organization: "acme".to_owned(),
            ..EventBody::default()
        };
        event.test = Some(crate::events::EventTest {
            name: "x\r\nBcc: victim@example.com\r\n\r\nü".to_owned(),
            ..crate::events::EventTest::default()
        });
        let message = mailer.unwrap().unwrap();
        let message = message
            .message("to@b.example", Uuid::nil(), &event)
            .unwrap();
        let text = String::from_utf8(message.formatted()).unwrap();
        let (head, _body) = text.split_once("\r\n\r\n").unwrap();
        assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
        assert!(head.contains("Auto-Submitted: auto-generated"), "{head}");
        let id = format!("Message-ID: <{}@test-engine>", Uuid::nil());
        assert!(head.contains(&id), "{head}");
        assert_eq!(message.envelope().to().len(), 1);
    }
}
