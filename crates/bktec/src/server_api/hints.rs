//! What to check after a failure, with the names of the settings and their values. Pure.

use super::failure::NotFoundCause;
use super::{Failure, SuiteAccess, Verdict, without_secrets};

const BASE_URL: &str = "BUILDKITE_TEST_ENGINE_BASE_URL (--base-url)";
const ORGANIZATION: &str = "BUILDKITE_ORGANIZATION_SLUG (--organization-slug)";
const SUITE: &str = "BUILDKITE_TEST_ENGINE_SUITE_SLUG (--suite-slug)";

/// The settings that hints name.
pub(super) struct Hints {
    /// Without its user name and password.
    base_url: String,
    organization: String,
    suite: String,
}

impl Hints {
    pub(super) fn new(suite: &SuiteAccess) -> Self {
        Self {
            base_url: without_secrets(&suite.base_url),
            organization: suite.organization_slug.clone(),
            suite: suite.suite_slug.clone(),
        }
    }

    pub(super) fn hint(&self, failure: &Failure) -> Option<String> {
        match failure {
            Failure::Status { status: 401, .. } => Some(
                "check the access token: BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN or --access-token"
                    .to_owned(),
            ),
            Failure::Status { status: 403, .. } if failure.verdict() == Verdict::Fatal => Some(
                "check that the access token may read and write test plans of this suite"
                    .to_owned(),
            ),
            Failure::Status { status: 404, .. } => Some(self.not_found(failure.not_found_cause())),
            Failure::Status { .. } if failure.needs_tls() => Some(format!(
                "the server uses TLS: {BASE_URL}, now {}, must start with https://",
                self.base_url
            )),
            Failure::WrongScheme(_) => Some(format!("check {BASE_URL}, now {}", self.base_url)),
            Failure::Unreadable(_) | Failure::Request(_) => Some(format!(
                "check that {BASE_URL}, now {}, is a Test Engine server",
                self.base_url
            )),
            Failure::Network { .. } | Failure::Status { .. } => None,
        }
    }

    fn not_found(&self, cause: Option<NotFoundCause>) -> String {
        let Self {
            base_url,
            organization,
            suite,
        } = self;
        match cause {
            Some(NotFoundCause::BaseUrl) => {
                format!("there is no Test Engine API at {base_url}: check {BASE_URL}")
            }
            Some(NotFoundCause::OldServer) => format!(
                "the server at {base_url} is older than this client and does not support this: \
                 upgrade the server"
            ),
            Some(NotFoundCause::Suite) => format!("check {SUITE}, now {suite:?}"),
            Some(NotFoundCause::Organization) => {
                format!("check {ORGANIZATION}, now {organization:?}, and the access token")
            }
            None => {
                format!("check {ORGANIZATION}, now {organization:?}, and {SUITE}, now {suite:?}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn hint(status: u16, body: &str) -> String {
        let suite = SuiteAccess {
            base_url: "https://user:secret@engine.example.com/base".to_owned(),
            organization_slug: "acme".to_owned(),
            suite_slug: "web".to_owned(),
            access_token: "token".into(),
            time_scale: 1.0,
        };
        let failure = Failure::from_response(status, None, body.as_bytes());
        Hints::new(&suite).hint(&failure).unwrap_or_default()
    }

    const NO_API: &str = "there is no Test Engine API at https://engine.example.com/base: check \
        BUILDKITE_TEST_ENGINE_BASE_URL (--base-url)";

    #[rstest]
    #[case::suite(
        r#"{"message":"There is no suite \"web\" in this organization. Check the suite slug."}"#,
        "check BUILDKITE_TEST_ENGINE_SUITE_SLUG (--suite-slug), now \"web\""
    )]
    #[case::organization(
        r#"{"message":"There is no organization \"acme\" for this access token."}"#,
        "check BUILDKITE_ORGANIZATION_SLUG (--organization-slug), now \"acme\", and the access \
         token"
    )]
    #[case::organization_with_the_name_of_a_suite(
        r#"{"message":"There is no organization \"test-suites\" for this access token."}"#,
        "check BUILDKITE_ORGANIZATION_SLUG (--organization-slug), now \"acme\", and the access \
         token"
    )]
    #[case::either(
        r#"{"message":"Not Found"}"#,
        "check BUILDKITE_ORGANIZATION_SLUG (--organization-slug), now \"acme\", and \
         BUILDKITE_TEST_ENGINE_SUITE_SLUG (--suite-slug), now \"web\""
    )]
    #[case::path(
        r#"{"message":"There is no /base/v2/analytics/organizations/acme. Check the address."}"#,
        NO_API
    )]
    #[case::old_server(
        r#"{"message":"There is nothing at /v2/analytics/organizations/acme. Check the address."}"#,
        "the server at https://engine.example.com/base is older than this client and does not \
         support this: upgrade the server"
    )]
    #[case::other_server("<html>404 Not Found</html>", NO_API)]
    #[case::nothing("", NO_API)]
    fn not_found_names_what_to_check(#[case] body: &str, #[case] expected: &str) {
        assert_eq!(hint(404, body), expected);
    }

    #[rstest]
    #[case::go("Client sent an HTTP request to an HTTPS server.\n")]
    #[case::nginx("<html>400 The plain HTTP request was sent to HTTPS port</html>")]
    #[case::apache("Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />")]
    fn plain_http_to_a_tls_port_is_recognized(#[case] body: &str) {
        let expected = "the server uses TLS: BUILDKITE_TEST_ENGINE_BASE_URL (--base-url), now \
            https://engine.example.com/base, must start with https://";
        assert_eq!(hint(400, body), expected);
        assert_eq!(hint(400, "{}"), "");
    }
}
