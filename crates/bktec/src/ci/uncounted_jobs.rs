//! CIs that do not number parallel jobs, so that the pipeline has to.

use super::providers::{first_part, key, owner, url};
use super::{BuildDetails, Variables};
use crate::env_vars as var;

/// A rerun of failed jobs keeps the run ID and increments the attempt, so the attempt must not be
/// part of the plan identifier: rerun nodes would get shares of a new plan, and tests would be
/// dropped.
pub(super) fn github_actions(from: Variables<'_>) -> BuildDetails {
    let server = from.text(var::GITHUB_SERVER_URL);
    let server = if server.is_empty() {
        "https://github.com"
    } else {
        server.trim_end_matches('/')
    };
    let repository = from.text(var::GITHUB_REPOSITORY);
    let run = from.text(var::GITHUB_RUN_ID);
    let attempt = match from.text(var::GITHUB_RUN_ATTEMPT) {
        "" => String::new(),
        attempt => format!("/attempts/{attempt}"),
    };
    BuildDetails {
        organization: owner(from, var::GITHUB_REPOSITORY_OWNER),
        build: from.value(var::GITHUB_RUN_ID),
        // The job ID is the same for the whole matrix; the step ID differs between two commands of
        // one job.
        step: from.all(&[var::GITHUB_JOB, var::GITHUB_ACTION], "/"),
        job: from.value(var::GITHUB_JOB),
        number: from.value(var::GITHUB_RUN_NUMBER),
        url: url(
            var::GITHUB_RUN_ID,
            &[repository, run],
            format!("{server}/{repository}/actions/runs/{run}{attempt}"),
        ),
        branch: from.branch(&[var::GITHUB_HEAD_REF, var::GITHUB_REF_NAME, var::GITHUB_REF]),
        tag: from.tag_of_ref(var::GITHUB_REF),
        commit: from.first(&[var::GITHUB_EVENT_PATH, var::GITHUB_SHA]),
        retry_count: from.retries(var::GITHUB_RUN_ATTEMPT),
        key: key(from.all(
            &[
                var::GITHUB_ACTION,
                var::GITHUB_RUN_NUMBER,
                var::GITHUB_RUN_ATTEMPT,
            ],
            "-",
        )),
        ..BuildDetails::default()
    }
}

/// A job restart keeps the build. Jobs have no index.
pub(super) fn travis(from: Variables<'_>) -> BuildDetails {
    BuildDetails {
        organization: first_part(from, var::TRAVIS_REPO_SLUG),
        build: from.value(var::TRAVIS_BUILD_ID),
        job: from.value(var::TRAVIS_JOB_ID),
        number: from.value(var::TRAVIS_BUILD_NUMBER),
        url: from.value(var::TRAVIS_BUILD_WEB_URL),
        branch: from.branch(&[var::TRAVIS_PULL_REQUEST_BRANCH, var::TRAVIS_BRANCH]),
        tag: from.tag(&[var::TRAVIS_TAG]),
        commit: from.first(&[var::TRAVIS_PULL_REQUEST_SHA, var::TRAVIS_COMMIT]),
        message: from.value(var::TRAVIS_COMMIT_MESSAGE),
        key: from.text(var::TRAVIS_BUILD_ID).to_owned(),
        ..BuildDetails::default()
    }
}

/// A restart is a new build. Pipelines and steps have no common name.
pub(super) fn drone(from: Variables<'_>) -> BuildDetails {
    let build = from.all(&[var::DRONE_REPO, var::DRONE_BUILD_NUMBER], "-");
    BuildDetails {
        organization: owner(from, var::DRONE_REPO_OWNER),
        build: build.clone(),
        number: from.value(var::DRONE_BUILD_NUMBER),
        url: from.value(var::DRONE_BUILD_LINK),
        branch: from.branch(&[var::DRONE_SOURCE_BRANCH, var::DRONE_BRANCH, var::DRONE_TAG]),
        tag: from.tag(&[var::DRONE_TAG]),
        commit: from.value(var::DRONE_COMMIT_SHA),
        message: from.value(var::DRONE_COMMIT_MESSAGE),
        key: key(build),
        ..BuildDetails::default()
    }
}

/// A rerun of incomplete jobs keeps the build. Jobs of a matrix have an index, but may differ.
pub(super) fn appveyor(from: Variables<'_>) -> BuildDetails {
    let server = match from.text(var::APPVEYOR_URL) {
        "" => "https://ci.appveyor.com",
        server => server.trim_end_matches('/'),
    };
    let account = from.text(var::APPVEYOR_ACCOUNT_NAME);
    let project = from.text(var::APPVEYOR_PROJECT_SLUG);
    let build = from.text(var::APPVEYOR_BUILD_ID);
    BuildDetails {
        organization: owner(from, var::APPVEYOR_ACCOUNT_NAME),
        build: from.value(var::APPVEYOR_BUILD_ID),
        job: from.value(var::APPVEYOR_JOB_ID),
        number: from.value(var::APPVEYOR_BUILD_NUMBER),
        url: url(
            var::APPVEYOR_BUILD_ID,
            &[account, project, build],
            format!("{server}/project/{account}/{project}/builds/{build}"),
        ),
        branch: from.branch(&[
            var::APPVEYOR_PULL_REQUEST_HEAD_REPO_BRANCH,
            var::APPVEYOR_REPO_BRANCH,
        ]),
        tag: from.tag(&[var::APPVEYOR_REPO_TAG_NAME]),
        commit: from.first(&[
            var::APPVEYOR_PULL_REQUEST_HEAD_COMMIT,
            var::APPVEYOR_REPO_COMMIT,
        ]),
        message: from.value(var::APPVEYOR_REPO_COMMIT_MESSAGE),
        key: build.to_owned(),
        ..BuildDetails::default()
    }
}

/// A restart, even from the failed step, is a new build.
pub(super) fn codefresh(from: Variables<'_>) -> BuildDetails {
    BuildDetails {
        organization: owner(from, var::CF_REPO_OWNER),
        build: from.value(var::CF_BUILD_ID),
        url: from.value(var::CF_BUILD_URL),
        branch: from.branch(&[var::CF_BRANCH]),
        commit: from.value(var::CF_REVISION),
        message: from.value(var::CF_COMMIT_MESSAGE),
        key: from.text(var::CF_BUILD_ID).to_owned(),
        ..BuildDetails::default()
    }
}

/// Builds of a batch share no ID, so a batch has no build ID here.
pub(super) fn codebuild(from: Variables<'_>) -> BuildDetails {
    let in_batch = from.is_set(var::CODEBUILD_BATCH_BUILD_IDENTIFIER);
    let build = from.value(var::CODEBUILD_BUILD_ID).filter(|_| !in_batch);
    let (region, id) = (
        from.text(var::AWS_REGION),
        from.text(var::CODEBUILD_BUILD_ID),
    );
    let console = url(
        var::CODEBUILD_BUILD_ID,
        &[region, id],
        format!(
            "https://console.aws.amazon.com/codebuild/home?region={region}#/builds/{id}/view/new"
        ),
    );
    BuildDetails {
        build: build.clone(),
        job: from.value(var::CODEBUILD_BUILD_ID),
        number: from.value(var::CODEBUILD_BUILD_NUMBER),
        url: from.value(var::CODEBUILD_PUBLIC_BUILD_URL).or(console),
        branch: from.branch(&[var::CODEBUILD_WEBHOOK_HEAD_REF]),
        tag: from.tag_of_ref(var::CODEBUILD_WEBHOOK_HEAD_REF),
        commit: from.value(var::CODEBUILD_RESOLVED_SOURCE_VERSION),
        key: key(build),
        ..BuildDetails::default()
    }
}

/// The batches of parallel tests are separate builds, and no variable says which belong together.
pub(super) fn teamcity(from: Variables<'_>) -> BuildDetails {
    BuildDetails {
        number: from.value(var::BUILD_NUMBER),
        url: from.value(var::BUILD_URL),
        // Set only by builds that define it as `%teamcity.build.branch%`, which does not name the
        // default branch.
        branch: from
            .branch(&[var::BRANCH_NAME])
            .filter(|branch| branch.text != "<default>"),
        commit: from.value(var::BUILD_VCS_NUMBER),
        key: key(from.all(
            &[
                var::TEAMCITY_PROJECT_NAME,
                var::TEAMCITY_BUILDCONF_NAME,
                var::BUILD_NUMBER,
            ],
            "-",
        )),
        ..BuildDetails::default()
    }
}

/// A restart is a new build. Parallel stages have different names.
pub(super) fn jenkins(from: Variables<'_>) -> BuildDetails {
    BuildDetails {
        build: from.value(var::BUILD_TAG),
        number: from.value(var::BUILD_NUMBER),
        url: from.value(var::BUILD_URL),
        // The git plugin reports the remote-tracking branch.
        branch: from.remote_branch(&[
            var::CHANGE_BRANCH,
            var::GHPRB_SOURCE_BRANCH,
            var::GITLAB_SOURCE_BRANCH,
            var::BRANCH_NAME,
            var::GIT_BRANCH,
        ]),
        tag: from
            .tag(&[var::TAG_NAME])
            // A multibranch job has the tag as its branch, too. Pipelines also give this name to
            // images.
            .filter(|_| ["", from.text(var::TAG_NAME)].contains(&from.text(var::BRANCH_NAME)))
            .or_else(|| from.remote_tag(var::GIT_BRANCH)),
        commit: from.first(&[
            var::GHPRB_ACTUAL_COMMIT,
            var::GITLAB_MERGE_REQUEST_LAST_COMMIT,
            var::GIT_COMMIT,
        ]),
        key: from.text(var::BUILD_TAG).to_owned(),
        ..BuildDetails::default()
    }
}

/// A restart is a new execution.
pub(super) fn buddy(from: Variables<'_>) -> BuildDetails {
    let build = from.all(&[var::BUDDY_PIPELINE_ID, var::BUDDY_EXECUTION_ID], "-");
    BuildDetails {
        organization: owner(from, var::BUDDY_WORKSPACE_DOMAIN),
        build: build.clone(),
        number: from.value(var::BUDDY_EXECUTION_ID),
        url: from.value(var::BUDDY_EXECUTION_URL),
        branch: from.branch(&[
            var::BUDDY_EXECUTION_PULL_REQUEST_HEAD_BRANCH,
            var::BUDDY_EXECUTION_BRANCH,
            var::BUDDY_EXECUTION_TAG,
        ]),
        tag: from.tag(&[var::BUDDY_EXECUTION_TAG]),
        commit: from.value(var::BUDDY_EXECUTION_REVISION),
        message: from.value(var::BUDDY_EXECUTION_REVISION_MESSAGE),
        key: key(build),
        ..BuildDetails::default()
    }
}

/// A rerun of a task keeps the build. `CI_NODE_TOTAL` counts all tasks of the build, whatever they
/// do.
pub(super) fn cirrus(from: Variables<'_>) -> BuildDetails {
    let build = from.text(var::CIRRUS_BUILD_ID);
    BuildDetails {
        organization: owner(from, var::CIRRUS_REPO_OWNER),
        build: from.value(var::CIRRUS_BUILD_ID),
        job: from.value(var::CIRRUS_TASK_ID),
        url: url(
            var::CIRRUS_BUILD_ID,
            &[build],
            format!("https://cirrus-ci.com/build/{build}"),
        ),
        branch: from.branch(&[var::CIRRUS_BRANCH, var::CIRRUS_TAG]),
        tag: from.tag(&[var::CIRRUS_TAG]),
        commit: from.value(var::CIRRUS_CHANGE_IN_REPO),
        message: from.value(var::CIRRUS_CHANGE_MESSAGE),
        key: build.to_owned(),
        ..BuildDetails::default()
    }
}

/// A restart is a new pipeline. Workflows and steps have no common name.
pub(super) fn woodpecker(from: Variables<'_>) -> BuildDetails {
    let build = from.all(&[var::CI_REPO, var::CI_PIPELINE_NUMBER], "-");
    BuildDetails {
        organization: owner(from, var::CI_REPO_OWNER),
        build: build.clone(),
        number: from.value(var::CI_PIPELINE_NUMBER),
        url: from.value(var::CI_PIPELINE_URL),
        branch: from.branch(&[
            var::CI_COMMIT_SOURCE_BRANCH,
            var::CI_COMMIT_BRANCH,
            var::CI_COMMIT_TAG,
        ]),
        tag: from.tag(&[var::CI_COMMIT_TAG]),
        commit: from.value(var::CI_COMMIT_SHA),
        message: from.value(var::CI_COMMIT_MESSAGE),
        key: key(build),
        ..BuildDetails::default()
    }
}

/// Substitutions, which the step must pass on as variables. A retry is a new build.
pub(super) fn google_cloud_build(from: Variables<'_>) -> BuildDetails {
    let location = from.text(var::LOCATION);
    let project = from.text(var::PROJECT_ID);
    let build = from.text(var::BUILD_ID);
    BuildDetails {
        organization: first_part(from, var::REPO_FULL_NAME),
        build: from.value(var::BUILD_ID),
        url: url(
            var::BUILD_ID,
            &[location, project, build],
            format!(
                "https://console.cloud.google.com/cloud-build/builds;region={location}/{build}\
                 ?project={project}"
            ),
        ),
        branch: from.branch(&[var::_HEAD_BRANCH, var::BRANCH_NAME, var::REF_NAME]),
        tag: from.tag(&[var::TAG_NAME]),
        commit: from.value(var::COMMIT_SHA),
        key: build.to_owned(),
        ..BuildDetails::default()
    }
}
