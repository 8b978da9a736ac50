//! An event in a few words, without markup.

use serde_json::Value;
use test_engine_store::{ActorKind, EventKind};

use crate::events::EventBody;

/// In characters, of texts that people wrote.
const MAX_TEXT: usize = 300;

/// The texts of an event, each on one line.
pub(super) struct Summary {
    /// What happened.
    pub(super) headline: String,
    /// Organization and suite.
    pub(super) place: String,
    pub(super) test: Option<String>,
    pub(super) reason: Option<String>,
    /// Who did it; `None` if a time had come.
    pub(super) by: Option<String>,
    /// The day of an end.
    pub(super) ends: Option<String>,
}

impl Summary {
    pub(super) fn new(event: &EventBody) -> Self {
        let field = |name: &str| {
            let after = event.after.as_ref();
            after.map_or(&Value::Null, |after| &after[name])
        };
        let by = match (&event.actor.name, event.actor.kind) {
            (Some(name), _) => Some(line(name)),
            (None, kind) if kind == ActorKind::Time.name() => None,
            (None, kind) => Some(kind.replace('_', " ")),
        };
        // The day of an RFC 3339 time.
        let ends = field("ends_at").as_str().and_then(|end| end.get(..10));
        Self {
            headline: headline(event),
            place: format!("{}/{}", event.organization, event.suite.slug),
            test: event.test.as_ref().map(|test| line(&test.name)),
            reason: event.reason.as_deref().map(line),
            by,
            ends: ends.map(str::to_owned),
        }
    }
}

fn headline(event: &EventBody) -> String {
    let after = event.after.as_ref();
    let field = |name: &str| after.map_or(&Value::Null, |after| &after[name]);
    let soon = || match field("days").as_i64() {
        Some(1) => "within a day".to_owned(),
        Some(days) => format!("in {days} days"),
        None => "soon".to_owned(),
    };
    let level = || field("level").as_str().unwrap_or("unknown");
    let of_many = |text: String| match field("tests").as_i64() {
        Some(tests) => format!("{text}: {tests} tests"),
        None => text,
    };
    let text = match EventKind::of_name(event.event) {
        Some(EventKind::MuteCreated) => "Muted",
        Some(EventKind::MuteChanged) => "Mute changed",
        Some(EventKind::MuteExtended) => "Mute extended",
        Some(EventKind::MuteRemoved) => "No longer muted",
        Some(EventKind::MuteEnding) => return format!("Mute ends {}", soon()),
        Some(EventKind::MuteExpired) => "Mute ended, enabled again",
        Some(EventKind::MuteReleaseProposed) => "Muted, but no longer fails",
        Some(EventKind::SkipCreated) => "Skipped",
        Some(EventKind::SkipChanged) => "Skip changed",
        Some(EventKind::SkipExtended) => "Skip extended",
        Some(EventKind::SkipRemoved) => "No longer skipped",
        Some(EventKind::SkipEnding) => return format!("Skip ends {}", soon()),
        Some(EventKind::SkipDue) => "Still skipped after its end",
        Some(EventKind::TestAlarm) => return of_many(format!("Now {}", level())),
        Some(EventKind::TestRecover) => return of_many(format!("Better, now {}", level())),
        Some(EventKind::RuleAlarm) => "Rule raised its alarm",
        Some(EventKind::RuleRecover) => "Rule ended its alarm",
        Some(EventKind::SelectionOff) => "Test selection is switched off",
        Some(EventKind::SelectionOn) => "Test selection is switched on",
        Some(EventKind::RuleBrake) => "Rules have muted as many tests as they may",
        None => event.event,
    };
    text.to_owned()
}

/// One line, cut at [`MAX_TEXT`].
fn line(text: &str) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((cut, _)) = line.char_indices().nth(MAX_TEXT) {
        line.truncate(cut);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(kind: EventKind) -> EventBody {
        EventBody {
            event: kind.name(),
            ..EventBody::default()
        }
    }

    #[test]
    fn says_how_long_it_is_until_an_end() {
        for (kind, days, expected) in [
            (EventKind::MuteEnding, 7, "Mute ends in 7 days"),
            (EventKind::SkipEnding, 1, "Skip ends within a day"),
        ] {
            let mut ending = event(kind);
            ending.actor.kind = "time";
            ending.after = Some(json!({"days": days, "ends_at": "2026-12-07T00:00:00.000Z"}));
            let summary = Summary::new(&ending);
            assert_eq!(summary.headline, expected);
            assert_eq!(summary.ends.as_deref(), Some("2026-12-07"));
            assert_eq!(summary.by, None, "nobody does it");
        }
    }

    #[test]
    fn texts_of_people_are_short_and_on_one_line() {
        let mut muted = event(EventKind::MuteCreated);
        muted.reason = Some("a\n b\tc".to_owned());
        muted.actor.kind = "command_line";
        let summary = Summary::new(&muted);
        assert_eq!(summary.reason.as_deref(), Some("a b c"));
        assert_eq!(summary.by.as_deref(), Some("command line"));
        muted.reason = Some("ü".repeat(10_000));
        let reason = Summary::new(&muted).reason.unwrap();
        assert_eq!(reason.chars().count(), MAX_TEXT + 1);
    }

    #[test]
    fn every_kind_has_a_headline() {
        for kind in EventKind::ALL {
            let headline = headline(&event(*kind));
            assert!(!headline.contains('.'), "{headline}");
        }
    }

    #[test]
    fn levels_are_those_of_one_test_or_of_many() {
        let mut alarm = event(EventKind::TestAlarm);
        alarm.after = Some(json!({"level": "broken"}));
        assert_eq!(headline(&alarm), "Now broken");
        alarm.after = Some(json!({"level": "broken", "tests": 100}));
        assert_eq!(headline(&alarm), "Now broken: 100 tests");
        let mut better = event(EventKind::TestRecover);
        better.after = Some(json!({"level": "suspect"}));
        assert_eq!(headline(&better), "Better, now suspect");
    }
}
