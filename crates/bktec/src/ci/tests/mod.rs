//! Build details of each CI, from environments as in its documentation and logs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use rstest::rstest;

use super::*;
use crate::env_vars;

mod counted_jobs;
mod uncounted_jobs;

/// `NAME=value` lines as a map, without unknown names, like `cli` builds it.
fn variables(environment: &str) -> BTreeMap<&'static str, String> {
    environment
        .lines()
        .filter_map(|line| line.trim().split_once('='))
        .filter_map(|(name, value)| {
            let (known, _) = env_vars::CI.iter().find(|(known, _)| *known == name)?;
            Some((*known, value.to_owned()))
        })
        .collect()
}

fn read(environment: &str) -> String {
    let Some(ci) = detect(&variables(environment)) else {
        return "no CI".to_owned();
    };
    let details = &ci.details;
    let mut text = format!("{} ({})", ci.provider.title, ci.provider.name);
    for (name, value) in [
        ("organization", &details.organization),
        ("build", &details.build),
        ("step", &details.step),
        ("job", &details.job),
        ("number", &details.number),
        ("url", &details.url),
        ("branch", &details.branch),
        ("tag", &details.tag),
        ("commit", &details.commit),
        ("message", &details.message),
        ("retries", &details.retry_count),
        ("index", &details.nodes.index),
        ("count", &details.nodes.count),
    ] {
        if let Some(value) = value {
            let _ = write!(text, "\n{name}: {} ({})", value.text, value.from);
        }
    }
    if details.nodes.index.is_some() {
        let _ = write!(text, "\nfirst: {}", details.nodes.first);
    }
    if let Some(uncertainty) = details.nodes.uncertainty {
        let _ = write!(text, "\nuncertainty: {uncertainty}");
    }
    let _ = write!(text, "\nkey: {}", details.key);
    text
}

#[test]
fn names_and_variables_are_unique() {
    let names: BTreeSet<_> = PROVIDERS.iter().map(|provider| provider.name).collect();
    let variables: BTreeSet<_> = PROVIDERS
        .iter()
        .map(|provider| provider.detected_by)
        .collect();
    assert_eq!(names.len(), PROVIDERS.len());
    assert_eq!(variables.len(), PROVIDERS.len());
}

#[test]
fn detects_nothing_without_a_ci_and_on_buildkite() {
    let others = read("BUILD_NUMBER=9\nGIT_BRANCH=main\nTRAVIS=false\nDRONE= ");
    assert_eq!(others, "no CI");
    let buildkite = read("BUILDKITE=true\nJENKINS_URL=https://jenkins/\nBUILD_TAG=t");
    assert_eq!(buildkite, "no CI");
}

/// A name that a pull request, a push or a tag of one branch has on every CI is one branch for
/// the server, which learns flakiness and timings per branch.
#[rstest]
#[case::azure_branch("TF_BUILD=True", "BUILD_SOURCEBRANCH", "refs/heads/a/b", "a/b")]
#[case::azure_tag("TF_BUILD=True", "BUILD_SOURCEBRANCH", "refs/tags/v1", "v1")]
#[case::azure_pull_request(
    "TF_BUILD=True\nBUILD_SOURCEBRANCH=refs/pull/7/merge",
    "SYSTEM_PULLREQUEST_SOURCEBRANCH",
    "refs/heads/topic",
    "topic"
)]
#[case::codebuild_branch(
    "CODEBUILD_BUILD_ID=p:1",
    "CODEBUILD_WEBHOOK_HEAD_REF",
    "refs/heads/a",
    "a"
)]
#[case::codebuild_tag(
    "CODEBUILD_BUILD_ID=p:1",
    "CODEBUILD_WEBHOOK_HEAD_REF",
    "refs/tags/v1",
    "v1"
)]
#[case::github_ref("GITHUB_ACTIONS=true", "GITHUB_REF", "refs/heads/main", "main")]
#[case::github_pull_request(
    "GITHUB_ACTIONS=true\nGITHUB_REF=refs/pull/7/merge\nGITHUB_REF_NAME=7/merge",
    "GITHUB_HEAD_REF",
    "topic",
    "topic"
)]
#[case::jenkins("JENKINS_URL=x", "GIT_BRANCH", "origin/a/b", "a/b")]
#[case::jenkins_local("JENKINS_URL=x", "GIT_BRANCH", "refs/heads/a", "a")]
#[case::jenkins_remote("JENKINS_URL=x", "GIT_BRANCH", "refs/remotes/origin/a", "a")]
#[case::jenkins_short_remote("JENKINS_URL=x", "GIT_BRANCH", "remotes/origin/a", "a")]
#[case::jenkins_tag("JENKINS_URL=x", "GIT_BRANCH", "refs/tags/v1", "v1")]
#[case::jenkins_short_tag("JENKINS_URL=x", "GIT_BRANCH", "tags/v1", "v1")]
#[case::jenkins_plugin(
    "JENKINS_URL=x\nGIT_BRANCH=origin/pr/7/head",
    "ghprbSourceBranch",
    "a",
    "a"
)]
#[case::bitrise("BITRISE_IO=true", "BITRISE_GIT_BRANCH", "origin/a", "a")]
#[case::bitrise_tag("BITRISE_IO=true", "BITRISE_GIT_TAG", "origin/tags/v1", "v1")]
#[case::cirrus_tag("CIRRUS_CI=true", "CIRRUS_TAG", "v1", "v1")]
#[case::circleci_tag("CIRCLECI=true", "CIRCLE_TAG", "v1", "v1")]
#[case::bitbucket_tag("BITBUCKET_BUILD_NUMBER=1", "BITBUCKET_TAG", "v1", "v1")]
#[case::google(
    "BUILD_ID=b\nLOCATION=l\nPROJECT_ID=p",
    "REF_NAME",
    "refs/heads/a",
    "a"
)]
// Where a CI gives the branch itself, this is the whole name of a branch.
#[case::travis_looks_remote("TRAVIS=true", "TRAVIS_BRANCH", "origin/a", "origin/a")]
#[case::circleci_looks_like_a_tag("CIRCLECI=true", "CIRCLE_BRANCH", "tags/a", "tags/a")]
fn branch_is_the_name_without_its_ref(
    #[case] environment: &str,
    #[case] variable: &str,
    #[case] value: &str,
    #[case] branch: &str,
) {
    let ci = detect(&variables(&format!("{environment}\n{variable}={value}"))).unwrap();
    let found = ci.details.branch.as_ref().unwrap();
    assert_eq!((found.text.as_str(), found.from), (branch, variable));
    assert_eq!(RunEnvironment::detected(Some(&ci)).branch, branch);
}

/// A selection runs everything for a tag, so a branch that looks like one must not be one.
#[rstest]
#[case::appveyor("APPVEYOR=True", "APPVEYOR_REPO_TAG_NAME", "v1")]
#[case::azure("TF_BUILD=True", "BUILD_SOURCEBRANCH", "refs/tags/v1")]
#[case::bitbucket("BITBUCKET_BUILD_NUMBER=1", "BITBUCKET_TAG", "v1")]
#[case::bitrise("BITRISE_IO=true", "BITRISE_GIT_TAG", "origin/tags/v1")]
#[case::buddy("BUDDY=true", "BUDDY_EXECUTION_TAG", "v1")]
#[case::circleci("CIRCLECI=true", "CIRCLE_TAG", "v1")]
#[case::cirrus("CIRRUS_CI=true", "CIRRUS_TAG", "v1")]
#[case::codebuild("CODEBUILD_BUILD_ID=p:1", "CODEBUILD_WEBHOOK_HEAD_REF", "refs/tags/v1")]
#[case::drone("DRONE=true", "DRONE_TAG", "v1")]
#[case::github(
    "GITHUB_ACTIONS=true\nGITHUB_REF_NAME=v1",
    "GITHUB_REF",
    "refs/tags/v1"
)]
#[case::gitlab("GITLAB_CI=true", "CI_COMMIT_TAG", "v1")]
#[case::google("BUILD_ID=b\nLOCATION=l\nPROJECT_ID=p", "TAG_NAME", "v1")]
#[case::harness("HARNESS_BUILD_ID=1", "DRONE_TAG", "v1")]
#[case::jenkins("JENKINS_URL=x", "TAG_NAME", "v1")]
#[case::jenkins_multibranch("JENKINS_URL=x\nBRANCH_NAME=v1", "TAG_NAME", "v1")]
#[case::jenkins_ref("JENKINS_URL=x", "GIT_BRANCH", "refs/tags/v1")]
#[case::jenkins_fetched("JENKINS_URL=x", "GIT_BRANCH", "origin/tags/v1")]
#[case::jenkins_specifier("JENKINS_URL=x", "GIT_BRANCH", "tags/v1")]
#[case::semaphore("SEMAPHORE=true", "SEMAPHORE_GIT_TAG_NAME", "v1")]
#[case::travis("TRAVIS=true", "TRAVIS_TAG", "v1")]
#[case::woodpecker("CI=woodpecker", "CI_COMMIT_TAG", "v1")]
fn a_tag_is_known_where_the_ci_names_one(
    #[case] environment: &str,
    #[case] variable: &str,
    #[case] value: &str,
) {
    let tag = |environment: &str| detect(&variables(environment)).unwrap().details.tag;
    let found = tag(&format!("{environment}\n{variable}={value}")).unwrap();
    assert_eq!((found.text.as_str(), found.from), ("v1", variable));
    assert_eq!(tag(environment), None);
    if value.starts_with("refs/tags/") {
        let branch = tag(&format!("{environment}\n{variable}=refs/heads/v1"));
        assert_eq!(branch, None);
    }
}

/// The merge commit of a pull request exists only in its CI: results on it could never be compared
/// with those of the branch.
#[rstest]
#[case::appveyor(
    "APPVEYOR=True\nAPPVEYOR_REPO_COMMIT=merge",
    "APPVEYOR_PULL_REQUEST_HEAD_COMMIT"
)]
#[case::azure(
    "TF_BUILD=True\nBUILD_SOURCEVERSION=merge",
    "SYSTEM_PULLREQUEST_SOURCECOMMITID"
)]
#[case::github("GITHUB_ACTIONS=true\nGITHUB_SHA=merge", "GITHUB_EVENT_PATH")]
#[case::gitlab(
    "GITLAB_CI=true\nCI_COMMIT_SHA=merge",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"
)]
#[case::jenkins_github("JENKINS_URL=x\nGIT_COMMIT=merge", "ghprbActualCommit")]
#[case::jenkins_gitlab("JENKINS_URL=x\nGIT_COMMIT=merge", "gitlabMergeRequestLastCommit")]
#[case::semaphore("SEMAPHORE=true\nSEMAPHORE_GIT_SHA=merge", "SEMAPHORE_GIT_PR_SHA")]
#[case::travis("TRAVIS=true\nTRAVIS_COMMIT=merge", "TRAVIS_PULL_REQUEST_SHA")]
fn commit_of_a_pull_request_is_its_head(#[case] environment: &str, #[case] variable: &str) {
    let read = |environment: &str| {
        let ci = detect(&variables(environment)).unwrap();
        RunEnvironment::detected(Some(&ci)).commit_sha
    };
    assert_eq!(read(environment), "merge");
    assert_eq!(read(&format!("{environment}\n{variable}=head")), "head");
}
