//! Pages and API lists: every page with every sort order and filter, and every list.
//!
//! `pages.txt` lists them. A test of the server compares it with the router, so that no page is
//! missing. `mix` decides how often each is requested.

use anyhow::{Context as _, ensure};

use super::dataset::{Size, slug};
use super::mix::api;
use crate::http::Connection;
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
    /// The IDs of a test and a run of each suite.
    ids: Vec<(String, String)>,
}

impl Views {
    pub(super) fn find(size: Size, server: &Server, access: &str) -> anyhow::Result<Self> {
        let mut connection = Connection::open(&server.host)?;
        let mut first = |suite: u32, list: &str| -> anyhow::Result<String> {
            let path = format!("{}/{list}?per_page=1", api(suite));
            let headers = [("Authorization", access)];
            let response = connection.send("GET", &path, &headers, b"")?.expect(200)?;
            let listed: serde_json::Value = serde_json::from_slice(&response.body)?;
            let id = listed[0]["id"].as_str();
            Ok(id.with_context(|| format!("{path} is empty"))?.to_owned())
        };
        let ids = (0..size.suites)
            .map(|suite| Ok((first(suite, "tests")?, first(suite, "runs")?)))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self {
            all: read(PAGES)?,
            access: access.to_owned(),
            ids,
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
        let (test, run) = &self.ids[suite];
        let is_run = view.address.contains("/runs/{id}");
        let path = view
            .address
            .replace("{organization}", ORGANIZATION)
            .replace("{suite}", &slug(u32::try_from(suite)?))
            .replace("{id}", if is_run { run } else { test });
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
