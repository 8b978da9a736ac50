//! What somebody has typed into the form that mutes a test: it survives a session that has ended,
//! and a change that somebody else made meanwhile.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use test_engine_store::{AuditFilter, Quarantine, Suite, Test, TestState, Timestamp};
use uuid::Uuid;

use super::page::PageError;
use super::sign_in::local_path;
use super::viewer::Viewer;
use crate::App;
use crate::clock::rfc3339;
use crate::links::Links;

/// The fields as the address of the page has them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Typed {
    #[serde(rename = "t_reason", skip_serializing_if = "String::is_empty")]
    pub(super) reason: String,
    #[serde(rename = "t_days", skip_serializing_if = "String::is_empty")]
    pub(super) days: String,
    #[serde(rename = "t_until", skip_serializing_if = "String::is_empty")]
    pub(super) until: String,
    #[serde(rename = "t_scope", skip_serializing_if = "String::is_empty")]
    pub(super) scope: String,
    #[serde(rename = "t_owner", skip_serializing_if = "String::is_empty")]
    pub(super) owner: String,
    #[serde(rename = "t_ticket", skip_serializing_if = "String::is_empty")]
    pub(super) ticket: String,
    /// Where the form was shown, if not on the page of the test.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) back: String,
    /// There if somebody else was faster.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) conflict: String,
}

impl Typed {
    /// Of the address of a page.
    pub(super) fn of(address: &str) -> Self {
        let query = address.split_once('?').map_or("", |(_, query)| query);
        serde_urlencoded::from_str(query).unwrap_or_default()
    }

    /// Whether there is anything to put into the form.
    pub(super) fn is_typed(&self) -> bool {
        !self.reason.is_empty()
    }

    /// The page of the test with the form, open and filled in.
    pub(super) fn address(&self, page: &str) -> String {
        let typed = serde_urlencoded::to_string(self).unwrap_or_default();
        let mark = if typed.is_empty() { "" } else { "&" };
        format!("{page}?change=1{mark}{typed}#change-state")
    }
}

/// Identifies what a form was shown for: the state of the test and its details.
pub(super) fn seen(test: &Test, quarantine: Option<&Quarantine>) -> String {
    let known = quarantine.map(|known| (&known.details, &known.actor, known.since));
    let text = format!("{:?} {:?} {known:?}", test.state, test.state_changed_at);
    hex::encode(&Sha256::digest(text)[..8])
}

/// The address of a form that mutes a test and leads back to a page.
pub(super) fn mute_address(suite: &Suite, test: Uuid, back: &str) -> String {
    let typed = Typed {
        back: back.to_owned(),
        ..Typed::default()
    };
    typed.address(&format!("{}/tests/{test}", Links::suite_path(suite)))
}

/// The parameters of pages that say what was done before they were shown.
pub(super) const SAY_WHAT_WAS_DONE: [&str; 4] = ["done", "done_test", "changed", "refused"];

/// The page to return to, with what was done there.
pub(super) fn back_address(back: &str, test: Uuid, state: TestState) -> String {
    let back = local_path(Some(back));
    let back = back.split('#').next().unwrap_or_default();
    let (path, query) = back.split_once('?').unwrap_or((back, ""));
    let fields: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
    let mut fields: Vec<(String, String)> = fields
        .into_iter()
        .filter(|(name, _)| !SAY_WHAT_WAS_DONE.contains(&name.as_str()))
        .collect();
    fields.push(("done".to_owned(), state.name().to_owned()));
    fields.push(("done_test".to_owned(), test.to_string()));
    let query = serde_urlencoded::to_string(fields).unwrap_or_default();
    format!("{path}?{query}")
}

/// What the viewer has just done to a test, on another page than that of the test.
pub(super) struct Notice {
    pub(super) test: String,
    pub(super) address: String,
    /// Reads after the name of the test.
    pub(super) text: &'static str,
    /// `None` if the viewer may not undo it, or if nothing is known that could be restored.
    pub(super) undo: Option<Undo>,
}

/// The form that undoes what was done to a test.
pub(super) struct Undo {
    pub(super) address: String,
    pub(super) text: &'static str,
    /// The state to set.
    pub(super) state: &'static str,
    pub(super) fields: Vec<(&'static str, String)>,
}

/// From the address of the page; `None` if the state is another one by now.
pub(super) async fn notice(
    app: &App,
    viewer: &Viewer,
    suite: &Suite,
) -> Result<Option<Notice>, PageError> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Done {
        done: String,
        done_test: String,
    }

    let path = viewer.path();
    let Some((_, query)) = path
        .split_once('?')
        .filter(|(_, query)| query.contains("done_test="))
    else {
        return Ok(None);
    };
    let done: Done = serde_urlencoded::from_str(query).unwrap_or_default();
    let Ok(id) = done.done_test.parse::<Uuid>() else {
        return Ok(None);
    };
    let test = app.store.test(suite.id, id).await?;
    let Some(test) = test.filter(|test| test.state.name() == done.done) else {
        return Ok(None);
    };
    let address = format!("{}/tests/{id}", Links::suite_path(suite));
    Ok(Some(Notice {
        undo: undo(app, viewer, suite, &test, path).await?,
        text: match test.state {
            TestState::Enabled => "is enabled: its failures fail the build.",
            TestState::Muted => "is muted: its failures do not fail the build.",
            TestState::Skipped => "is skipped.",
        },
        test: test.name,
        address,
    }))
}

/// What undoes the latest change of a test, and leads back to a page. `None` if the viewer may not,
/// or if the latest change is not one of its state.
pub(super) async fn undo(
    app: &App,
    viewer: &Viewer,
    suite: &Suite,
    test: &Test,
    back: &str,
) -> Result<Option<Undo>, PageError> {
    if !viewer.may_write(&suite.organization_slug) {
        return Ok(None);
    }
    let Some(restored) = before_the_latest_change(app, suite, test).await? else {
        return Ok(None);
    };
    let known = app.store.quarantines(&[test.id]).await?;
    let more = vec![
        ("back", back.to_owned()),
        ("seen", seen(test, known.get(&test.id))),
    ];
    Ok(Some(Undo {
        address: format!("{}/tests/{}/state", Links::suite_path(suite), test.uuid),
        text: restored.text,
        state: restored.state.name(),
        fields: [restored.fields, more].concat(),
    }))
}

/// A state that a test had, as the form that sets it says it.
#[derive(Debug, PartialEq, Eq)]
struct Restored {
    text: &'static str,
    state: TestState,
    fields: Vec<(&'static str, String)>,
}

impl Restored {
    fn enabled() -> Self {
        Self {
            text: "Undo",
            state: TestState::Enabled,
            fields: vec![("reason", "undone".to_owned())],
        }
    }

    /// From the state of a test in the audit log; `None` if the entry has none.
    fn of_entry(before: &Json, now: Timestamp) -> Option<Self> {
        let text = |name: &str| before[name].as_str().unwrap_or_default().to_owned();
        let (state, again) = match before["state"].as_str()? {
            "muted" => (TestState::Muted, "Mute again"),
            "skipped" => (TestState::Skipped, "Skip again"),
            "enabled" => return Some(Self::enabled()),
            _ => return None,
        };
        let end = before["ends_at"].as_i64().map(Timestamp::from_millis);
        let end = end.filter(|end| *end > now);
        let reason = match text("reason") {
            known if known.is_empty() => "undone".to_owned(),
            known => known,
        };
        let mut fields = vec![
            ("reason", reason),
            ("owner", text("owner")),
            ("ticket", text("ticket")),
            // Without it, the default of the suite.
            ("days", end.map_or_else(String::new, rfc3339)),
            // Somebody has decided already that its failures are not real.
            ("force", "1".to_owned()),
        ];
        if let Some(scope) = before["scope"].as_str() {
            fields.push(("scope", scope.to_owned()));
        }
        Some(Self {
            text: if end.is_some() { "Undo" } else { again },
            state,
            fields,
        })
    }
}

/// `None` if the latest change of the test did not lead to its present state.
async fn before_the_latest_change(
    app: &App,
    suite: &Suite,
    test: &Test,
) -> Result<Option<Restored>, PageError> {
    let filter = AuditFilter {
        suite: Some(suite.slug.clone()),
        subject: Some(test.uuid),
    };
    let store = &app.store;
    let latest = store.audit_log_before(suite.organization, &filter, None, 1);
    let latest = latest.await?.pop().filter(|entry| {
        let after = entry.after.as_ref();
        after.is_some_and(|after| after["state"] == test.state.name())
    });
    let before = latest.and_then(|entry| entry.before);
    Ok(before.and_then(|before| Restored::of_entry(&before, app.clock.now())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use test_engine_store::{TestState, Timestamp};
    use uuid::Uuid;

    use super::{Restored, Typed, back_address};

    #[test]
    fn what_was_typed_is_in_the_address() {
        assert_eq!(Typed::default().address("/t"), "/t?change=1#change-state");
        let typed = Typed {
            reason: "times out & more".to_owned(),
            days: "3".to_owned(),
            ..Typed::default()
        };
        let address = typed.address("/t");
        assert_eq!(
            address,
            "/t?change=1&t_reason=times+out+%26+more&t_days=3#change-state"
        );
        let address = address.split('#').next().unwrap();
        assert_eq!(Typed::of(address), typed);
        assert_eq!(Typed::of("/t"), Typed::default());
    }

    #[test]
    fn the_way_back_is_within_this_server_and_says_what_was_done_once() {
        let id = Uuid::nil();
        let back = |path: &str| back_address(path, id, TestState::Muted);
        let done = format!("done=muted&done_test={id}");
        assert_eq!(back("/a/flaky"), format!("/a/flaky?{done}"));
        assert_eq!(
            back(&format!(
                "/a?changed=1&page=2&done=enabled&done_test={id}#x"
            )),
            format!("/a?page=2&{done}")
        );
        assert_eq!(back("//evil.example/x"), format!("/organizations?{done}"));
    }

    #[test]
    fn a_state_is_restored_as_it_was() {
        let restored = |before| Restored::of_entry(&before, Timestamp::from_millis(1_000));
        let mute = |ends_at| {
            json!({
                "state": "muted", "scope": "everywhere", "reason": "times out", "owner": "web",
                "ticket": null, "ends_at": ends_at,
            })
        };
        let found = restored(mute(json!(2_000))).unwrap();
        assert_eq!((found.text, found.state), ("Undo", TestState::Muted));
        let expected = [
            ("reason", "times out"),
            ("owner", "web"),
            ("ticket", ""),
            ("days", "1970-01-01T00:00:02.000Z"),
            ("force", "1"),
            ("scope", "everywhere"),
        ];
        assert_eq!(
            found.fields,
            expected.map(|(name, value)| (name, value.to_owned()))
        );
        // An end that has come, or none, cannot be restored.
        for ends_at in [json!(1_000), json!(null)] {
            let found = restored(mute(ends_at)).unwrap();
            assert_eq!((found.text, found.fields[3].1.as_str()), ("Mute again", ""));
        }
        let plain = restored(json!({"state": "skipped"})).unwrap();
        assert_eq!(
            (plain.text, plain.state),
            ("Skip again", TestState::Skipped)
        );
        assert_eq!(plain.fields[0].1, "undone");
        let enabled = restored(json!({"state": "enabled"}));
        assert_eq!(enabled, Some(Restored::enabled()));
        assert_eq!(restored(json!({"labels": ["slow"]})), None);
    }
}
