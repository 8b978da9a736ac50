//! Every field of every record is what plain git prints.

use std::collections::BTreeMap;
use std::path::Path;

use bktec::git::{
    Base, Cancel, Collection, DiffKind, Git, ObjectId, Outcome, Repository, default_branch, prepare,
};

use crate::reference::{Diff, PlainGit, Record};
use crate::sample::{Sample, all_commits, everything};

/// What the product says of each commit; a reason where it skipped one.
pub(crate) type Found = BTreeMap<String, Result<Record, String>>;

pub(crate) fn collect(
    directory: &Path,
    commits: &[String],
    kind: DiffKind,
    concurrency: usize,
) -> Found {
    collect_and_count(directory, commits, kind, concurrency).0
}

/// The same, with how many gits were started.
fn collect_and_count(
    directory: &Path,
    commits: &[String],
    kind: DiffKind,
    concurrency: usize,
) -> (Found, u64) {
    let repository = Repository::open(Git::new(directory, Cancel::new())).unwrap();
    let branch = default_branch(&repository, "origin").unwrap();
    let ids: Vec<ObjectId> = commits.iter().map(|hex| hex.parse().unwrap()).collect();
    let mut prepared = prepare(&repository, &branch, &ids, concurrency).unwrap();
    loop {
        let mut found = Found::new();
        let mut order = Vec::new();
        prepared
            .collect::<std::io::Error>(Collection { kind, concurrency }, |collected| {
                let commit = collected.commit;
                order.push(commit.id);
                let record = match collected.outcome {
                    Outcome::Skipped(skipped) => Err(skipped.reason),
                    Outcome::Diff(mut diff) => {
                        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                        Ok(Record {
                            parents: commit
                                .parents
                                .iter()
                                .map(ToString::to_string)
                                .collect::<Vec<_>>()
                                .join(" "),
                            author: [
                                commit.author_name.clone(),
                                commit.author_email.clone(),
                                commit.author_date.clone(),
                            ],
                            committer: [
                                commit.committer_name.clone(),
                                commit.committer_email.clone(),
                                commit.committer_date.clone(),
                            ],
                            message: commit.message.clone(),
                            diff: Diff {
                                files_changed: text(&diff.files_changed),
                                numstat: text(&diff.diff_stat),
                                patch: text(&diff.patch.to_vec()?),
                                raw: text(&diff.raw),
                            },
                        })
                    }
                };
                found.insert(commit.id.to_string(), record);
                Ok(())
            })
            .unwrap();
        assert_eq!(order, ids, "records come in the order asked for");
        if !prepared.settle().unwrap() {
            return (found, repository.git().processes_started());
        }
    }
}

pub(crate) fn base_text(base: Base, empty_tree: &str) -> String {
    match base {
        Base::Commit(id) => id.to_string(),
        Base::EmptyTree => empty_tree.to_owned(),
    }
}

/// Compares both ways; gives how many commits had a record.
pub(crate) fn assert_equal(
    directory: &Path,
    branch: &str,
    commits: &[String],
    context: &str,
) -> usize {
    let plain = PlainGit::new(directory, branch);
    let expected = plain.many(commits, 4, PlainGit::record);
    let mut records = 0;
    for kind in [DiffKind::Full, DiffKind::Summary] {
        let found = collect(directory, commits, kind, 4);
        for (commit, expected) in commits.iter().zip(&expected) {
            match (expected.clone(), &found[commit]) {
                (None, Err(_)) => {}
                (Some(mut expected), Ok(found)) => {
                    if kind == DiffKind::Summary {
                        expected.diff.patch.clear();
                        expected.diff.raw.clear();
                    }
                    assert_eq!(found, &expected, "{context}: {commit}");
                    records += usize::from(kind == DiffKind::Full);
                }
                (expected, found) => {
                    panic!("{context}: {commit}: plain git says {expected:?}, found {found:?}")
                }
            }
        }
    }
    records
}

#[test]
fn everything_at_once() {
    for format in ["sha1", "sha256"] {
        let mut sample = everything(format);
        let clone = sample.clone_to("clone", &[]);
        let commits = all_commits(&mut sample, &clone);
        let records = assert_equal(&clone, "origin/main", &commits, format);
        // The unrelated branch is the only commit without a base.
        assert_eq!(records, commits.len() - 1);
    }
}

/// The bulk way is taken where it can be, or the other tests would only compare git with itself.
#[test]
fn few_gits_are_started() {
    let mut sample = everything("sha1");
    let clone = sample.clone_to("clone", &[]);
    let commits = all_commits(&mut sample, &clone);
    let bulk = |sample: &mut Sample, settings: &[(&str, &str)]| {
        for (key, value) in settings {
            sample.git_in(&clone, &["config", key, value]);
        }
        let (_, started) = collect_and_count(&clone, &commits, DiffKind::Full, 2);
        for (key, _) in settings {
            sample.git_in(&clone, &["config", "--unset-all", key]);
        }
        started
    };
    // Bases of the unrelated branch and of the criss-cross merges are git's to say.
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

fn configured(settings: &[&[(&str, &str)]]) {
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
fn settings_that_have_a_flag() {
    configured(&[
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
fn settings_that_change_nothing() {
    configured(&[
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
fn settings_that_only_git_diff_understands() {
    configured(&[
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
fn replaced_commits_and_ignored_submodules() {
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
fn a_folder_inside_and_relative_paths() {
    let mut sample = everything("sha1");
    let clone = sample.clone_to("clone", &[]);
    let commits = all_commits(&mut sample, &clone);
    let inside = clone.join("src");
    assert_equal(&inside, "origin/main", &commits, "inside");
    sample.git_in(&clone, &["config", "diff.relative", "true"]);
    assert_equal(&inside, "origin/main", &commits, "relative");
}

#[test]
fn a_bare_clone() {
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

#[test]
fn a_shallow_clone_skips_its_edge_and_nothing_else() {
    let mut sample = everything("sha1");
    let clone = sample.clone_to("shallow", &["--depth=5", "--no-single-branch"]);
    let commits = all_commits(&mut sample, &clone);
    let found = collect(&clone, &commits, DiffKind::Full, 2);
    let edge = fs_err::read_to_string(clone.join(".git/shallow")).unwrap();
    let plain = PlainGit::new(&clone, "origin/main");
    let mut records = 0;
    for commit in &commits {
        if let Ok(record) = &found[commit] {
            let base = plain.base(commit).unwrap();
            assert_eq!(Some(record), plain.record(commit, &base).as_ref());
            records += 1;
        } else {
            let reason = found[commit].as_ref().unwrap_err();
            assert!(reason.contains("shallow"), "{reason}");
            let has_base = plain.base(commit).is_some();
            assert!(
                !has_base || edge.contains(commit.as_str()),
                "{commit}: {reason}"
            );
        }
    }
    assert!(records > 5, "{records}");
}

#[test]
fn a_partial_clone_with_and_without_its_remote() {
    let mut sample = everything("sha1");
    let clone = sample.clone_to("partial", &["--filter=blob:none", "--no-checkout"]);
    let commits = all_commits(&mut sample, &clone);
    let away = sample.root.path().join("away");
    fs_err::rename(&sample.directory, &away).unwrap();
    let found = collect(&clone, &commits, DiffKind::Full, 2);
    let with_record = found.values().filter(|record| record.is_ok()).count();
    let lost = found.values().find_map(|record| record.as_ref().err());
    assert!(
        with_record > 3 && with_record < commits.len() / 2,
        "{with_record}"
    );
    assert!(
        lost.is_some_and(|reason| reason.contains("git diff")),
        "{lost:?}"
    );
    assert_equal(&clone, "origin/main", &commits, "partial, remote gone");
    fs_err::rename(&away, &sample.directory).unwrap();
    // The product goes first, so that it is the one that has to fetch.
    let found = collect(&clone, &commits, DiffKind::Full, 2);
    assert_eq!(
        found.values().filter(|record| record.is_ok()).count(),
        commits.len() - 1
    );
    assert_equal(&clone, "origin/main", &commits, "partial");
}

#[test]
fn the_files_of_a_partial_clone_are_fetched_together() {
    let mut sample = everything("sha1");
    let clone = sample.clone_to("partial", &["--filter=blob:none", "--no-checkout"]);
    let commits = all_commits(&mut sample, &clone);
    let repository = Repository::open(Git::new(&clone, Cancel::new())).unwrap();
    let branch = default_branch(&repository, "origin").unwrap();
    let ids: Vec<ObjectId> = commits.iter().map(|hex| hex.parse().unwrap()).collect();
    let prepared = prepare(&repository, &branch, &ids, 2).unwrap();
    let mut told = 0;
    let fetched = prepared.fetch_files(&mut |files| told = files).unwrap();
    assert!(fetched > 50 && told == fetched, "{fetched} {told}");
    assert_eq!(
        prepared.fetch_files(&mut |_| ()).unwrap(),
        0,
        "nothing is left to fetch"
    );
    // From here on git could not fetch anything by itself.
    let away = sample.root.path().join("away");
    fs_err::rename(&sample.directory, away).unwrap();
    let records = assert_equal(&clone, "origin/main", &commits, "fetched together");
    assert_eq!(records, commits.len() - 1);
}

#[test]
fn one_lost_blob_loses_one_commit() {
    let mut sample = Sample::new("sha1");
    for n in 0..30 {
        sample.write("file", crate::sample::lines(20, &[n % 20, (n * 7) % 20]));
        sample.write(format!("only-{n}"), format!("{n}\n"));
        sample.commit(&format!("commit {n}"));
    }
    let clone = sample.clone_to("clone", &["--no-checkout"]);
    let commits = all_commits(&mut sample, &clone);
    // Without files to read it back from. Loose objects can be taken away one by one.
    let pack = fs_err::read_dir(clone.join(".git/objects/pack"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            path.extension()
                .is_some_and(|extension| extension == "pack")
        })
        .unwrap();
    let bytes = fs_err::read(&pack).unwrap();
    for entry in fs_err::read_dir(clone.join(".git/objects/pack")).unwrap() {
        fs_err::remove_file(entry.unwrap().path()).unwrap();
    }
    let upstream = std::mem::replace(&mut sample.directory, clone.clone());
    sample.git_with_input(&["unpack-objects", "-q"], &bytes);
    let blob = sample.git(&["rev-parse", "HEAD~10:only-19"]);
    sample.directory = upstream;
    fs_err::remove_file(clone.join(".git/objects").join(&blob[..2]).join(&blob[2..])).unwrap();
    let found = collect(&clone, &commits, DiffKind::Full, 3);
    let lost: Vec<_> = found.iter().filter(|(_, record)| record.is_err()).collect();
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert_equal(&clone, "origin/main", &commits, "one blob lost");
}
