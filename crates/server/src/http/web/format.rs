//! Human-readable numbers, durations and times.

use test_engine_duration::Micros;
use test_engine_store::{Actor, ActorKind, Timestamp};

/// With useful precision: `<1 ms`, `250 ms`, `1.2 s`, `3 min 5 s`, `2 h 3 min`.
pub(super) fn duration(duration: Micros) -> String {
    let micros = duration.get();
    let milliseconds = micros / 1_000;
    let seconds = (micros + 500_000) / 1_000_000;
    match milliseconds {
        0 if micros == 0 => "0 ms".to_owned(),
        0 => "<1 ms".to_owned(),
        1..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => {
            let tenths = (micros + 50_000) / 100_000;
            format!("{}.{} s", tenths / 10, tenths % 10)
        }
        60_000..3_600_000 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// As [`duration`], or a dash.
pub(super) fn maybe_duration(duration: Option<Micros>) -> String {
    duration.map_or_else(|| "–".to_owned(), self::duration)
}

/// A ratio of 0 to 1 in percent. 100% and 0% are exact: values close to them are `>99.9%` and
/// `<0.1%`.
pub(super) fn percent(share: Option<f64>) -> String {
    let Some(share) = share else {
        return "–".to_owned();
    };
    let percent = share * 100.0;
    if percent >= 100.0 {
        "100%".to_owned()
    } else if percent > 99.9 {
        ">99.9%".to_owned()
    } else if percent > 0.0 && percent < 0.1 {
        "<0.1%".to_owned()
    } else if percent <= 0.0 {
        "0%".to_owned()
    } else {
        format!("{percent:.1}%")
    }
}

/// The approximate age: `5 minutes ago`.
pub(super) fn ago(then: Timestamp, now: Timestamp) -> String {
    let seconds = (now.millis() - then.millis()).max(0) / 1_000;
    let (count, unit) = match seconds {
        0..60 => return "just now".to_owned(),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}

/// A day in UTC, such as `7 December 2026`.
pub(super) fn date(time: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(time.millis()).map_or_else(
        |_| String::new(),
        |time| time.strftime("%-d %B %Y").to_string(),
    )
}

/// A day of the year in UTC, such as `7 Dec`.
pub(super) fn short_date(time: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(time.millis()).map_or_else(
        |_| String::new(),
        |time| time.strftime("%-d %b").to_string(),
    )
}

/// The last millisecond in UTC of a day such as `2026-12-07`.
pub(super) fn end_of_day(day: &str) -> Option<Timestamp> {
    let day: jiff::civil::Date = day.parse().ok()?;
    let end = day
        .tomorrow()
        .ok()?
        .to_zoned(jiff::tz::TimeZone::UTC)
        .ok()?;
    Some(Timestamp::from_millis(end.timestamp().as_millisecond() - 1))
}

/// The time until an end: `9 days left`; or since it, if it is past.
pub(super) fn left(end: Timestamp, now: Timestamp) -> String {
    if end <= now {
        return format!("ended {}", ago(end, now));
    }
    let minutes = (end.millis() - now.millis()) / 60_000;
    let (count, unit) = match minutes {
        0..60 => (minutes, "minute"),
        60..2_880 => (minutes / 60, "hour"),
        _ => (minutes / 1_440, "day"),
    };
    format!("{count} {unit}{} left", if count == 1 { "" } else { "s" })
}

/// The name of an actor on pages.
pub(super) fn actor(actor: &Actor) -> String {
    match (&actor.name, actor.kind) {
        (Some(name), _) => name.clone(),
        (None, ActorKind::Session | ActorKind::User) => "somebody".to_owned(),
        (None, ActorKind::Token | ActorKind::Oidc) => "a token without description".to_owned(),
        (None, ActorKind::Rule) => "a rule".to_owned(),
        (None, ActorKind::Time) => "the end of a period".to_owned(),
        (None, ActorKind::CommandLine) => "a command on the server".to_owned(),
        (None, ActorKind::Server) => "the server".to_owned(),
    }
}

/// A number with spaces as thousands separators.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A count with its unit, such as `1 test` or `2 tests`.
pub(super) fn counted(number: u64, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {thing}{ending}", count(number))
}

/// An abbreviated commit hash, or a dash.
pub(super) fn commit(sha: Option<&str>) -> String {
    sha.map_or_else(|| "–".to_owned(), |sha| sha.chars().take(10).collect())
}

pub(super) fn first_line(text: Option<&str>) -> String {
    text.and_then(|text| text.lines().next())
        .unwrap_or_default()
        .to_owned()
}

/// A text with at most so many characters, with an ellipsis if it is cut.
pub(super) fn shortened(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// An HTTP URL that is safe to link; other schemes could run a script.
pub(super) fn web_address(text: Option<&str>) -> Option<String> {
    text.filter(|text| text.starts_with("https://") || text.starts_with("http://"))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use test_engine_duration::Micros;

    use test_engine_store::Timestamp;

    use super::{
        ago, count, counted, date, duration, end_of_day, left, percent, short_date, shortened,
        web_address,
    };

    #[test]
    fn long_texts_are_shortened_between_characters() {
        assert_eq!(shortened("äöü", 2), "äö…");
        assert_eq!(shortened("äöü", 3), "äöü");
    }

    #[test]
    fn ends_have_a_day_and_a_distance() {
        let end = end_of_day("2026-12-07").unwrap();
        assert_eq!(end.millis(), 1_796_687_999_999);
        assert_eq!(date(end), "7 December 2026");
        assert_eq!(short_date(end), "7 Dec");
        assert_eq!(end_of_day("7 December"), None);
        for (minutes, text) in [
            (0, "ended just now"),
            (-180, "ended 3 hours ago"),
            (1, "1 minute left"),
            (90, "1 hour left"),
            (2_879, "47 hours left"),
            (2_880, "2 days left"),
            (14 * 1_440, "14 days left"),
        ] {
            let now = end.plus_millis(-minutes * 60_000);
            assert_eq!(left(end, now), text);
        }
    }

    #[test]
    fn durations_have_useful_precision() {
        for (micros, text) in [
            (0, "0 ms"),
            (999, "<1 ms"),
            (250_000, "250 ms"),
            (1_249_000, "1.2 s"),
            (59_940_000, "59.9 s"),
            (185_000_000, "3 min 5 s"),
            (7_380_000_000, "2 h 3 min"),
        ] {
            assert_eq!(duration(Micros::new(micros)), text);
        }
    }

    #[test]
    fn percentages_are_not_rounded_to_0_or_100() {
        for (share, text) in [
            (None, "–"),
            (Some(1.0), "100%"),
            (Some(0.9999), ">99.9%"),
            (Some(0.995), "99.5%"),
            (Some(0.0001), "<0.1%"),
            (Some(0.0), "0%"),
        ] {
            assert_eq!(percent(share), text);
        }
    }

    #[test]
    fn ages_and_counts() {
        let at = Timestamp::from_millis;
        assert_eq!(ago(at(0), at(59_000)), "just now");
        assert_eq!(ago(at(0), at(60_000)), "1 minute ago");
        assert_eq!(ago(at(0), at(7_200_000)), "2 hours ago");
        assert_eq!(ago(at(0), at(3 * 86_400_000)), "3 days ago");
        assert_eq!(ago(at(5_000), at(0)), "just now");
        assert_eq!(count(999), "999");
        assert_eq!(
            (counted(1, "test"), counted(0, "test")),
            ("1 test".to_owned(), "0 tests".to_owned())
        );
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
    }

    #[test]
    fn only_http_urls_are_linked() {
        assert!(web_address(Some("https://ci/1")).is_some());
        assert!(web_address(Some("javascript:alert(1)")).is_none());
        assert!(web_address(None).is_none());
    }
}
