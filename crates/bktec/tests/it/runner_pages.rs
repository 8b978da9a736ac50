//! Each runner has a page in `docs/runners` with a table generated from the code.
//! `UPDATE_DOCS=1` updates the tables.

use std::path::Path;

use bktec::internals::{RUNNERS, at_a_glance};

use crate::reference::update;

const BEGIN: &str =
    "<!-- begin: written by UPDATE_DOCS=1 cargo test -p bktec --test it runner_pages -->\n";
const END: &str = "<!-- end -->\n";

/// On every page.
const HEADINGS: [&str; 6] = [
    "## Placeholders",
    "## Results",
    "## Retry",
    "## Mute and skip",
    "## Notes",
    "## Example",
];

#[test]
fn every_runner_has_a_page_with_its_table() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/runners");
    for runner in RUNNERS {
        let path = directory.join(format!("{}.md", runner.name));
        let page = fs_err::read_to_string(&path).unwrap();
        let (before, rest) = page
            .split_once(BEGIN)
            .expect("the page has a marker before its table");
        let (table, after) = rest
            .split_once(END)
            .expect("the page has a marker after its table");
        let expected = at_a_glance(runner);
        if update() {
            fs_err::write(&path, format!("{before}{BEGIN}{expected}{END}{after}")).unwrap();
            continue;
        }
        assert!(
            table == expected,
            "the table of docs/runners/{}.md is out of date: run UPDATE_DOCS=1 cargo test -p bktec \
             --test it runner_pages",
            runner.name
        );
        for heading in HEADINGS {
            assert!(after.contains(heading), "{}: {heading}", runner.name);
        }
    }
}
