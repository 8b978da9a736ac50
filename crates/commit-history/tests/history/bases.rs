//! Bases of commits in unusual histories, compared with plain `git merge-base`.

use std::fmt::Write as _;
use std::path::Path;

use crate::export::{assert_equal, export};
use crate::plain_git::PlainGit;
use crate::sample::{Sample, all_commits, lines};

fn assert_bases(directory: &Path, branch: &str, commits: &[String], context: &str) {
    let plain = PlainGit::new(directory, branch);
    let found = export(directory, commits, true, 4);
    for commit in commits {
        let expected = match plain.base(commit) {
            Some(base) if base == plain.empty_tree() => Some(None),
            Some(base) => Some(Some(base)),
            None => None,
        };
        let base = (!found.unrelated.contains(commit)).then(|| found.bases[commit].clone());
        assert_eq!(base, expected, "{context}: {commit}");
    }
}

/// Fork points that only the reflog knows: the branch was rewritten after topics had started on it.
#[test]
fn rewritten_branch() {
    let mut sample = Sample::new("sha1");
    for n in 0..4 {
        sample.write("file", lines(9, &[n]));
        sample.commit(&format!("{n}"));
    }
    let clone = sample.clone_to("clone", &[]);
    let mut topics = Vec::new();
    for round in 0..3 {
        sample.write(format!("lost-{round}"), "x\n");
        sample.commit("will be rewritten");
        sample.git_in(&clone, &["fetch", "--quiet", "origin"]);
        let topic = format!("topic-{round}");
        sample.git(&["branch", &topic]);
        sample.git(&["checkout", "--quiet", &topic]);
        sample.write(format!("topic-{round}"), "y\n");
        sample.commit("topic");
        sample.git(&["checkout", "--quiet", "main"]);
        sample.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
        sample.write(format!("kept-{round}"), "z\n");
        sample.commit("instead");
        sample.git_in(&clone, &["fetch", "--quiet", "--force", "origin"]);
        topics.push(topic);
    }
    // One that joins two of the old tips.
    sample.git(&["checkout", "--quiet", "-b", "joined", "topic-0"]);
    sample.git(&["merge", "--quiet", "--no-ff", "-m", "join", "topic-1"]);
    sample.commit("after the join");
    sample.git_in(&clone, &["fetch", "--quiet", "origin"]);
    let commits = all_commits(&mut sample, &clone);
    let reflog_path = clone.join(".git/logs/refs/remotes/origin/main");
    let reflog = fs_err::read_to_string(&reflog_path).unwrap();
    assert!(reflog.lines().count() > 4, "{reflog}");
    assert_equal(&clone, "origin/main", &commits, "rewritten");

    let entries: Vec<&str> = reflog.lines().collect();
    let lost = format!(
        "{} {} A <a@b> 1 +0000\tgone",
        "1".repeat(40),
        "2".repeat(40)
    );
    for (context, content) in [
        (
            "half the reflog",
            entries[entries.len() / 2..].join("\n") + "\n",
        ),
        (
            "the tip is not in the reflog",
            entries[..entries.len() - 1].join("\n") + "\n",
        ),
        ("lost commits in the reflog", format!("{lost}\n{reflog}")),
        ("only lost commits in the reflog", format!("{lost}\n")),
        ("an empty reflog", String::new()),
    ] {
        fs_err::write(&reflog_path, content).unwrap();
        assert_bases(&clone, "origin/main", &commits, context);
    }
    fs_err::remove_file(&reflog_path).unwrap();
    assert_bases(&clone, "origin/main", &commits, "no reflog");
}

/// Wrong clocks on the branch: a walk by date considers its commits to be outside the branch.
#[test]
fn clocks_that_are_years_behind() {
    let mut stream = String::new();
    let mut commit = |mark: usize, branch: &str, seconds: i64, parents: &[usize]| {
        fast_import_commit(&mut stream, mark, branch, seconds, parents);
    };
    let now = 1_700_000_000;
    commit(1, "main", now - 1_000, &[]);
    for mark in 2..=20 {
        commit(
            mark,
            "main",
            now - 900 + i64::try_from(mark).unwrap(),
            &[mark - 1],
        );
    }
    for mark in 21..=60 {
        // Twenty years before their parents.
        commit(
            mark,
            "main",
            1_000_000_000 + i64::try_from(mark).unwrap(),
            &[mark - 1],
        );
    }
    commit(70, "topic-a", now, &[20]);
    commit(71, "topic-b", now + 1, &[15]);
    commit(72, "topic-c", now + 2, &[71, 10]);
    let mut sample = Sample::new("sha1");
    sample.git_with_input(&["fast-import", "--quiet"], stream.as_bytes());
    let clone = sample.clone_to("clone", &["--no-checkout"]);
    let commits = all_commits(&mut sample, &clone);
    let misled = sample.git_in(
        &clone,
        &["rev-list", "--count", "origin/topic-a", "^origin/main"],
    );
    assert_ne!(
        misled, "1",
        "git is no longer misled, so the sample does not test anything"
    );
    assert_equal(&clone, "origin/main", &commits, "clocks");
}

#[test]
fn random_histories() {
    for seed in 0..12 {
        let mut random = Random(seed * 7_919 + 1);
        let mut stream = String::new();
        let count = 70;
        for mark in 1..=count {
            let parents: Vec<usize> = match random.below(20) {
                0 => vec![],
                1..=4 => (0..2 + random.below(2))
                    .map(|_| 1 + random.below(mark))
                    .collect(),
                _ => vec![mark.saturating_sub(1 + random.below(6))],
            };
            let mut parents: Vec<usize> = parents
                .into_iter()
                .filter(|&parent| parent >= 1 && parent < mark)
                .collect();
            parents.sort_unstable();
            parents.dedup();
            let skew = if seed % 3 == 0 {
                random.below(100_000)
            } else {
                random.below(50)
            };
            let seconds = 1_600_000_000 + i64::try_from(mark * 100 + skew).unwrap();
            fast_import_commit(
                &mut stream,
                mark,
                &format!("branch-{mark}"),
                seconds,
                &parents,
            );
        }
        let mut sample = Sample::new("sha1");
        sample.git_with_input(&["fast-import", "--quiet"], stream.as_bytes());
        let main = format!("branch-{}", 30 + random.below(20));
        sample.git(&["branch", "main", &main]);
        let clone = sample.clone_to("clone", &["--no-checkout"]);
        // A reflog of random commits.
        let mut reflog = String::new();
        let mut previous = "0".repeat(40);
        for _ in 0..random.below(6) {
            let branch = format!("branch-{}", 1 + random.below(count));
            let id = sample.git(&["rev-parse", &branch]);
            writeln!(reflog, "{previous} {id} A <a@b> 1 +0000\tfetch").unwrap();
            previous = id;
        }
        if random.below(4) > 0 {
            let id = sample.git(&["rev-parse", "main"]);
            writeln!(reflog, "{previous} {id} A <a@b> 1 +0000\tfetch").unwrap();
        }
        let path = clone.join(".git/logs/refs/remotes/origin/main");
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, reflog).unwrap();
        let commits = all_commits(&mut sample, &clone);
        assert_bases(&clone, "origin/main", &commits, &format!("seed {seed}"));
    }
}

fn fast_import_commit(
    stream: &mut String,
    mark: usize,
    branch: &str,
    seconds: i64,
    parents: &[usize],
) {
    writeln!(stream, "commit refs/heads/{branch}\nmark :{mark}").unwrap();
    writeln!(
        stream,
        "committer Ada <ada@example.com> {seconds} +0000\ndata 2\n{}",
        mark % 10
    )
    .unwrap();
    for (index, parent) in parents.iter().enumerate() {
        let word = if index == 0 { "from" } else { "merge" };
        writeln!(stream, "{word} :{parent}").unwrap();
    }
    if parents.is_empty() {
        stream.push_str("deleteall\n");
    }
    writeln!(
        stream,
        "M 100644 inline file-{mark}\ndata 2\n{}\n",
        mark % 10
    )
    .unwrap();
}

/// A small generator, so that a seed produces the same history on every machine.
struct Random(usize);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}
