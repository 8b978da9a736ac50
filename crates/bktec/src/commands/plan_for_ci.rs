//! Formats a plan's identifier and parallelism for the CI that starts its jobs. Pure.
//!
//! A plan may have no tests, so each format can also express that there is nothing to do.

use serde_json::json;

use crate::env_vars;

#[derive(Clone, Copy, Debug)]
pub(super) struct Size<'a> {
    pub identifier: &'a str,
    /// 0 if there is nothing to run.
    pub parallelism: i64,
}

/// The job that the template must define and the generated job extends.
pub(super) const TEMPLATE_JOB: &str = ".bktec";

/// GitLab's limit for `parallel`.
const MAX_ON_GITLAB: i64 = 200;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FormatError {
    #[error("the job template does not define {TEMPLATE_JOB}, which the jobs of the plan extend")]
    NoTemplateJob,
    #[error(
        "the plan has {0} nodes, but GitLab starts at most {MAX_ON_GITLAB} parallel jobs; use \
         --max-parallelism {MAX_ON_GITLAB}"
    )]
    TooManyForGitLab(i64),
}

/// Step outputs. The identifier must not contain `delimiter`.
pub(super) fn github(size: Size<'_>, delimiter: &str) -> String {
    let nodes: Vec<i64> = (0..size.parallelism).collect();
    format!(
        "matrix={}\nparallelism={}\nhas-tests={}\nidentifier<<{delimiter}\n{}\n{delimiter}\n",
        json!({ "node": nodes }),
        size.parallelism,
        size.parallelism > 0,
        size.identifier
    )
}

pub(super) fn check_gitlab_template(template: &str) -> Result<(), FormatError> {
    let defines = template.lines().any(|line| {
        line.strip_prefix(TEMPLATE_JOB)
            .is_some_and(|rest| rest.trim_start().starts_with(':'))
    });
    defines.then_some(()).ok_or(FormatError::NoTemplateJob)
}

/// A child pipeline: the template, and one job with as many instances as the plan has nodes.
pub(super) fn gitlab(size: Size<'_>, template: &str) -> Result<String, FormatError> {
    check_gitlab_template(template)?;
    if size.parallelism == 0 {
        return Ok(
            "# The plan has no tests to run.\nbktec:\n  variables:\n    GIT_STRATEGY: none\n  \
             script:\n    - echo 'The plan has no tests to run.'\n"
                .to_owned(),
        );
    }
    if size.parallelism > MAX_ON_GITLAB {
        return Err(FormatError::TooManyForGitLab(size.parallelism));
    }
    // A JSON string is a YAML string; GitLab expands variables after a single dollar sign.
    let identifier = json!(size.identifier.replace('$', "$$"));
    Ok(format!(
        "{}\n\nbktec:\n  extends: {TEMPLATE_JOB}\n  parallel: {}\n  variables:\n    {}: \
         {identifier}\n",
        template.trim_end(),
        size.parallelism,
        env_vars::BUILDKITE_TEST_ENGINE_PLAN_IDENTIFIER,
    ))
}

/// Parameters for CircleCI's continuation pipeline. Its `parallelism` cannot be 0, hence
/// `bktec_has_tests`.
pub(super) fn circleci(size: Size<'_>) -> String {
    let parameters = json!({
        "bktec_has_tests": size.parallelism > 0,
        "bktec_parallelism": size.parallelism.max(1),
        "bktec_plan_identifier": size.identifier,
    });
    format!("{parameters}\n")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn size(identifier: &str, parallelism: i64) -> Size<'_> {
        Size {
            identifier,
            parallelism,
        }
    }

    const ODD: &str = "a b/$HOME \"q\" 'r' #x: ünï";

    /// Parses step outputs like the GitHub runner.
    fn outputs(text: &str) -> Vec<(String, String)> {
        let mut lines = text.lines();
        let mut read = Vec::new();
        while let Some(line) = lines.next() {
            if let Some((name, delimiter)) = line.split_once("<<") {
                let value: Vec<&str> = lines
                    .by_ref()
                    .take_while(|line| *line != delimiter)
                    .collect();
                read.push((name.to_owned(), value.join("\n")));
            } else {
                let (name, value) = line.split_once('=').unwrap();
                read.push((name.to_owned(), value.to_owned()));
            }
        }
        read
    }

    #[test]
    fn github_outputs() {
        let parsed = outputs(&github(size("two\nlines=x", 3), "END"));
        let value = |name: &str| {
            parsed
                .iter()
                .find(|(other, _)| other == name)
                .unwrap()
                .1
                .clone()
        };
        let matrix: Value = serde_json::from_str(&value("matrix")).unwrap();
        assert_eq!(matrix, json!({"node": [0, 1, 2]}));
        assert_eq!(value("identifier"), "two\nlines=x");
        assert_eq!(
            (value("parallelism").as_str(), value("has-tests").as_str()),
            ("3", "true")
        );
        let none = outputs(&github(size("x", 0), "END"));
        assert!(none.contains(&("has-tests".to_owned(), "false".to_owned())));
        assert!(none.contains(&("matrix".to_owned(), "{\"node\":[]}".to_owned())));
    }

    const TEMPLATE: &str = ".bktec:\n  image: python:3.12\n  script:\n    - bktec run\n";

    #[test]
    fn gitlab_pipeline() {
        let text = gitlab(size(ODD, 3), TEMPLATE).unwrap();
        let pipeline: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(pipeline[".bktec"]["script"], json!(["bktec run"]));
        assert_eq!(pipeline["bktec"]["extends"], ".bktec");
        assert_eq!(pipeline["bktec"]["parallel"], 3);
        let identifier =
            pipeline["bktec"]["variables"]["BUILDKITE_TEST_ENGINE_PLAN_IDENTIFIER"].as_str();
        assert_eq!(identifier.unwrap().replace("$$", "$"), ODD);
    }

    #[test]
    fn gitlab_pipeline_without_tests_only_echoes() {
        let text = gitlab(size("x", 0), TEMPLATE).unwrap();
        let pipeline: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(
            pipeline["bktec"]["script"][0],
            "echo 'The plan has no tests to run.'"
        );
        assert!(pipeline["bktec"].get("parallel").is_none());
    }

    #[test]
    fn rejects_what_gitlab_cannot_run() {
        assert_eq!(
            gitlab(size("x", 201), TEMPLATE),
            Err(FormatError::TooManyForGitLab(201))
        );
        for template in ["", "test:\n  script: x\n", "  .bktec:\n", ".bktec-2:\n"] {
            assert_eq!(
                gitlab(size("x", 2), template),
                Err(FormatError::NoTemplateJob),
                "{template}"
            );
        }
    }

    #[test]
    fn circleci_parameters() {
        let read: Value = serde_json::from_str(&circleci(size(ODD, 4))).unwrap();
        assert_eq!(
            read,
            json!({"bktec_has_tests": true, "bktec_parallelism": 4, "bktec_plan_identifier": ODD})
        );
        let none: Value = serde_json::from_str(&circleci(size("x", 0))).unwrap();
        assert_eq!(
            (&none["bktec_has_tests"], &none["bktec_parallelism"]),
            (&json!(false), &json!(1))
        );
    }
}
