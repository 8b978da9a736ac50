//! Events as messages in the markup of Slack, which other chats accept too.

use serde_json::{Value, json};

use super::summary::Summary;
use crate::events::EventBody;

/// The body for an incoming webhook.
pub(crate) fn message(event: &EventBody) -> Value {
    json!({ "text": text(event) })
}

fn text(event: &EventBody) -> String {
    let summary = Summary::new(event);
    let place = format!("<{}|{}>", event.suite.url, escape(&summary.place));
    let subject = match (&event.test, &summary.test) {
        (Some(test), Some(name)) => format!("<{}|{}> in {place}", test.url, escape(name)),
        _ => place,
    };
    let details = [
        summary.reason,
        summary.by.map(|by| format!("by {by}")),
        summary.ends.map(|day| format!("ends {day}")),
    ];
    let details: Vec<String> = details.iter().flatten().map(|text| escape(text)).collect();
    let headline = format!("*{}:* {subject}", escape(&summary.headline));
    if details.is_empty() {
        return headline;
    }
    format!("{headline}\n> {}", details.join(" · "))
}

/// Without markup of its own.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        // A bar ends the URL of a link.
        .replace('|', "¦")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::audit::AuditActor;
    use crate::events::{EventSuite, EventTest};

    fn muted(name: &str) -> EventBody {
        EventBody {
            event: "mute.created",
            organization: "acme".to_owned(),
            suite: EventSuite {
                slug: "web".to_owned(),
                url: "https://t/web".to_owned(),
                ..EventSuite::default()
            },
            test: Some(EventTest {
                name: name.to_owned(),
                url: "https://t/web/1".to_owned(),
                ..EventTest::default()
            }),
            actor: AuditActor {
                kind: "time",
                ..AuditActor::default()
            },
            ..EventBody::default()
        }
    }

    #[test]
    fn says_what_happened_to_which_test_and_why() {
        let mut event = muted("Cart adds");
        let subject = "*Muted:* <https://t/web/1|Cart adds> in <https://t/web|acme/web>";
        assert_eq!(message(&event), json!({ "text": subject }));
        event.reason = Some("the sandbox\nthrottles us".to_owned());
        event.actor.name = Some("Priya".to_owned());
        event.after = Some(json!({"ends_at": "2026-12-07T00:00:00.000Z"}));
        let details = "the sandbox throttles us · by Priya · ends 2026-12-07";
        let expected = format!("{subject}\n> {details}");
        assert_eq!(message(&event), json!({ "text": expected }));
    }

    #[test]
    fn names_cannot_contain_markup() {
        let mut hostile = muted("<!channel> a|b & <https://x|y>");
        hostile.reason = Some("<!here>".to_owned());
        let text = text(&hostile);
        assert!(
            text.contains("|&lt;!channel&gt; a¦b &amp; &lt;https://x¦y&gt;>"),
            "{text}"
        );
        assert!(text.ends_with("\n> &lt;!here&gt;"), "{text}");
    }
}
