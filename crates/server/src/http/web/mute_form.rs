//! What somebody has typed into the form that mutes a test: it survives a session that has ended,
//! and a change that somebody else made meanwhile.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use test_engine_store::{Quarantine, Suite, Test, TestState};
use uuid::Uuid;

use super::page::PageError;
use super::sign_in::local_path;
use super::viewer::Viewer;
use crate::App;
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

/// The page to return to, with what was done there.
pub(super) fn back_address(back: &str, test: Uuid, state: TestState) -> String {
    let back = local_path(Some(back));
    let back = back.split('#').next().unwrap_or_default();
    let (path, query) = back.split_once('?').unwrap_or((back, ""));
    let fields: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
    let mut fields: Vec<(String, String)> = fields
        .into_iter()
        .filter(|(name, _)| name != "done" && name != "done_test")
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
    /// Where to send the form that undoes it; empty without.
    pub(super) undo: String,
    pub(super) back: String,
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
    let may_write = viewer.may_write(&suite.organization_slug);
    Ok(Some(Notice {
        undo: if may_write && test.state != TestState::Enabled {
            format!("{address}/state")
        } else {
            String::new()
        },
        text: match test.state {
            TestState::Enabled => "is enabled: its failures fail the build.",
            TestState::Muted => "is muted: its failures do not fail the build.",
            TestState::Skipped => "is skipped.",
        },
        test: test.name,
        address,
        back: path.to_owned(),
    }))
}

#[cfg(test)]
mod tests {
    use test_engine_store::TestState;
    use uuid::Uuid;

    use super::{Typed, back_address};

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
            back(&format!("/a?page=2&done=enabled&done_test={id}#x")),
            format!("/a?page=2&{done}")
        );
        assert_eq!(back("//evil.example/x"), format!("/organizations?{done}"));
    }
}
