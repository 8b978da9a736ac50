//! Test suites.

use serde_json::{Map, Value, json};

use crate::audit::{self, Event, Place, Subject};
use crate::error::{Conflict, StoreError};
use crate::quarantines;
use crate::records::{
    Change, Listed, NewSuite, OrganizationId, Page, QuarantineSettings, Suite, SuiteChanges,
    SuiteId,
};
use crate::rules;
use crate::sql::{Row, Session, values};
use crate::store::Store;

type Result<T> = std::result::Result<T, StoreError>;

/// What [`suite`] reads, apart from the organization's id and slug.
macro_rules! suite_columns {
    () => {
        "suites.id AS suite_number, suites.uuid AS suite_uuid, organizations.uuid AS \
         organization_uuid, suites.slug, suites.name, suites.default_branch, \
         suites.application_name, suites.color, suites.emoji, suites.oidc_policy, \
         suites.quarantine_days, suites.quarantine_max_days, suites.quarantine_api_days, \
         suites.created_at AS suite_created_at"
    };
}
pub(crate) use suite_columns;

const SELECT_SUITE: &str = concat!(
    "SELECT suites.organization_id, organizations.slug AS organization_slug, ",
    suite_columns!(),
    " FROM suites JOIN organizations ON organizations.id = suites.organization_id"
);

impl Store {
    /// Fails with a conflict if the organization has a suite with this slug.
    pub async fn create_suite(
        &self,
        organization: OrganizationId,
        suite: NewSuite,
        change: &Change,
    ) -> Result<Suite> {
        let mut session = self.write().await?;
        let row = session
            .one(
                "INSERT INTO suites (organization_id, uuid, slug, name, default_branch, \
                 application_name, color, emoji, oidc_policy, created_at, quarantine_days, \
                 quarantine_max_days, quarantine_api_days) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING id",
                values![
                    organization.get(),
                    suite.uuid,
                    &suite.slug,
                    &suite.name,
                    &suite.default_branch,
                    &suite.application_name,
                    &suite.color,
                    &suite.emoji,
                    &suite.oidc_policy,
                    change.at,
                    i64::from(suite.quarantine.days),
                    i64::from(suite.quarantine.max_days),
                    suite.quarantine.api_days.map(i64::from),
                ],
            )
            .await
            .map_err(|error| {
                error
                    .or_conflict(Conflict::Suite)
                    .or_gone("the organization")
            })?;
        let inserted = session
            .one(
                format!("{SELECT_SUITE} WHERE suites.id = ? AND NOT suites.deleted"),
                values![row.integer("id")?],
            )
            .await?;
        let created = self::suite(&inserted)?;
        let event = Event {
            after: Some(settings(&created).into()),
            ..event("suite.created", &created)
        };
        audit::record(&mut session, &Place::of(&created), change, event).await?;
        rules::insert_default(&mut session, &created, change).await?;
        session.commit().await?;
        Ok(created)
    }

    /// Finds a suite by slugs.
    pub async fn suite(&self, organization_slug: &str, suite_slug: &str) -> Result<Option<Suite>> {
        let mut session = self.read().await?;
        let row = session
            .optional(
                format!(
                    "{SELECT_SUITE} WHERE organizations.slug = ? AND suites.slug = ? AND \
                     NOT suites.deleted"
                ),
                values![organization_slug, suite_slug],
            )
            .await?;
        row.as_ref().map(suite).transpose()
    }

    /// `None` also if the suite is deleted.
    pub async fn suite_by_id(&self, id: SuiteId) -> Result<Option<Suite>> {
        let mut session = self.read().await?;
        let row = session
            .optional(
                format!("{SELECT_SUITE} WHERE suites.id = ? AND NOT suites.deleted"),
                values![id.get()],
            )
            .await?;
        row.as_ref().map(suite).transpose()
    }

    /// Ordered by slug.
    pub async fn suites(&self, organization: OrganizationId, page: Page) -> Result<Listed<Suite>> {
        let mut session = self.read().await?;
        let total = session
            .count(
                "SELECT COUNT(*) FROM suites WHERE organization_id = $1 AND NOT deleted",
                values![organization.get()],
            )
            .await?;
        let rows = session
            .rows(
                format!(
                    "{SELECT_SUITE} WHERE suites.organization_id = ? AND NOT suites.deleted \
                     ORDER BY suites.slug LIMIT ? OFFSET ?"
                ),
                values![organization.get(), page.limit(), page.offset()],
            )
            .await?;
        Ok(Listed {
            items: rows.iter().map(suite).collect::<Result<_>>()?,
            total,
        })
    }

    /// Returns the changed suite, or `None` if there is none.
    pub async fn update_suite(
        &self,
        id: SuiteId,
        changes: SuiteChanges,
        change: &Change,
    ) -> Result<Option<Suite>> {
        let mut session = self.write().await?;
        let Some(mut suite) = lock(&mut session, id).await? else {
            return Ok(None);
        };
        let before = settings(&suite);
        suite.name = changes.name.unwrap_or(suite.name);
        suite.default_branch = changes.default_branch.unwrap_or(suite.default_branch);
        suite.application_name = changes.application_name.unwrap_or(suite.application_name);
        suite.color = changes.color.unwrap_or(suite.color);
        suite.emoji = changes.emoji.unwrap_or(suite.emoji);
        suite.oidc_policy = changes.oidc_policy.unwrap_or(suite.oidc_policy);
        let quarantine = &mut suite.quarantine;
        quarantine.days = changes.quarantine_days.unwrap_or(quarantine.days);
        quarantine.max_days = changes.quarantine_max_days.unwrap_or(quarantine.max_days);
        quarantine.api_days = changes.quarantine_api_days.unwrap_or(quarantine.api_days);
        let Some((before, after)) = audit::differences(&before, settings(&suite)) else {
            return Ok(Some(suite));
        };
        session
            .execute(
                "UPDATE suites SET name = $2, default_branch = $3, application_name = $4, \
                 color = $5, emoji = $6, oidc_policy = $7, quarantine_days = $8, \
                 quarantine_max_days = $9, quarantine_api_days = $10 WHERE id = $1",
                values![
                    id.get(),
                    &suite.name,
                    &suite.default_branch,
                    &suite.application_name,
                    &suite.color,
                    &suite.emoji,
                    &suite.oidc_policy,
                    i64::from(suite.quarantine.days),
                    i64::from(suite.quarantine.max_days),
                    suite.quarantine.api_days.map(i64::from),
                ],
            )
            .await?;
        if let Some(Some(days)) = changes.quarantine_api_days
            && after.get("quarantine_api_days").is_some()
        {
            let end = change.at.plus_days(i64::from(days));
            quarantines::end_all(&mut session, &suite, end, change).await?;
        }
        let event = Event {
            before: Some(before),
            after: Some(after),
            ..event("suite.updated", &suite)
        };
        audit::record(&mut session, &Place::of(&suite), change, event).await?;
        session.commit().await?;
        Ok(Some(suite))
    }
}

/// Reads a suite and locks its row, so that concurrent changes do not undo each other. `None` also
/// if the suite is deleted.
pub(crate) async fn lock(session: &mut Session, id: SuiteId) -> Result<Option<Suite>> {
    session
        .execute(
            "UPDATE suites SET name = name WHERE id = $1",
            values![id.get()],
        )
        .await?;
    let row = session
        .optional(
            format!("{SELECT_SUITE} WHERE suites.id = ? AND NOT suites.deleted"),
            values![id.get()],
        )
        .await?;
    row.as_ref().map(suite).transpose()
}

/// An entry of the audit log about a suite, without before and after.
pub(crate) fn event(action: &str, suite: &Suite) -> Event {
    Event {
        action: action.to_owned(),
        subject: Subject {
            kind: "suite",
            uuid: suite.uuid,
            name: suite.name.clone(),
        },
        before: None,
        after: None,
    }
}

/// The settings of a suite as the audit log shows them.
pub(crate) fn settings(suite: &Suite) -> Map<String, Value> {
    [
        ("slug", json!(suite.slug)),
        ("name", json!(suite.name)),
        ("default_branch", json!(suite.default_branch)),
        ("application_name", json!(suite.application_name)),
        ("color", json!(suite.color)),
        ("emoji", json!(suite.emoji)),
        ("oidc_policy", json!(suite.oidc_policy)),
        ("quarantine_days", json!(suite.quarantine.days)),
        ("quarantine_max_days", json!(suite.quarantine.max_days)),
        ("quarantine_api_days", json!(suite.quarantine.api_days)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}

/// Reads [`suite_columns`].
pub(crate) fn suite(row: &Row) -> Result<Suite> {
    Ok(Suite {
        id: SuiteId::new(row.integer("suite_number")?),
        uuid: row.uuid("suite_uuid")?,
        organization: OrganizationId::new(row.integer("organization_id")?),
        organization_uuid: row.uuid("organization_uuid")?,
        organization_slug: row.text("organization_slug")?,
        slug: row.text("slug")?,
        name: row.text("name")?,
        default_branch: row.text("default_branch")?,
        application_name: row.text_or_null("application_name")?,
        color: row.text_or_null("color")?,
        emoji: row.text_or_null("emoji")?,
        oidc_policy: row.text_or_null("oidc_policy")?,
        quarantine: QuarantineSettings {
            days: days(row.integer("quarantine_days")?)?,
            max_days: days(row.integer("quarantine_max_days")?)?,
            api_days: row
                .integer_or_null("quarantine_api_days")?
                .map(days)
                .transpose()?,
        },
        created_at: row.time("suite_created_at")?,
    })
}

fn days(stored: i64) -> Result<u32> {
    u32::try_from(stored).map_err(|_| StoreError::Damaged {
        what: "number of days",
    })
}
