//! Every field of every record is what plain git prints.

use crate::export::{assert_equal, export};
use crate::plain_git::PlainGit;
use crate::sample::{Sample, all_commits, everything};

#[test]
fn records_equal_plain_git_in_both_object_formats() {
    for format in ["sha1", "sha256"] {
        let mut sample = everything(format);
        let clone = sample.clone_to("clone", &[]);
        let commits = all_commits(&mut sample, &clone);
        let records = assert_equal(&clone, "origin/main", &commits, format);
        assert_eq!(records, commits.len());
    }
}

#[test]
fn exports_unrelated_commits_with_empty_diffs() {
    let mut sample = everything("sha1");
    let clone = sample.clone_to("clone", &[]);
    let unrelated = sample.git_in(&clone, &["rev-parse", "origin/unrelated"]);
    let main = sample.git_in(&clone, &["rev-parse", "origin/main"]);
    let found = export(&clone, &[unrelated.clone(), main], false, 2);
    assert_eq!(found.unrelated, [unrelated.as_str()]);
    let record = found.records[&unrelated].as_ref().unwrap();
    assert_eq!(record.message, "unrelated");
    let diff = &record.diff;
    for text in [&diff.files_changed, &diff.numstat, &diff.patch, &diff.raw] {
        assert_eq!(text, "");
    }
}

#[test]
fn trims_whitespace_at_the_end_of_messages() {
    let mut sample = Sample::new("sha1");
    let tree = sample.git(&["write-tree"]);
    let message = b"  subject  \n\nbody \t\n \n\t\n";
    let commits = [sample.git_with_input(&["commit-tree", &tree], message)];
    sample.git(&["update-ref", "refs/heads/main", &commits[0]]);
    let clone = sample.clone_to("clone", &[]);
    let found = export(&clone, &commits, false, 1);
    let record = found.records[&commits[0]].as_ref().unwrap();
    assert_eq!(record.message, "  subject  \n\nbody");
}

/// Without bulk processing, the other tests would only compare git with itself.
#[test]
fn starts_few_git_processes() {
    let mut sample = everything("sha1");
    let clone = sample.clone_to("clone", &[]);
    let commits = all_commits(&mut sample, &clone);
    let bulk = |sample: &mut Sample, settings: &[(&str, &str)]| {
        for (key, value) in settings {
            sample.git_in(&clone, &["config", key, value]);
        }
        let started = export(&clone, &commits, false, 2).processes_started;
        for (key, _) in settings {
            sample.git_in(&clone, &["config", "--unset-all", key]);
        }
        started
    };
    // Git runs for the bases of the unrelated branch and of the criss-cross merges.
    let started = bulk(&mut sample, &[]);
    assert!(started < 30, "{started}");
    let plain = PlainGit::new(&clone, "origin/main");
    plain.many(&commits, 4, PlainGit::diff);
    assert!(
        plain.processes_started() > 10 * started,
        "{}",
        plain.processes_started()
    );
    let settings = [
        ("diff.algorithm", "histogram"),
        ("diff.renames", "copies"),
        ("diff.context", "5"),
    ];
    assert!(bulk(&mut sample, &settings) < 30);
    let started = bulk(&mut sample, &[("diff.orderFile", "README")]);
    assert!(started > commits.len() as u64 / 2, "{started}");
}

/// Compares with plain git under each group of settings.
fn assert_equal_with(settings: &[&[(&str, &str)]]) {
    let mut sample = everything("sha1");
    let clone = sample.clone_to("clone", &[]);
    let commits = all_commits(&mut sample, &clone);
    let program = sample.root.path().join("must-not-run");
    let marker = sample.root.path().join("ran");
    fs_err::write(
        &program,
        format!("#!/bin/sh\ntouch {}\necho ran\n", marker.display()),
    )
    .unwrap();
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs_err::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    for settings in settings {
        for (key, value) in *settings {
            let value = value.replace("PROGRAM", &program.display().to_string());
            sample.git_in(&clone, &["config", key, &value]);
        }
        assert_equal(&clone, "origin/main", &commits, &format!("{settings:?}"));
        for (key, _) in *settings {
            sample.git_in(&clone, &["config", "--unset-all", key]);
        }
    }
    assert!(!marker.exists(), "a configured program ran");
}

#[test]
fn equal_with_settings_that_have_a_flag() {
    assert_equal_with(&[
        &[("diff.renames", "false")],
        &[("diff.renames", "copies")],
        &[("diff.noprefix", "true")],
        &[("diff.context", "0")],
        &[("diff.context", "9"), ("diff.interHunkContext", "4")],
        &[("diff.algorithm", "patience")],
        &[
            ("diff.algorithm", "histogram"),
            ("diff.renames", "copies"),
            ("diff.noprefix", "yes"),
        ],
    ]);
}

#[test]
fn equal_with_settings_that_change_nothing() {
    assert_equal_with(&[
        &[("diff.mnemonicPrefix", "true"), ("diff.renameLimit", "3")],
        &[
            ("color.ui", "always"),
            ("color.diff", "always"),
            ("diff.colorMoved", "zebra"),
        ],
        &[
            ("diff.external", "PROGRAM"),
            ("diff.drv.command", "PROGRAM"),
            ("diff.drv.textconv", "PROGRAM"),
        ],
        &[
            ("diff.drv.binary", "true"),
            ("diff.markdown.xfuncname", "^#.*$"),
        ],
        &[
            ("core.abbrev", "12"),
            ("core.quotePath", "false"),
            ("diff.suppressBlankEmpty", "true"),
        ],
        &[
            ("core.abbrev", "no"),
            ("diff.indentHeuristic", "false"),
            ("diff.wsErrorHighlight", "all"),
        ],
        &[
            ("log.showSignature", "true"),
            ("log.follow", "true"),
            ("format.pretty", "oneline"),
        ],
    ]);
}

#[test]
fn equal_with_settings_that_only_git_diff_supports() {
    assert_equal_with(&[
        &[("diff.submodule", "log")],
        &[("diff.orderFile", "README")],
        &[("diff.ignoreSubmodules", "all")],
        &[
            ("diff.drv.algorithm", "patience"),
            ("diff.algorithm", "histogram"),
        ],
        &[("diff.srcPrefix", "before/"), ("diff.dstPrefix", "after/")],
    ]);
}

#[test]
fn equal_with_replaced_commits_and_ignored_submodules() {
    let mut sample = everything("sha1");
    let clone = sample.clone_to("clone", &[]);
    let commits = all_commits(&mut sample, &clone);
    fs_err::write(
        clone.join(".gitmodules"),
        "[submodule \"s\"]\n\tpath = sub\n\turl = ./x\n\tignore = all\n",
    )
    .unwrap();
    let [newer, older] = ["origin/main~3", "origin/main~5"].map(str::to_owned);
    sample.git_in(&clone, &["replace", &newer, &older]);
    assert_equal(&clone, "origin/main", &commits, "replace");
}

#[test]
fn equal_in_a_subdirectory_and_with_relative_paths() {
    let mut sample = everything("sha1");
    let clone = sample.clone_to("clone", &[]);
    let commits = all_commits(&mut sample, &clone);
    let inside = clone.join("src");
    assert_equal(&inside, "origin/main", &commits, "inside");
    sample.git_in(&clone, &["config", "diff.relative", "true"]);
    assert_equal(&inside, "origin/main", &commits, "relative");
}

#[test]
fn equal_in_a_bare_clone() {
    let mut sample = everything("sha1");
    let clone = sample.clone_to("bare", &["--bare"]);
    let commits = all_commits(&mut sample, &clone);
    sample.git_in(
        &clone,
        &[
            "fetch",
            "--quiet",
            "origin",
            "+refs/heads/*:refs/remotes/origin/*",
        ],
    );
    assert_equal(&clone, "origin/main", &commits, "bare");
}
