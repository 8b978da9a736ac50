//! Labels of tests.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use uuid::Uuid;

use crate::audit::{self, Event, Place, Subject};
use crate::error::StoreError;
use crate::records::{Change, LabelChange, SuiteId, Test, TestId};
use crate::sql::{Row, Session, Value, values};
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

const MAX_LABELS: usize = 100;

impl Store {
    /// The labels of a suite, by name, with the number of tests that have each.
    pub async fn labels_of_suite(&self, suite: SuiteId) -> Result<Vec<(String, u64)>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                "SELECT label, COUNT(*) AS number FROM test_labels WHERE suite_id = $1 \
                 GROUP BY label ORDER BY label",
                values![suite.get()],
            )
            .await?;
        let count = |row: &Row| Ok((row.text("label")?, row.count("number")?));
        rows.iter().map(count).collect()
    }

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
        let Some(place) = Place::of_suite(&mut session, suite).await? else {
            return Ok(None);
        };
        let labelled = Labelled {
            suite,
            test: test.id,
            subject: Subject::test(uuid, &test.scope, &test.name),
        };
        labelled
            .change(&mut session, &place, (operation, labels), change)
            .await?;
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

/// A test whose row is locked.
pub(crate) struct Labelled {
    pub(crate) suite: SuiteId,
    pub(crate) test: TestId,
    pub(crate) subject: Subject,
}

impl Labelled {
    /// Adds or removes labels; false if the test had them, or had none of them. Fails before it
    /// writes anything if the test would have too many.
    pub(crate) async fn change(
        self,
        session: &mut Session,
        place: &Place,
        (operation, labels): (LabelChange, &[String]),
        change: &Change,
    ) -> Result<bool> {
        let before = labels_of(session, self.test).await?;
        let mut after: BTreeSet<&String> = before.iter().collect();
        match operation {
            LabelChange::Add => after.extend(labels),
            LabelChange::Remove => after.retain(|label| !labels.contains(label)),
        }
        if after.len() > MAX_LABELS {
            return Err(StoreError::TooLarge {
                what: "number of labels of the test",
                size: after.len() as u64,
                limit: MAX_LABELS as u64,
            });
        }
        if after.len() == before.len() {
            return Ok(false);
        }
        let (text, action) = match operation {
            LabelChange::Add => (
                "INSERT INTO test_labels (suite_id, label, test_id) VALUES ($1, $2, $3) \
                 ON CONFLICT (suite_id, label, test_id) DO NOTHING",
                "labels.added",
            ),
            LabelChange::Remove => (
                "DELETE FROM test_labels WHERE suite_id = $1 AND label = $2 AND test_id = $3",
                "labels.removed",
            ),
        };
        for label in labels {
            session
                .execute(text, values![self.suite.get(), label, self.test.get()])
                .await
                .map_err(|error| error.or_gone("the test"))?;
        }
        let event = Event {
            action: action.to_owned(),
            subject: self.subject,
            before: Some(json!({ "labels": before })),
            after: Some(json!({ "labels": after })),
        };
        audit::record(session, place, change, event).await?;
        Ok(true)
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
