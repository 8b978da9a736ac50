//! Checks of the server: whether it can be reached, the tokens, the clock, and a plan.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use test_engine_wire::Plan;
use uuid::Uuid;

use super::checks::{Check, Status};
use super::prefix::{Mismatch, mismatch};
use crate::clock;
use crate::commands::obtain::{self, Obtained};
use crate::commands::request::PlanInputs;
use crate::server_api::{ApiError, Client, PlanResponse, SuiteAccess, Transport};
use crate::server_api::{server_date, suite_of_upload_token};
use crate::settings::{CommonSettings, RunSettings, TokenSource};

/// Beyond it, tokens of OIDC are rejected, and times of reports mislead.
const MAX_SKEW_SECONDS: i64 = 60;
/// What `bktec run` needs, and what `verify`, `summary` and some checks need.
const REQUIRED_SCOPES: [&str; 2] = ["read_test_plan", "write_test_plan"];
const USEFUL_SCOPE: &str = "read_suites";
/// Below this share of targets with timings, plans are poor.
const FEW_TIMINGS: f64 = 0.5;
const FEATURE: &str = "node_reports";

pub(super) struct Server<'a> {
    pub settings: &'a RunSettings,
    pub suite: &'a SuiteAccess,
    pub client: &'a Client<'a>,
    pub transport: &'a Transport,
}

impl Server<'_> {
    /// All of them, up to one whose failure makes the others useless.
    pub(super) fn checks(&self, inputs: &PlanInputs<'_>) -> Vec<Check> {
        const PLAN: &str = "plan";
        let url = &self.suite.base_url;
        let date = match server_date(self.suite, self.transport) {
            Ok(date) => date,
            Err(failure) => {
                let explanation = failure.explanation().unwrap_or_default();
                let message = format!("{url}: {failure}. {explanation}");
                let fix = "check BUILDKITE_TEST_ENGINE_BASE_URL, and the network and proxy of this \
                           machine";
                return vec![
                    Check::failed("server", message.trim_end(), fix),
                    Check::skipped(PLAN, "the server cannot be reached"),
                ];
            }
        };
        let mut checks = vec![
            Check::ok("server", format!("{url} responds")),
            clock_check(date.as_deref(), clock::now()),
            self.upload(),
        ];
        let token = self.token();
        let is_valid = token.status != Status::Failed;
        checks.push(token);
        if !is_valid {
            checks.push(Check::skipped(PLAN, "the access token is wrong"));
            return checks;
        }
        let suite = self.suite();
        let is_found = suite.status != Status::Failed;
        checks.push(suite);
        if !is_found {
            checks.push(Check::skipped(PLAN, "the suite was not found"));
        } else if inputs.targets.get().is_err() {
            checks.push(Check::skipped(PLAN, "there are no tests to plan"));
        } else {
            checks.extend(self.plan(inputs));
        }
        checks
    }

    /// Whether the token is valid and may do enough.
    fn token(&self) -> Check {
        const NAME: &str = "token";
        const FIX: &str = "create one with: test-engine token create --scope \
                           read_suites,read_test_plan,write_test_plan; and set \
                           BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN";
        if matches!(
            self.settings.common.engine.access_token,
            TokenSource::Agent(_)
        ) {
            return Check::ok(NAME, "the Buildkite agent issued an OIDC token");
        }
        let token = match self.client.access_token(self.suite) {
            Ok(token) => token,
            Err(error) => return Check::failed(NAME, error.to_string(), FIX),
        };
        let has = |scope: &str| token.scopes.iter().any(|own| own == scope);
        let missing: Vec<&str> = REQUIRED_SCOPES.into_iter().filter(|it| !has(it)).collect();
        if !missing.is_empty() {
            let message = format!("the access token lacks the scopes {}", missing.join(", "));
            return Check::failed(NAME, message, FIX);
        }
        if !has(USEFUL_SCOPE) {
            let message = format!(
                "the access token lacks the scope {USEFUL_SCOPE}, which bktec summary needs"
            );
            return Check::warning(NAME, message, FIX);
        }
        Check::ok(NAME, format!("scopes {}", token.scopes.join(", ")))
    }

    fn suite(&self) -> Check {
        const NAME: &str = "suite";
        let named = format!("{}/{}", self.suite.organization_slug, self.suite.suite_slug);
        match self.client.suite() {
            Ok(suite) => {
                let branch = suite.default_branch;
                Check::ok(NAME, format!("{named}, default branch {branch}"))
            }
            Err(error) if error.status() == Some(403) => {
                Check::skipped(NAME, format!("{named}: the token may not read it"))
            }
            Err(error) => Check::failed(NAME, format!("{named}: {error}"), hint(&error)),
        }
    }

    /// The token for uploads belongs to the suite.
    fn upload(&self) -> Check {
        const NAME: &str = "upload token";
        let upload = &self.settings.upload;
        let token = match &upload.token {
            Some(TokenSource::Given(token)) => token,
            Some(TokenSource::Agent(_)) => {
                return Check::ok(NAME, "the Buildkite agent issues one");
            }
            None if upload.enabled => {
                return Check::failed(
                    NAME,
                    "there is none, and results are uploaded",
                    "set BUILDKITE_ANALYTICS_TOKEN to the suite token",
                );
            }
            None => return Check::skipped(NAME, "there is none, and results are not uploaded"),
        };
        let page = format!(
            "/organizations/{}/analytics/suites/{}",
            self.suite.organization_slug, self.suite.suite_slug
        );
        match suite_of_upload_token(&upload.url, token, self.transport) {
            Ok(Some(url)) if !url.ends_with(&page) => Check::failed(
                NAME,
                format!("the token belongs to another suite: {url}"),
                "set BUILDKITE_ANALYTICS_TOKEN to the token of this suite",
            ),
            Ok(_) => Check::ok(NAME, format!("accepted by {}", upload.url)),
            Err(failure) => Check::failed(
                NAME,
                format!("{}: {failure}", upload.url),
                "check BUILDKITE_ANALYTICS_TOKEN and BUILDKITE_TEST_ENGINE_UPLOAD_BASE_URL",
            ),
        }
    }

    /// Creates a plan, fetches it again, and looks at what the server knows of the tests.
    fn plan(&self, inputs: &PlanInputs<'_>) -> Vec<Check> {
        const NAME: &str = "plan";
        let mut settings: CommonSettings = self.settings.common.clone();
        settings.identifier = format!("doctor/{}", Uuid::now_v7());
        // A plan for a single node has no timings.
        settings.build.parallelism = settings.build.parallelism.max(2);
        let inputs = PlanInputs {
            settings: &settings,
            ..*inputs
        };
        let created = match obtain::create(&inputs) {
            Ok(Obtained::Plan(created)) => created,
            Ok(Obtained::Unavailable(why)) => {
                let fix = why.hint.clone().unwrap_or_default();
                return vec![Check::failed(NAME, why.reason, fix)];
            }
            Err(error) => return vec![Check::failed(NAME, error.to_string(), "")],
        };
        let check = match self.client.fetch_plan(&settings.identifier, 0) {
            Ok(Some(fetched)) if fetched.plan == created.plan => {
                let nodes = created.plan.parallelism;
                Check::ok(
                    NAME,
                    format!("created for {nodes} nodes, and fetched again"),
                )
            }
            Ok(_) => Check::failed(
                NAME,
                "the server returns another plan than the one it created",
                "check that every request reaches the same server or database",
            ),
            Err(error) => Check::failed(NAME, error.to_string(), hint(&error)),
        };
        let mut checks = vec![check, self.features(&created.plan)];
        checks.push(self.timings(&created));
        checks
    }

    fn features(&self, plan: &Plan) -> Check {
        const NAME: &str = "server version";
        if self.settings.common.engine.is_hosted() {
            return Check::skipped(NAME, "the hosted product has no node reports");
        }
        if plan.features.iter().any(|feature| feature == FEATURE) {
            return Check::ok(NAME, "accepts the reports of nodes");
        }
        Check::warning(
            NAME,
            "the server is older than this client and accepts no reports of nodes, so bktec \
             verify cannot ask it",
            "upgrade the server",
        )
    }

    fn timings(&self, created: &PlanResponse) -> Check {
        const NAME: &str = "timings";
        let Some(ratio) = created.plan.known_timings_ratio else {
            return Check::skipped(NAME, "the server does not say how many tests it knows");
        };
        let message = format!("{:.0}% of the tests have timings", ratio * 100.0);
        if ratio >= FEW_TIMINGS {
            return Check::ok(NAME, message);
        }
        let tests = self.client.some_tests().unwrap_or_default();
        let files: Vec<&str> = tests
            .iter()
            .filter_map(|it| it.file_name.as_deref())
            .collect();
        let cases = created.plan.tasks.values().flat_map(|task| &task.tests);
        match mismatch(cases.map(test_engine_wire::Case::target), &files) {
            Some(Mismatch::InResults(path)) => Check::failed(
                NAME,
                format!("{message}: results name files below {path}/, and plans do not"),
                format!("set BUILDKITE_TEST_ENGINE_LOCATION_PREFIX to {path}"),
            ),
            Some(Mismatch::InPlans(path)) => Check::failed(
                NAME,
                format!("{message}: plans name files below {path}/, and results do not"),
                format!(
                    "set BUILDKITE_ANALYTICS_LOCATION_PREFIX to {path} where results are \
                     collected, or unset BUILDKITE_TEST_ENGINE_LOCATION_PREFIX"
                ),
            ),
            None => Check::warning(
                NAME,
                format!("{message}, so nodes get equal numbers of tests"),
                "upload results of the default branch: set \
                 BUILDKITE_TEST_ENGINE_UPLOAD_RESULTS=true, or use a collector",
            ),
        }
    }
}

fn hint(error: &ApiError) -> String {
    error.hint().unwrap_or_default().to_owned()
}

/// `date` is the `Date` of a response.
fn clock_check(date: Option<&str>, now: Timestamp) -> Check {
    const NAME: &str = "clock";
    let parsed = date.and_then(|date| DateTimeParser::new().parse_timestamp(date).ok());
    let Some(server) = parsed else {
        return Check::skipped(NAME, "the server does not say its time");
    };
    let skew = now.as_second() - server.as_second();
    let seconds = skew.abs();
    if seconds <= MAX_SKEW_SECONDS {
        return Check::ok(NAME, "agrees with the server's");
    }
    let direction = if skew > 0 { "ahead of" } else { "behind" };
    Check::failed(
        NAME,
        format!("this machine is {seconds} s {direction} the server"),
        "synchronize both clocks, for example with chrony or systemd-timesyncd",
    )
}

#[cfg(test)]
mod tests {
    use super::super::checks::Status;
    use super::clock_check;

    #[test]
    fn a_clock_may_differ_by_a_minute() {
        let date = "Sun, 29 Nov 2026 16:00:00 GMT";
        for (now, status, text) in [
            ("2026-11-29T16:00:00Z", Status::Ok, "agrees"),
            ("2026-11-29T16:01:00Z", Status::Ok, "agrees"),
            ("2026-11-29T16:01:01Z", Status::Failed, "61 s ahead of"),
            ("2026-11-29T15:00:00Z", Status::Failed, "3600 s behind"),
        ] {
            let check = clock_check(Some(date), now.parse().unwrap());
            assert_eq!(check.status, status, "{now}");
            assert!(check.message.contains(text), "{}", check.message);
        }
        let now = "2026-11-29T16:00:00Z".parse().unwrap();
        assert_eq!(clock_check(None, now).status, Status::Skipped);
        assert_eq!(clock_check(Some("soon"), now).status, Status::Skipped);
    }
}
