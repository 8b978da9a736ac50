//! Carries out what a rule has to do about one test, in one transaction: the alarm, the actions and
//! the events, or nothing.

use serde_json::{Value as Json, json};
use test_engine_insights::{Brake, Transition};
use uuid::Uuid;

use super::Result;
use crate::audit::Place;
use crate::error::StoreError;
use crate::events::NewEvent;
use crate::labels::Labelled;
use crate::quarantines::{LockedTest, change_locked};
use crate::records::{
    Change, EventKind, Fired, LabelChange, Rule, RuleAction, RuleChange, RuleStep, StateStep,
    TestId, TestState, Timestamp,
};
use crate::rules::{self, of_action, of_monitor};
use crate::sql::{Session, values};
use crate::store::Store;
use crate::webhooks;

/// Alarms and recoveries of a rule in a minute. The others follow later.
pub const MAX_FIRED: i64 = 500;

/// Since the epoch.
pub(super) fn minute(now: Timestamp) -> i64 {
    now.millis().div_euclid(60_000)
}

/// One step of an evaluation.
#[derive(Clone, Debug)]
pub struct Firing<'a> {
    /// As it was evaluated.
    pub rule: &'a Rule,
    /// What to do.
    pub change: RuleChange,
    /// If the rule mutes or skips the test now.
    pub state: Option<StateStep>,
}

impl Store {
    /// Carries out one step of an evaluation. The actor of `change` is the rule.
    pub async fn fire_rule(&self, firing: Firing<'_>, change: &Change) -> Result<Fired> {
        let rule = firing.rule;
        let mut session = self.write().await?;
        if firing.state.is_some() {
            rules::lock_suite(&mut session, rule.suite).await?;
        }
        let fired = claim(&mut session, rule, change.at).await?;
        if fired != Fired::Done {
            return Ok(fired);
        }
        let place = Place::of_suite(&mut session, rule.suite).await?;
        let uuid = firing.change.test_uuid;
        let test = LockedTest::find(&mut session, rule.suite, uuid).await?;
        let (Some(place), Some(test)) = (place, test) else {
            return Ok(Fired::Outdated);
        };
        let mut scene = Scene {
            session: &mut session,
            rule,
            place: &place,
            test: &test,
            change,
        };
        let is_current = match firing.change.step {
            RuleStep::Alarm => {
                scene.begin().await? && scene.act(Transition::Alarm, &firing).await?
            }
            RuleStep::Recover => {
                scene.end().await? && scene.act(Transition::Recover, &firing).await?
            }
            RuleStep::Retry => scene.retry(&firing).await?,
        };
        if !is_current {
            return Ok(Fired::Outdated);
        }
        session.commit().await?;
        Ok(Fired::Done)
    }
}

/// Locks the rule and counts the step.
async fn claim(session: &mut Session, rule: &Rule, now: Timestamp) -> Result<Fired> {
    let row = session
        .optional(
            "UPDATE rules SET fired = CASE WHEN minute = $3 THEN fired + 1 ELSE 1 END, \
             minute = $3 WHERE id = $1 AND version = $2 AND enabled RETURNING fired",
            values![rule.id.get(), rule.version, minute(now)],
        )
        .await?;
    let Some(row) = row else {
        return Ok(Fired::Outdated);
    };
    Ok(if row.integer("fired")? > MAX_FIRED {
        Fired::Limited
    } else {
        Fired::Done
    })
}

/// What an action did.
enum Outcome {
    Done,
    /// It was so already.
    Unchanged(&'static str),
    /// The limit on what rules mute and skip is reached.
    Held,
    Refused(String),
    Failed(String),
}

impl Outcome {
    /// The action with its outcome, as the event log shows it.
    fn of(self, action: &RuleAction) -> Json {
        let (name, detail) = match self {
            Self::Done => ("done", None),
            Self::Unchanged(why) => ("unchanged", Some(why.to_owned())),
            Self::Held => (
                "held",
                Some("rules have muted or skipped as many tests as they may".to_owned()),
            ),
            Self::Refused(why) => ("refused", Some(why)),
            Self::Failed(why) => ("failed", Some(why)),
        };
        let mut described = of_action(action);
        described["outcome"] = json!(name);
        if let Some(detail) = detail {
            described["detail"] = json!(detail);
        }
        described
    }
}

/// A rule, a locked test, and the transaction.
struct Scene<'a> {
    session: &'a mut Session,
    rule: &'a Rule,
    place: &'a Place,
    test: &'a LockedTest,
    change: &'a Change,
}

impl Scene<'_> {
    /// False if the alarm is on already.
    async fn begin(&mut self) -> Result<bool> {
        let inserted = self
            .session
            .execute(
                "INSERT INTO rule_alarms (rule_id, test_id, since, checked_at) \
                 VALUES ($1, $2, $3, $3) ON CONFLICT (rule_id, test_id) DO NOTHING",
                values![self.rule.id.get(), self.test.id, self.change.at],
            )
            .await?;
        Ok(inserted > 0)
    }

    /// False if the alarm is off already.
    async fn end(&mut self) -> Result<bool> {
        let deleted = self
            .session
            .execute(
                "DELETE FROM rule_alarms WHERE rule_id = $1 AND test_id = $2",
                values![self.rule.id.get(), self.test.id],
            )
            .await?;
        Ok(deleted > 0)
    }

    /// Follows the actions, and writes what became of them.
    async fn act(&mut self, transition: Transition, firing: &Firing<'_>) -> Result<bool> {
        let enabled = webhooks::enabled(self.session, self.rule.suite).await?;
        let mut told: Vec<Uuid> = Vec::new();
        let mut described = Vec::new();
        for action in self.rule.settings.actions(transition) {
            let outcome = match action {
                RuleAction::AddLabel(label) => self.label(LabelChange::Add, label).await?,
                RuleAction::RemoveLabel(label) => self.label(LabelChange::Remove, label).await?,
                RuleAction::Quarantine { .. } => self.quarantine(firing).await?,
                RuleAction::Enable => self.enable().await?,
                RuleAction::Notify(webhook) if enabled.contains(webhook) => {
                    told.push(*webhook);
                    Outcome::Done
                }
                RuleAction::Notify(_) => {
                    Outcome::Failed("the webhook is deleted or disabled".to_owned())
                }
            };
            described.push(outcome.of(action));
        }
        let after = json!({
            "monitor": of_monitor(&self.rule.settings.monitor),
            "actions": described,
        });
        let kind = match transition {
            Transition::Alarm => EventKind::RuleAlarm,
            Transition::Recover => EventKind::RuleRecover,
        };
        let subject = self.test.subject();
        let event = NewEvent {
            kind,
            test: Some((subject.uuid, &subject.name)),
            before: None,
            after: Some(&after),
        };
        webhooks::publish(self.session, self.rule.suite, self.change, event, &told).await?;
        Ok(true)
    }

    /// Mutes or skips a test that the limit has kept from it; false if there is nothing to do.
    async fn retry(&mut self, firing: &Firing<'_>) -> Result<bool> {
        let released = self
            .session
            .execute(
                "UPDATE rule_alarms SET held = FALSE \
                 WHERE rule_id = $1 AND test_id = $2 AND held",
                values![self.rule.id.get(), self.test.id],
            )
            .await?;
        if released == 0 {
            return Ok(false);
        }
        // Holds it again if there is still no room.
        self.quarantine(firing).await?;
        Ok(true)
    }

    async fn label(&mut self, operation: LabelChange, label: &str) -> Result<Outcome> {
        let labelled = Labelled {
            suite: self.rule.suite,
            test: TestId::new(self.test.id),
            subject: self.test.subject(),
        };
        let labels = [label.to_owned()];
        let changed = labelled
            .change(self.session, self.place, (operation, &labels), self.change)
            .await;
        match changed {
            Ok(true) => Ok(Outcome::Done),
            Ok(false) if operation == LabelChange::Add => {
                Ok(Outcome::Unchanged("the test has the label"))
            }
            Ok(false) => Ok(Outcome::Unchanged("the test does not have the label")),
            // Found before anything was written.
            Err(error @ StoreError::TooLarge { .. }) => Ok(Outcome::Failed(error.to_string())),
            Err(error) => Err(error),
        }
    }

    async fn quarantine(&mut self, firing: &Firing<'_>) -> Result<Outcome> {
        let (state, details) = match firing.state.clone() {
            Some(StateStep::Apply(state, details)) => (state, details),
            Some(StateStep::Refuse(why)) => return Ok(Outcome::Refused(why)),
            None => return Ok(Outcome::Failed("the state was not checked".to_owned())),
        };
        if self.test.state != TestState::Enabled {
            return Ok(Outcome::Unchanged("the test is muted or skipped already"));
        }
        let brake = rules::brake(self.session, self.rule.suite, self.change.at).await?;
        if brake.remaining() == 0 {
            self.hold(&brake).await?;
            return Ok(Outcome::Held);
        }
        let locked = (self.rule.suite, self.place, self.test);
        change_locked(self.session, locked, (state, Some(details)), self.change).await?;
        Ok(Outcome::Done)
    }

    async fn enable(&mut self) -> Result<Outcome> {
        let actor = self.test.quarantine.as_ref().map(|known| &known.actor);
        if actor.and_then(|actor| actor.uuid) != Some(self.rule.uuid) {
            return Ok(Outcome::Unchanged(
                "the test is not muted or skipped by this rule",
            ));
        }
        let locked = (self.rule.suite, self.place, self.test);
        let enabled = (TestState::Enabled, None);
        change_locked(self.session, locked, enabled, self.change).await?;
        Ok(Outcome::Done)
    }

    /// Notes that the test is to be muted or skipped later. A rule reports the limit once a day.
    async fn hold(&mut self, brake: &Brake) -> Result<()> {
        self.session
            .execute(
                "UPDATE rule_alarms SET held = TRUE WHERE rule_id = $1 AND test_id = $2",
                values![self.rule.id.get(), self.test.id],
            )
            .await?;
        let today = Timestamp::from_millis(0).plus_days(self.change.at.day());
        let reported = self
            .session
            .count(
                "SELECT COUNT(*) FROM events WHERE suite_id = $1 AND actor_kind = 'rule' \
                 AND actor_uuid = $2 AND at >= $3 AND kind = $4",
                values![
                    self.rule.suite.get(),
                    self.rule.uuid,
                    today,
                    EventKind::RuleBrake.name(),
                ],
            )
            .await?;
        if reported > 0 {
            return Ok(());
        }
        let after = json!({
            "quarantined": brake.quarantined,
            "max_tests": brake.max_tests(),
            "quarantined_today": brake.quarantined_today,
            "max_per_day": Brake::MAX_PER_DAY,
        });
        let event = NewEvent {
            kind: EventKind::RuleBrake,
            test: None,
            before: None,
            after: Some(&after),
        };
        let change = Change {
            reason: Some("rules have muted or skipped as many tests as they may".to_owned()),
            ..self.change.clone()
        };
        let told = self.rule.settings.notified();
        webhooks::publish(self.session, self.rule.suite, &change, event, &told).await
    }
}
