//! The command as a user meets it: the real binary against a server of the test's.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::reference::PlainGit;
use crate::sample::{Sample, all_commits, everything, lines};
use crate::server::Server;

/// A repository with a few commits, cloned.
pub(crate) fn small() -> (Sample, PathBuf, Vec<String>) {
    let mut sample = Sample::new("sha1");
    for n in 0..5 {
        sample.write("file", lines(9, &[n]));
        sample.commit(&format!("commit {n}"));
    }
    let clone = sample.clone_to("clone", &[]);
    let commits = all_commits(&mut sample, &clone);
    (sample, clone, commits)
}

fn command(directory: &Path, server: &Server, arguments: &[&str]) -> std::process::Command {
    #[expect(clippy::disallowed_methods, reason = "the program under test")]
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_bktec"));
    let temporary = directory.parent().unwrap().join("tmp");
    fs_err::create_dir_all(&temporary).unwrap();
    command
        .args(["tools", "backfill-commit-metadata"])
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", directory.parent().unwrap())
        .env("TMPDIR", temporary)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("BKTEC_TEST_BUDGET_SCALE", "0.02")
        .env("BUILDKITE_ORGANIZATION_SLUG", "acme")
        .env("BUILDKITE_TEST_ENGINE_SUITE_SLUG", "web")
        .env("BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN", "secret-token")
        .env("BUILDKITE_TEST_ENGINE_BASE_URL", &server.base)
        .stdin(Stdio::null());
    command
}

/// Exit code, standard error. Standard output is for data, of which there is none.
fn ended(mut command: std::process::Command) -> (i32, String) {
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!stderr.contains("secret-token"), "{stderr}");
    (output.status.code().unwrap(), stderr)
}

fn run(directory: &Path, server: &Server, arguments: &[&str]) -> (i32, String) {
    ended(command(directory, server, arguments))
}

fn left_over(directory: &Path) -> Vec<String> {
    let temporary = directory.parent().unwrap().join("tmp");
    fs_err::read_dir(temporary)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect()
}

type Archive = (String, Vec<serde_json::Value>, serde_json::Value);

/// The folder's name, the records, the description.
fn unpack(bytes: &[u8]) -> Archive {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes));
    let mut files = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let mut content = String::new();
        entry.read_to_string(&mut content).unwrap();
        files.insert(path, content);
    }
    assert_eq!(files.len(), 2);
    let folder = files
        .keys()
        .next()
        .unwrap()
        .split('/')
        .next()
        .unwrap()
        .to_owned();
    let records = files[&format!("{folder}/commit-metadata.jsonl")]
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let metadata = serde_json::from_str(&files[&format!("{folder}/metadata.json")]).unwrap();
    (folder, records, metadata)
}

/// The file of a multipart body, which must come last, under this name.
fn sent_file(head: &[String], body: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(body);
    let key = text.find("name=\"key\"").unwrap();
    let zeta = text.find("name=\"zeta\"").unwrap();
    let file = text.find("name=\"archive\"; filename=").unwrap();
    assert!(key < zeta && zeta < file);
    assert!(
        head.iter()
            .any(|line| line.to_lowercase().starts_with("content-length:"))
    );
    assert!(
        !head
            .iter()
            .any(|line| line.to_lowercase().starts_with("authorization:"))
    );
    let start = body
        .windows(2)
        .position(|bytes| bytes == [0x1f, 0x8b])
        .unwrap();
    let boundary = text.lines().next().unwrap();
    body[start..body.len() - boundary.len() - "\r\n--\r\n".len()].to_vec()
}

#[test]
fn records_are_what_plain_git_prints_and_reach_storage() {
    let mut sample = everything("sha1");
    let clone = sample.clone_to("clone", &[]);
    let mut commits = all_commits(&mut sample, &clone);
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
    let exported = commits.len() - 1;
    let last = stderr.lines().last().unwrap();
    assert_eq!(
        last,
        format!("{exported} commits exported, 3 commits skipped."),
        "{stderr}"
    );
    assert_eq!(
        server.asked(),
        [
            "GET /v2/access-token",
            "GET /commits?days=30",
            "POST /commit-metadata-backfill/presigned-upload",
            "POST /storage"
        ]
    );
    let (folder, records, metadata) = {
        let state = server.state();
        let (head, body) = &state.stored[0];
        unpack(&sent_file(head, body))
    };
    assert!(folder.starts_with("backfill-acme-web-20"), "{folder}");
    let stamp = folder.strip_prefix("backfill-acme-web-").unwrap();
    let shape: String = stamp
        .chars()
        .map(|c| if c.is_ascii_digit() { '9' } else { c })
        .collect();
    assert_eq!(shape, "99999999T999999.999Z");
    assert_eq!(left_over(&clone), Vec::<String>::new());

    commits.retain(|commit| *commit != unrelated);
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
            "commit_count": exported, "skipped_commits": 3, "days": 30, "remote": "origin",
            "skipped_diffs": false, "min_commit_date": by_time(false), "max_commit_date": by_time(true)})
    );
}

#[test]
fn missing_commits_are_fetched_and_lost_ones_do_not_lose_the_others() {
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
        stderr.contains("neither here nor on the remote"),
        "{stderr}"
    );
    assert!(
        stderr.contains("not of this repository's object format"),
        "{stderr}"
    );
    assert!(
        stderr.ends_with("8 commits exported, 2 commits skipped.\n"),
        "{stderr}"
    );
    assert_eq!(
        sample.git_in(&clone, &["for-each-ref"]),
        before,
        "no reference moved"
    );
    assert!(!clone.join(".git/FETCH_HEAD").exists());
}

#[test]
fn an_unreachable_remote_is_asked_a_few_times_only() {
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
                .strip_suffix(" git processes were started.")
        })
        .unwrap()
        .parse()
        .unwrap();
    assert!(started < 20, "{started}");
    sample.directory = sample.root.path().to_owned();
}

#[test]
fn an_output_file_sends_nothing_and_can_be_uploaded_later() {
    let (_sample, clone, commits) = small();
    let server = Server::start(&commits);
    let output = clone.parent().unwrap().join("out.tar.gz");
    let (code, stderr) = run(
        &clone,
        &server,
        &["--output", "../out.tar.gz", "--skip-diffs"],
    );
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(
        server.asked(),
        ["GET /v2/access-token", "GET /commits?days=90", "GET "]
    );
    let archive = fs_err::read(&output).unwrap();
    let (_, records, metadata) = unpack(&archive);
    assert_eq!(metadata["skipped_diffs"], true);
    assert_eq!(records.len(), 5);
    for record in &records {
        assert!(record.get("git_diff").is_none() && record.get("git_diff_raw").is_none());
        assert_eq!(record["files_changed"], "file");
    }
    // The other half: from a folder that is no repository, with a token that may only write.
    server.state().scopes = Some(vec!["write_suites"]);
    server.state().asked.clear();
    let elsewhere = clone.parent().unwrap().join("elsewhere");
    fs_err::create_dir(&elsewhere).unwrap();
    let (code, stderr) = run(
        &elsewhere,
        &server,
        &["--upload", "../out.tar.gz", "--days", "nonsense"],
    );
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(
        server.asked(),
        [
            "GET /v2/access-token",
            "POST /commit-metadata-backfill/presigned-upload",
            "POST /storage"
        ]
    );
    let state = server.state();
    let (head, body) = &state.stored[0];
    assert!(sent_file(head, body) == archive);
}

#[test]
fn a_token_without_scope_fails_before_git_is_started() {
    let (_sample, clone, commits) = small();
    let server = Server::start(&commits);
    let programs = clone.parent().unwrap().join("programs");
    let marker = clone.parent().unwrap().join("git-ran");
    fs_err::create_dir(&programs).unwrap();
    let stand_in = programs.join("git");
    fs_err::write(
        &stand_in,
        format!("#!/bin/sh\necho ran >> {}\nexit 1\n", marker.display()),
    )
    .unwrap();
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs_err::set_permissions(&stand_in, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let with_stand_in = |arguments: &[&str]| {
        let mut command = command(&clone, &server, arguments);
        command.env("PATH", &programs);
        ended(command)
    };
    for (scopes, arguments, missing) in [
        (
            vec!["write_suites"],
            [].as_slice(),
            "the scope read_suites:",
        ),
        (vec!["read_suites"], &[], "the scope write_suites:"),
        (vec![], &[], "the scope read_suites and write_suites:"),
        (
            vec!["write_suites"],
            &["--output", "../out"],
            "the scope read_suites:",
        ),
    ] {
        server.state().scopes = Some(scopes);
        let (code, stderr) = with_stand_in(arguments);
        assert_eq!(code, 16, "{stderr}");
        assert!(stderr.contains(missing), "{stderr}");
        assert!(!marker.exists(), "git was started");
    }
    // The stand-in is what would have been started.
    server.state().scopes = None;
    let (code, stderr) = with_stand_in(&[]);
    assert_eq!(code, 16, "{stderr}");
    assert!(marker.exists());
    // Writing needs less.
    server.state().scopes = Some(vec!["read_suites"]);
    let (code, stderr) = run(&clone, &server, &["--output", "../out"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("lacks the scope write_suites"), "{stderr}");
}

#[test]
fn a_refused_form_is_asked_for_once_more() {
    let (_sample, clone, commits) = small();
    let server = Server::start(&commits);
    server.state().storage = [403].into();
    let (code, stderr) = run(&clone, &server, &[]);
    assert_eq!(code, 0, "{stderr}");
    let state = server.state();
    let keys: Vec<bool> = state
        .stored
        .iter()
        .map(|(_, body)| String::from_utf8_lossy(body).contains("form-2"))
        .collect();
    assert_eq!(keys, [false, true]);
}

#[test]
fn an_archive_that_could_not_be_sent_is_kept() {
    let (_sample, clone, commits) = small();
    let server = Server::start(&commits);
    for (statuses, uploads) in [
        (vec![403, 403], 2),
        (vec![400], 1),
        (vec![503, 503, 503], 3),
    ] {
        server.state().storage = statuses.into();
        server.state().stored.clear();
        let (code, stderr) = run(&clone, &server, &[]);
        assert_eq!(code, 16, "{stderr}");
        assert_eq!(server.state().stored.len(), uploads);
        let path = stderr
            .lines()
            .find_map(|line| line.split_once("The archive was kept: "))
            .unwrap()
            .1
            .trim_end_matches("\u{1b}[0m")
            .to_owned();
        assert!(stderr.contains(&format!("--upload {path}")), "{stderr}");
        let (code, stderr) = run(&clone, &server, &["--upload", &path]);
        assert_eq!(code, 0, "{stderr}");
        let state = server.state();
        let (head, body) = state.stored.last().unwrap();
        assert_eq!(unpack(&sent_file(head, body)).1.len(), 5);
        drop(state);
        fs_err::remove_file(path).unwrap();
    }
}

#[test]
fn nothing_to_do_is_no_failure_and_nothing_done_is() {
    let (_sample, clone, _) = small();
    let server = Server::start(&[]);
    let (code, stderr) = run(&clone, &server, &[]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("nothing to do"), "{stderr}");
    let server = Server::start(&["3".repeat(40)]);
    let (code, stderr) = run(&clone, &server, &["--output", "../out"]);
    assert_eq!(code, 16, "{stderr}");
    assert!(
        stderr.contains("no commit could be exported: all 1 were skipped"),
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
fn everything_wrong_is_told_at_once() {
    let (_sample, clone, _) = small();
    let server = Server::start(&[]);
    let mut command = command(
        &clone,
        &server,
        &["--days", "91", "--concurrency", "0", "--skip-diffs=maybe"],
    );
    command
        .env_remove("BUILDKITE_ORGANIZATION_SLUG")
        .env("BUILDKITE_TEST_ENGINE_SUITE_SLUG", " ")
        .env("BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN", "")
        .env("BUILDKITE_TEST_ENGINE_OIDC", "false");
    let (code, stderr) = ended(command);
    assert_eq!(code, 16);
    insta::assert_snapshot!(stderr, @r#"
    bktec tools backfill-commit-metadata: invalid configuration:
    --concurrency was "0", must be greater than or equal to 1 (BUILDKITE_TEST_ENGINE_BACKFILL_CONCURRENCY)
    --days was "91", must be 1 to 90 (BUILDKITE_TEST_ENGINE_BACKFILL_DAYS)
    --organization-slug / BUILDKITE_ORGANIZATION_SLUG must not be blank
    --skip-diffs was "maybe", must be true or false (BUILDKITE_TEST_ENGINE_SKIP_DIFFS)
    --suite-slug / BUILDKITE_TEST_ENGINE_SUITE_SLUG must not be blank
    BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN must not be blank (or give --access-token), since OIDC is off
    "#);
    for days in ["0", "-1", "91", "ten"] {
        let (code, stderr) = run(&clone, &server, &["--days", days]);
        assert_eq!(code, 16, "{stderr}");
        assert!(
            stderr.contains("1 to 90") || stderr.contains("a whole number"),
            "{stderr}"
        );
    }
    assert_eq!(server.asked(), Vec::<String>::new());
}

#[test]
fn places_that_cannot_be_used() {
    let (_sample, clone, commits) = small();
    let server = Server::start(&commits);
    fs_err::write(clone.join("empty"), "").unwrap();
    fs_err::write(clone.join("text"), "not an archive").unwrap();
    for (arguments, reason) in [
        (["--upload", "missing.tar.gz"], "missing.tar.gz"),
        (["--upload", "."], "it is not a file"),
        (["--upload", "empty"], "it is empty"),
        (["--upload", "text"], "it is not a gzip archive"),
    ] {
        let (code, stderr) = run(&clone, &server, &arguments);
        assert_eq!(code, 16, "{stderr}");
        assert!(stderr.contains(reason), "{stderr}");
        assert_eq!(
            server.asked(),
            Vec::<String>::new(),
            "the server was asked for nothing"
        );
    }
    let (code, stderr) = run(&clone, &server, &["--output", "no/such/folder/out"]);
    assert_eq!(code, 16, "{stderr}");
    assert!(stderr.contains("no/such/folder/out"), "{stderr}");
    let (code, stderr) = run(
        &clone,
        &server,
        &["--remote", "nowhere", "--output", "../out"],
    );
    assert_eq!(code, 16, "{stderr}");
    for name in ["nowhere/HEAD", "nowhere/main", "nowhere/master"] {
        assert!(stderr.contains(name), "{stderr}");
    }
    let elsewhere = clone.parent().unwrap().join("elsewhere");
    fs_err::create_dir(&elsewhere).unwrap();
    let (code, stderr) = run(&elsewhere, &server, &[]);
    assert_eq!(code, 16, "{stderr}");
    assert!(stderr.contains("not a git repository"), "{stderr}");
    assert_eq!(left_over(&clone), Vec::<String>::new());
}

#[test]
fn an_interrupt_ends_it_promptly_and_leaves_nothing() {
    let (_sample, clone, commits) = small();
    let server = Server::start(&commits);
    // A git that is at work for ever once it compares.
    let programs = clone.parent().unwrap().join("programs");
    fs_err::create_dir(&programs).unwrap();
    let stand_in = programs.join("git");
    let at_work = clone.parent().unwrap().join("at-work");
    fs_err::write(
        &stand_in,
        format!(
            "#!/bin/sh\ncase \"$*\" in *diff-tree*) echo $$ > {}; exec sleep 600;; esac\nexec /usr/bin/env PATH=/usr/local/bin:/usr/bin:/bin git \"$@\"\n",
            at_work.display()
        ),
    )
    .unwrap();
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs_err::set_permissions(&stand_in, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
        let mut command = command(&clone, &server, &["--output", "../out.tar.gz"]);
        command.env("PATH", format!("{}:/usr/bin:/bin", programs.display()));
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
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
            started.elapsed() < Duration::from_secs(3),
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
            "git is still there"
        );
        assert_eq!(left_over(&clone), Vec::<String>::new());
        fs_err::remove_file(&at_work).unwrap();
        let names: Vec<_> = fs_err::read_dir(clone.parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| name.contains("out") || name.starts_with('.'))
            .collect();
        assert_eq!(names, Vec::<String>::new());
    }
}
