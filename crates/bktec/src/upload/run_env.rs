//! What is told about the build that results come from: `run_env` of an upload.
//!
//! Pure. The key decides which uploads are one run, so it is never made of half of its parts: where
//! a CI does not say enough, it stays empty and the caller makes one up.

use std::collections::BTreeMap;

use crate::env_vars as var;
use crate::settings::CommonSettings;

/// A build, as its CI tells of it; empty where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunEnvironment {
    /// The CI's name.
    pub ci: &'static str,
    /// What uploads of one run share.
    pub key: String,
    /// The branch.
    pub branch: String,
    /// The commit.
    pub commit_sha: String,
    /// The build's number.
    pub number: String,
    /// The build's page.
    pub url: String,
    /// The job.
    pub job_id: String,
    /// The commit's or the build's message.
    pub message: String,
}

/// Reads the variables of one CI.
type Reader = fn(&Variables<'_>) -> RunEnvironment;

/// Variables by their names.
struct Variables<'a>(&'a BTreeMap<&'static str, String>);

impl Variables<'_> {
    fn text(&self, name: &str) -> String {
        let text = self.0.get(name).map(|text| text.trim());
        text.unwrap_or_default().to_owned()
    }

    fn is_set(&self, name: &str) -> bool {
        let text = self.text(name);
        !text.is_empty() && !text.eq_ignore_ascii_case("false")
    }

    /// The first that is not empty.
    fn first(&self, names: [&str; 2]) -> String {
        let first = self.text(names[0]);
        if first.is_empty() {
            self.text(names[1])
        } else {
            first
        }
    }

    /// All of them with hyphens between, or nothing when one is missing.
    fn all(&self, names: &[&str]) -> String {
        let texts: Vec<String> = names.iter().map(|name| self.text(name)).collect();
        if texts.iter().any(String::is_empty) {
            return String::new();
        }
        texts.join("-")
    }
}

impl RunEnvironment {
    /// The build that a CI tells of. `build_id` is Buildkite's, and wins; `variables` are the
    /// others', as listed in `env_vars`.
    pub fn of_ci(build_id: Option<String>, variables: &BTreeMap<&'static str, String>) -> Self {
        if let Some(key) = build_id {
            return Self {
                ci: "buildkite",
                key,
                ..Self::default()
            };
        }
        let variables = Variables(variables);
        let known: [(&str, Reader); 9] = [
            (var::GITHUB_ACTIONS, github_actions),
            (var::CIRCLECI, circleci),
            (var::GITLAB_CI, gitlab),
            (var::TF_BUILD, azure_pipelines),
            (var::TRAVIS, travis),
            (var::BITBUCKET_BUILD_NUMBER, bitbucket),
            (var::SEMAPHORE, semaphore),
            (var::DRONE, drone),
            // Last: its other variables' names are anybody's.
            (var::JENKINS_URL, jenkins),
        ];
        known
            .iter()
            .find(|(mark, _)| variables.is_set(mark))
            .map_or_else(
                || Self {
                    ci: "generic",
                    ..Self::default()
                },
                |(_, read)| read(&variables),
            )
    }

    /// The pairs of `run_env` that are this build's, also the empty ones.
    pub(crate) fn pairs(&self) -> [(&'static str, &str); 8] {
        [
            ("CI", self.ci),
            ("key", &self.key),
            ("branch", &self.branch),
            ("commit_sha", &self.commit_sha),
            ("number", &self.number),
            ("url", &self.url),
            ("job_id", &self.job_id),
            ("message", &self.message),
        ]
    }

    /// The build that `run` and `plan` were told of.
    pub(crate) fn of_settings(settings: &CommonSettings) -> Self {
        let build = &settings.build;
        Self {
            ci: "buildkite",
            key: build.build_id.clone(),
            branch: build.branch.clone(),
            commit_sha: build.commit.clone(),
            number: build.number.clone(),
            url: build.url.clone(),
            job_id: build.job_id.clone(),
            message: build.message.clone(),
        }
    }
}

fn circleci(from: &Variables<'_>) -> RunEnvironment {
    RunEnvironment {
        ci: "circleci",
        key: from.all(&[var::CIRCLE_WORKFLOW_ID, var::CIRCLE_BUILD_NUM]),
        branch: from.text(var::CIRCLE_BRANCH),
        commit_sha: from.text(var::CIRCLE_SHA1),
        number: from.text(var::CIRCLE_BUILD_NUM),
        url: from.text(var::CIRCLE_BUILD_URL),
        ..RunEnvironment::default()
    }
}

fn github_actions(from: &Variables<'_>) -> RunEnvironment {
    let (repository, run) = (
        from.text(var::GITHUB_REPOSITORY),
        from.text(var::GITHUB_RUN_ID),
    );
    let server = from.text(var::GITHUB_SERVER_URL);
    let server = if server.is_empty() {
        "https://github.com"
    } else {
        server.trim_end_matches('/')
    };
    RunEnvironment {
        ci: "github_actions",
        key: from.all(&[
            var::GITHUB_ACTION,
            var::GITHUB_RUN_NUMBER,
            var::GITHUB_RUN_ATTEMPT,
        ]),
        branch: from.text(var::GITHUB_REF),
        commit_sha: from.text(var::GITHUB_SHA),
        number: from.text(var::GITHUB_RUN_NUMBER),
        url: page(
            &[&repository, &run],
            format!("{server}/{repository}/actions/runs/{run}"),
        ),
        ..RunEnvironment::default()
    }
}

fn gitlab(from: &Variables<'_>) -> RunEnvironment {
    RunEnvironment {
        ci: "gitlab",
        key: from.text(var::CI_PIPELINE_ID),
        branch: from.text(var::CI_COMMIT_REF_NAME),
        commit_sha: from.text(var::CI_COMMIT_SHA),
        number: from.text(var::CI_PIPELINE_IID),
        url: from.text(var::CI_PIPELINE_URL),
        job_id: from.text(var::CI_JOB_ID),
        message: from.text(var::CI_COMMIT_MESSAGE),
    }
}

fn azure_pipelines(from: &Variables<'_>) -> RunEnvironment {
    let (collection, project) = (
        from.text(var::SYSTEM_COLLECTIONURI),
        from.text(var::SYSTEM_TEAMPROJECT),
    );
    let build = from.text(var::BUILD_BUILDID);
    let branch = from.text(var::BUILD_SOURCEBRANCH);
    let collection = collection.trim_end_matches('/');
    RunEnvironment {
        ci: "azure_pipelines",
        branch: branch
            .strip_prefix("refs/heads/")
            .unwrap_or(&branch)
            .to_owned(),
        commit_sha: from.text(var::BUILD_SOURCEVERSION),
        number: from.text(var::BUILD_BUILDNUMBER),
        url: page(
            &[collection, &project, &build],
            format!(
                "{collection}/{}/_build/results?buildId={build}",
                project.replace(' ', "%20")
            ),
        ),
        job_id: from.text(var::SYSTEM_JOBID),
        message: from.text(var::BUILD_SOURCEVERSIONMESSAGE),
        key: build,
    }
}

fn travis(from: &Variables<'_>) -> RunEnvironment {
    RunEnvironment {
        ci: "travis_ci",
        key: from.text(var::TRAVIS_BUILD_ID),
        branch: from.first([var::TRAVIS_PULL_REQUEST_BRANCH, var::TRAVIS_BRANCH]),
        commit_sha: from.first([var::TRAVIS_PULL_REQUEST_SHA, var::TRAVIS_COMMIT]),
        number: from.text(var::TRAVIS_BUILD_NUMBER),
        url: from.text(var::TRAVIS_BUILD_WEB_URL),
        job_id: from.text(var::TRAVIS_JOB_ID),
        message: from.text(var::TRAVIS_COMMIT_MESSAGE),
    }
}

fn bitbucket(from: &Variables<'_>) -> RunEnvironment {
    let (repository, number) = (
        from.text(var::BITBUCKET_REPO_FULL_NAME),
        from.text(var::BITBUCKET_BUILD_NUMBER),
    );
    RunEnvironment {
        ci: "bitbucket",
        key: from.text(var::BITBUCKET_PIPELINE_UUID),
        branch: from.text(var::BITBUCKET_BRANCH),
        commit_sha: from.text(var::BITBUCKET_COMMIT),
        url: page(
            &[&repository, &number],
            format!("https://bitbucket.org/{repository}/pipelines/results/{number}"),
        ),
        number,
        job_id: from.text(var::BITBUCKET_STEP_UUID),
        ..RunEnvironment::default()
    }
}

fn semaphore(from: &Variables<'_>) -> RunEnvironment {
    let organization = from.text(var::SEMAPHORE_ORGANIZATION_URL);
    let workflow = from.text(var::SEMAPHORE_WORKFLOW_ID);
    let organization = organization.trim_end_matches('/');
    RunEnvironment {
        ci: "semaphore",
        branch: from.first([var::SEMAPHORE_GIT_PR_BRANCH, var::SEMAPHORE_GIT_BRANCH]),
        commit_sha: from.first([var::SEMAPHORE_GIT_PR_SHA, var::SEMAPHORE_GIT_SHA]),
        number: from.text(var::SEMAPHORE_WORKFLOW_NUMBER),
        url: page(
            &[organization, &workflow],
            format!("{organization}/workflows/{workflow}"),
        ),
        job_id: from.text(var::SEMAPHORE_JOB_ID),
        key: workflow,
        ..RunEnvironment::default()
    }
}

fn drone(from: &Variables<'_>) -> RunEnvironment {
    RunEnvironment {
        ci: "drone",
        key: from.all(&[var::DRONE_REPO, var::DRONE_BUILD_NUMBER]),
        branch: from.first([var::DRONE_SOURCE_BRANCH, var::DRONE_BRANCH]),
        commit_sha: from.text(var::DRONE_COMMIT_SHA),
        number: from.text(var::DRONE_BUILD_NUMBER),
        url: from.text(var::DRONE_BUILD_LINK),
        message: from.text(var::DRONE_COMMIT_MESSAGE),
        ..RunEnvironment::default()
    }
}

fn jenkins(from: &Variables<'_>) -> RunEnvironment {
    let branch = from.first([var::CHANGE_BRANCH, var::BRANCH_NAME]);
    let branch = if branch.is_empty() {
        // The git plugin names the remote's branch.
        let branch = from.text(var::GIT_BRANCH);
        branch.strip_prefix("origin/").unwrap_or(&branch).to_owned()
    } else {
        branch
    };
    RunEnvironment {
        ci: "jenkins",
        key: from.text(var::BUILD_TAG),
        branch,
        commit_sha: from.text(var::GIT_COMMIT),
        number: from.text(var::BUILD_NUMBER),
        url: from.text(var::BUILD_URL),
        ..RunEnvironment::default()
    }
}

/// An address, if all that it is made of is there.
fn page(parts: &[&str], address: String) -> String {
    if parts.iter().any(|part| part.is_empty()) {
        String::new()
    } else {
        address
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use rstest::rstest;

    use super::*;

    fn shown(variables: &[(&'static str, &str)]) -> String {
        let variables = variables
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        let run = RunEnvironment::of_ci(None, &variables);
        let mut text = String::new();
        for (key, value) in run.pairs() {
            let _ = writeln!(text, "{key}={value}");
        }
        text
    }

    #[rstest]
    #[case::circleci(
        &[("CIRCLECI", "true"), ("CIRCLE_WORKFLOW_ID", "w-1"), ("CIRCLE_BUILD_NUM", "7"),
          ("CIRCLE_BRANCH", "main"), ("CIRCLE_SHA1", "abc"), ("CIRCLE_BUILD_URL", "https://circle/7")],
        "CI=circleci\nkey=w-1-7\nbranch=main\ncommit_sha=abc\nnumber=7\nurl=https://circle/7\njob_id=\nmessage=\n"
    )]
    #[case::github_actions(
        &[("GITHUB_ACTIONS", "true"), ("GITHUB_ACTION", "__run"), ("GITHUB_RUN_NUMBER", "3"),
          ("GITHUB_RUN_ATTEMPT", "1"), ("GITHUB_REF", "refs/heads/main"), ("GITHUB_SHA", "abc"),
          ("GITHUB_REPOSITORY", "o/r"), ("GITHUB_RUN_ID", "99")],
        "CI=github_actions\nkey=__run-3-1\nbranch=refs/heads/main\ncommit_sha=abc\nnumber=3\nurl=https://github.com/o/r/actions/runs/99\njob_id=\nmessage=\n"
    )]
    #[case::github_enterprise(
        &[("GITHUB_ACTIONS", "true"), ("GITHUB_SERVER_URL", "https://git.example.com/"),
          ("GITHUB_REPOSITORY", "o/r"), ("GITHUB_RUN_ID", "99")],
        "CI=github_actions\nkey=\nbranch=\ncommit_sha=\nnumber=\nurl=https://git.example.com/o/r/actions/runs/99\njob_id=\nmessage=\n"
    )]
    #[case::gitlab(
        &[("GITLAB_CI", "true"), ("CI_PIPELINE_ID", "1000"), ("CI_PIPELINE_IID", "5"), ("CI_PIPELINE_URL", "https://gitlab/5"),
          ("CI_COMMIT_REF_NAME", "main"), ("CI_COMMIT_SHA", "abc"), ("CI_COMMIT_MESSAGE", "Fix\n\nit\n"), ("CI_JOB_ID", "31")],
        "CI=gitlab\nkey=1000\nbranch=main\ncommit_sha=abc\nnumber=5\nurl=https://gitlab/5\njob_id=31\nmessage=Fix\n\nit\n"
    )]
    #[case::azure(
        &[("TF_BUILD", "True"), ("BUILD_BUILDID", "12"), ("BUILD_BUILDNUMBER", "20240620.1"), ("BUILD_SOURCEBRANCH", "refs/heads/a/b"),
          ("BUILD_SOURCEVERSION", "abc"), ("BUILD_SOURCEVERSIONMESSAGE", "Fix"), ("SYSTEM_COLLECTIONURI", "https://dev.azure.com/o/"),
          ("SYSTEM_TEAMPROJECT", "My project"), ("SYSTEM_JOBID", "j")],
        "CI=azure_pipelines\nkey=12\nbranch=a/b\ncommit_sha=abc\nnumber=20240620.1\nurl=https://dev.azure.com/o/My%20project/_build/results?buildId=12\njob_id=j\nmessage=Fix\n"
    )]
    #[case::travis(
        &[("TRAVIS", "true"), ("TRAVIS_BUILD_ID", "8"), ("TRAVIS_BUILD_NUMBER", "2"), ("TRAVIS_BUILD_WEB_URL", "https://travis/8"),
          ("TRAVIS_BRANCH", "main"), ("TRAVIS_PULL_REQUEST_BRANCH", ""), ("TRAVIS_COMMIT", "abc"),
          ("TRAVIS_COMMIT_MESSAGE", "Fix"), ("TRAVIS_JOB_ID", "j")],
        "CI=travis_ci\nkey=8\nbranch=main\ncommit_sha=abc\nnumber=2\nurl=https://travis/8\njob_id=j\nmessage=Fix\n"
    )]
    #[case::travis_pull_request(
        &[("TRAVIS", "true"), ("TRAVIS_BRANCH", "main"), ("TRAVIS_PULL_REQUEST_BRANCH", "topic"),
          ("TRAVIS_COMMIT", "merge"), ("TRAVIS_PULL_REQUEST_SHA", "abc")],
        "CI=travis_ci\nkey=\nbranch=topic\ncommit_sha=abc\nnumber=\nurl=\njob_id=\nmessage=\n"
    )]
    #[case::bitbucket(
        &[("BITBUCKET_BUILD_NUMBER", "4"), ("BITBUCKET_PIPELINE_UUID", "{p}"), ("BITBUCKET_STEP_UUID", "{s}"),
          ("BITBUCKET_BRANCH", "main"), ("BITBUCKET_COMMIT", "abc"), ("BITBUCKET_REPO_FULL_NAME", "o/r")],
        "CI=bitbucket\nkey={p}\nbranch=main\ncommit_sha=abc\nnumber=4\nurl=https://bitbucket.org/o/r/pipelines/results/4\njob_id={s}\nmessage=\n"
    )]
    #[case::semaphore(
        &[("SEMAPHORE", "true"), ("SEMAPHORE_WORKFLOW_ID", "w"), ("SEMAPHORE_WORKFLOW_NUMBER", "6"), ("SEMAPHORE_GIT_BRANCH", "main"),
          ("SEMAPHORE_GIT_PR_BRANCH", "topic"), ("SEMAPHORE_GIT_SHA", "abc"), ("SEMAPHORE_JOB_ID", "j"),
          ("SEMAPHORE_ORGANIZATION_URL", "https://o.semaphoreci.com")],
        "CI=semaphore\nkey=w\nbranch=topic\ncommit_sha=abc\nnumber=6\nurl=https://o.semaphoreci.com/workflows/w\njob_id=j\nmessage=\n"
    )]
    #[case::drone(
        &[("DRONE", "true"), ("DRONE_REPO", "o/r"), ("DRONE_BUILD_NUMBER", "5"), ("DRONE_BUILD_LINK", "https://drone/5"),
          ("DRONE_BRANCH", "main"), ("DRONE_SOURCE_BRANCH", "topic"), ("DRONE_COMMIT_SHA", "abc"), ("DRONE_COMMIT_MESSAGE", "Fix")],
        "CI=drone\nkey=o/r-5\nbranch=topic\ncommit_sha=abc\nnumber=5\nurl=https://drone/5\njob_id=\nmessage=Fix\n"
    )]
    #[case::jenkins(
        &[("JENKINS_URL", "https://jenkins/"), ("BUILD_TAG", "jenkins-job-9"), ("BUILD_NUMBER", "9"), ("BUILD_URL", "https://jenkins/9"),
          ("GIT_BRANCH", "origin/main"), ("GIT_COMMIT", "abc")],
        "CI=jenkins\nkey=jenkins-job-9\nbranch=main\ncommit_sha=abc\nnumber=9\nurl=https://jenkins/9\njob_id=\nmessage=\n"
    )]
    #[case::jenkins_multibranch(
        &[("JENKINS_URL", "https://jenkins/"), ("BRANCH_NAME", "PR-1"), ("CHANGE_BRANCH", "topic"), ("GIT_BRANCH", "PR-1")],
        "CI=jenkins\nkey=\nbranch=topic\ncommit_sha=\nnumber=\nurl=\njob_id=\nmessage=\n"
    )]
    #[case::generic(
        &[("BUILD_NUMBER", "9"), ("GIT_BRANCH", "main"), ("TRAVIS", "false"), ("DRONE", " ")],
        "CI=generic\nkey=\nbranch=\ncommit_sha=\nnumber=\nurl=\njob_id=\nmessage=\n"
    )]
    fn builds_of_other_cis(#[case] variables: &[(&'static str, &str)], #[case] expected: &str) {
        assert_eq!(shown(variables), expected);
    }

    #[test]
    fn a_key_of_half_its_parts_is_none() {
        assert!(shown(&[("CIRCLECI", "true"), ("CIRCLE_BUILD_NUM", "7")]).contains("key=\n"));
        assert!(shown(&[("DRONE", "true"), ("DRONE_BUILD_NUMBER", "7")]).contains("key=\n"));
    }

    #[test]
    fn buildkite_wins() {
        let variables = [("CIRCLECI", "true".to_owned())].into();
        let run = RunEnvironment::of_ci(Some("build-1".to_owned()), &variables);
        assert_eq!((run.ci, run.key.as_str()), ("buildkite", "build-1"));
    }
}
