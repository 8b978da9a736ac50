//! A rule as people ask for it, and its valid settings.

use serde::Deserialize;
use test_engine_insights::Monitor;
use test_engine_store::{RuleSettings, Suite, TagFilter, TagOperator};
use utoipa::ToSchema;

use super::actions::{self, ActionRequest, Occasion};
use super::monitors::MonitorRequest;

/// In characters.
const MAX_NAME: usize = 255;
const MAX_FILTERS: usize = 4;
/// In bytes, as of tags.
const MAX_TAG: usize = 63;
const MAX_VALUE: usize = 511;
const BRANCH: &str = "scm.branch";

/// Creates or changes a rule. When it changes one, fields that are not sent stay as they are.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = RuleRequest)]
pub(crate) struct RuleRequest {
    /// Required for a new rule.
    #[schema(
        max_length = 255,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    pub(crate) name: Option<String>,
    /// By default true.
    pub(crate) enabled: Option<bool>,
    /// Required for a new rule.
    pub(crate) monitor: Option<MonitorRequest>,
    /// The monitor sees only executions whose tags match all of them. By default, monitors with a
    /// window see those of the default branch, and others all.
    #[schema(max_items = 4)]
    pub(crate) filters: Option<Vec<FilterRequest>>,
    /// What to do when the alarm of a test begins. Without actions, it is only an event.
    #[schema(max_items = 10)]
    pub(crate) alarm_actions: Option<Vec<ActionRequest>>,
    /// What to do when it ends.
    #[schema(max_items = 10)]
    pub(crate) recover_actions: Option<Vec<ActionRequest>>,
}

/// A condition on a tag of executions.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = TagFilter)]
pub(crate) struct FilterRequest {
    /// Such as `scm.branch`; not `mut.…`.
    #[schema(pattern = r"\S", max_length = 63)]
    pub(crate) tag: String,
    #[schema(pattern = "^(is|is_not|starts_with)$")]
    pub(crate) operator: String,
    #[schema(min_length = 1, max_length = 511)]
    pub(crate) value: String,
}

/// The valid settings, or all problems together.
pub(crate) fn settings(
    request: RuleRequest,
    before: Option<&RuleSettings>,
    suite: &Suite,
) -> Result<RuleSettings, Vec<String>> {
    let mut problems = Vec::new();
    let name = match (request.name, before) {
        (Some(name), _) => check_name(&name, &mut problems),
        (None, Some(before)) => before.name.clone(),
        (None, None) => {
            problems.push("name is required".to_owned());
            String::new()
        }
    };
    let monitor = match (&request.monitor, before) {
        (Some(monitor), _) => monitor.validate(&mut problems),
        (None, Some(before)) => Some(before.monitor),
        (None, None) => {
            problems.push("monitor is required".to_owned());
            None
        }
    };
    let filters = match (&request.filters, before) {
        (Some(sent), _) => filters(Some(sent), monitor.as_ref(), suite, &mut problems),
        (None, Some(before)) => before.filters.clone(),
        (None, None) => filters(None, monitor.as_ref(), suite, &mut problems),
    };
    check_branch(monitor.as_ref(), &filters, &mut problems);
    let longest = suite.quarantine.max_days;
    let mut list = |sent: Option<&Vec<ActionRequest>>, known: Option<_>, occasion| match sent {
        Some(sent) => actions::validate(sent, occasion, longest, &mut problems),
        None => known.unwrap_or_default(),
    };
    let known = before.map(|before| before.alarm_actions.clone());
    let alarm_actions = list(request.alarm_actions.as_ref(), known, Occasion::Alarm);
    let known = before.map(|before| before.recover_actions.clone());
    let recover_actions = list(request.recover_actions.as_ref(), known, Occasion::Recovery);
    actions::check_together(
        monitor.as_ref(),
        &alarm_actions,
        &recover_actions,
        &mut problems,
    );
    match monitor {
        Some(monitor) if problems.is_empty() => Ok(RuleSettings {
            name,
            is_enabled: request
                .enabled
                .or(before.map(|before| before.is_enabled))
                .unwrap_or(true),
            monitor,
            filters,
            alarm_actions,
            recover_actions,
        }),
        _ => Err(problems),
    }
}

fn check_name(name: &str, problems: &mut Vec<String>) -> String {
    if name.trim().is_empty() {
        problems.push("name can't be blank".to_owned());
    } else if name.chars().count() > MAX_NAME {
        problems.push(format!(
            "name is too long (maximum is {MAX_NAME} characters)"
        ));
    } else if name.chars().any(char::is_control) {
        problems.push("name has a control character".to_owned());
    }
    name.trim().to_owned()
}

/// The valid filters, or the default ones of the monitor.
pub(crate) fn filters(
    sent: Option<&Vec<FilterRequest>>,
    monitor: Option<&Monitor>,
    suite: &Suite,
    problems: &mut Vec<String>,
) -> Vec<TagFilter> {
    let Some(sent) = sent else {
        let has_window = monitor.is_some_and(|monitor| monitor.window().is_some());
        let default = has_window.then(|| TagFilter {
            tag: BRANCH.to_owned(),
            operator: TagOperator::Is,
            value: suite.default_branch.clone(),
        });
        return default.into_iter().collect();
    };
    if sent.len() > MAX_FILTERS {
        problems.push(format!("filters has more than {MAX_FILTERS} filters"));
    }
    let mut filters = Vec::with_capacity(sent.len());
    for (index, filter) in sent.iter().take(MAX_FILTERS).enumerate() {
        match filter.validate() {
            Ok(filter) => filters.push(filter),
            Err(problem) => problems.push(format!("filters[{index}] {problem}")),
        }
    }
    filters
}

/// Results of several branches, one after another, change without meaning anything.
pub(crate) fn check_branch(
    monitor: Option<&Monitor>,
    filters: &[TagFilter],
    problems: &mut Vec<String>,
) {
    let needs_branch = matches!(monitor, Some(Monitor::TransitionCount { .. }));
    if needs_branch && !filters.iter().any(|filter| filter.tag == BRANCH) {
        problems.push(format!("transition_count needs a filter on {BRANCH}"));
    }
}

impl FilterRequest {
    fn validate(&self) -> Result<TagFilter, String> {
        let tag = self.tag.trim();
        if tag.is_empty() || tag.len() > MAX_TAG || tag.chars().any(char::is_control) {
            return Err(format!("tag must have from 1 to {MAX_TAG} characters"));
        }
        if tag.starts_with("mut.") {
            return Err("tag starts with mut., and such tags change".to_owned());
        }
        let value = &self.value;
        if value.is_empty() || value.len() > MAX_VALUE || value.chars().any(char::is_control) {
            return Err(format!("value must have from 1 to {MAX_VALUE} characters"));
        }
        let operator = TagOperator::of_name(&self.operator).ok_or_else(|| {
            let names = TagOperator::ALL.map(TagOperator::name).join(", ");
            format!("operator must be one of {names}")
        })?;
        Ok(TagFilter {
            tag: tag.to_owned(),
            operator,
            value: value.clone(),
        })
    }
}
