//! The order of the modules in each crate. A module may import those before it in its list, never
//! one after it, so there is no circle. Re-exports of `lib.rs` count as imports of their module.

use std::collections::BTreeMap;

use rstest::rstest;

use crate::imports::{imports, re_exports};
use crate::source::{Source, has_extension, tracked};

/// The modules of a crate, lowest first.
type Order = &'static [&'static str];

const ACCOUNTING: Order = &[
    "verdict",
    "limits",
    "population",
    "finding",
    "input",
    "jobs",
    "targets",
    "counts",
    "vanished",
    "coverage",
    "rows",
    "group",
    "sections",
    "account",
];

const BKTEC: Order = &[
    "clock",
    "discovery",
    "env_vars",
    "exit_code",
    "fallback",
    "headline",
    "process",
    "result_format",
    "result_size",
    "ci",
    "cli",
    "command_template",
    "runners",
    "attempts",
    "settings",
    "split_summary",
    "agent",
    "report",
    "terminal",
    "server_api",
    "upload",
    "commands",
];

const CHARTS: Order = &[
    "geometry",
    "markup",
    "axis",
    "key",
    "table",
    "small",
    "curve",
    "durations",
    "history",
    "hours",
    "pulse",
    "raster",
    "rates",
    "spans",
    "split",
];

const COMMIT_HISTORY: Order = &[
    "archive",
    "cancel",
    "object_id",
    "error",
    "git",
    "commits",
    "repository",
    "default_branch",
    "event",
    "availability",
    "bases",
    "diffs",
    "prefetch",
    "head",
    "queue",
    "record",
    "collect",
    "export",
];

const INSIGHTS: Order = &[
    "time",
    "group",
    "failure",
    "frames",
    "fingerprint",
    "fisher",
    "causes",
    "guard",
    "parameters",
    "release",
    "evidence",
    "executions",
    "breaks",
    "score",
    "health",
    "alarm",
    "replay",
    "monitors",
    "brake",
    "preview",
];

const PLANNER: Order = &[
    "bounds",
    "change",
    "defaults",
    "round_robin",
    "shares",
    "estimate",
    "exact",
    "exchange",
    "first_fit",
    "longest_first",
    "balance",
    "parallelism",
    "split",
    "by_file",
];

const RESULTS: Order = &[
    "model",
    "text_copy",
    "pytest_class_name",
    "xml",
    "bounded",
    "builder",
    "document",
    "encoding",
    "lenient",
    "go_output",
    "go_jsonl",
    "streaming",
    "cucumber_json",
    "jest_json",
    "json",
    "junit",
    "playwright_json",
    "rspec_json",
];

const SELECTION: Order = &[
    "share",
    "words",
    "paths",
    "patterns",
    "functions",
    "change",
    "postings",
    "catalog",
    "counts",
    "features",
    "weights",
    "value",
    "confidence",
    "settings",
    "failure",
    "window",
    "drift",
    "holdout",
    "rotation",
    "reason",
    "build",
    "always",
    "full",
    "decide",
    "record",
    "explain",
];

/// Domain modules come before `http`, which only `server` and `cli` may use.
const SERVER: Order = &[
    "backfills",
    "clock",
    "audit",
    "commits",
    "config",
    "error_chain",
    "judgements",
    "labels",
    "links",
    "events",
    "metrics",
    "owners",
    "plan_metadata",
    "passwords",
    "people",
    "private_files",
    "retention",
    "running",
    "scopes",
    "secrets",
    "sealing",
    "selectors",
    "selection",
    "sign_in_attempts",
    "spans",
    "spill",
    "webhooks",
    "write_health",
    "backup",
    "blobs",
    "ingest",
    "oidc",
    "planning",
    "quarantine",
    "causes",
    "rules",
    "accounting",
    "build_summary",
    "import",
    "rate_limits",
    "access",
    "admin",
    "raw_uploads",
    "app",
    "backfill_ingest",
    "jobs",
    "http",
    "server",
    "cli",
];

const STORE: Order = &[
    "error",
    "identity",
    "records",
    "varint",
    "ordering",
    "rings",
    "segment",
    "query_count",
    "sql",
    "filters",
    "many",
    "together",
    "run_outcomes",
    "run_memory",
    "memory",
    "sums",
    "store",
    "expired",
    "audit",
    "events",
    "webhooks",
    "roles",
    "selection",
    "accounting",
    "backfills",
    "build_runs",
    "commits",
    "day_sums",
    "execution_tags",
    "plans",
    "job_reports",
    "file_loads",
    "labels",
    "leases",
    "migrations",
    "open",
    "organizations",
    "quarantines",
    "request_counts",
    "spans",
    "retention",
    "test_rows",
    "runs",
    "run_lists",
    "tagged_executions",
    "known_tests",
    "suite_contents",
    "rules",
    "suites",
    "selection_switch",
    "saved_views",
    "ownership",
    "tokens",
    "users",
    "user_sessions",
    "sign_in_rules",
    "user_changes",
    "deletion",
    "upload_attempts",
    "file_totals",
    "search",
    "backup",
    "changed_tests",
    "evidence",
    "circumstances",
    "failure_history",
    "build_failures",
    "failure_groups",
    "failure_causes",
    "failures_on_main",
    "test_failures",
    "level_events",
    "health",
    "rule_history",
    "rule_evaluation",
    "executed",
    "build_executions",
    "run_tests",
    "history",
    "ingest",
    "test_counts",
    "timings",
    "vanished",
];

/// The module at the crate's root that a file belongs to; `None` for the root itself and binaries.
fn module_of(path: &str, source_directory: &str) -> Option<String> {
    let rest = path.strip_prefix(source_directory)?;
    let first = rest.split('/').next()?;
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (!matches!(name, "lib" | "main")).then(|| name.to_owned())
}

fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/") || path.ends_with("/testing.rs")
}

/// Imports that point upwards, each as `path:line: a imports b`.
fn violations(sources: &[Source], source_directory: &str, order: &[&str]) -> Vec<String> {
    let rank = |module: &str| order.iter().position(|name| *name == module);
    let lib = format!("{source_directory}lib.rs");
    let lib = sources.iter().find(|source| source.path == lib);
    let re_exports = lib.map_or_else(BTreeMap::new, |lib| re_exports(&lib.text));
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| !is_test(&source.path)) {
        let Some(module) = module_of(&source.path, source_directory) else {
            continue;
        };
        let Some(own) = rank(&module) else {
            found.push(format!(
                "{}: `{module}` is not in the list of modules",
                source.path
            ));
            continue;
        };
        for import in imports(&source.text) {
            let target = re_exports.get(&import.module).unwrap_or(&import.module);
            if rank(target).is_some_and(|other| other > own) {
                found.push(format!(
                    "{}:{}: `{module}` must not import `{target}`, which is above it",
                    source.path, import.line
                ));
            }
        }
    }
    found
}

#[rstest]
#[case("crates/accounting/src/", ACCOUNTING)]
#[case("crates/bktec/src/", BKTEC)]
#[case("crates/charts/src/", CHARTS)]
#[case("crates/commit-history/src/", COMMIT_HISTORY)]
#[case("crates/insights/src/", INSIGHTS)]
#[case("crates/planner/src/", PLANNER)]
#[case("crates/results/src/", RESULTS)]
#[case("crates/selection/src/", SELECTION)]
#[case("crates/server/src/", SERVER)]
#[case("crates/store/src/", STORE)]
fn modules_import_only_modules_below_them(#[case] source_directory: &str, #[case] order: Order) {
    let sources = tracked(|path| path.starts_with(source_directory) && has_extension(path, "rs"));
    let found = violations(&sources, source_directory, order);
    assert!(found.is_empty(), "{}", found.join("\n"));
    for module in order {
        let exists = sources
            .iter()
            .any(|source| module_of(&source.path, source_directory).as_deref() == Some(module));
        assert!(
            exists,
            "{source_directory}{module} is listed and does not exist"
        );
    }
}

#[test]
fn an_import_of_a_higher_module_is_reported_with_its_line() {
    let source = |path: &str, text: &str| Source {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    let sources = [
        source(
            "src/lib.rs",
            "mod high;\nmod low;\nmod top;\npub use top::Top;\n",
        ),
        source("src/low.rs", "//! Low.\n\nuse crate::{high::Thing, low};\n"),
        source(
            "src/high/mod.rs",
            "use crate::low::Thing;\nuse crate::Top;\n",
        ),
        source("src/high/tests.rs", "use crate::top;\n"),
        source("src/unlisted.rs", ""),
    ];
    assert_eq!(
        violations(&sources, "src/", &["low", "high", "top"]),
        [
            "src/low.rs:3: `low` must not import `high`, which is above it",
            "src/high/mod.rs:2: `high` must not import `top`, which is above it",
            "src/unlisted.rs: `unlisted` is not in the list of modules",
        ]
    );
}
