//! Which plan identifiers belong to a build. Pure.

/// Names that the client puts before the build's id, one per CI; on Buildkite there is none.
const PROVIDERS: [&str; 13] = [
    "appveyor",
    "aws_codebuild",
    "azure_pipelines",
    "bitbucket",
    "circleci",
    "codefresh",
    "drone",
    "github_actions",
    "gitlab",
    "jenkins",
    "semaphore",
    "teamcity",
    "travis_ci",
];

/// How the client's default identifiers begin, which are `BUILD/STEP` on Buildkite and
/// `CI/BUILD/STEP/HASH` elsewhere. Plans of other identifiers are found by the reports of their
/// nodes only.
pub(super) fn identifier_beginnings(build_id: &str) -> Vec<String> {
    let others = PROVIDERS.iter().map(|ci| format!("{ci}/{build_id}/"));
    others.chain([format!("{build_id}/")]).collect()
}
