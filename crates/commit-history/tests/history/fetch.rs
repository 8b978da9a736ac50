//! Clones that lack something: history, files, commits, or a single object.

use crate::export::{assert_equal, export};
use crate::plain_git::PlainGit;
use crate::sample::{Sample, all_commits, everything, lines};

#[test]
fn shallow_clone_skips_only_its_boundary() {
    let mut sample = everything("sha1");
    let clone = sample.clone_to("shallow", &["--depth=5", "--no-single-branch"]);
    let commits = all_commits(&mut sample, &clone);
    let found = export(&clone, &commits, false, 2).records;
    let boundary = fs_err::read_to_string(clone.join(".git/shallow")).unwrap();
    let plain = PlainGit::new(&clone, "origin/main");
    let mut records = 0;
    for commit in &commits {
        if let Ok(record) = &found[commit] {
            let base = plain.base(commit);
            assert!(base.is_some(), "{commit}");
            let expected = plain.record(commit, base.as_deref());
            assert_eq!(Some(record), expected.as_ref());
            records += 1;
        } else {
            let reason = found[commit].as_ref().unwrap_err();
            assert!(reason.contains("shallow"), "{reason}");
            let has_base = plain.base(commit).is_some();
            assert!(
                !has_base || boundary.contains(commit.as_str()),
                "{commit}: {reason}"
            );
        }
    }
    assert!(records > 5, "{records}");
}

#[test]
fn partial_clone_with_and_without_its_remote() {
    let mut sample = everything("sha1");
    let clone = sample.clone_to("partial", &["--filter=blob:none", "--no-checkout"]);
    let commits = all_commits(&mut sample, &clone);
    let away = sample.root.path().join("away");
    fs_err::rename(&sample.directory, &away).unwrap();
    let found = export(&clone, &commits, false, 2);
    let with_record = found.record_count();
    let lost = found.records.values().find_map(|it| it.as_ref().err());
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
    // Export first, so that plain git has not fetched anything yet.
    let found = export(&clone, &commits, false, 2);
    assert_eq!(found.record_count(), commits.len());
    assert_equal(&clone, "origin/main", &commits, "partial");
}

#[test]
fn fetches_the_files_of_a_partial_clone_in_one_go() {
    let mut sample = everything("sha1");
    let clone = sample.clone_to("partial", &["--filter=blob:none", "--no-checkout"]);
    let commits = all_commits(&mut sample, &clone);
    let found = export(&clone, &commits, false, 2);
    assert!(found.fetched_files > 50, "{}", found.fetched_files);
    // From here on git could not fetch anything by itself.
    let away = sample.root.path().join("away");
    fs_err::rename(&sample.directory, away).unwrap();
    let found = export(&clone, &commits, false, 2);
    assert_eq!(found.fetched_files, 0, "nothing is missing");
    assert_eq!(found.record_count(), commits.len());
    assert_equal(&clone, "origin/main", &commits, "fetched in one go");
}

#[test]
fn fetches_missing_commits() {
    let mut sample = Sample::new("sha1");
    sample.commit("first");
    let clone = sample.clone_to("clone", &[]);
    let present = sample.head();
    sample.git(&["checkout", "--quiet", "-b", "later"]);
    sample.write("later", "later\n");
    let later = sample.commit("later");
    let lost = "1".repeat(40);
    let commits = [present, lost.clone(), later];
    let found = export(&clone, &commits, false, 2);
    assert_eq!((found.fetched_commits, found.record_count()), (1, 2));
    let reason = found.records[&lost].as_ref().unwrap_err();
    assert_eq!(reason, "neither this repository nor the remote has it");
}

#[test]
fn one_lost_blob_skips_one_commit() {
    let mut sample = Sample::new("sha1");
    for n in 0..30 {
        sample.write("file", lines(20, &[n % 20, (n * 7) % 20]));
        sample.write(format!("only-{n}"), format!("{n}\n"));
        sample.commit(&format!("commit {n}"));
    }
    let clone = sample.clone_to("clone", &["--no-checkout"]);
    let commits = all_commits(&mut sample, &clone);
    // Unpack the objects, so that a single one can be deleted.
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
    let found = export(&clone, &commits, false, 3);
    let lost: Vec<_> = found
        .records
        .iter()
        .filter(|(_, record)| record.is_err())
        .collect();
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert_equal(&clone, "origin/main", &commits, "one blob lost");
}
