//! Log lines and colors.

use bktec::internals;
use test_engine_testkit::NO_SERVER;

use super::{PLAN, with_plan};
use crate::bktec::Bktec;

#[test]
fn accepts_a_commit_message_in_another_encoding() {
    use std::os::unix::ffi::OsStrExt as _;
    let message = std::ffi::OsStr::from_bytes(b"caf\xe9");
    let ended = Bktec::against(&["run"], &with_plan(PLAN))
        .env("BUILDKITE_MESSAGE", message)
        .run();
    assert_eq!(ended.code, 0, "{ended}");
}

#[test]
fn debug_lines_have_a_prefix() {
    let ended = Bktec::against(&["run", "--debug"], &with_plan(PLAN)).run();
    assert!(ended.stdout.contains("\nDEBUG: GET SERVER/"), "{ended}");
    let ended = Bktec::against(&["plan", "--json"], &with_plan(PLAN))
        .env("BUILDKITE_TEST_ENGINE_DEBUG_ENABLED", "TRUE")
        .run();
    assert!(ended.stderr.contains("\nDEBUG: POST SERVER/"), "{ended}");
    assert!(!ended.stdout.contains("DEBUG"), "{ended}");
}

#[test]
fn no_color_turns_colors_off() {
    let ended = |name: &str, value: &str| {
        Bktec::configured(&["run", "--files", "missing"], NO_SERVER)
            .env("CLICOLOR_FORCE", "1")
            .env(name, value)
            .run()
            .stderr
    };
    assert!(ended("X", "").starts_with("\u{1b}[31m❌ "));
    assert!(ended(internals::NO_COLOR, "1").starts_with("❌ "));
}
