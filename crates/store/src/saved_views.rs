//! Names for queries of the list of tests. All readers of a suite share them.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::audit::{self, Event, Place, Subject};
use crate::error::StoreError;
use crate::records::{Change, SavedView, SuiteId, ViewSettings};
use crate::sql::{Row, Session, values};
use crate::store::Store;
use crate::suites;

type Result<T> = std::result::Result<T, StoreError>;

/// Views of a suite: more would not help to find one.
pub const MAX_SAVED_VIEWS: u64 = 50;

const SELECT: &str =
    "SELECT uuid, name, query, columns, sort, is_default, created_at FROM saved_views";

impl Store {
    /// The views of a suite, ordered by name.
    pub async fn saved_views(&self, suite: SuiteId) -> Result<Vec<SavedView>> {
        let mut session = self.read().await?;
        let text = format!("{SELECT} WHERE suite_id = ?");
        let rows = session.rows(text, values![suite.get()]).await?;
        let mut views = rows.iter().map(view).collect::<Result<Vec<_>>>()?;
        // Sort here: engines' default collations differ.
        views.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(views)
    }

    /// Creates the view with this name, or changes it. A new default view replaces the earlier one.
    /// Fails if the suite has [`MAX_SAVED_VIEWS`] others.
    pub async fn save_view(
        &self,
        suite: SuiteId,
        name: &str,
        settings: &ViewSettings,
        change: &Change,
    ) -> Result<SavedView> {
        let mut session = self.write().await?;
        // Locks the suite, so that there is one default, and the limit holds.
        let Some(owner) = suites::lock(&mut session, suite).await? else {
            return Err(StoreError::Gone("the suite"));
        };
        let before = find(&mut session, suite, name).await?;
        let views = session
            .count(
                "SELECT COUNT(*) FROM saved_views WHERE suite_id = $1 AND name <> $2",
                values![suite.get(), name],
            )
            .await?;
        if views >= MAX_SAVED_VIEWS {
            return Err(StoreError::TooLarge {
                what: "number of saved views",
                size: views + 1,
                limit: MAX_SAVED_VIEWS,
            });
        }
        if settings.is_default {
            session
                .execute(
                    "UPDATE saved_views SET is_default = $3 WHERE suite_id = $1 AND name <> $2 \
                     AND is_default",
                    values![suite.get(), name, false],
                )
                .await?;
        }
        session
            .execute(
                "INSERT INTO saved_views (uuid, suite_id, name, query, columns, sort, is_default, \
                 created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
                 ON CONFLICT (suite_id, name) DO UPDATE SET query = excluded.query, \
                 columns = excluded.columns, sort = excluded.sort, \
                 is_default = excluded.is_default",
                values![
                    Uuid::now_v7(),
                    suite.get(),
                    name,
                    &settings.query,
                    &settings.columns,
                    &settings.sort,
                    settings.is_default,
                    change.at,
                ],
            )
            .await?;
        let saved = find(&mut session, suite, name).await?;
        let saved = saved.ok_or(StoreError::Gone("the view"))?;
        let after = fields(&saved.settings);
        let earlier = before.as_ref().map(|before| fields(&before.settings));
        let differences = audit::differences(&earlier.clone().unwrap_or_default(), after);
        if let Some((before, after)) = differences {
            let event = Event {
                before: earlier.is_some().then_some(before),
                ..event("view.saved", &saved, Some(after))
            };
            audit::record(&mut session, &Place::of(&owner), change, event).await?;
        }
        session.commit().await?;
        Ok(saved)
    }

    /// False if the suite has no view with this name.
    pub async fn delete_view(&self, suite: SuiteId, name: &str, change: &Change) -> Result<bool> {
        let mut session = self.write().await?;
        let owner = suites::lock(&mut session, suite).await?;
        let view = find(&mut session, suite, name).await?;
        let (Some(owner), Some(view)) = (owner, view) else {
            return Ok(false);
        };
        session
            .execute(
                "DELETE FROM saved_views WHERE suite_id = $1 AND name = $2",
                values![suite.get(), name],
            )
            .await?;
        let event = Event {
            before: Some(fields(&view.settings).into()),
            ..event("view.deleted", &view, None)
        };
        audit::record(&mut session, &Place::of(&owner), change, event).await?;
        session.commit().await?;
        Ok(true)
    }
}

async fn find(session: &mut Session, suite: SuiteId, name: &str) -> Result<Option<SavedView>> {
    let text = format!("{SELECT} WHERE suite_id = ? AND name = ?");
    let row = session.optional(text, values![suite.get(), name]).await?;
    row.as_ref().map(view).transpose()
}

fn event(action: &str, view: &SavedView, after: Option<Value>) -> Event {
    Event {
        action: action.to_owned(),
        subject: Subject {
            kind: "view",
            uuid: view.uuid,
            name: view.name.clone(),
        },
        before: None,
        after,
    }
}

/// The settings of a view as the audit log shows them.
fn fields(settings: &ViewSettings) -> Map<String, Value> {
    Map::from_iter([
        ("query".to_owned(), json!(settings.query)),
        ("columns".to_owned(), json!(settings.columns)),
        ("sort".to_owned(), json!(settings.sort)),
        ("is_default".to_owned(), json!(settings.is_default)),
    ])
}

fn view(row: &Row) -> Result<SavedView> {
    Ok(SavedView {
        uuid: row.uuid("uuid")?,
        name: row.text("name")?,
        settings: ViewSettings {
            query: row.text("query")?,
            columns: row.text("columns")?,
            sort: row.text("sort")?,
            is_default: row.boolean("is_default")?,
        },
        created_at: row.time("created_at")?,
    })
}
