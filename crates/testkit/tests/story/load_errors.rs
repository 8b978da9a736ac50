//! Files that do not load: the runner prints each error with its traceback, and the report of the
//! client has no second copy of it.

use rstest::rstest;
use test_engine_testkit::{Example, ServerProgram};

use crate::build;

const OUTSIDE: &str = "Errors outside the tests, so nothing is retried:";

/// In `file`, `content` and `marker`, `{}` is the letter of one of two files. `marker` is a line of
/// the traceback that the file name alone does not contain. `report` is how the client says it.
#[rstest]
#[case::pytest(
    "pytest",
    "tests/test_broken_{}.py",
    "import no_such_module_{}\n",
    "    import no_such_module_{}",
    "pytest was interrupted, for example by a collection error (exit code 2). Nothing is retried."
)]
#[case::rspec(
    "rspec",
    "spec/broken_{}_spec.rb",
    "raise 'no such thing {}'\n",
    "Failure/Error: raise 'no such thing {}'",
    OUTSIDE
)]
#[case::jest(
    "jest",
    "src/broken_{}.test.js",
    "const thing_{} = = 1;\n",
    "const thing_{} = = 1;",
    OUTSIDE
)]
#[case::gotest(
    "gotest",
    "broken_{}/broken_test.go",
    "package broken\n\nimport \"testing\"\n\nfunc TestIt(t *testing.T) { noSuchThing{}() }\n",
    "undefined: noSuchThing{}",
    OUTSIDE
)]
fn tracebacks_are_printed_once(
    #[case] name: &str,
    #[case] file: &str,
    #[case] content: &str,
    #[case] marker: &str,
    #[case] report: &str,
) {
    let example = Example::copy(name);
    let letters = ["a", "b"];
    for letter in letters {
        let path = example.project().join(file.replace("{}", letter));
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, content.replace("{}", letter)).unwrap();
    }
    let server = ServerProgram::start();
    let connection = server.create_suite("shop");
    // Tests fail, too, and are retried where the runner still ran them.
    let build = build::run(&example, &connection, "build-1", 1, |node| node);
    let node = &build.nodes[0];
    assert_ne!(node.code(), 0, "{build}");
    let printed = format!("{}\n{}", node.stdout, node.stderr);
    for letter in letters {
        let marker = marker.replace("{}", letter);
        assert_eq!(printed.matches(&marker).count(), 1, "{marker}: {build}");
    }
    assert!(printed.contains(report), "{build}");
}
