//! The verdict from report files, without a server.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use test_engine_accounting::{Accounting, Accountings, Input, account};
use test_engine_wire::{NodeReport, Plan};

use super::error::VerifyError;
use super::report_files::ReportFile;

/// Which reports and plans to consider.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'a> {
    /// Empty if unknown; then all reports must be of one build.
    pub build_id: &'a str,
    /// All plans of the build if there is none.
    pub identifier: Option<&'a str>,
}

/// Reports by plan identifier, and a plan that was written to a file.
#[derive(Debug, Default)]
pub(super) struct Reported {
    pub reports: BTreeMap<String, Vec<NodeReport>>,
    pub plan: Option<Plan>,
}

impl Scope<'_> {
    pub(super) fn select(
        &self,
        files: Vec<ReportFile>,
        plan: Option<(&Path, Plan)>,
    ) -> Result<Reported, VerifyError> {
        self.check_build(&files)?;
        let found: BTreeSet<String> = files
            .iter()
            .map(|file| format!("{:?}", file.report.identifier))
            .collect();
        let mut reports: BTreeMap<String, Vec<NodeReport>> = BTreeMap::new();
        for ReportFile { report, .. } in files {
            if self
                .identifier
                .is_none_or(|wanted| wanted == report.identifier)
            {
                let of_plan = reports.entry(report.identifier.clone()).or_default();
                of_plan.push(report);
            }
        }
        if let (Some(identifier), true) = (self.identifier, reports.is_empty()) {
            return Err(VerifyError::OtherPlan {
                identifier: identifier.to_owned(),
                found: Vec::from_iter(found).join(", "),
            });
        }
        let plan = plan.map(|(path, plan)| self.named(path, plan, &reports));
        let plan = plan.transpose()?;
        if let Some(plan) = &plan {
            // A plan none of whose nodes reported is one that did not run.
            reports.entry(plan.identifier.clone()).or_default();
        }
        Ok(Reported { reports, plan })
    }

    pub(super) fn check_build(&self, files: &[ReportFile]) -> Result<(), VerifyError> {
        let builds: BTreeSet<&str> = files
            .iter()
            .map(|file| file.report.build_id.as_str())
            .filter(|build| !build.is_empty())
            .collect();
        if self.build_id.is_empty() {
            return if builds.len() > 1 {
                let builds: Vec<String> = builds.iter().map(|one| format!("{one:?}")).collect();
                Err(VerifyError::SeveralBuilds(builds.join(", ")))
            } else {
                Ok(())
            };
        }
        let is_other = |build: &str| !build.is_empty() && build != self.build_id;
        match files.iter().find(|file| is_other(&file.report.build_id)) {
            Some(other) => Err(VerifyError::OtherBuild {
                path: other.path.clone(),
                found: other.report.build_id.clone(),
                expected: self.build_id.to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// A plan without an identifier is the one of the reports, if they are of one plan.
    fn named(
        &self,
        path: &Path,
        mut plan: Plan,
        reports: &BTreeMap<String, Vec<NodeReport>>,
    ) -> Result<Plan, VerifyError> {
        if plan.identifier.is_empty()
            && let Some(only) = reports.keys().next().filter(|_| reports.len() == 1)
        {
            plan.identifier.clone_from(only);
        }
        match self.identifier {
            Some(identifier) if identifier != plan.identifier => Err(VerifyError::OtherPlanFile {
                path: path.to_owned(),
                identifier: identifier.to_owned(),
                found: plan.identifier,
            }),
            _ => Ok(plan),
        }
    }
}

impl Reported {
    pub(super) fn accountings(&self) -> Accountings {
        let all = self.reports.iter();
        Accountings {
            accountings: all
                .map(|(identifier, reports)| self.account(identifier, reports))
                .collect(),
        }
    }

    fn account(&self, identifier: &str, reports: &[NodeReport]) -> Accounting {
        account(&self.input(identifier, reports, &BTreeSet::new()))
    }

    /// The plan with this identifier, if a file has it.
    pub(super) fn plan(&self, identifier: &str) -> Option<&Plan> {
        let plan = self.plan.as_ref();
        plan.filter(|plan| plan.identifier == identifier)
    }

    /// What earlier builds ran is not in files.
    fn input<'a>(
        &'a self,
        identifier: &'a str,
        reports: &'a [NodeReport],
        none: &'a BTreeSet<String>,
    ) -> Input<'a> {
        Input {
            identifier,
            plan: self.plan(identifier),
            reports,
            targets_with_history: none,
            vanished: &[],
            unchanged_targets: none,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn file(build_id: &str, identifier: &str) -> ReportFile {
        ReportFile {
            path: format!("{build_id}.json").into(),
            report: NodeReport {
                build_id: build_id.to_owned(),
                identifier: identifier.to_owned(),
                parallelism: 1,
                ..NodeReport::default()
            },
        }
    }

    fn selected(scope: Scope<'_>, files: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let files = files
            .iter()
            .map(|(build, plan)| file(build, plan))
            .collect();
        let selected = scope.select(files, None);
        let selected = selected.map_err(|error| error.to_string())?;
        Ok(selected.reports.into_keys().collect())
    }

    #[rstest]
    #[case("b1", None, &[("b1", "p"), ("", "q")], Ok(vec!["p", "q"]))]
    #[case("b1", Some("q"), &[("b1", "p"), ("b1", "q")], Ok(vec!["q"]))]
    #[case("", None, &[("b1", "p"), ("b1", "p")], Ok(vec!["p"]))]
    #[case(
        "b1", None, &[("b1", "p"), ("b0", "p")],
        Err("failed to verify build \"b1\": b0.json is a report of build \"b0\"")
    )]
    #[case(
        "", None, &[("b1", "p"), ("b0", "p")],
        Err("failed to verify the build: the node reports are of several builds: \"b0\", \"b1\"")
    )]
    #[case(
        "b1", Some("r"), &[("b1", "q"), ("b1", "p")],
        Err("no report of plan \"r\" found: the reports are of \"p\", \"q\"")
    )]
    fn reports_of_other_builds_are_errors(
        #[case] build_id: &str,
        #[case] identifier: Option<&str>,
        #[case] files: &[(&str, &str)],
        #[case] expected: Result<Vec<&str>, &str>,
    ) {
        let scope = Scope {
            build_id,
            identifier,
        };
        let expected = expected.map(|plans| plans.into_iter().map(str::to_owned).collect());
        assert_eq!(selected(scope, files), expected.map_err(str::to_owned));
    }

    #[test]
    fn a_plan_file_belongs_to_the_plan_it_names() {
        let scope = Scope {
            build_id: "",
            identifier: None,
        };
        let plans = |identifier: &str| {
            let plan = Plan {
                identifier: identifier.to_owned(),
                ..Plan::default()
            };
            let files = vec![file("b", "p")];
            let selected = scope.select(files, Some((Path::new("plan.json"), plan)));
            selected.unwrap().reports.into_keys().collect::<Vec<_>>()
        };
        assert_eq!(plans("p"), ["p"]);
        assert_eq!(plans(""), ["p"]);
        assert_eq!(plans("q"), ["p", "q"]);
    }
}
