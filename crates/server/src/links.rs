//! URLs of the API and of pages.

use std::fmt::Write as _;

use test_engine_store::Suite;
use uuid::Uuid;

/// The path for commit archives, below a suite of the API. Only requests to it may be large and
/// slow.
pub(crate) const BACKFILL_UPLOAD: &str = "/commit-metadata-backfill/upload";

/// Builds and parses URLs that begin with the server's public URL.
#[derive(Clone)]
pub(crate) struct Links {
    public_url: String,
}

impl Links {
    pub(crate) fn new(public_url: String) -> Self {
        Self { public_url }
    }

    /// Without a trailing slash.
    pub(crate) fn public_url(&self) -> &str {
        &self.public_url
    }

    pub(crate) fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
    }

    /// A path.
    pub(crate) fn organization_page(organization: &str) -> String {
        format!("/organizations/{organization}/analytics")
    }

    /// The path of the page of a build, over all suites of an organization; `None` if its id is not
    /// a plain part of a path. Buildkite's ids are.
    pub(crate) fn build_path(organization: &str, build: &str) -> Option<String> {
        let is_plain = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_');
        let fits = (1..=100).contains(&build.len()) && build.bytes().all(is_plain);
        fits.then(|| format!("{}/builds/{build}", Self::organization_page(organization)))
    }

    pub(crate) fn suite_path(suite: &Suite) -> String {
        format!(
            "{}/suites/{}",
            Self::organization_page(&suite.organization_slug),
            suite.slug
        )
    }

    pub(crate) fn suite_page(&self, suite: &Suite) -> String {
        format!("{}{}", self.public_url, Self::suite_path(suite))
    }

    /// The page of the decision on a plan.
    pub(crate) fn selection_decision(&self, suite: &Suite, identifier: &str) -> String {
        // Encoding a pair of texts cannot fail.
        let query = serde_urlencoded::to_string([("identifier", identifier)]).unwrap_or_default();
        format!("{}/selection/decision?{query}", self.suite_page(suite))
    }

    pub(crate) fn suite_api(&self, suite: &Suite) -> String {
        format!(
            "{}/v2/analytics/organizations/{}/suites/{}",
            self.public_url, suite.organization_slug, suite.slug
        )
    }

    /// A suite's URL in the API with placeholders, for error messages.
    pub(crate) fn suite_api_pattern(&self) -> String {
        format!(
            "{}/v2/analytics/organizations/ORGANIZATION/suites/SUITE",
            self.public_url
        )
    }

    /// The slugs of organization and suite in a suite's URL, in the API or of its page.
    pub(crate) fn suite_of_address<'a>(&self, address: &'a str) -> Option<(&'a str, &'a str)> {
        let path = address.strip_prefix(&self.public_url)?;
        let (organization, suite) = match path.strip_prefix("/v2/analytics/organizations/") {
            Some(rest) => rest.split_once("/suites/")?,
            None => path
                .strip_prefix("/organizations/")?
                .split_once("/analytics/suites/")?,
        };
        let suite = suite.strip_suffix('/').unwrap_or(suite);
        let is_slug = |slug: &str| !slug.is_empty() && !slug.contains(['/', '?', '#', '%']);
        (is_slug(organization) && is_slug(suite)).then_some((organization, suite))
    }

    /// A path. The identifier is one segment of it, whatever it contains.
    pub(crate) fn plan_path(suite: &Suite, identifier: &str) -> String {
        format!("{}/plans/{}", Self::suite_path(suite), segment(identifier))
    }

    pub(crate) fn backfill_upload(&self, suite: &Suite) -> String {
        format!("{}{BACKFILL_UPLOAD}", self.suite_api(suite))
    }

    pub(crate) fn run_page(&self, suite: &Suite, run: Uuid) -> String {
        format!("{}/runs/{run}", self.suite_page(suite))
    }

    pub(crate) fn upload_on_page(&self, suite: &Suite, run: Uuid, upload: Uuid) -> String {
        format!("{}#upload-{upload}", self.run_page(suite, run))
    }

    pub(crate) fn run_api(&self, suite: &Suite, run: Uuid) -> String {
        format!("{}/runs/{run}", self.suite_api(suite))
    }

    pub(crate) fn test_page(&self, suite: &Suite, test: Uuid) -> String {
        format!("{}/tests/{test}", self.suite_page(suite))
    }

    pub(crate) fn test_api(&self, suite: &Suite, test: Uuid) -> String {
        format!("{}/tests/{test}", self.suite_api(suite))
    }
}

/// The text as a segment of a path: everything but letters, digits and `-_~` is percent-encoded,
/// also dots, because `..` is not a segment.
fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _infallible = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::segment;

    #[test]
    fn a_segment_has_no_separators() {
        assert_eq!(segment("b-1/step 2?é"), "b-1%2Fstep%202%3F%C3%A9");
        assert_eq!(segment(".."), "%2E%2E");
    }
}
