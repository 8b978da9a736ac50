//! The supported CIs, and the variables in which each reports its builds.
//!
//! `build` and `step` must have the same text on all nodes of a step, also when only some of them
//! are retried; otherwise each node would run its share of another plan. They are `None` where no
//! variable guarantees that. Two steps may still report the same step: plan identifiers also
//! depend on what is planned.

use super::{BuildDetails, Folding, Nodes, Provider, Value, Variables};
use crate::env_vars as var;

/// In the order of detection.
pub const PROVIDERS: &[Provider] = &[
    Provider {
        name: "github_actions",
        title: "GitHub Actions",
        detected_by: var::GITHUB_ACTIONS,
        workspace: var::GITHUB_WORKSPACE,
        folding: Folding::GitHub,
        read: github_actions,
    },
    Provider {
        name: "circleci",
        title: "CircleCI",
        detected_by: var::CIRCLECI,
        workspace: var::CIRCLE_WORKING_DIRECTORY,
        folding: Folding::Marks,
        read: circleci,
    },
    Provider {
        name: "gitlab",
        title: "GitLab",
        detected_by: var::GITLAB_CI,
        workspace: var::CI_PROJECT_DIR,
        folding: Folding::GitLab,
        read: gitlab,
    },
    Provider {
        name: "azure_pipelines",
        title: "Azure Pipelines",
        detected_by: var::TF_BUILD,
        workspace: var::BUILD_SOURCESDIRECTORY,
        folding: Folding::Azure,
        read: azure_pipelines,
    },
    Provider {
        name: "travis_ci",
        title: "Travis CI",
        detected_by: var::TRAVIS,
        workspace: var::TRAVIS_BUILD_DIR,
        folding: Folding::Marks,
        read: travis,
    },
    Provider {
        name: "bitbucket",
        title: "Bitbucket Pipelines",
        detected_by: var::BITBUCKET_BUILD_NUMBER,
        workspace: var::BITBUCKET_CLONE_DIR,
        folding: Folding::Marks,
        read: bitbucket,
    },
    Provider {
        name: "semaphore",
        title: "Semaphore",
        detected_by: var::SEMAPHORE,
        workspace: var::SEMAPHORE_GIT_DIR,
        folding: Folding::Marks,
        read: semaphore,
    },
    Provider {
        name: "drone",
        title: "Drone",
        detected_by: var::DRONE,
        workspace: var::DRONE_WORKSPACE,
        folding: Folding::Marks,
        read: drone,
    },
    Provider {
        name: "appveyor",
        title: "AppVeyor",
        detected_by: var::APPVEYOR,
        workspace: var::APPVEYOR_BUILD_FOLDER,
        folding: Folding::Marks,
        read: appveyor,
    },
    Provider {
        name: "codefresh",
        title: "Codefresh",
        detected_by: var::CF_BUILD_ID,
        workspace: var::CF_VOLUME_PATH,
        folding: Folding::Marks,
        read: codefresh,
    },
    Provider {
        name: "aws_codebuild",
        title: "AWS CodeBuild",
        detected_by: var::CODEBUILD_BUILD_ID,
        workspace: var::CODEBUILD_SRC_DIR,
        folding: Folding::Marks,
        read: codebuild,
    },
    Provider {
        name: "teamcity",
        title: "TeamCity",
        detected_by: var::TEAMCITY_VERSION,
        workspace: var::TEAMCITY_BUILD_CHECKOUTDIR,
        folding: Folding::Marks,
        read: teamcity,
    },
    // Last, because its variables have generic names.
    Provider {
        name: "jenkins",
        title: "Jenkins",
        detected_by: var::JENKINS_URL,
        workspace: var::WORKSPACE,
        folding: Folding::Marks,
        read: jenkins,
    },
];

/// A rerun of failed jobs keeps the run ID and increments the attempt, so the attempt must not be
/// part of the plan identifier: rerun nodes would get shares of a new plan, and tests would be
/// dropped.
fn github_actions(from: Variables<'_>) -> BuildDetails {
    let server = from.text(var::GITHUB_SERVER_URL);
    let server = if server.is_empty() {
        "https://github.com"
    } else {
        server.trim_end_matches('/')
    };
    let repository = from.text(var::GITHUB_REPOSITORY);
    let run = from.text(var::GITHUB_RUN_ID);
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
            format!("{server}/{repository}/actions/runs/{run}"),
        ),
        branch: from.first(&[var::GITHUB_HEAD_REF, var::GITHUB_REF_NAME]),
        uploaded_branch: from.value(var::GITHUB_REF),
        commit: from.value(var::GITHUB_SHA),
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

/// "Rerun from failed" starts a new workflow that reruns all containers of a job.
fn circleci(from: Variables<'_>) -> BuildDetails {
    BuildDetails {
        organization: owner(from, var::CIRCLE_PROJECT_USERNAME),
        build: from.value(var::CIRCLE_WORKFLOW_ID),
        step: from.value(var::CIRCLE_JOB),
        job: from.value(var::CIRCLE_WORKFLOW_JOB_ID),
        number: from.value(var::CIRCLE_BUILD_NUM),
        url: from.value(var::CIRCLE_BUILD_URL),
        branch: from.value(var::CIRCLE_BRANCH),
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
fn gitlab(from: Variables<'_>) -> BuildDetails {
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
        branch: from.first(&[
            var::CI_MERGE_REQUEST_SOURCE_BRANCH_NAME,
            var::CI_COMMIT_REF_NAME,
        ]),
        uploaded_branch: from.value(var::CI_COMMIT_REF_NAME),
        commit: from.value(var::CI_COMMIT_SHA),
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
fn azure_pipelines(from: Variables<'_>) -> BuildDetails {
    let collection = from
        .text(var::SYSTEM_COLLECTIONURI)
        .trim_end_matches('/')
        .to_owned();
    let project = from.text(var::SYSTEM_TEAMPROJECT);
    let build = from.text(var::BUILD_BUILDID);
    let kind = from.text(var::SYSTEM_PARALLELEXECUTIONTYPE);
    BuildDetails {
        organization: collection
            .strip_prefix("https://dev.azure.com/")
            .and_then(|name| Value::new(var::SYSTEM_COLLECTIONURI, name.to_ascii_lowercase())),
        build: from.value(var::BUILD_BUILDID),
        step: from.all(&[var::SYSTEM_STAGENAME, var::SYSTEM_PHASENAME], "/"),
        job: from.value(var::SYSTEM_JOBID),
        number: from.value(var::BUILD_BUILDNUMBER),
        url: url(
            var::BUILD_BUILDID,
            &[&collection, project, build],
            format!(
                "{collection}/{}/_build/results?buildId={build}",
                project.replace(' ', "%20")
            ),
        ),
        branch: from.branch(
            &[
                var::SYSTEM_PULLREQUEST_SOURCEBRANCH,
                var::BUILD_SOURCEBRANCH,
            ],
            "refs/heads/",
        ),
        uploaded_branch: from.branch(&[var::BUILD_SOURCEBRANCH], "refs/heads/"),
        commit: from.value(var::BUILD_SOURCEVERSION),
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

/// A job restart keeps the build. Jobs have no index.
fn travis(from: Variables<'_>) -> BuildDetails {
    BuildDetails {
        organization: first_part(from, var::TRAVIS_REPO_SLUG),
        build: from.value(var::TRAVIS_BUILD_ID),
        job: from.value(var::TRAVIS_JOB_ID),
        number: from.value(var::TRAVIS_BUILD_NUMBER),
        url: from.value(var::TRAVIS_BUILD_WEB_URL),
        branch: from.first(&[var::TRAVIS_PULL_REQUEST_BRANCH, var::TRAVIS_BRANCH]),
        commit: from.first(&[var::TRAVIS_PULL_REQUEST_SHA, var::TRAVIS_COMMIT]),
        message: from.value(var::TRAVIS_COMMIT_MESSAGE),
        key: from.text(var::TRAVIS_BUILD_ID).to_owned(),
        ..BuildDetails::default()
    }
}

/// A rerun of failed steps keeps the pipeline. Steps of a parallel group have no name, and are
/// counted whatever they do.
fn bitbucket(from: Variables<'_>) -> BuildDetails {
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
        branch: from.value(var::BITBUCKET_BRANCH),
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
fn semaphore(from: Variables<'_>) -> BuildDetails {
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
        branch: from.first(&[var::SEMAPHORE_GIT_PR_BRANCH, var::SEMAPHORE_GIT_BRANCH]),
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

/// A restart is a new build. Pipelines and steps have no common name.
fn drone(from: Variables<'_>) -> BuildDetails {
    let build = from.all(&[var::DRONE_REPO, var::DRONE_BUILD_NUMBER], "-");
    BuildDetails {
        organization: owner(from, var::DRONE_REPO_OWNER),
        build: build.clone(),
        number: from.value(var::DRONE_BUILD_NUMBER),
        url: from.value(var::DRONE_BUILD_LINK),
        branch: from.first(&[var::DRONE_SOURCE_BRANCH, var::DRONE_BRANCH]),
        commit: from.value(var::DRONE_COMMIT_SHA),
        message: from.value(var::DRONE_COMMIT_MESSAGE),
        key: key(build),
        ..BuildDetails::default()
    }
}

/// A rerun of incomplete jobs keeps the build. Jobs of a matrix have an index, but may differ.
fn appveyor(from: Variables<'_>) -> BuildDetails {
    let server = from.text(var::APPVEYOR_URL).trim_end_matches('/');
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
            &[server, account, project, build],
            format!("{server}/project/{account}/{project}/builds/{build}"),
        ),
        branch: from.first(&[
            var::APPVEYOR_PULL_REQUEST_HEAD_REPO_BRANCH,
            var::APPVEYOR_REPO_BRANCH,
        ]),
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
fn codefresh(from: Variables<'_>) -> BuildDetails {
    BuildDetails {
        organization: owner(from, var::CF_REPO_OWNER),
        build: from.value(var::CF_BUILD_ID),
        url: from.value(var::CF_BUILD_URL),
        branch: from.value(var::CF_BRANCH),
        commit: from.value(var::CF_REVISION),
        message: from.value(var::CF_COMMIT_MESSAGE),
        key: from.text(var::CF_BUILD_ID).to_owned(),
        ..BuildDetails::default()
    }
}

/// Builds of a batch share no ID, so a batch has no build ID here.
fn codebuild(from: Variables<'_>) -> BuildDetails {
    let in_batch = from.is_set(var::CODEBUILD_BATCH_BUILD_IDENTIFIER);
    let build = from.value(var::CODEBUILD_BUILD_ID).filter(|_| !in_batch);
    BuildDetails {
        build: build.clone(),
        job: from.value(var::CODEBUILD_BUILD_ID),
        number: from.value(var::CODEBUILD_BUILD_NUMBER),
        url: from.value(var::CODEBUILD_PUBLIC_BUILD_URL),
        branch: from.branch(&[var::CODEBUILD_WEBHOOK_HEAD_REF], "refs/heads/"),
        commit: from.value(var::CODEBUILD_RESOLVED_SOURCE_VERSION),
        key: key(build),
        ..BuildDetails::default()
    }
}

/// The batches of parallel tests are separate builds, and no variable says which belong together.
fn teamcity(from: Variables<'_>) -> BuildDetails {
    BuildDetails {
        number: from.value(var::BUILD_NUMBER),
        url: from.value(var::BUILD_URL),
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
fn jenkins(from: Variables<'_>) -> BuildDetails {
    BuildDetails {
        build: from.value(var::BUILD_TAG),
        number: from.value(var::BUILD_NUMBER),
        url: from.value(var::BUILD_URL),
        branch: from
            .first(&[var::CHANGE_BRANCH, var::BRANCH_NAME])
            // The git plugin reports the remote-tracking branch.
            .or_else(|| from.branch(&[var::GIT_BRANCH], "origin/")),
        commit: from.value(var::GIT_COMMIT),
        key: from.text(var::BUILD_TAG).to_owned(),
        ..BuildDetails::default()
    }
}

/// In lower case, as slugs are.
fn owner(from: Variables<'_>, name: &'static str) -> Option<Value> {
    Value::new(name, from.text(name).to_ascii_lowercase())
}

fn first_part(from: Variables<'_>, name: &'static str) -> Option<Value> {
    let (owner, _) = from.text(name).split_once('/')?;
    Value::new(name, owner.to_ascii_lowercase())
}

fn key(value: Option<Value>) -> String {
    value.map(|value| value.text).unwrap_or_default()
}

/// `None` if a part of the URL is blank.
fn url(from: &'static str, parts: &[&str], text: String) -> Option<Value> {
    let complete = !parts.contains(&"");
    complete.then_some(Value { text, from })
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
