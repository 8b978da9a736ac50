//! Tags added to executions after their upload.
//!
//! Segments never change, so these tags are rows of their own and override the tags of the
//! execution when it is read.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use crate::error::StoreError;
use crate::identity::{execution_place, execution_uuid};
use crate::records::{NewExecutionTags, SuiteId};
use crate::sql::{Session, Value, values};
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

struct UploadFacts {
    uuid: Uuid,
    executions: u64,
}

impl Store {
    /// Replaces the later tags of these executions; an empty map removes them. If an execution does
    /// not belong to the suite, nothing changes and its id is returned.
    pub async fn set_execution_tags(
        &self,
        suite: SuiteId,
        executions: &[NewExecutionTags],
    ) -> Result<std::result::Result<(), Uuid>> {
        let mut uploads: Vec<i64> = executions
            .iter()
            .map(|execution| execution_place(execution.execution).0)
            .collect();
        uploads.sort_unstable();
        uploads.dedup();
        let mut session = self.write().await?;
        let known = upload_facts(&mut session, suite, &uploads).await?;
        for execution in executions {
            let (upload_id, position) = execution_place(execution.execution);
            let is_there = known.get(&upload_id).is_some_and(|upload| {
                u64::from(position) < upload.executions
                    && execution_uuid(upload_id, upload.uuid, position) == execution.execution
            });
            if !is_there {
                return Ok(Err(execution.execution));
            }
            let place = values![upload_id, i64::from(position)];
            if execution.tags.is_empty() {
                let text = "DELETE FROM execution_tags WHERE upload_id = $1 AND position = $2";
                session.execute(text, place).await?;
                continue;
            }
            let tags = serde_json::json!(execution.tags).to_string();
            session
                .execute(
                    "INSERT INTO execution_tags (upload_id, position, tags) VALUES ($1, $2, $3) \
                     ON CONFLICT (upload_id, position) DO UPDATE SET tags = excluded.tags",
                    place.into_iter().chain([Value::from(tags)]),
                )
                .await?;
        }
        session.commit().await?;
        Ok(Ok(()))
    }
}

async fn upload_facts(
    session: &mut Session,
    suite: SuiteId,
    uploads: &[i64],
) -> Result<HashMap<i64, UploadFacts>> {
    let mut facts = HashMap::new();
    let found = session
        .look_up(
            "SELECT id, uuid, kept FROM uploads WHERE suite_id = ? AND id",
            &values![suite.get()],
            uploads.iter().copied().map(Value::from).collect(),
            "",
        )
        .await?;
    for row in found {
        let upload = UploadFacts {
            uuid: row.uuid("uuid")?,
            executions: row.count("kept")?,
        };
        facts.insert(row.integer("id")?, upload);
    }
    Ok(facts)
}

/// The later tags of a range of uploads, by upload and position.
pub(crate) async fn later_tags(
    session: &mut Session,
    first_upload: i64,
    last_upload: i64,
) -> Result<HashMap<(i64, u32), BTreeMap<String, String>>> {
    let rows = session
        .rows(
            "SELECT upload_id, position, tags FROM execution_tags \
             WHERE upload_id >= $1 AND upload_id <= $2",
            values![first_upload, last_upload],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let position = u32::try_from(row.integer("position")?)
                .map_err(|_| StoreError::Damaged { what: "position" })?;
            Ok((
                (row.integer("upload_id")?, position),
                row.json("tags", "set of tags")?,
            ))
        })
        .collect()
}
