//! CIs that tell a job its place among parallel jobs.

use std::fmt::Write as _;

use super::providers::{key, owner, url};
use super::{BuildDetails, Nodes, Value, Variables};
use crate::env_vars as var;

/// "Rerun from failed" starts a new workflow that reruns all containers of a job.
pub(super) fn circleci(from: Variables<'_>) -> BuildDetails {
    BuildDetails {
        organization: owner(from, var::CIRCLE_PROJECT_USERNAME),
        build: from.value(var::CIRCLE_WORKFLOW_ID),
        step: from.value(var::CIRCLE_JOB),
        job: from.value(var::CIRCLE_WORKFLOW_JOB_ID),
        number: from.value(var::CIRCLE_BUILD_NUM),
        url: from.value(var::CIRCLE_BUILD_URL),
        branch: from.branch(&[var::CIRCLE_BRANCH, var::CIRCLE_TAG]),
        tag: from.tag(&[var::CIRCLE_TAG]),
        commit: from.value(var::CIRCLE_SHA1),
        nodes: Nodes {
            index: from.value(var::CIRCLE_NODE_INDEX),
            count: from.value(var::CIRCLE_NODE_TOTAL),
            first: 0,
            uncertainty: None,
        },
        key: key(from.all(&[var::CIRCLE_WORKFLOW_ID, var::CIRCLE_BUILD_NUM], "-")),
        ..BuildDetails::default()
    }
}

/// A job retry keeps the pipeline. Jobs of `parallel: N` are named `name 1/N`, those of a matrix
/// `name: [value, …]`; GitLab counts both kinds in the same way.
pub(super) fn gitlab(from: Variables<'_>) -> BuildDetails {
    let (index, count) = (from.text(var::CI_NODE_INDEX), from.text(var::CI_NODE_TOTAL));
    let name = from.text(var::CI_JOB_NAME);
    let is_matrix = name.ends_with(']') && name.contains(": [");
    BuildDetails {
        organization: owner(from, var::CI_PROJECT_ROOT_NAMESPACE),
        build: from.value(var::CI_PIPELINE_ID),
        step: Value::new(var::CI_JOB_NAME, without_share(name, index, count))
            .filter(|_| !is_matrix),
        job: from.value(var::CI_JOB_ID),
        number: from.value(var::CI_PIPELINE_IID),
        url: from.value(var::CI_PIPELINE_URL),
        branch: from.branch(&[
            var::CI_MERGE_REQUEST_SOURCE_BRANCH_NAME,
            var::CI_COMMIT_REF_NAME,
        ]),
        tag: from.tag(&[var::CI_COMMIT_TAG]),
        commit: from.first(&[var::CI_MERGE_REQUEST_SOURCE_BRANCH_SHA, var::CI_COMMIT_SHA]),
        message: from.value(var::CI_COMMIT_MESSAGE),
        nodes: Nodes {
            index: from.value(var::CI_NODE_INDEX),
            count: from.value(var::CI_NODE_TOTAL),
            first: 1,
            uncertainty: is_matrix
                .then_some("this is a job of a matrix, whose jobs may run different tests"),
        },
        key: from.text(var::CI_PIPELINE_ID).to_owned(),
        ..BuildDetails::default()
    }
}

/// A rerun of failed jobs keeps the build.
pub(super) fn azure_pipelines(from: Variables<'_>) -> BuildDetails {
    let collection = from.first(&[
        var::SYSTEM_COLLECTIONURI,
        var::SYSTEM_TEAMFOUNDATIONCOLLECTIONURI,
        var::SYSTEM_TEAMFOUNDATIONSERVERURI,
    ]);
    let server = collection.as_ref().map_or("", |value| &value.text);
    let server = server.trim_end_matches('/');
    // An ID needs no escaping.
    let project = match from.text(var::SYSTEM_TEAMPROJECTID) {
        "" => escaped(from.text(var::SYSTEM_TEAMPROJECT)),
        id => id.to_owned(),
    };
    let build = from.text(var::BUILD_BUILDID);
    let kind = from.text(var::SYSTEM_PARALLELEXECUTIONTYPE);
    BuildDetails {
        organization: collection
            .as_ref()
            .and_then(|value| azure_organization(value.from, server)),
        build: from.value(var::BUILD_BUILDID),
        step: from.all(&[var::SYSTEM_STAGENAME, var::SYSTEM_PHASENAME], "/"),
        job: from.value(var::SYSTEM_JOBID),
        number: from.value(var::BUILD_BUILDNUMBER),
        url: url(
            var::BUILD_BUILDID,
            &[server, &project, build],
            format!("{server}/{project}/_build/results?buildId={build}"),
        ),
        branch: from.branch(&[
            var::SYSTEM_PULLREQUEST_SOURCEBRANCH,
            var::BUILD_SOURCEBRANCH,
        ]),
        tag: from.tag_of_ref(var::BUILD_SOURCEBRANCH),
        commit: from.first(&[
            var::SYSTEM_PULLREQUEST_SOURCECOMMITID,
            var::BUILD_SOURCEVERSION,
        ]),
        message: from.value(var::BUILD_SOURCEVERSIONMESSAGE),
        retry_count: from.retries(var::SYSTEM_JOBATTEMPT),
        nodes: Nodes {
            index: from.value(var::SYSTEM_JOBPOSITIONINPHASE),
            count: from.value(var::SYSTEM_TOTALJOBSINPHASE),
            first: 1,
            uncertainty: kind
                .eq_ignore_ascii_case("multiconfiguration")
                .then_some("this is a job of a matrix, whose jobs may run different tests"),
        },
        key: build.to_owned(),
    }
}

/// The first part of `https://dev.azure.com/acme` or `https://acme.visualstudio.com`.
fn azure_organization(from: &'static str, server: &str) -> Option<Value> {
    let host_and_path = server.strip_prefix("https://")?;
    let name = match host_and_path.strip_prefix("dev.azure.com/") {
        Some(path) => path.split('/').next()?,
        None => host_and_path.split_once(".visualstudio.com")?.0,
    };
    Value::new(from, name.to_ascii_lowercase())
}

/// A path segment of a URL.
fn escaped(text: &str) -> String {
    let mut segment = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                segment.push(char::from(byte));
            }
            _ => {
                let _ = write!(segment, "%{byte:02X}");
            }
        }
    }
    segment
}

/// A rerun of failed steps keeps the pipeline. Steps of a parallel group have no name, and are
/// counted whatever they do.
pub(super) fn bitbucket(from: Variables<'_>) -> BuildDetails {
    let repository = from.text(var::BITBUCKET_REPO_FULL_NAME);
    let number = from.text(var::BITBUCKET_BUILD_NUMBER);
    BuildDetails {
        organization: owner(from, var::BITBUCKET_WORKSPACE),
        build: from.value(var::BITBUCKET_PIPELINE_UUID),
        job: from.value(var::BITBUCKET_STEP_UUID),
        number: from.value(var::BITBUCKET_BUILD_NUMBER),
        url: url(
            var::BITBUCKET_BUILD_NUMBER,
            &[repository, number],
            format!("https://bitbucket.org/{repository}/pipelines/results/{number}"),
        ),
        branch: from.branch(&[var::BITBUCKET_BRANCH, var::BITBUCKET_TAG]),
        tag: from.tag(&[var::BITBUCKET_TAG]),
        commit: from.value(var::BITBUCKET_COMMIT),
        nodes: Nodes {
            index: from.value(var::BITBUCKET_PARALLEL_STEP),
            count: from.value(var::BITBUCKET_PARALLEL_STEP_COUNT),
            first: 0,
            uncertainty: Some("the steps of a parallel group may do different things"),
        },
        key: from.text(var::BITBUCKET_PIPELINE_UUID).to_owned(),
        ..BuildDetails::default()
    }
}

/// A partial rebuild keeps the workflow.
pub(super) fn semaphore(from: Variables<'_>) -> BuildDetails {
    let organization = from.text(var::SEMAPHORE_ORGANIZATION_URL);
    let organization = organization.trim_end_matches('/');
    let workflow = from.text(var::SEMAPHORE_WORKFLOW_ID);
    let index = from.text(var::SEMAPHORE_JOB_INDEX);
    let count = from.text(var::SEMAPHORE_JOB_COUNT);
    let host = organization.strip_prefix("https://").unwrap_or_default();
    let name = from.text(var::SEMAPHORE_JOB_NAME);
    BuildDetails {
        organization: host.split_once('.').and_then(|(name, _)| {
            Value::new(var::SEMAPHORE_ORGANIZATION_URL, name.to_ascii_lowercase())
        }),
        build: from.value(var::SEMAPHORE_WORKFLOW_ID),
        step: Value::new(var::SEMAPHORE_JOB_NAME, without_share(name, index, count)),
        job: from.value(var::SEMAPHORE_JOB_ID),
        number: from.value(var::SEMAPHORE_WORKFLOW_NUMBER),
        url: url(
            var::SEMAPHORE_WORKFLOW_ID,
            &[organization, workflow],
            format!("{organization}/workflows/{workflow}"),
        ),
        branch: from.branch(&[var::SEMAPHORE_GIT_PR_BRANCH, var::SEMAPHORE_GIT_BRANCH]),
        tag: from.tag(&[var::SEMAPHORE_GIT_TAG_NAME]),
        commit: from.first(&[var::SEMAPHORE_GIT_PR_SHA, var::SEMAPHORE_GIT_SHA]),
        retry_count: from
            .is_set(var::SEMAPHORE_PIPELINE_RERUN)
            .then(|| Value::new(var::SEMAPHORE_PIPELINE_RERUN, "1"))
            .flatten(),
        nodes: Nodes {
            index: from.value(var::SEMAPHORE_JOB_INDEX),
            count: from.value(var::SEMAPHORE_JOB_COUNT),
            first: 1,
            uncertainty: None,
        },
        key: workflow.to_owned(),
        ..BuildDetails::default()
    }
}

/// Without a pipeline, a build is one job. Copies of a workflow (`parallel: N`) are counted.
pub(super) fn bitrise(from: Variables<'_>) -> BuildDetails {
    let build = from.first(&[var::BITRISEIO_PIPELINE_ID, var::BITRISE_BUILD_SLUG]);
    BuildDetails {
        build: build.clone(),
        job: from.value(var::BITRISE_BUILD_SLUG),
        number: from.value(var::BITRISE_BUILD_NUMBER),
        url: from.value(var::BITRISE_BUILD_URL),
        branch: from.remote_branch(&[var::BITRISE_GIT_BRANCH, var::BITRISE_GIT_TAG]),
        tag: from.tag(&[var::BITRISE_GIT_TAG]),
        commit: from.first(&[var::BITRISE_GIT_COMMIT, var::GIT_CLONE_COMMIT_HASH]),
        message: from.value(var::BITRISE_GIT_MESSAGE),
        nodes: Nodes {
            index: from.value(var::BITRISE_IO_PARALLEL_INDEX),
            count: from.value(var::BITRISE_IO_PARALLEL_TOTAL),
            first: 0,
            uncertainty: None,
        },
        key: key(build),
        ..BuildDetails::default()
    }
}

/// A retry from a failed stage is a new execution.
pub(super) fn harness(from: Variables<'_>) -> BuildDetails {
    BuildDetails {
        organization: owner(from, var::DRONE_REPO_OWNER),
        build: from.value(var::HARNESS_EXECUTION_ID),
        number: from.value(var::HARNESS_BUILD_ID),
        url: from.first(&[var::CI_BUILD_LINK, var::DRONE_BUILD_LINK]),
        branch: from.branch(&[
            var::DRONE_SOURCE_BRANCH,
            var::DRONE_COMMIT_BRANCH,
            var::DRONE_BRANCH,
            var::DRONE_TAG,
        ]),
        tag: from.tag(&[var::DRONE_TAG]),
        commit: from.value(var::DRONE_COMMIT_SHA),
        message: from.value(var::DRONE_COMMIT_MESSAGE),
        nodes: Nodes {
            index: from.value(var::HARNESS_NODE_INDEX),
            count: from.value(var::HARNESS_NODE_TOTAL),
            first: 0,
            uncertainty: Some("a looping strategy may also be a matrix of different tests"),
        },
        key: from.text(var::HARNESS_EXECUTION_ID).to_owned(),
        ..BuildDetails::default()
    }
}

/// The name of a job without the ` 2/3` that the CI appends for parallel jobs.
fn without_share<'n>(name: &'n str, index: &str, count: &str) -> &'n str {
    if index.is_empty() || count.is_empty() {
        return name;
    }
    name.strip_suffix(&format!("{index}/{count}"))
        .map(|rest| rest.trim_end_matches([' ', '-', ':']))
        .filter(|rest| !rest.is_empty())
        .unwrap_or(name)
}
