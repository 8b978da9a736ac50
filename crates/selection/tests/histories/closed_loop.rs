//! The whole loop: observe, then select, learn only from what ran or was missed, and compare what
//! was shown with what was seen. Decisions are made by the crate.

use test_engine_selection::{
    Build, Catalog, Counts, Decision, FullReason, Holdout, Item, Knowledge, LastExecution, Mode,
    Origin, RotationOrder, RotationPointer, Settings, Share, Sources, Target, Verdict, Window,
    decide,
};

use super::{History, RecordedBuild, ids, mean, ratio};

/// Commits until a missed failure is known.
const MISS_DELAY: usize = 2;

#[derive(Default)]
pub(crate) struct ClosedLoop {
    /// Failing builds after observation whose change is not configuration, and those caught.
    pub(crate) judged: usize,
    pub(crate) caught: usize,
    /// The confidence shown for each of these.
    shown: Vec<f64>,
    /// The share of the time that each build after observation took.
    all_times: Vec<f64>,
    /// The same of those in which items were left out.
    selected_times: Vec<f64>,
}

impl ClosedLoop {
    pub(crate) fn seen(&self) -> f64 {
        ratio(self.caught, self.judged)
    }

    pub(crate) fn shown(&self) -> f64 {
        mean(&self.shown)
    }

    pub(crate) fn time(&self) -> f64 {
        mean(&self.all_times)
    }

    pub(crate) fn selected_time(&self) -> f64 {
        if self.selected_times.is_empty() {
            1.0
        } else {
            mean(&self.selected_times)
        }
    }

    /// `observed` failing builds are observed first.
    pub(crate) fn run(history: &History, promise: Share, observed: usize) -> Self {
        let mut suite = SimulatedSuite::new(history, promise, observed);
        let mut found = Self::default();
        for (number, build) in history.builds.iter().enumerate() {
            suite.learn_missed(history, number);
            let decision = suite.decide(build, number);
            suite.counts.tick();
            found.count(&suite, &decision, &build.failed);
            suite.finish(build, number, &decision);
        }
        found
    }

    fn count(&mut self, suite: &SimulatedSuite<'_>, decision: &Decision, failed: &[usize]) {
        if suite.is_observing() {
            return;
        }
        let assessment = decision
            .assessment
            .as_ref()
            .expect("every build has a change");
        let is_selected = decision.verdict == Verdict::Selected;
        self.all_times.push(if is_selected {
            assessment.selected_share()
        } else {
            1.0
        });
        if is_selected {
            self.selected_times.push(assessment.selected_share());
        }
        let is_configuration = matches!(
            decision.verdict,
            Verdict::Full(FullReason::Configuration(_) | FullReason::UnknownKind(_))
        );
        if failed.is_empty() || is_configuration {
            return;
        }
        self.judged += 1;
        self.caught += usize::from(is_caught(decision, failed));
        // Without a cut everything runs.
        self.shown.push(
            assessment
                .cut
                .map_or(1.0, |_| assessment.confidence.shown()),
        );
    }
}

fn is_caught(decision: &Decision, failed: &[usize]) -> bool {
    let assessment = decision
        .assessment
        .as_ref()
        .expect("every build has a change");
    failed
        .iter()
        .any(|item| assessment.selected[*item].is_some())
}

struct SimulatedSuite<'h> {
    catalog: Catalog,
    counts: Counts,
    settings: Settings,
    observed: usize,
    holdouts: Vec<Holdout>,
    rotation: RotationOrder,
    pointer: RotationPointer,
    items: Vec<Item<'h>>,
    /// Missed builds that are not known yet.
    missed: Vec<usize>,
    identifier: String,
}

impl<'h> SimulatedSuite<'h> {
    fn new(history: &'h History, promise: Share, observed: usize) -> Self {
        let item = |(name, duration)| Item {
            name,
            duration,
            last_execution: Some(LastExecution {
                days: 0,
                default_branch_runs: 0,
            }),
            failed_on_branch: false,
            failed_on_default_branch: false,
            ever_failed: true,
        };
        let mut settings = Settings::new(Target::Confidence(promise));
        settings.all_after_red = false;
        let items: Vec<Item<'h>> = history.names().zip(history.durations()).map(item).collect();
        Self {
            catalog: history.catalog(),
            counts: Counts::default(),
            settings,
            observed,
            holdouts: Vec::new(),
            rotation: rotation(0, items.len()),
            pointer: RotationPointer::default(),
            items,
            missed: Vec::new(),
            identifier: history.suite.suite.clone(),
        }
    }

    fn is_observing(&self) -> bool {
        self.holdouts.len() < self.observed
    }

    fn decide(&mut self, build: &RecordedBuild, number: usize) -> Decision {
        self.settings.mode = if self.is_observing() {
            Mode::Observe
        } else {
            Mode::Select
        };
        if self.rotation.round() != self.pointer.round {
            self.rotation = rotation(self.pointer.round, self.items.len());
        }
        let window = Window::new(&self.holdouts, self.settings.target);
        let knowledge = Knowledge {
            catalog: &self.catalog,
            counts: &self.counts,
            window: &window,
            off: None,
            rotation: &self.rotation,
            pointer: self.pointer,
        };
        let identifier = format!("{}-{number}", self.identifier);
        let build = Build {
            suite: &[0; 16],
            identifier: &identifier,
            branch: "feature",
            is_default_branch: false,
            is_tag: false,
            message: "",
            change: Some(&build.change),
            last_run_failed: false,
        };
        decide(&build, &self.settings, &self.items, &knowledge)
    }

    /// Records the holdout, and learns unless every failure was missed.
    fn finish(&mut self, build: &RecordedBuild, number: usize, decision: &Decision) {
        self.pointer = decision.pointer;
        for item in &mut self.items {
            item.failed_on_branch = false;
        }
        let assessment = decision
            .assessment
            .as_ref()
            .expect("every build has a change");
        let origin = match decision.verdict {
            Verdict::Observed => Origin::Observed,
            Verdict::Full(FullReason::Holdout) => Origin::Holdout,
            Verdict::Full(_) => Origin::Full,
            Verdict::Selected if is_caught(decision, &build.failed) => Origin::Caught,
            Verdict::Selected => Origin::Missed,
        };
        let Some(holdout) = assessment.holdout(&self.catalog, origin, &build.failed) else {
            return;
        };
        self.holdouts.push(holdout);
        let failed = build.failed.iter().copied();
        let seen: Vec<usize> = failed.filter(|item| decision.runs(*item)).collect();
        if seen.is_empty() {
            self.missed.push(number);
            return;
        }
        self.learn(build, &seen);
        for item in seen {
            self.items[item].failed_on_branch = true;
        }
    }

    fn learn_missed(&mut self, history: &History, number: usize) {
        while self
            .missed
            .first()
            .is_some_and(|missed| missed + 1 + MISS_DELAY <= number)
        {
            let build = &history.builds[self.missed.remove(0)];
            self.learn(build, &build.failed);
        }
    }

    fn learn(&mut self, build: &RecordedBuild, failed: &[usize]) {
        let sources = Sources::of(&build.change, |path| self.catalog.has_file(path));
        // Some builds teach nothing.
        let _ = self.counts.learn(&build.change, &sources, &ids(failed));
    }
}

fn rotation(round: u32, items: usize) -> RotationOrder {
    let number = |position: usize| u128::try_from(position).expect("fits").to_be_bytes();
    RotationOrder::new(round, &(0..items).map(number).collect::<Vec<_>>())
}
