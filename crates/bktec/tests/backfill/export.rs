//! Collecting commits and writing the archive.

use std::io::Read as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::plain_git::PlainGit;
use crate::sample::{all_commits, everything};
use crate::server::Server;
use crate::support::{command, fake_git, leftover_files, run, sent_file, small, unpack};

#[test]
fn uploads_the_records_that_plain_git_prints() {
    let mut sample = everything("sha1");
    let clone = sample.clone_to("clone", &[]);
    let commits = all_commits(&mut sample, &clone);
    let unrelated = sample.git_in(&clone, &["rev-parse", "origin/unrelated"]);
    let server = Server::start(&commits);
    {
        let mut state = server.state();
        let again = commits[0].clone();
        let lost = "1".repeat(40);
        for line in ["", again.as_str(), "", "not-a-commit --all", lost.as_str()] {
            state.commits.push_str(line);
            state.commits.push('\n');
        }
    }
    let (code, stderr) = run(&clone, &server, &["--days", "30"]);
    assert_eq!(code, 0, "{stderr}");
    let first = stderr.lines().next().unwrap();
    assert!(
        first.starts_with("+++ Buildkite Test Engine Client: bktec "),
        "{first}"
    );
    let exported = commits.len();
    let last = stderr.lines().last().unwrap();
    assert_eq!(
        last,
        format!("{exported} commits exported, 2 commits skipped."),
        "{stderr}"
    );
    let warning = format!(
        "{unrelated} has no common ancestor with origin/main; exporting it with empty diffs."
    );
    assert!(stderr.contains(&warning), "{stderr}");
    assert_eq!(
        server.requests(),
        [
            "GET /v2/access-token",
            "GET /commits?days=30",
            "POST /commit-metadata-backfill/presigned-upload",
            "POST /storage"
        ]
    );
    let (directory, records, metadata) = {
        let state = server.state();
        let (head, body) = &state.stored[0];
        unpack(&sent_file(head, body))
    };
    assert!(directory.starts_with("backfill-acme-web-20"), "{directory}");
    let timestamp = directory.strip_prefix("backfill-acme-web-").unwrap();
    let shape: String = timestamp
        .chars()
        .map(|c| if c.is_ascii_digit() { '9' } else { c })
        .collect();
    assert_eq!(shape, "99999999T999999.999Z");
    assert_eq!(leftover_files(&clone), Vec::<String>::new());

    let plain = PlainGit::new(&clone, "origin/main");
    let expected = plain.many(&commits, 4, PlainGit::record);
    assert_eq!(records.len(), commits.len());
    for ((record, commit), expected) in records.iter().zip(&commits).zip(expected) {
        let expected = expected.unwrap();
        let parents: Vec<&str> = expected.parents.split_whitespace().collect();
        let mut object = serde_json::json!({
            "schema_version": 1, "commit_sha": commit, "parent_shas": parents,
            "author_name": expected.author[0], "author_email": expected.author[1],
            "author_date": expected.author[2], "committer_name": expected.committer[0],
            "committer_email": expected.committer[1], "committer_date": expected.committer[2],
            "message": expected.message, "files_changed": expected.diff.files_changed,
            "diff_stat": expected.diff.numstat});
        let diff = expected.diff;
        for (key, text) in [("git_diff", diff.patch), ("git_diff_raw", diff.raw)] {
            if !text.is_empty() {
                object[key] = text.into();
            }
        }
        assert_eq!(record, &object, "{commit}");
    }
    let by_time = |newest: bool| {
        let mut dates: Vec<&str> = records
            .iter()
            .map(|record| record["committer_date"].as_str().unwrap())
            .collect();
        dates.sort_by_key(|date| date.parse::<jiff::Timestamp>().unwrap());
        dates[if newest { dates.len() - 1 } else { 0 }].to_owned()
    };
    let generated_at = metadata["generated_at"].as_str().unwrap();
    assert!(
        generated_at.parse::<jiff::Timestamp>().is_ok(),
        "{generated_at}"
    );
    assert_eq!(
        metadata,
        serde_json::json!({
            "schema_version": 2, "tool": "bktec", "tool_version": env!("CARGO_PKG_VERSION"),
            "generated_at": generated_at, "organization_slug": "acme", "suite_slug": "web",
            "organization_uuid": "organization-uuid", "suite_uuid": "suite-uuid",
            "commit_count": exported, "skipped_commits": 2, "days": 30, "remote": "origin",
            "skipped_diffs": false, "min_commit_date": by_time(false),
            "max_commit_date": by_time(true)})
    );
}

#[test]
fn fetches_missing_commits_and_skips_lost_ones() {
    let (mut sample, clone, mut commits) = small();
    sample.git(&["checkout", "--quiet", "-b", "later"]);
    for n in 0..3 {
        sample.write("later", format!("{n}\n"));
        commits.push(sample.commit("later"));
    }
    commits.push("1".repeat(40));
    commits.push("2".repeat(64));
    let server = Server::start(&commits);
    let before = sample.git_in(&clone, &["for-each-ref"]);
    let (code, stderr) = run(&clone, &server, &["--output", "../out.tar.gz"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("Fetched 3 commits."), "{stderr}");
    assert!(
        stderr.contains("neither this repository nor the remote has it"),
        "{stderr}"
    );
    assert!(
        stderr.contains("does not have this repository's object format"),
        "{stderr}"
    );
    assert!(
        stderr.ends_with("8 commits exported, 2 commits skipped.\n"),
        "{stderr}"
    );
    assert_eq!(
        sample.git_in(&clone, &["for-each-ref"]),
        before,
        "no reference changed"
    );
    assert!(!clone.join(".git/FETCH_HEAD").exists());
}

#[test]
fn contacts_an_unreachable_remote_only_a_few_times() {
    let (mut sample, clone, mut commits) = small();
    commits.extend((0..200).map(|n| format!("{n:040x}")));
    fs_err::rename(&sample.directory, sample.root.path().join("away")).unwrap();
    let server = Server::start(&commits);
    let (code, stderr) = run(&clone, &server, &["--output", "../out.tar.gz", "--debug"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("fetching failed"), "{stderr}");
    let started: u32 = stderr
        .lines()
        .find_map(|line| {
            line.strip_prefix("DEBUG: ")?
                .strip_suffix(" git processes started")
        })
        .unwrap()
        .parse()
        .unwrap();
    assert!(started < 20, "{started}");
    sample.directory = sample.root.path().to_owned();
}

#[test]
fn fails_only_when_there_were_commits_and_all_were_skipped() {
    let (_sample, clone, _) = small();
    let server = Server::start(&[]);
    let (code, stderr) = run(&clone, &server, &[]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("Nothing to do"), "{stderr}");
    let server = Server::start(&["3".repeat(40)]);
    let (code, stderr) = run(&clone, &server, &["--output", "../out"]);
    assert_eq!(code, 16, "{stderr}");
    assert!(
        stderr.contains("no commits exported: all 1 were skipped"),
        "{stderr}"
    );
    assert!(!clone.parent().unwrap().join("out").exists());
    assert_eq!(
        fs_err::read_dir(clone.parent().unwrap()).unwrap().count(),
        3,
        "clone, upstream, tmp"
    );
}

#[test]
fn interrupt_ends_promptly_and_leaves_no_files() {
    let (_sample, clone, commits) = small();
    let server = Server::start(&commits);
    // A git that never ends once it compares commits.
    let at_work = clone.parent().unwrap().join("at-work");
    let programs = fake_git(
        &clone,
        &format!(
            "case \"$*\" in *diff-tree*) echo $$ > {}; exec sleep 600;; esac\n\
             exec /usr/bin/env PATH=/usr/local/bin:/usr/bin:/bin git \"$@\"",
            at_work.display()
        ),
    );
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
        let mut command = command(&clone, &server, &["--output", "../out.tar.gz"]);
        command.env("PATH", format!("{}:/usr/bin:/bin", programs.display()));
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_mins(5);
        let git = loop {
            let number = fs_err::read_to_string(&at_work).unwrap_or_default();
            if let Ok(number) = number.trim().parse::<i32>() {
                break number;
            }
            assert!(Instant::now() < deadline, "git was not started");
            std::thread::sleep(Duration::from_millis(5));
        };
        let started = Instant::now();
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), signal).unwrap();
        let status = child.wait().unwrap();
        assert!(
            started.elapsed() < Duration::from_mins(1),
            "{:?}",
            started.elapsed()
        );
        assert_eq!(status.code(), Some(128 + signal.as_raw()));
        let mut stderr = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        assert!(stderr.contains("Interrupted"), "{stderr}");
        let git = rustix::process::Pid::from_raw(git).unwrap();
        assert!(
            rustix::process::test_kill_process(git).is_err(),
            "git is still running"
        );
        assert_eq!(leftover_files(&clone), Vec::<String>::new());
        fs_err::remove_file(&at_work).unwrap();
        let names: Vec<_> = fs_err::read_dir(clone.parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| name.contains("out") || name.starts_with('.'))
            .collect();
        assert_eq!(names, Vec::<String>::new());
    }
}
