//! Labels of tests.

use std::collections::BTreeMap;

use serde_json::json;
use uuid::Uuid;

use crate::audit::{self, Event, Place, Subject};
use crate::error::StoreError;
use crate::records::{Change, LabelChange, SuiteId, Test, TestId};
use crate::sql::{Session, Value, values};
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

const MAX_LABELS: usize = 100;

impl Store {
    /// Adds labels to a test or removes them; returns the test, or `None` if there is none. Adding
    /// a present label or removing an absent one changes nothing.
    pub async fn change_labels(
        &self,
        suite: SuiteId,
        uuid: Uuid,
        operation: LabelChange,
        labels: &[String],
        change: &Change,
    ) -> Result<Option<Test>> {
        let Some(test) = self.test(suite, uuid).await? else {
            return Ok(None);
        };
        let mut session = self.write().await?;
        // Locks the test, so that the labels before and after are of this change alone.
        session
            .execute(
                "UPDATE tests SET state = state WHERE id = $1",
                values![test.id.get()],
            )
            .await?;
        let before = labels_of(&mut session, test.id).await?;
        for label in labels {
            let text = match operation {
                LabelChange::Add => {
                    "INSERT INTO test_labels (suite_id, label, test_id) VALUES ($1, $2, $3) \
                     ON CONFLICT (suite_id, label, test_id) DO NOTHING"
                }
                LabelChange::Remove => {
                    "DELETE FROM test_labels WHERE suite_id = $1 AND label = $2 AND test_id = $3"
                }
            };
            session
                .execute(text, values![suite.get(), label, test.id.get()])
                .await
                .map_err(|error| error.or_gone("the test"))?;
        }
        let after = labels_of(&mut session, test.id).await?;
        if after.len() > MAX_LABELS {
            return Err(StoreError::TooLarge {
                what: "number of labels of the test",
                size: after.len() as u64,
                limit: MAX_LABELS as u64,
            });
        }
        if before != after
            && let Some(place) = Place::of_suite(&mut session, suite).await?
        {
            let action = match operation {
                LabelChange::Add => "labels.added",
                LabelChange::Remove => "labels.removed",
            };
            let event = Event {
                action: action.to_owned(),
                subject: Subject::test(uuid, &test.scope, &test.name),
                before: Some(json!({ "labels": before })),
                after: Some(json!({ "labels": after })),
            };
            audit::record(&mut session, &place, change, event).await?;
        }
        session.commit().await?;
        Ok(Some(test))
    }

    /// The labels of these tests, sorted; tests without labels are left out.
    pub async fn labels(&self, tests: &[TestId]) -> Result<BTreeMap<TestId, Vec<String>>> {
        let mut session = self.read().await?;
        let mut labels: BTreeMap<TestId, Vec<String>> = BTreeMap::new();
        let select = "SELECT test_id, label FROM test_labels WHERE test_id";
        let keys = tests.iter().map(|id| Value::from(id.get())).collect();
        for row in session.look_up(select, &[], keys, "").await? {
            let id = TestId::new(row.integer("test_id")?);
            labels.entry(id).or_default().push(row.text("label")?);
        }
        // Sort here: engines' default collations differ.
        for of_one in labels.values_mut() {
            of_one.sort_unstable();
        }
        Ok(labels)
    }
}

/// Sorted.
async fn labels_of(session: &mut Session, test: TestId) -> Result<Vec<String>> {
    let rows = session
        .rows(
            "SELECT label FROM test_labels WHERE test_id = $1",
            values![test.get()],
        )
        .await?;
    let mut labels = rows
        .iter()
        .map(|row| row.text("label"))
        .collect::<Result<Vec<_>>>()?;
    labels.sort_unstable();
    Ok(labels)
}
