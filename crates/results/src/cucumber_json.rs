//! The report of Cucumber's JSON formatter for Ruby and JavaScript.
//!
//! Ruby writes backgrounds as elements of their own before each scenario, and reports the
//! scenario's steps as skipped if the background failed, so a background is merged into the next
//! scenario. JavaScript writes hooks as hidden steps. Durations are in nanoseconds.
//!
//! Once it has failed fast, JavaScript reports all steps of the remaining scenarios as skipped. In
//! a scenario that skips itself, the step or hook that does so has a duration.

use std::borrow::Cow;

use serde::Deserialize;

use crate::builder::{ReportBuilder, place, plausible_duration};
use crate::document::{Document, Top};
use crate::lenient::{Flag, Item, Number, Text, explained, first_line};
use crate::model::{Outcome, ParseError, Remark, TestResult};
use crate::streaming::Each;

const NANOSECONDS_PER_SECOND: f64 = 1e9;

type List<T> = Option<Vec<Item<T>>>;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Feature<'a> {
    #[serde(borrow)]
    uri: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    elements: List<Element<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Element<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    line: Number,
    #[serde(borrow)]
    before: List<Hook<'a>>,
    #[serde(borrow)]
    steps: List<Step<'a>>,
    #[serde(borrow)]
    after: List<Hook<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Step<'a> {
    #[serde(borrow)]
    keyword: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    hidden: Flag,
    #[serde(borrow)]
    result: Item<StepResult<'a>>,
    #[serde(borrow)]
    before: List<Hook<'a>>,
    #[serde(borrow)]
    after: List<Hook<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Hook<'a> {
    #[serde(borrow)]
    result: Item<StepResult<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StepResult<'a> {
    #[serde(borrow)]
    status: Text<'a>,
    duration: Number,
    #[serde(borrow)]
    error_message: Text<'a>,
}

/// The outcome of the steps and hooks of a scenario.
#[derive(Default)]
struct Tally {
    failed: bool,
    /// A step has no definition.
    undefined: bool,
    /// A step or hook that is not skipped.
    other: bool,
    /// A step has no status or an unknown one.
    unknown: bool,
    skipped: bool,
    steps: usize,
    nanoseconds: Option<f64>,
    /// The first failed step.
    failure: Option<Failure>,
}

struct Failure {
    step: String,
    status: String,
    message: String,
}

pub(crate) fn read<'a>(
    document: &Document<'a>,
    builder: &mut ReportBuilder<'a>,
) -> Result<(), ParseError> {
    let mut add = |feature| add_feature(feature, builder);
    document.read_json(
        Top::Array,
        "an array of features",
        Each::new("an array of features", &mut add),
    )
}

fn add_feature<'a>(feature: Item<Feature<'a>>, builder: &mut ReportBuilder<'a>) {
    let feature = match feature.object() {
        Ok(feature) => feature,
        Err(message) => {
            builder.push_error(format!("a feature in the report: {message}"));
            return;
        }
    };
    let scope = match feature.name.or_empty("the feature's name") {
        Ok(scope) => scope,
        Err(message) => {
            builder.push(Err(message));
            return;
        }
    };
    let uri = feature.uri.non_empty();
    let mut background: Option<Tally> = None;
    for element in feature.elements.unwrap_or_default() {
        let element = match element.object() {
            Ok(element) => element,
            Err(message) => {
                builder.push(Err(message));
                continue;
            }
        };
        let kind = match &element.kind {
            Text::Is(kind) => kind.as_ref(),
            _ => "scenario",
        };
        match kind {
            "background" => {
                report_alone(background.take(), &scope, builder);
                let mut tally = Tally::default();
                tally.add(element);
                background = Some(tally);
            }
            "scenario" => {
                let tally = background.take().unwrap_or_default();
                builder.push(result_of(
                    element,
                    tally,
                    &scope,
                    uri.as_ref(),
                    builder.is_full(),
                ));
            }
            _ => {}
        }
    }
    report_alone(background, &scope, builder);
}

/// Ruby omits a scenario without steps of its own and writes only its background.
fn report_alone(background: Option<Tally>, feature: &str, builder: &mut ReportBuilder<'_>) {
    if let Some(failure) = background.and_then(|tally| tally.failure) {
        builder.push_error(format!(
            "the background of a scenario in {feature} failed at {}: {}",
            failure.step.trim(),
            failure.reason()
        ));
    }
}

fn result_of<'a>(
    mut element: Element<'a>,
    mut tally: Tally,
    scope: &Cow<'a, str>,
    uri: Option<&Cow<'a, str>>,
    is_full: bool,
) -> Result<TestResult<'a>, String> {
    let name = std::mem::take(&mut element.name).required("name")?;
    let location = place(uri.map(Cow::as_ref), element.line.whole()).map(Cow::Owned);
    tally.add(element);
    let mut result = TestResult {
        scope: scope.clone(),
        name,
        location: location.clone().filter(|_| is_full),
        file_name: uri.filter(|_| is_full || location.is_none()).cloned(),
        identifier: location,
        outcome: tally.outcome(),
        remark: tally.remark(),
        duration: tally
            .nanoseconds
            .and_then(|nanoseconds| plausible_duration(nanoseconds / NANOSECONDS_PER_SECOND)),
        ..TestResult::default()
    };
    if let Some(failure) = tally.failure
        && is_full
    {
        result.extras.failure_reason = Some(failure.reason());
        let mut detail = explained(&failure.message);
        detail.expanded.insert(0, failure.step);
        result.extras.failure_expanded.push(detail);
    }
    Ok(result)
}

impl Failure {
    fn reason(&self) -> String {
        first_line(&self.message)
            .unwrap_or_else(|| format!("{} step: {}", self.status, self.step.trim()))
    }
}

impl Tally {
    fn add(&mut self, element: Element<'_>) {
        self.add_hooks(element.before);
        for step in element.steps.unwrap_or_default() {
            let step = step.or_default();
            self.add_hooks(step.before);
            let text = |text: Text<'_>| text.into_string().unwrap_or_default();
            let words = format!("{} {}", text(step.keyword).trim(), text(step.name));
            let is_hook = step.hidden.0 == Some(true);
            self.steps += usize::from(!is_hook);
            self.add_result(step.result.or_default(), words.trim());
            self.add_hooks(step.after);
        }
        self.add_hooks(element.after);
    }

    fn add_hooks(&mut self, hooks: List<Hook<'_>>) {
        for hook in hooks.unwrap_or_default() {
            self.add_result(hook.or_default().result.or_default(), "a hook");
        }
    }

    fn add_result(&mut self, result: StepResult<'_>, step: &str) {
        if let Some(nanoseconds) = result.duration.0 {
            *self.nanoseconds.get_or_insert(0.0) += nanoseconds;
        }
        let status = result.status.into_string().unwrap_or_default();
        self.other |= !status.eq_ignore_ascii_case("skipped");
        match status.to_ascii_lowercase().as_str() {
            "passed" => {}
            "pending" | "skipped" => self.skipped = true,
            "undefined" => {
                self.undefined = true;
                self.keep_failure(step, status, result.error_message);
            }
            "failed" | "ambiguous" | "errored" => {
                self.failed = true;
                self.keep_failure(step, status, result.error_message);
            }
            _ => self.unknown = true,
        }
    }

    fn keep_failure(&mut self, step: &str, status: String, message: Text<'_>) {
        if self.failure.is_none() {
            self.failure = Some(Failure {
                step: step.to_owned(),
                message: message.into_string().unwrap_or_default(),
                status,
            });
        }
    }

    fn remark(&self) -> Option<Remark> {
        let took_time = self
            .nanoseconds
            .is_some_and(|nanoseconds| nanoseconds > 0.0);
        if self.undefined && !self.failed {
            Some(Remark::UndefinedStep)
        } else if self.skipped && !self.other && !took_time {
            Some(Remark::UnexplainedSkip)
        } else {
            None
        }
    }

    fn outcome(&self) -> Outcome {
        if self.failed || self.undefined {
            Outcome::Failed
        } else if self.unknown {
            Outcome::Unknown
        } else if self.skipped || self.steps == 0 {
            // A scenario without steps runs nothing, and Cucumber accepts it.
            Outcome::Skipped
        } else {
            Outcome::Passed
        }
    }
}
