//! Labels of tests.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::error::StoreError;
use crate::records::{LabelChange, SuiteId, Test, TestId};
use crate::sql::{Value, values};
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

const MAX_LABELS: u64 = 100;

impl Store {
    /// Adds labels to a test or removes them; returns the test, or `None` if there is none. Adding
    /// a present label or removing an absent one changes nothing.
    pub async fn change_labels(
        &self,
        suite: SuiteId,
        uuid: Uuid,
        change: LabelChange,
        labels: &[String],
    ) -> Result<Option<Test>> {
        let Some(test) = self.test(suite, uuid).await? else {
            return Ok(None);
        };
        let mut session = self.write().await?;
        for label in labels {
            let text = match change {
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
        let count = session
            .count(
                "SELECT COUNT(*) FROM test_labels WHERE test_id = $1",
                values![test.id.get()],
            )
            .await?;
        if count > MAX_LABELS {
            return Err(StoreError::TooLarge {
                what: "number of labels of the test",
                size: count,
                limit: MAX_LABELS,
            });
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
