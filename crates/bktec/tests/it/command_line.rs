//! Help, version, unknown commands, completions and the manual, which need no settings.

use crate::bktec::Bktec;

#[test]
fn no_command_prints_help() {
    let ended = Bktec::bare(&[]).env("COLUMNS", "90").run();
    insta::assert_snapshot!(ended, @"
    exit code: 16
    ----- stdout -----
    Runs one node's share of a test suite

    Usage: bktec [OPTIONS] [COMMAND]

    Commands:
      run          Runs this node's share of the tests, retries failed tests, reports and
                   uploads
      plan         Creates a test plan without running tests
      upload       Uploads result files
      verify       Verifies that every test of a build ran
      summary      Prints what failed in a build and whether it is new, in Markdown
      explain      Explains which tests a plan selected, and why
      doctor       Checks what bktec run depends on, and says how to fix what is wrong
      tools        Setup commands
      completions  Prints a shell completion script
      man          Prints the manual page, for man -l -
      help         Print this message or the help of the given subcommand(s)

    Options:
          --debug[=<BOOL>]  Print debug output [env: BUILDKITE_TEST_ENGINE_DEBUG_ENABLED]
      -h, --help            Print help
      -V, --version         Print version

    Every option can also be set by an environment variable; the option wins. Durations look
    like 2m30s, booleans like true or false.
    ----- stderr -----
    command is required
    ");
}

#[test]
fn unknown_command_prints_help() {
    let ended = Bktec::bare(&["rum", "--json"]).run();
    assert_eq!(ended.code, 16);
    assert!(ended.stdout.contains("Usage: bktec"), "{ended}");
    assert_eq!(ended.stderr, "invalid command: \"rum\"\n");
}

#[test]
fn version_needs_no_settings() {
    let ended = Bktec::bare(&["--version"])
        .env("BUILDKITE_TEST_ENGINE_DEBUG_ENABLED", "maybe")
        .run();
    insta::assert_snapshot!(ended, @"
    exit code: 0
    ----- stdout -----
    bktec VERSION
    ----- stderr -----
    ");
}

#[test]
fn help_of_run() {
    let ended = Bktec::bare(&["run", "--help"])
        .env("COLUMNS", "90")
        .env("BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN", "secret-token")
        .run();
    insta::assert_snapshot!(ended, @"
    exit code: 0
    ----- stdout -----
    Runs this node's share of the tests, retries failed tests, reports and uploads

    Usage: bktec run [OPTIONS]

    Options:
          --debug[=<BOOL>]  Print debug output [env: BUILDKITE_TEST_ENGINE_DEBUG_ENABLED]
      -h, --help            Print help

    Build environment:
          --parallelism <COUNT>  Number of parallel jobs [default: 1] [env:
                                 BUILDKITE_PARALLEL_JOB_COUNT]

    Test Engine:
          --access-token <TOKEN>      Token for the plan API [default: fetched from the
                                      Buildkite agent] [env:
                                      BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN]
          --upload-results[=<BOOL>]   Upload the result file after every attempt [env:
                                      BUILDKITE_TEST_ENGINE_UPLOAD_RESULTS]
          --suite-slug <SLUG>         Suite slug [env: BUILDKITE_TEST_ENGINE_SUITE_SLUG]
          --oidc[=<BOOL>]             Fetch tokens that are not set from the Buildkite agent
                                      (OIDC) [default: true] [env: BUILDKITE_TEST_ENGINE_OIDC]
          --no-oidc[=<BOOL>]          Never fetch tokens from the Buildkite agent
          --oidc-lifetime <DURATION>  Lifetime of fetched tokens [default: 2h] [env:
                                      BUILDKITE_TEST_ENGINE_OIDC_LIFETIME]
          --tag <KEY=VALUE>           Tag for uploaded results (repeatable; the variable takes
                                      a comma-separated list) [env:
                                      BUILDKITE_TEST_ENGINE_TAGS]
          --location-prefix <PREFIX>  Path from the repository root to the project [env:
                                      BUILDKITE_TEST_ENGINE_LOCATION_PREFIX]
          --promise-failure[=<BOOL>]  Report the job's failure to Buildkite before the job
                                      ends [env: BUILDKITE_TEST_ENGINE_PROMISE_FAILURE]

    Test runner:
          --test-runner <NAME>
              Test runner [env: BUILDKITE_TEST_ENGINE_TEST_RUNNER]
          --test-command <COMMAND>
              Command that runs tests [default: depends on the runner] [env:
              BUILDKITE_TEST_ENGINE_TEST_CMD]
          --test-file-pattern <GLOB>
              Glob pattern of test files [default: depends on the runner] [env:
              BUILDKITE_TEST_ENGINE_TEST_FILE_PATTERN]
          --test-file-exclude-pattern <GLOB>
              Glob pattern of files and directories to exclude [env:
              BUILDKITE_TEST_ENGINE_TEST_FILE_EXCLUDE_PATTERN]
          --strict-discovery[=<BOOL>]
              Fail before any test if the file pattern misses files that the runner takes
              tests from [env: BUILDKITE_TEST_ENGINE_STRICT_DISCOVERY]
          --result-path <PATH>
              File that the runner writes its results to [env:
              BUILDKITE_TEST_ENGINE_RESULT_PATH]
          --files <PATH>
              Text file with one test file per line; replaces discovery [env:
              BUILDKITE_TEST_ENGINE_FILES]
          --selector-file <PATH>
              Text file with one selector per line; overrides --files [env:
              BUILDKITE_TEST_ENGINE_SELECTOR_FILE]
          --split-by-example[=<BOOL>]
              Split slow files into their examples [env:
              BUILDKITE_TEST_ENGINE_SPLIT_BY_EXAMPLE]
          --tag-filters <FILTERS>
              Run only tests with these tags (pytest only) [env:
              BUILDKITE_TEST_ENGINE_TAG_FILTERS]
          --test-engine-retry-count <COUNT>
              Maximum number of retries of failed tests [default: 0] [env:
              BUILDKITE_TEST_ENGINE_RETRY_COUNT]
          --retry-command <COMMAND>
              Command that retries failed tests [default: depends on the runner] [env:
              BUILDKITE_TEST_ENGINE_RETRY_CMD]
          --disable-retry-muted[=<BOOL>]
              Do not retry failed muted tests [env:
              BUILDKITE_TEST_ENGINE_DISABLE_RETRY_FOR_MUTED_TEST]
          --fail-on-no-tests[=<BOOL>]
              Fail if this node has no tests [env: BUILDKITE_TEST_ENGINE_FAIL_ON_NO_TESTS]
          --fail-on-missing-results[=<BOOL>]
              Fail if a file or test assigned to this node has no results [env:
              BUILDKITE_TEST_ENGINE_FAIL_ON_MISSING_RESULTS]
          --allow-missing-results[=<BOOL>]
              Accept missing or incomplete results after exit code 0, and mutes without proof
              that all tests ran [env: BUILDKITE_TEST_ENGINE_ALLOW_MISSING_RESULTS]
          --trust-exit-code[=<BOOL>]
              Pass if the runner exits with code 0, whatever its results say [env:
              BUILDKITE_TEST_ENGINE_TRUST_EXIT_CODE]

    Plan:
          --plan-identifier <IDENTIFIER>
              Name of the plan, the same on every node [default: BUILD_ID/STEP_ID] [env:
              BUILDKITE_TEST_ENGINE_PLAN_IDENTIFIER]
          --plan-file <PATH>
              Plan that `bktec plan --plan-out` wrote; no plan is requested from the server
              [env: BUILDKITE_TEST_ENGINE_PLAN_FILE]
          --fallback <MODE>
              Without a plan: split (this node's share of a split by number), all (every test)
              or fail [default: split] [env: BUILDKITE_TEST_ENGINE_FALLBACK]
          --on-unplanned-targets <ACTION>
              Tests that this node finds and the plan lacks: run, warn or fail [default: warn]
              [env: BUILDKITE_TEST_ENGINE_ON_UNPLANNED_TARGETS]

    Node report:
          --report-dir <PATH>  Directory for this node's report, which bktec verify reads
                               [env: BUILDKITE_TEST_ENGINE_REPORT_DIR]
          --group <NAME>       Name of this leg of a build matrix, if several legs share a
                               plan; each must run all of it [env:
                               BUILDKITE_TEST_ENGINE_GROUP]

    Output:
          --output <FORMAT>     Event format: text (no events) or json (one event per line, on
                                stderr) [default: text] [env: BUILDKITE_TEST_ENGINE_OUTPUT]
          --output-file <PATH>  Write events to this file instead of stderr [env:
                                BUILDKITE_TEST_ENGINE_OUTPUT_FILE]

    Test selection:
          --selection-strategy <NAME>
              Run only the tests that the change is likely to break: confidence, percent, time
              or observe; none runs all [default: none] [env:
              BUILDKITE_TEST_ENGINE_SELECTION_STRATEGY]
          --selection-param <KEY=VALUE>
              Parameter of the strategy, such as confidence=95, percent=40 or minutes=10
              (repeatable)
          --metadata <KEY=VALUE>
              Metadata of the commit for the server (repeatable)
          --remote <REMOTE>
              Git remote whose default branch the commit is compared with [default: origin]
              [env: BUILDKITE_TEST_ENGINE_REMOTE]
          --collect-git-metadata[=<BOOL>]
              Send git metadata of the commit, also without a strategy [default: false] [env:
              BUILDKITE_TEST_ENGINE_COLLECT_GIT_METADATA]
    ----- stderr -----
    ");
}

#[test]
fn help_of_plan_has_its_own_options() {
    let ended = Bktec::bare(&["plan", "--help"]).run();
    assert_eq!(ended.code, 0);
    for option in [
        "--json",
        "--plan-out",
        "--pipeline-upload",
        "--max-parallelism",
        "--target-time",
    ] {
        assert!(ended.stdout.contains(option), "{option}: {ended}");
    }
    for option in ["--fail-on-no-tests", "--promise-failure"] {
        assert!(!ended.stdout.contains(option), "{option}: {ended}");
    }
}

/// Pipelines still set the variable of the time when the options were a preview.
#[test]
fn selection_options_need_no_preview() {
    let help = |preview: &str| {
        let help = Bktec::bare(&["run", "--help"]).env("BKTEC_PREVIEW_SELECTION", preview);
        let ended = help.run();
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended}");
        ended.stdout
    };
    assert!(help("").contains("--selection-strategy"));
    assert_eq!(help(" Yes "), help(""));
    let ended = Bktec::bare(&["--help"]).run();
    for command in ["tools", "explain"] {
        assert!(ended.stdout.contains(command), "{ended}");
    }
}

#[test]
fn unknown_option_is_named() {
    let ended = Bktec::bare(&["run", "--no-such-option"]).run();
    insta::assert_snapshot!(ended, @"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    error: unexpected argument '--no-such-option' found

    Usage: bktec run [OPTIONS]

    For more information, try '--help'.
    ");
}

#[test]
fn unexpected_argument_is_named() {
    let ended = Bktec::bare(&["plan", "tests/a.py"]).run();
    insta::assert_snapshot!(ended, @"
    exit code: 16
    ----- stdout -----
    ----- stderr -----
    error: unexpected argument 'tests/a.py' found

    Usage: bktec plan [OPTIONS]

    For more information, try '--help'.
    ");
}

/// Bash completions with the script of `bktec completions bash`.
fn complete(words: &[&str]) -> String {
    let script = Bktec::bare(&["completions", "bash"]).run();
    assert_eq!((script.code, script.stderr.as_str()), (0, ""), "{script}");
    let line = words.join(" ");
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let script = format!(
        "{}\nCOMP_WORDS=({})\nCOMP_CWORD={}\nCOMP_LINE='{line}'\nCOMP_POINT=${{#COMP_LINE}}\n\
         _bktec bktec '{}' '{}'\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        script.stdout,
        quoted.join(" "),
        words.len() - 1,
        words[words.len() - 1],
        words[words.len() - 2],
    );
    #[expect(clippy::disallowed_methods, reason = "the shell that completes")]
    let mut bash = std::process::Command::new("bash");
    let output = assert_cmd::Command::from_std({
        bash.args(["--norc", "--noprofile"]);
        bash
    })
    .write_stdin(script)
    .output()
    .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn bash_completes_commands_and_options() {
    assert_eq!(complete(&["bktec", "pl"]), "plan\n");
    assert_eq!(complete(&["bktec", "plan", "--max"]), "--max-parallelism\n");
    let run = complete(&["bktec", "run", "--"]);
    assert!(run.lines().any(|option| option == "--test-runner"), "{run}");
    assert!(run.contains("--selection-strategy"), "{run}");
    assert_eq!(complete(&["bktec", "explain", "--left"]), "--left-out\n");
}

#[test]
fn completions_exist_for_other_shells() {
    for (shell, mark) in [
        ("zsh", "#compdef bktec"),
        ("fish", "complete -c bktec"),
        ("elvish", "edit:completion:arg-completer[bktec]"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let ended = Bktec::bare(&["completions", shell]).run();
        assert_eq!(ended.code, 0, "{ended}");
        assert!(
            ended.stdout.contains(mark) && ended.stdout.contains("max-parallelism"),
            "{ended}"
        );
    }
    let ended = Bktec::bare(&["completions", "tcsh"]).run();
    assert_eq!(ended.code, 16, "{ended}");
    assert!(
        ended.stderr.contains("'tcsh'") && ended.stderr.contains("bash"),
        "{ended}"
    );
}

#[test]
fn manual_has_a_page_for_each_command() {
    let ended = Bktec::bare(&["man"]).run();
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended}");
    let titles: Vec<&str> = ended
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix(".TH "))
        .filter_map(|rest| rest.split_whitespace().next())
        .collect();
    assert_eq!(
        titles,
        [
            "bktec",
            "bktec-run",
            "bktec-plan",
            "bktec-upload",
            "bktec-verify",
            "bktec-summary",
            "bktec-explain",
            "bktec-doctor",
            "bktec-tools",
            "bktec-completions",
            "bktec-man"
        ]
    );
    assert!(ended.stdout.contains("max\\-parallelism"), "{ended}");
    let again = Bktec::bare(&["man"]).run();
    assert_eq!(again.stdout, ended.stdout);
}
