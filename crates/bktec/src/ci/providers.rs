//! The supported CIs, and the variables in which each reports its builds.
//!
//! `build` and `step` must have the same text on all nodes of a step, also when only some of them
//! are retried; otherwise each node would run its share of another plan. They are `None` where no
//! variable guarantees that. Two steps may still report the same step: plan identifiers also
//! depend on what is planned.

use super::{Detection, Folding, Provider, Value, Variables, counted_jobs, uncounted_jobs};
use crate::env_vars as var;

/// In the order of detection.
pub const PROVIDERS: &[Provider] = &[
    Provider {
        name: "github_actions",
        title: "GitHub Actions",
        detected_by: Detection::Set(var::GITHUB_ACTIONS),
        workspace: var::GITHUB_WORKSPACE,
        folding: Folding::GitHub,
        read: uncounted_jobs::github_actions,
    },
    Provider {
        name: "circleci",
        title: "CircleCI",
        detected_by: Detection::Set(var::CIRCLECI),
        workspace: var::CIRCLE_WORKING_DIRECTORY,
        folding: Folding::Marks,
        read: counted_jobs::circleci,
    },
    Provider {
        name: "gitlab",
        title: "GitLab",
        detected_by: Detection::Set(var::GITLAB_CI),
        workspace: var::CI_PROJECT_DIR,
        folding: Folding::GitLab,
        read: counted_jobs::gitlab,
    },
    Provider {
        name: "azure_pipelines",
        title: "Azure Pipelines",
        detected_by: Detection::Set(var::TF_BUILD),
        workspace: var::BUILD_SOURCESDIRECTORY,
        folding: Folding::Azure,
        read: counted_jobs::azure_pipelines,
    },
    Provider {
        name: "travis_ci",
        title: "Travis CI",
        detected_by: Detection::Set(var::TRAVIS),
        workspace: var::TRAVIS_BUILD_DIR,
        folding: Folding::Marks,
        read: uncounted_jobs::travis,
    },
    Provider {
        name: "bitbucket",
        title: "Bitbucket Pipelines",
        detected_by: Detection::Set(var::BITBUCKET_BUILD_NUMBER),
        workspace: var::BITBUCKET_CLONE_DIR,
        folding: Folding::Marks,
        read: counted_jobs::bitbucket,
    },
    Provider {
        name: "semaphore",
        title: "Semaphore",
        detected_by: Detection::Set(var::SEMAPHORE),
        workspace: var::SEMAPHORE_GIT_DIR,
        folding: Folding::Marks,
        read: counted_jobs::semaphore,
    },
    // Before Drone, whose variables it sets too.
    Provider {
        name: "harness",
        title: "Harness",
        detected_by: Detection::Set(var::HARNESS_BUILD_ID),
        workspace: var::HARNESS_WORKSPACE,
        folding: Folding::Marks,
        read: counted_jobs::harness,
    },
    Provider {
        name: "drone",
        title: "Drone",
        detected_by: Detection::Set(var::DRONE),
        workspace: var::DRONE_WORKSPACE,
        folding: Folding::Marks,
        read: uncounted_jobs::drone,
    },
    Provider {
        name: "appveyor",
        title: "AppVeyor",
        detected_by: Detection::Set(var::APPVEYOR),
        workspace: var::APPVEYOR_BUILD_FOLDER,
        folding: Folding::Marks,
        read: uncounted_jobs::appveyor,
    },
    Provider {
        name: "codefresh",
        title: "Codefresh",
        detected_by: Detection::Set(var::CF_BUILD_ID),
        workspace: var::CF_VOLUME_PATH,
        folding: Folding::Marks,
        read: uncounted_jobs::codefresh,
    },
    Provider {
        name: "aws_codebuild",
        title: "AWS CodeBuild",
        detected_by: Detection::Set(var::CODEBUILD_BUILD_ID),
        workspace: var::CODEBUILD_SRC_DIR,
        folding: Folding::Marks,
        read: uncounted_jobs::codebuild,
    },
    Provider {
        name: "teamcity",
        title: "TeamCity",
        detected_by: Detection::Set(var::TEAMCITY_VERSION),
        workspace: var::TEAMCITY_BUILD_CHECKOUTDIR,
        folding: Folding::Marks,
        read: uncounted_jobs::teamcity,
    },
    Provider {
        name: "bitrise",
        title: "Bitrise",
        detected_by: Detection::Set(var::BITRISE_IO),
        workspace: var::BITRISE_SOURCE_DIR,
        folding: Folding::Marks,
        read: counted_jobs::bitrise,
    },
    Provider {
        name: "buddy",
        title: "Buddy",
        detected_by: Detection::Set(var::BUDDY),
        workspace: "",
        folding: Folding::Marks,
        read: uncounted_jobs::buddy,
    },
    Provider {
        name: "cirrus_ci",
        title: "Cirrus CI",
        detected_by: Detection::Set(var::CIRRUS_CI),
        workspace: var::CIRRUS_WORKING_DIR,
        folding: Folding::Marks,
        read: uncounted_jobs::cirrus,
    },
    Provider {
        name: "woodpecker",
        title: "Woodpecker",
        detected_by: Detection::Text(var::CI_NAME, "woodpecker"),
        workspace: var::CI_WORKSPACE,
        folding: Folding::Marks,
        read: uncounted_jobs::woodpecker,
    },
    // Last, because their variables have generic names.
    Provider {
        name: "jenkins",
        title: "Jenkins",
        detected_by: Detection::Set(var::JENKINS_URL),
        workspace: var::WORKSPACE,
        folding: Folding::Marks,
        read: uncounted_jobs::jenkins,
    },
    Provider {
        name: "google_cloud_build",
        title: "Google Cloud Build",
        detected_by: Detection::AllSet(&[var::BUILD_ID, var::LOCATION, var::PROJECT_ID]),
        workspace: "",
        folding: Folding::Marks,
        read: uncounted_jobs::google_cloud_build,
    },
];

/// In lower case, as slugs are.
pub(super) fn owner(from: Variables<'_>, name: &'static str) -> Option<Value> {
    Value::new(name, from.text(name).to_ascii_lowercase())
}

pub(super) fn first_part(from: Variables<'_>, name: &'static str) -> Option<Value> {
    let (owner, _) = from.text(name).split_once('/')?;
    Value::new(name, owner.to_ascii_lowercase())
}

pub(super) fn key(value: Option<Value>) -> String {
    value.map(|value| value.text).unwrap_or_default()
}

/// `None` if a part of the URL is blank.
pub(super) fn url(from: &'static str, parts: &[&str], text: String) -> Option<Value> {
    let complete = !parts.contains(&"");
    complete.then_some(Value { text, from })
}
