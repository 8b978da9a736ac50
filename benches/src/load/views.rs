//! Pages and API lists: every page with every sort order and filter, and every list.
//!
//! `pages.txt` lists them. A test of the server compares it with the router, so that no page is
//! missing. `mix` decides how often each is requested.

use anyhow::{Context as _, ensure};

use super::dataset::{Size, build, slug};
use super::mix::api;
use crate::http::Connection;
use crate::results;
use crate::server::{ORGANIZATION, Server};

const PAGES: &str = include_str!("pages.txt");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// For people.
    Page,
    /// For programs.
    List,
}

/// One line of `pages.txt`.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub(super) name: &'static str,
    address: &'static str,
}

impl View {
    pub(super) fn target(self) -> Target {
        if self.address.starts_with("/v2/") {
            Target::List
        } else {
            Target::Page
        }
    }
}

/// All views, and the values of their placeholders.
pub(super) struct Views {
    all: Vec<View>,
    access: String,
    ids: Vec<Ids>,
    /// A build with a run of each suite.
    build: String,
}

/// Of a suite.
struct Ids {
    /// A test that failed in the newest run.
    test: String,
    /// Its failed execution.
    execution: String,
    /// The newest first.
    runs: [String; 2],
    rule: String,
}

/// The identifier of the plan whose page is requested.
const PLAN: &str = "pages";
/// Files that the commit of this plan changes.
const CHANGED_FILES: usize = 3;

impl Views {
    pub(super) fn find(size: Size, server: &Server, access: &str) -> anyhow::Result<Self> {
        let mut connection = Connection::open(&server.host)?;
        let mut newest = |suite: u32, list: &str, id: &str| -> anyhow::Result<[String; 2]> {
            let path = format!("{}/{list}?per_page=2", api(suite));
            let headers = [("Authorization", access)];
            let response = connection.send("GET", &path, &headers, b"")?.expect(200)?;
            let listed: serde_json::Value = serde_json::from_slice(&response.body)?;
            let id = |at: usize| listed[at][id].as_str().map(str::to_owned);
            let first = id(0).with_context(|| format!("{path} is empty"))?;
            // A suite may have only one.
            let second = id(1).unwrap_or_else(|| first.clone());
            Ok([first, second])
        };
        let ids = (0..size.suites)
            .map(|suite| {
                let runs = newest(suite, "runs", "id")?;
                let failures = format!("runs/{}/failed_executions", runs[0]);
                let [test, _] = newest(suite, &failures, "test_id")?;
                let [execution, _] = newest(suite, &failures, "execution_id")?;
                let [rule, _] = newest(suite, "rules", "id")?;
                Ok(Ids {
                    test,
                    execution,
                    runs,
                    rule,
                })
            })
            .collect::<anyhow::Result<_>>()?;
        for suite in 0..size.suites {
            let path = format!("{}/test_plan", api(suite));
            let headers = [
                ("Authorization", access),
                ("Content-Type", "application/json"),
            ];
            let request = plan_request(size);
            connection
                .send("POST", &path, &headers, request.as_bytes())?
                .expect(200)?;
        }
        Ok(Self {
            all: read(PAGES)?,
            access: access.to_owned(),
            ids,
            build: build(0),
        })
    }

    pub(super) fn of(&self, target: Target) -> impl Iterator<Item = &View> {
        self.all.iter().filter(move |view| view.target() == target)
    }

    /// Requests a view of this suite.
    pub(super) fn request(
        &self,
        view: &View,
        suite: usize,
        connection: &mut Connection,
    ) -> anyhow::Result<()> {
        let ids = &self.ids[suite];
        let is_below = |list: &str| view.address.contains(&format!("/{list}/{{id}}"));
        let id = if is_below("runs") {
            ids.runs[0].as_str()
        } else if is_below("rules") {
            ids.rule.as_str()
        } else if is_below("plans") {
            PLAN
        } else {
            ids.test.as_str()
        };
        let path = view
            .address
            .replace("{organization}", ORGANIZATION)
            .replace("{suite}", &slug(u32::try_from(suite)?))
            .replace("{id}", id)
            .replace("{execution}", &ids.execution)
            .replace("{against}", &ids.runs[1])
            .replace("{build}", &self.build);
        let mut headers = vec![("Accept-Encoding", "identity")];
        if view.target() == Target::List {
            headers.push(("Authorization", self.access.as_str()));
        }
        let response = connection.send("GET", &path, &headers, b"")?;
        // Some pages redirect: sign-in when it is not needed, and a single organization.
        if response.status != 303 {
            let response = response.expect(200)?;
            ensure!(!response.body.is_empty(), "{path} is empty");
        }
        Ok(())
    }
}

/// A plan of all files for a change of some, with a decision about selection.
fn plan_request(size: Size) -> String {
    let path = |file: usize| serde_json::json!({"path": results::path(file)});
    let files: Vec<serde_json::Value> = (0..size.files()).map(path).collect();
    let changed: Vec<String> = (0..CHANGED_FILES).map(results::path).collect();
    let request = serde_json::json!({
        "runner": "rspec", "identifier": PLAN, "parallelism": 4, "branch": "topic",
        "tests": {"files": files},
        "metadata": {
            "commit_sha": "c".repeat(40), "message": "Change something",
            "files_changed": changed.join("\n"),
        },
        "selection": {"strategy": "observe", "params": {}},
    });
    request.to_string()
}

fn read(pages: &'static str) -> anyhow::Result<Vec<View>> {
    pages
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (name, address) = line.split_once("  ").context("read pages.txt")?;
            Ok(View {
                name,
                address: address.trim(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{PAGES, Target, read};

    #[test]
    fn every_line_is_a_unique_view() {
        let views = read(PAGES).unwrap();
        let names: BTreeSet<&str> = views.iter().map(|view| view.name).collect();
        let addresses: BTreeSet<&str> = views.iter().map(|view| view.address).collect();
        assert_eq!((names.len(), addresses.len()), (views.len(), views.len()));
        for target in [Target::Page, Target::List] {
            assert!(views.iter().any(|view| view.target() == target));
        }
    }
}
