//! The report of Cucumber's JSON formatter for Ruby and JavaScript.
//!
//! Ruby writes backgrounds as elements of their own before each scenario, and reports the
//! scenario's steps as skipped if the background failed, so a background is merged into the next
//! scenario. JavaScript writes hooks as hidden steps. Durations are in nanoseconds.
//!
//! Once it has failed fast, JavaScript reports all steps of the remaining scenarios as skipped. In
//! a scenario that skips itself, the step or hook that does so has a duration.
//!
//! Ruby's `--retry` writes an element per attempt, JavaScript's only the last one.

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
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    keyword: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    line: Number,
    #[serde(borrow)]
    before: List<Hook<'a>>,
    #[serde(borrow)]
    steps: List<Step<'a>>,
    #[serde(borrow)]
    after: List<Hook<'a>>,
    /// Of a rule, in reports that nest scenarios.
    #[serde(borrow)]
    elements: List<Element<'a>>,
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
    let mut reader = FeatureReader {
        scope,
        uri: feature.uri.non_empty(),
        background: None,
        last: None,
        builder,
    };
    reader.read_elements(feature.elements);
    reader.push_last();
    reader.report_background();
}

struct FeatureReader<'b, 'a> {
    scope: Cow<'a, str>,
    uri: Option<Cow<'a, str>>,
    /// Of the next scenario.
    background: Option<Tally>,
    /// The scenario before, if it failed.
    last: Option<Attempt<'a>>,
    builder: &'b mut ReportBuilder<'a>,
}

/// A failed scenario, and whether the next element is its retry.
struct Attempt<'a> {
    id: Cow<'a, str>,
    result: TestResult<'a>,
}

impl Attempt<'_> {
    /// Rows of an outline share a name, but neither id nor line.
    fn is_retried_by(&self, id: Option<&str>, next: &TestResult<'_>) -> bool {
        id == Some(&*self.id)
            && self.result.identifier.is_some()
            && self.result.identifier == next.identifier
            && self.result.name == next.name
    }
}

impl<'a> FeatureReader<'_, 'a> {
    fn read_elements(&mut self, elements: List<Element<'a>>) {
        for element in elements.unwrap_or_default() {
            match element.object() {
                Ok(element) => self.read_element(element),
                Err(message) => self.push(Err(message)),
            }
        }
    }

    fn read_element(&mut self, mut element: Element<'a>) {
        if let Some(elements) = element.elements.take() {
            let is_scenario = element.steps.is_some();
            self.read_elements(Some(elements));
            if !is_scenario {
                return;
            }
        }
        let is_background =
            matches!(&element.kind, Text::Is(kind) if kind.eq_ignore_ascii_case("background"));
        if is_background {
            self.report_background();
            let mut tally = Tally::default();
            tally.add(element);
            self.background = Some(tally);
            return;
        }
        let tally = self.background.take().unwrap_or_default();
        let id = std::mem::take(&mut element.id).non_empty();
        let is_full = self.builder.is_full();
        let result = result_of(element, tally, &self.scope, self.uri.as_ref(), is_full);
        if is_full {
            self.builder.push(result);
        } else {
            self.push_verdict(id, result);
        }
    }

    /// Holds a failed scenario back until it is known whether the next element retries it.
    fn push_verdict(&mut self, id: Option<Cow<'a, str>>, result: Result<TestResult<'a>, String>) {
        let mut result = match result {
            Ok(result) => result,
            Err(message) => return self.push(Err(message)),
        };
        if let Some(last) = self.last.take() {
            if last.is_retried_by(id.as_deref(), &result) {
                result.failed_before = last.result.failed_before + 1;
            } else {
                self.builder.push(Ok(last.result));
            }
        }
        match id {
            Some(id) if result.outcome == Outcome::Failed => {
                self.last = Some(Attempt { id, result });
            }
            _ => self.builder.push(Ok(result)),
        }
    }

    fn push(&mut self, result: Result<TestResult<'a>, String>) {
        self.push_last();
        self.builder.push(result);
    }

    fn push_last(&mut self) {
        if let Some(last) = self.last.take() {
            self.builder.push(Ok(last.result));
        }
    }

    /// Ruby omits a scenario without steps of its own and writes only its background.
    fn report_background(&mut self) {
        if let Some(failure) = self.background.take().and_then(|tally| tally.failure) {
            self.builder.push_error(format!(
                "the background of a scenario in {} failed at {}: {}",
                self.scope,
                failure.step.trim(),
                failure.reason()
            ));
        }
    }
}

fn result_of<'a>(
    mut element: Element<'a>,
    mut tally: Tally,
    scope: &Cow<'a, str>,
    uri: Option<&Cow<'a, str>>,
    is_full: bool,
) -> Result<TestResult<'a>, String> {
    let line = element.line.whole();
    let name = std::mem::take(&mut element.name).required("name")?;
    let name = match line.filter(|_| name.trim().is_empty()) {
        // Gherkin does not require names.
        Some(line) => {
            let keyword = std::mem::take(&mut element.keyword).non_empty();
            let keyword = keyword.unwrap_or(Cow::Borrowed("Scenario"));
            Cow::Owned(format!("{} at line {line}", keyword.trim()))
        }
        None => name,
    };
    let location = place(uri.map(Cow::as_ref), line).map(Cow::Owned);
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
