//! Rules: what people ask for becomes valid settings, and after uploads the rules are followed.
//!
//! The store decides what a rule has to do, and does it. This module adds why, and checks each mute
//! and skip as if a person had asked for it.

mod actions;
mod monitors;
mod settings;

use test_engine_insights::{Monitor, Transition};
use test_engine_store::{
    Actor, ActorKind, Change, Fired, Firing, Rule, RuleChange, RuleStep, StateStep, Store,
    StoreError, Timestamp,
};

use crate::quarantine::{self, End, QuarantineError, Request};

pub(crate) use monitors::{MonitorKind, MonitorRequest};
pub(crate) use settings::{FilterRequest, RuleRequest, check_branch, filters, settings};

pub(crate) use actions::ActionRequest;

/// What rules have done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Followed {
    /// Evaluations; with none, there is nothing left to do now.
    pub(crate) evaluations: u64,
    pub(crate) alarms: u64,
    pub(crate) recoveries: u64,
    /// A test has to be judged before a rule may mute or skip it.
    pub(crate) waits: bool,
}

/// Makes one evaluation of each rule that is due.
pub(crate) async fn follow_some(store: &Store, now: Timestamp) -> Result<Followed, StoreError> {
    let mut followed = Followed::default();
    for rule in store.due_rules(now).await? {
        followed.evaluations += 1;
        follow(store, rule, now, &mut followed).await?;
    }
    Ok(followed)
}

async fn follow(
    store: &Store,
    rule: Rule,
    now: Timestamp,
    followed: &mut Followed,
) -> Result<(), StoreError> {
    let evaluation = store.evaluate_rule(rule, now).await?;
    let rule = &evaluation.rule;
    for step in &evaluation.changes {
        let change = change(rule, step.step, now);
        let state = match state(store, rule, step, &change).await? {
            Checked::State(state) => state,
            Checked::Unjudged => {
                followed.waits = true;
                return Ok(());
            }
        };
        let firing = Firing {
            rule,
            change: *step,
            state,
        };
        match store.fire_rule(firing, &change).await? {
            Fired::Done => match step.step {
                RuleStep::Alarm => followed.alarms += 1,
                RuleStep::Recover => followed.recoveries += 1,
                RuleStep::Retry => {}
            },
            Fired::Outdated => {}
            Fired::Limited => {
                tracing::warn!(rule = %rule.uuid, "a rule has reached its limit per minute");
                return Ok(());
            }
        }
    }
    store.finish_evaluation(&evaluation, now).await
}

/// The rule as the actor, and why it acts.
fn change(rule: &Rule, step: RuleStep, now: Timestamp) -> Change {
    let actor = Actor {
        kind: ActorKind::Rule,
        uuid: Some(rule.uuid),
        name: Some(rule.settings.name.clone()),
    };
    let transition = match step {
        RuleStep::Alarm | RuleStep::Retry => Transition::Alarm,
        RuleStep::Recover => Transition::Recover,
    };
    Change::new(actor, now).because(reason(&rule.settings.monitor, transition))
}

/// In words for people.
fn reason(monitor: &Monitor, transition: Transition) -> &'static str {
    match (monitor, transition) {
        (Monitor::Flaky, Transition::Alarm) => "the test is flaky",
        (Monitor::Flaky, Transition::Recover) => "the test is no longer flaky",
        (Monitor::Broken, Transition::Alarm) => "the test is broken on the default branch",
        (Monitor::Broken, Transition::Recover) => "the test passes on the default branch again",
        (Monitor::PassedOnRetry { .. }, Transition::Alarm) => {
            "the test failed and passed on the same commit"
        }
        (Monitor::PassedOnRetry { .. }, Transition::Recover) => {
            "the test did not fail and pass on the same commit lately"
        }
        (Monitor::ProbabilisticFlakiness { .. }, Transition::Alarm) => {
            "the failure rate on good code is above the threshold"
        }
        (Monitor::ProbabilisticFlakiness { .. }, Transition::Recover) => {
            "the failure rate on good code is below the threshold"
        }
        (Monitor::TransitionCount { .. }, Transition::Alarm) => {
            "the result of the test changes often"
        }
        (Monitor::TransitionCount { .. }, Transition::Recover) => {
            "the result of the test changes rarely"
        }
        (Monitor::DurationP50 { .. }, Transition::Alarm) => "the test is slow",
        (Monitor::DurationP50 { .. }, Transition::Recover) => "the test is no longer slow",
        (Monitor::NewTest, _) => "the test is new",
    }
}

enum Checked {
    /// `None` if the rule does not mute or skip the test now.
    State(Option<StateStep>),
    /// Results have arrived since the judgement, so the test may be broken.
    Unjudged,
}

/// What becomes of the state of a test.
async fn state(
    store: &Store,
    rule: &Rule,
    step: &RuleChange,
    change: &Change,
) -> Result<Checked, StoreError> {
    let wanted = rule.settings.quarantine();
    let (Some((state, scope, days)), RuleStep::Alarm | RuleStep::Retry) = (wanted, step.step)
    else {
        return Ok(Checked::State(None));
    };
    let health = store.test_health(step.test).await?;
    if health.is_some_and(|health| !health.is_current) {
        return Ok(Checked::Unjudged);
    }
    let Some(suite) = store.suite_by_id(rule.suite).await? else {
        let why = "the suite is deleted".to_owned();
        return Ok(Checked::State(Some(StateStep::Refuse(why))));
    };
    let longest = suite.quarantine.max_days;
    let request = Request {
        reason: change.reason.clone().unwrap_or_default(),
        scope: Some(scope.name().to_owned()),
        end: days.map_or(End::SuiteDefault, |days| {
            End::Days(days.min(longest).into())
        }),
        ..Request::default()
    };
    let details = quarantine::prepare(store, &suite, step.test_uuid, state, request, change.at);
    let checked = match details.await {
        Ok(details) => StateStep::Apply(state, details),
        Err(QuarantineError::Refused(why)) => StateStep::Refuse(why.to_owned()),
        Err(error @ QuarantineError::Invalid(_)) => StateStep::Refuse(error.to_string()),
        Err(QuarantineError::Store(error)) => return Err(error),
    };
    Ok(Checked::State(Some(checked)))
}
