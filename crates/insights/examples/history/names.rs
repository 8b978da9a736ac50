//! Names, durations and failures of the tests of a shop, and its branches and commits.

use crate::generated::numbers::Numbers;

const AREAS: [&str; 10] = [
    "accounts", "basket", "catalog", "checkout", "invoices", "mail", "payments", "search",
    "shipping", "stock",
];
const SUBJECTS: [&str; 10] = [
    "discounts",
    "limits",
    "permissions",
    "history",
    "import",
    "export",
    "prices",
    "addresses",
    "filters",
    "totals",
];
const ACTIONS: [&str; 20] = [
    "adds_an_item",
    "removes_an_item",
    "keeps_the_order",
    "rejects_a_negative_amount",
    "accepts_an_empty_list",
    "rounds_to_cents",
    "handles_a_timeout",
    "logs_the_change",
    "is_idempotent",
    "paginates",
    "sorts_by_date",
    "ignores_case",
    "requires_a_login",
    "sends_one_message",
    "survives_a_restart",
    "shows_a_hint",
    "undoes_the_change",
    "validates_the_currency",
    "works_without_a_network",
    "writes_a_receipt",
];
const WORK: [&str; 8] = [
    "faster-search",
    "new-checkout",
    "fix-rounding",
    "gift-cards",
    "update-dependencies",
    "dark-mode",
    "export-invoices",
    "retry-payments",
];
/// Distinct failures that an outage and unrelated problems of the machines cause.
const MACHINE_FAILURES: [&str; 4] = [
    "ConnectionRefusedError: [Errno 111] Connection refused: db.internal:5432",
    "OSError: [Errno 28] No space left on device",
    "TimeoutError: no response from selenium-hub within 30 s",
    "ConnectionResetError: [Errno 104] Connection reset by peer: cache.internal:6379",
];
/// Messages from this number on have a cause outside of their test.
const FIRST_MACHINE_MESSAGE: u32 = 1_000_000;

/// How a test is called, how long it takes and how it fails.
pub(crate) struct TestName {
    pub(crate) scope: String,
    pub(crate) name: &'static str,
    pub(crate) file: String,
    pub(crate) line: u32,
    /// Its usual duration in seconds.
    usual: f64,
    /// By how much that grows over the history.
    growth: f64,
    reason: String,
}

impl TestName {
    /// The tests whose kinds are given by name. Kinds that are listed together are spread over
    /// files.
    pub(crate) fn all(kinds: impl Iterator<Item = String>) -> Vec<Self> {
        let kinds: Vec<String> = kinds.collect();
        let count = u32::try_from(kinds.len()).unwrap_or(u32::MAX);
        (0..count)
            .zip(&kinds)
            .map(|(test, kind)| Self::new(spread(test, count), kind))
            .collect()
    }

    fn new(place: u32, kind: &str) -> Self {
        let (file, of_file) = (place / 20, place % 20);
        let area = pick(&AREAS, file);
        let subject = pick(&SUBJECTS, file / 10);
        let series = file / 100;
        let suffix = if series == 0 {
            String::new()
        } else {
            format!("_{series}")
        };
        let mut numbers = Numbers::new(u64::from(place));
        // Most take less than a tenth of a second; one in fifty takes seconds.
        let usual = if place % 50 == 17 {
            2.0 + 28.0 * numbers.unit()
        } else {
            0.004 + 0.4 * numbers.unit().powi(4)
        };
        Self {
            scope: format!("tests.{area}.test_{subject}{suffix}"),
            name: pick(&ACTIONS, of_file),
            file: format!("tests/{area}/test_{subject}{suffix}.py"),
            line: 12 + of_file * 9,
            usual,
            growth: if place % 170 == 5 { 6.0 } else { 0.0 },
            reason: reason(kind, area, subject),
        }
    }

    /// `progress`: 0 at the start of the history, 1 at its end.
    pub(crate) fn seconds(&self, progress: f64, is_failed: bool, numbers: &mut Numbers) -> f64 {
        let noise = 0.8 + 0.5 * numbers.unit() * numbers.unit();
        let waited = if is_failed { 0.5 } else { 0.0 };
        let seconds = self.usual * (1.0 + self.growth * progress) * noise + waited;
        (seconds * 1e6).round() / 1e6
    }

    pub(crate) fn reason(&self, message: u32) -> String {
        match message.checked_sub(FIRST_MACHINE_MESSAGE) {
            Some(number) => pick(&MACHINE_FAILURES, number).to_owned(),
            None => self.reason.clone(),
        }
    }
}

/// Moves neighbors apart, without collisions.
fn spread(test: u32, count: u32) -> u32 {
    let step = [7_919, 7_907, 1]
        .into_iter()
        .find(|step| has_no_common_factor(*step, count));
    let spread = u64::from(test) * u64::from(step.unwrap_or(1)) % u64::from(count.max(1));
    u32::try_from(spread).unwrap_or_default()
}

/// For a prime.
fn has_no_common_factor(prime: u32, count: u32) -> bool {
    prime == 1 || !count.is_multiple_of(prime)
}

/// The failure that the kind of a test typically has.
fn reason(kind: &str, area: &str, subject: &str) -> String {
    match kind.split_whitespace().next().unwrap_or_default() {
        "order" => format!("AssertionError: expected no {subject} before the test, found 3"),
        "hours" | "calendar" => {
            format!("AssertionError: {area}: expected the date of today, got that of tomorrow")
        }
        "load" => format!("TimeoutError: {area} did not respond within 2 s"),
        "random" | "rare" | "newly" | "fixed" => {
            format!("AssertionError: expected 2 {subject}, got 1")
        }
        _ => format!("KeyError: '{area}_{subject}'"),
    }
}

pub(crate) fn branch(commit: u32) -> String {
    format!("{}-{}", pick(&WORK, commit), 400 + commit / 3)
}

pub(crate) fn message(commit: u32) -> String {
    let area = pick(&AREAS, commit / 3);
    let subject = pick(&SUBJECTS, commit);
    match commit / 7 % 3 {
        0 => format!("Speed up {subject} of {area}"),
        1 => format!("Rewrite {subject} of {area}"),
        _ => format!("Fix {subject} of {area}"),
    }
}

fn pick(texts: &[&'static str], number: u32) -> &'static str {
    let place = number as usize % texts.len().max(1);
    texts.get(place).copied().unwrap_or_default()
}
