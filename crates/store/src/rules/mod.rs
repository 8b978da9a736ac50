//! The rules of suites: what people decide about them. `rule_evaluation` follows them.

mod json;

use std::collections::BTreeMap;

use serde_json::Value as Json;
use test_engine_insights::{Brake, Monitor};
use uuid::Uuid;

use crate::audit::{self, Event, Place, Subject};
use crate::error::StoreError;
use crate::records::{
    Change, EventKind, Listed, Page, Rule, RuleAction, RuleId, RuleSettings, RuleUsage, Suite,
    SuiteId, Timestamp,
};
use crate::sql::{Row, Session, values};
use crate::store::Store;

pub(crate) use json::{of_action, of_monitor};

type Result<T> = std::result::Result<T, StoreError>;

/// Rules of a suite, because each looks at every upload.
pub const MAX_RULES: u64 = 20;

pub(crate) const SELECT: &str = "SELECT rules.id, rules.uuid, rules.suite_id, rules.name, \
     rules.enabled, rules.monitor, rules.filters, rules.alarm_actions, rules.recover_actions, \
     rules.seen_upload, rules.version, rules.created_at, \
     (SELECT COUNT(*) FROM rule_alarms WHERE rule_alarms.rule_id = rules.id) AS flagged_tests \
     FROM rules";

/// The label of the rule that new suites have.
const DEFAULT_LABEL: &str = "flaky";

impl Store {
    /// Oldest first.
    pub async fn rules(&self, suite: SuiteId, page: Page) -> Result<Listed<Rule>> {
        let mut session = self.read().await?;
        let total = count(&mut session, suite).await?;
        let list = format!("{SELECT} WHERE rules.suite_id = ? ORDER BY rules.id LIMIT ? OFFSET ?");
        let bound = values![suite.get(), page.limit(), page.offset()];
        let rows = session.rows(list, bound).await?;
        Ok(Listed {
            items: rows.iter().map(rule).collect::<Result<_>>()?,
            total,
        })
    }

    /// `None` if the suite has no such rule.
    pub async fn rule(&self, suite: SuiteId, uuid: Uuid) -> Result<Option<Rule>> {
        let mut session = self.read().await?;
        find(&mut session, suite, uuid).await
    }

    /// Fails if the suite has [`MAX_RULES`] already. The rule looks at uploads from now on.
    pub async fn create_rule(
        &self,
        suite: &Suite,
        uuid: Uuid,
        settings: RuleSettings,
        change: &Change,
    ) -> Result<Rule> {
        let mut session = self.write().await?;
        // Locks the suite, so that concurrent requests do not exceed the limit together.
        lock_suite(&mut session, suite.id).await?;
        let known = count(&mut session, suite.id).await?;
        if known >= MAX_RULES {
            return Err(StoreError::TooLarge {
                what: "number of rules",
                size: known + 1,
                limit: MAX_RULES,
            });
        }
        let created = insert(&mut session, suite, (uuid, settings), change).await?;
        session.commit().await?;
        Ok(created)
    }

    /// Returns the changed rule, or `None` if there is none. A rule that was not enabled looks at
    /// uploads from now on. Alarms that are on stay on until the changed monitor ends them.
    pub async fn update_rule(
        &self,
        suite: &Suite,
        uuid: Uuid,
        settings: RuleSettings,
        change: &Change,
    ) -> Result<Option<Rule>> {
        let mut session = self.write().await?;
        lock(&mut session, suite.id, uuid).await?;
        let Some(before) = find(&mut session, suite.id, uuid).await? else {
            return Ok(None);
        };
        let fields = settings.to_json();
        let seen = if before.settings.is_enabled {
            before.seen_upload
        } else {
            newest_upload(&mut session, suite.id).await?
        };
        session
            .execute(
                "UPDATE rules SET name = $2, enabled = $3, monitor = $4, filters = $5, \
                 alarm_actions = $6, recover_actions = $7, seen_upload = $8, \
                 version = version + 1 WHERE id = $1",
                values![
                    before.id.get(),
                    &settings.name,
                    settings.is_enabled,
                    fields["monitor"].to_string(),
                    fields["filters"].to_string(),
                    fields["alarm_actions"].to_string(),
                    fields["recover_actions"].to_string(),
                    seen,
                ],
            )
            .await?;
        if let Some((old, new)) = audit::differences(&before.settings.to_json(), fields) {
            let event = Event {
                action: "rule.updated".to_owned(),
                subject: subject(uuid, &settings.name),
                before: Some(old),
                after: Some(new),
            };
            audit::record(&mut session, &Place::of(suite), change, event).await?;
        }
        let updated = find(&mut session, suite.id, uuid).await?;
        session.commit().await?;
        Ok(updated)
    }

    /// Deletes a rule; false if there is none. What it has done to tests stays.
    pub async fn delete_rule(&self, suite: &Suite, uuid: Uuid, change: &Change) -> Result<bool> {
        let mut session = self.write().await?;
        lock(&mut session, suite.id, uuid).await?;
        let Some(rule) = find(&mut session, suite.id, uuid).await? else {
            return Ok(false);
        };
        session
            .execute("DELETE FROM rules WHERE id = $1", values![rule.id.get()])
            .await?;
        let event = Event {
            action: "rule.deleted".to_owned(),
            subject: subject(uuid, &rule.settings.name),
            before: Some(rule.settings.to_json().into()),
            after: None,
        };
        audit::record(&mut session, &Place::of(suite), change, event).await?;
        session.commit().await?;
        Ok(true)
    }

    /// How many events each rule has caused since a time; rules without any are left out.
    pub async fn rule_events(
        &self,
        suite: SuiteId,
        since: Timestamp,
    ) -> Result<BTreeMap<Uuid, u64>> {
        let mut session = self.read().await?;
        let rows = session
            .rows(
                "SELECT actor_uuid, COUNT(*) AS number FROM events \
                 WHERE suite_id = $1 AND at >= $2 AND actor_kind = 'rule' \
                 AND actor_uuid IS NOT NULL GROUP BY actor_uuid",
                values![suite.get(), since],
            )
            .await?;
        let counts = rows
            .iter()
            .map(|row| Ok((row.uuid("actor_uuid")?, row.count("number")?)));
        counts.collect()
    }

    /// How much of its limits a suite has used.
    pub async fn rule_usage(&self, suite: SuiteId, now: Timestamp) -> Result<RuleUsage> {
        let mut session = self.read().await?;
        Ok(RuleUsage {
            rules: count(&mut session, suite).await?,
            brake: brake(&mut session, suite, now).await?,
        })
    }
}

/// Gives a new suite its first rule: tests that are considered flaky get a label.
pub(crate) async fn insert_default(
    session: &mut Session,
    suite: &Suite,
    change: &Change,
) -> Result<()> {
    let label = || DEFAULT_LABEL.to_owned();
    let settings = RuleSettings {
        name: "Label flaky tests".to_owned(),
        is_enabled: true,
        monitor: Monitor::Flaky,
        filters: Vec::new(),
        alarm_actions: vec![RuleAction::AddLabel(label())],
        recover_actions: vec![RuleAction::RemoveLabel(label())],
    };
    insert(session, suite, (Uuid::now_v7(), settings), change).await?;
    Ok(())
}

async fn insert(
    session: &mut Session,
    suite: &Suite,
    (uuid, settings): (Uuid, RuleSettings),
    change: &Change,
) -> Result<Rule> {
    let fields = settings.to_json();
    let seen = newest_upload(session, suite.id).await?;
    session
        .execute(
            "INSERT INTO rules (uuid, suite_id, name, enabled, monitor, filters, alarm_actions, \
             recover_actions, seen_upload, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            values![
                uuid,
                suite.id.get(),
                &settings.name,
                settings.is_enabled,
                fields["monitor"].to_string(),
                fields["filters"].to_string(),
                fields["alarm_actions"].to_string(),
                fields["recover_actions"].to_string(),
                seen,
                change.at,
            ],
        )
        .await
        .map_err(|error| error.or_gone("the suite"))?;
    let event = Event {
        action: "rule.created".to_owned(),
        subject: subject(uuid, &settings.name),
        before: None,
        after: Some(fields.into()),
    };
    audit::record(session, &Place::of(suite), change, event).await?;
    let created = find(session, suite.id, uuid).await?;
    created.ok_or(StoreError::Gone("the rule"))
}

/// Rules of a suite quarantine one after another, so that they keep to the limit together.
pub(crate) async fn lock_suite(session: &mut Session, suite: SuiteId) -> Result<()> {
    session
        .execute(
            "UPDATE suites SET name = name WHERE id = $1",
            values![suite.get()],
        )
        .await?;
    Ok(())
}

async fn lock(session: &mut Session, suite: SuiteId, uuid: Uuid) -> Result<()> {
    session
        .execute(
            "UPDATE rules SET name = name WHERE suite_id = $1 AND uuid = $2",
            values![suite.get(), uuid],
        )
        .await?;
    Ok(())
}

async fn find(session: &mut Session, suite: SuiteId, uuid: Uuid) -> Result<Option<Rule>> {
    let text = format!("{SELECT} WHERE rules.suite_id = ? AND rules.uuid = ?");
    let row = session.optional(text, values![suite.get(), uuid]).await?;
    row.as_ref().map(rule).transpose()
}

async fn count(session: &mut Session, suite: SuiteId) -> Result<u64> {
    session
        .count(
            "SELECT COUNT(*) FROM rules WHERE suite_id = $1",
            values![suite.get()],
        )
        .await
}

/// Uploads to a suite are stored one after another, so all later ones have larger ids.
async fn newest_upload(session: &mut Session, suite: SuiteId) -> Result<i64> {
    let row = session
        .one(
            "SELECT COALESCE(MAX(id), 0) AS id FROM uploads WHERE suite_id = $1",
            values![suite.get()],
        )
        .await?;
    row.integer("id")
}

/// How many tests rules have muted and skipped.
pub(crate) async fn brake(session: &mut Session, suite: SuiteId, now: Timestamp) -> Result<Brake> {
    let today = Timestamp::from_millis(0).plus_days(now.day());
    let row = session
        .one(
            "SELECT (SELECT COUNT(*) FROM tests WHERE suite_id = $1) AS tests, \
             (SELECT COUNT(*) FROM quarantines WHERE suite_id = $1 AND actor_kind = 'rule') \
             AS quarantined, \
             (SELECT COUNT(*) FROM events WHERE suite_id = $1 AND at >= $2 \
             AND actor_kind = 'rule' AND kind IN ($3, $4)) AS quarantined_today",
            values![
                suite.get(),
                today,
                EventKind::MuteCreated.name(),
                EventKind::SkipCreated.name(),
            ],
        )
        .await?;
    let number = |column: &str| Ok::<_, StoreError>(small(row.integer(column)?));
    Ok(Brake {
        tests: number("tests")?,
        quarantined: number("quarantined")?,
        quarantined_today: number("quarantined_today")?,
    })
}

fn small(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}

fn subject(uuid: Uuid, name: &str) -> Subject {
    Subject {
        kind: "rule",
        uuid,
        name: name.to_owned(),
    }
}

/// Reads [`SELECT`].
pub(crate) fn rule(row: &Row) -> Result<Rule> {
    const WHAT: &str = "rule";
    let damaged = || StoreError::Damaged { what: WHAT };
    let field = |column: &str| row.json::<Json>(column, WHAT);
    Ok(Rule {
        id: RuleId::new(row.integer("id")?),
        uuid: row.uuid("uuid")?,
        suite: SuiteId::new(row.integer("suite_id")?),
        settings: RuleSettings {
            name: row.text("name")?,
            is_enabled: row.boolean("enabled")?,
            monitor: json::monitor(&field("monitor")?).ok_or_else(damaged)?,
            filters: json::filters(&field("filters")?).ok_or_else(damaged)?,
            alarm_actions: json::actions(&field("alarm_actions")?).ok_or_else(damaged)?,
            recover_actions: json::actions(&field("recover_actions")?).ok_or_else(damaged)?,
        },
        flagged_tests: row.count("flagged_tests")?,
        created_at: row.time("created_at")?,
        seen_upload: row.integer("seen_upload")?,
        version: row.integer("version")?,
    })
}
