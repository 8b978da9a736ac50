//! Failed hooks of Mocha, and of Cypress, which is built on it.
//!
//! Their reports list a failed hook like a test: `"before each" hook for "adds"`. The remaining
//! tests of its suite do not run, and most reports omit them, so a mute of the hook would hide
//! them.

use test_engine_results::Outcome;

use crate::runners::{ParsedResults, Shortfall, TestKey};

/// The hooks after whose failure Mocha skips tests. After `after all` there are none left.
const HOOKS: [&str; 3] = [
    "\"before all\" hook",
    "\"before each\" hook",
    "\"after each\" hook",
];

pub(super) fn note_unrun_tests(parsed: &mut ParsedResults) {
    let failed = parsed
        .tests
        .iter()
        .filter(|test| test.outcome == Outcome::Failed);
    let hooks = failed.filter(|test| is_hook(&test.key));
    let shortfalls = hooks.map(|hook| Shortfall {
        path: Some(hook.key.path.clone()).filter(|path| !path.is_empty()),
        reason: format!(
            "the hook {} failed, so the remaining tests of its suite did not run",
            hook.key.name
        ),
    });
    let shortfalls: Vec<Shortfall> = shortfalls.collect();
    parsed.shortfalls.extend(shortfalls);
}

fn is_hook(key: &TestKey) -> bool {
    HOOKS.iter().any(|hook| key.name.contains(hook))
}
