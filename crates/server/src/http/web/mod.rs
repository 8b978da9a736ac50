//! The web pages: a file for each page, rendered on the server, readable without scripts.
//!
//! Uploaded text is untrusted: templates escape it, and the headers set here keep browsers from
//! executing any of it.

mod account;
mod accounting_in_lists;
mod assets;
mod build;
mod bulk;
mod compare;
mod empty;
mod error_pages;
mod execution;
mod export;
mod failures;
mod figures;
mod finish;
mod flaky;
mod format;
mod home;
mod main_pictures;
mod mute_form;
mod owner_filter;
mod owners;
mod page;
mod plan;
mod plan_estimates;
mod plans;
mod quarantine;
mod rules;
mod run;
mod run_rows;
mod runner_command;
mod runs;
mod search;
mod selection;
mod settings;
mod sign_in;
mod since;
mod status;
mod suite;
mod suites;
mod test;
mod test_address;
mod test_events;
mod test_figures;
mod test_labels;
mod test_list;
mod test_pictures;
mod test_selection;
mod test_state;
mod theme;
mod uploads;
mod viewer;
mod words;

use axum::Router;
use axum::middleware;
use axum::routing::{MethodRouter, get, post};

use crate::App;

pub(super) use error_pages::layer as error_pages;

/// The start page.
pub(crate) const START: &str = "/organizations";

pub(super) fn router() -> Router<App> {
    let mut router = Router::new()
        .route("/sign-out", post(sign_in::sign_out))
        .route(theme::ADDRESS, post(theme::set))
        .route(sign_in::START_PROVIDER, get(sign_in::start))
        .route(sign_in::CALLBACK, get(sign_in::callback))
        .route("/sign-in/password", post(sign_in::post_password))
        .route("/account/end-session", post(account::end_session))
        .route("/account/create-token", post(account::create_token))
        .route("/account/revoke-token", post(account::revoke_token))
        .route("/account/password", post(account::set_password))
        .route(
            "/organizations/{organization}/analytics/suites/{suite}/tests/{id}/state",
            post(test_state::set),
        )
        .route(
            "/organizations/{organization}/analytics/suites/{suite}/tests/{id}/labels",
            post(test_labels::change),
        )
        .route(
            "/organizations/{organization}/analytics/suites/{suite}/tests/views",
            post(test_list::change_view),
        )
        .route(
            "/organizations/{organization}/analytics/suites/{suite}/runs/compare",
            get(compare::choose),
        )
        .route(
            "/organizations/{organization}/analytics/suites/{suite}/rules/{id}/switch",
            post(rules::switch),
        )
        .route(
            "/organizations/{organization}/analytics/suites/{suite}/rules/{id}/delete",
            post(rules::delete),
        );
    for (path, methods) in pages() {
        if LISTS.iter().any(|list| path.ends_with(list)) {
            for extension in export::EXTENSIONS {
                router = router.route(&format!("{path}{extension}"), methods.clone());
            }
        }
        router = router.route(path, methods);
    }
    router
        .merge(settings::forms())
        .layer(middleware::from_fn(finish::layer))
        .route(assets::ROUTE, get(assets::get))
}

/// The ends of the paths of lists, which are files too.
const LISTS: [&str; 11] = [
    "{organization}/analytics",
    "/analytics/owners",
    "{suite}/runs",
    "{suite}/failures",
    "{suite}/tests",
    "{suite}/flaky",
    "{suite}/quarantine",
    "{suite}/plans",
    "{suite}/uploads",
    "{suite}/rules",
    "/settings/audit",
];

/// The paths of all pages, with their handlers.
pub(super) fn pages() -> Vec<(&'static str, MethodRouter<App>)> {
    let mut pages = vec![
        (START, get(home::get)),
        ("/sign-in", get(sign_in::get).post(sign_in::post_token)),
        (account::ACCOUNT, get(account::get)),
        (search::ADDRESS, get(search::get)),
        ("/organizations/{organization}/analytics", get(suites::get)),
        (
            "/organizations/{organization}/analytics/owners",
            get(owners::get),
        ),
        (
            "/organizations/{organization}/analytics/suites/{suite}",
            get(suite::get),
        ),
        (
            "/organizations/{organization}/analytics/suites/{suite}/runs",
            get(runs::get),
        ),
        (
            "/organizations/{organization}/analytics/suites/{suite}/tests",
            get(test_list::get),
        ),
        (
            "/organizations/{organization}/analytics/suites/{suite}/tests/{id}",
            get(test::get),
        ),
        (
            "/organizations/{organization}/analytics/suites/{suite}/flaky",
            get(flaky::get),
        ),
        (
            "/organizations/{organization}/analytics/suites/{suite}/quarantine",
            get(quarantine::get).post(bulk::post),
        ),
        (
            "/organizations/{organization}/analytics/suites/{suite}/plans",
            get(plans::get),
        ),
        (
            "/organizations/{organization}/analytics/suites/{suite}/plans/{id}",
            get(plan::get),
        ),
        (
            "/organizations/{organization}/analytics/suites/{suite}/uploads",
            get(uploads::get),
        ),
        (
            "/organizations/{organization}/analytics/suites/{suite}/rules",
            get(rules::list).post(rules::create),
        ),
        (
            "/organizations/{organization}/analytics/suites/{suite}/rules/new",
            get(rules::new),
        ),
        (
            "/organizations/{organization}/analytics/suites/{suite}/rules/{id}",
            get(rules::page).post(rules::update),
        ),
        (
            "/organizations/{organization}/analytics/suites/{suite}/selection",
            get(selection::get).post(selection::post),
        ),
        (
            "/organizations/{organization}/analytics/suites/{suite}/selection/decision",
            get(selection::get_decision),
        ),
        (
            "/organizations/{organization}/analytics/suites/{suite}/runs/{id}",
            get(run::get),
        ),
        (
            "/organizations/{organization}/analytics/suites/{suite}/runs/{id}/against/{against}",
            get(compare::get),
        ),
        (
            "/organizations/{organization}/analytics/suites/{suite}/failures",
            get(failures::get),
        ),
        (
            "/organizations/{organization}/analytics/builds/{build}",
            get(build::get),
        ),
    ];
    pages.extend(settings::pages());
    pages
}
