//! Repositories for tests.

use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A repository in a temporary directory. Its clock advances by a minute per command.
pub(crate) struct Sample {
    pub(crate) root: TempDir,
    pub(crate) directory: PathBuf,
    seconds: i64,
}

impl Sample {
    pub(crate) fn new(format: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("upstream");
        fs_err::create_dir(&directory).unwrap();
        let mut sample = Self {
            root,
            directory,
            seconds: 1_700_000_000,
        };
        let object_format = format!("--object-format={format}");
        sample.git(&["init", "--quiet", "--initial-branch=main", &object_format]);
        for (key, value) in [
            ("user.name", "Ada"),
            ("user.email", "ada@example.com"),
            ("commit.gpgSign", "false"),
            ("core.autocrlf", "false"),
            ("core.safecrlf", "false"),
            ("gc.auto", "0"),
            ("uploadpack.allowFilter", "true"),
            ("uploadpack.allowAnySHA1InWant", "true"),
            ("protocol.file.allow", "always"),
        ] {
            sample.git(&["config", key, value]);
        }
        sample
    }

    pub(crate) fn command(&mut self, directory: &Path, arguments: &[&OsStr]) -> Command {
        self.seconds += 60;
        let date = format!("{} +0130", self.seconds);
        #[expect(clippy::disallowed_methods, reason = "plain git creates the sample")]
        let mut command = Command::new("git");
        command
            .args(arguments)
            .current_dir(directory)
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_DATE", &date);
        command
    }

    pub(crate) fn git(&mut self, arguments: &[&str]) -> String {
        let directory = self.directory.clone();
        self.git_in(&directory, arguments)
    }

    pub(crate) fn git_in(&mut self, directory: &Path, arguments: &[&str]) -> String {
        let words: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        let output = self
            .command(directory, &words)
            .output()
            .expect("git can be started");
        assert!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned()
    }

    pub(crate) fn git_with_input(&mut self, arguments: &[&str], input: &[u8]) -> String {
        let directory = self.directory.clone();
        let words: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        let mut child = self
            .command(&directory, &words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("git can be started");
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "git {arguments:?}");
        String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned()
    }

    pub(crate) fn path(&self, name: impl AsRef<[u8]>) -> PathBuf {
        self.directory.join(OsStr::from_bytes(name.as_ref()))
    }

    pub(crate) fn write(&self, name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        if path.is_symlink() {
            fs_err::remove_file(&path).unwrap();
        }
        fs_err::write(path, content).unwrap();
    }

    pub(crate) fn symlink(&self, name: &str, target: &str) {
        let path = self.path(name);
        let _ = fs_err::remove_file(&path);
        std::os::unix::fs::symlink(target, path).unwrap();
    }

    pub(crate) fn executable(&self, name: &str, executable: bool) {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = if executable { 0o755 } else { 0o644 };
        fs_err::set_permissions(self.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(crate) fn rename(&self, from: impl AsRef<[u8]>, to: impl AsRef<[u8]>) {
        let to = self.path(to);
        fs_err::create_dir_all(to.parent().unwrap()).unwrap();
        fs_err::rename(self.path(from), to).unwrap();
    }

    /// Commits the whole working tree and returns the commit.
    pub(crate) fn commit(&mut self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&[
            "commit",
            "--quiet",
            "--allow-empty",
            "--allow-empty-message",
            "-m",
            message,
        ]);
        self.head()
    }

    pub(crate) fn head(&mut self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    /// Clones it into a sibling directory.
    pub(crate) fn clone_to(&mut self, name: &str, options: &[&str]) -> PathBuf {
        let target = self.root.path().join(name);
        let url = format!("file://{}", self.directory.display());
        let mut arguments = vec!["clone", "--quiet", "--no-tags"];
        arguments.extend(options);
        let target_text = target.display().to_string();
        arguments.extend([url.as_str(), target_text.as_str()]);
        self.git(&arguments);
        target
    }
}

/// Every commit that a reference of `directory` reaches.
pub(crate) fn all_commits(sample: &mut Sample, directory: &Path) -> Vec<String> {
    sample
        .git_in(directory, &["rev-list", "--all"])
        .lines()
        .map(str::to_owned)
        .collect()
}

/// Numbered lines, some of them changed.
pub(crate) fn lines(count: usize, changed: &[usize]) -> String {
    (0..count)
        .map(|n| {
            if changed.contains(&n) {
                format!("changed {n}\n")
            } else {
                format!("line {n}\n")
            }
        })
        .collect()
}

fn binary(seed: u8) -> Vec<u8> {
    let mut value = seed;
    (0..2_000)
        .map(|n| {
            value = value.wrapping_mul(31).wrapping_add(17);
            if n % 7 == 0 { 0 } else { value }
        })
        .collect()
}

/// A history with one of every change that is hard to print.
pub(crate) fn everything(format: &str) -> Sample {
    let mut s = Sample::new(format);
    // Text, directories, an empty file, files without a newline at the end.
    s.write("README", lines(40, &[]));
    s.write("src/deep/er/one.txt", lines(60, &[]));
    s.write("src/deep/two.txt", lines(30, &[3]));
    s.write("empty", "");
    s.write("no-newline", "a\nb");
    s.write("pic.bin", binary(1));
    s.write("tool.sh", "#!/bin/sh\necho\n");
    s.write("crlf.txt", "one\r\ntwo\r\nthree\r\n");
    s.commit("first");
    // Renames: pure, changed, of directories, of binary files, of many files.
    s.rename("src/deep/er/one.txt", "src/deep/one.txt");
    s.rename("pic.bin", "img/pic.bin");
    s.commit("move a text file and a binary file");
    s.rename("src/deep/one.txt", "src/other/deep/one.txt");
    s.write("src/other/deep/one.txt", lines(60, &[10, 11, 40]));
    s.commit("move and change");
    s.rename("src/deep/two.txt", "two.txt");
    s.rename("empty", "still-empty");
    s.write("README", lines(40, &[0, 20, 39]));
    s.commit("move up, move an empty file, change another");
    for n in 0..12 {
        s.write(format!("many/a{n}/x/file{n}.txt"), lines(20 + n, &[n]));
    }
    s.commit("many files");
    for n in 0..12 {
        s.rename(
            format!("many/a{n}/x/file{n}.txt"),
            format!("many/b{n}/x/file{n}.txt"),
        );
    }
    s.commit("move many");
    // Copies, with the source changed so that plain copy detection sees it.
    s.write("copy.txt", lines(60, &[10, 11, 40]));
    s.write("src/other/deep/one.txt", lines(60, &[10, 11, 40, 50]));
    s.write("img/pic-copy.bin", binary(1));
    s.write("img/pic.bin", binary(2));
    s.commit("copies");
    // Modes.
    s.executable("tool.sh", true);
    s.executable("img/pic.bin", true);
    s.commit("modes of a text file and a binary file");
    s.executable("tool.sh", false);
    s.write("tool.sh", "#!/bin/sh\necho changed\n");
    s.rename("img/pic.bin", "img/moved.bin");
    s.executable("img/moved.bin", false);
    s.commit("mode and content, mode and move");
    // Links and changes of type.
    s.symlink("link", "README");
    s.commit("link");
    s.symlink("link", "two.txt");
    s.symlink("link2", "two.txt");
    s.commit("another target");
    s.write("link", "a file now\nof two lines\n");
    s.rename("link2", "moved-link");
    s.commit("a link becomes a file");
    s.symlink("tool.sh", "README");
    s.symlink("img/pic-copy.bin", "moved.bin");
    s.commit("files become links");
    // To the outer repository, a submodule is only a commit ID.
    let sub_one = s.head();
    let cacheinfo = |commit: &str, path: &str| format!("160000,{commit},{path}");
    fs_err::create_dir_all(s.path("sub")).unwrap();
    s.git(&[
        "update-index",
        "--add",
        "--cacheinfo",
        &cacheinfo(&sub_one, "sub"),
    ]);
    s.git(&["commit", "--quiet", "-m", "submodule"]);
    let sub_two = s.head();
    s.git(&[
        "update-index",
        "--add",
        "--cacheinfo",
        &cacheinfo(&sub_two, "sub"),
    ]);
    s.git(&["commit", "--quiet", "-m", "submodule moves on"]);
    s.git(&["update-index", "--force-remove", "sub"]);
    s.git(&[
        "update-index",
        "--add",
        "--cacheinfo",
        &cacheinfo(&sub_two, "other-sub"),
    ]);
    s.git(&["commit", "--quiet", "-m", "submodule elsewhere"]);
    fs_err::create_dir_all(s.path("other-sub")).unwrap();
    s.git(&["update-index", "--force-remove", "other-sub"]);
    fs_err::remove_dir(s.path("other-sub")).unwrap();
    s.write("other-sub", "a file where a submodule was\n");
    s.commit("submodule becomes a file");
    // Text that is not UTF-8, and text that looks like git's output.
    s.write("latin1.txt", b"caf\xe9\nna\xefve\n\xff\xfe\xe2\x82 end\n");
    s.write(
        "tricky.txt",
        "end 0\nend 1\ndiff --git a/x b/x\n@@ -1 +1 @@\n-x\n+y\n--- a\n+++ b\n:100644\n\n\n",
    );
    s.write("utf8.txt", "日本語\u{2028}\u{1F600}\n\u{7f}\u{1}\t\\ \"\n");
    s.commit("encodings");
    s.write("latin1.txt", b"caf\xe9!\nna\xefve\n\xff\xfe\xe2\x82 end");
    s.write(
        "tricky.txt",
        "end 0\nend 2\ndiff --git a/x b/x\n@@ -1 +1 @@\n--x\n++y\n--- a\n+++ b\n\
        Binary files a and b differ\n\n\n\n",
    );
    s.write("no-newline", "a\nb\nc");
    s.commit("encodings, changed");
    // Names.
    for name in [
        b"tab\there".as_slice(),
        b"new\nline",
        b"quote\"d",
        b"back\\slash",
        b"sp ace",
        b" lead",
        "\u{fc}mlaut".as_bytes(),
        b"raw-\xff-byte",
        b"brace{a => b}",
        b"a => b",
        b"-dash",
        b":colon",
        b"end 3",
    ] {
        s.write(name, lines(12, &[name.len() % 12]));
    }
    s.commit("names");
    s.rename(b"tab\there", b"dir/tab\there");
    s.rename(b"new\nline", b"dir/new\nline2");
    s.rename(b"quote\"d", b"plain");
    s.rename("\u{fc}mlaut", "dir/\u{fc}mlaut");
    s.rename(b"raw-\xff-byte", b"dir/raw");
    s.rename(b"brace{a => b}", b"dir/brace{a => b}");
    s.rename(b"sp ace", b"s p a c e/sp ace");
    s.write(b"end 3", lines(12, &[1, 2, 3]));
    s.commit("names moved");
    // Attributes.
    s.write(
        ".gitattributes",
        "*.gen -diff\n*.drv diff=drv\n*.dat binary\n*.nul diff\n*.md diff=markdown\n\
        crlf.txt -text\neol.txt text eol=crlf\n",
    );
    s.write("a.gen", "generated\n");
    s.write("a.drv", lines(10, &[]));
    s.write("a.dat", "text, but called binary\n");
    s.write("a.nul", b"nul \0 but called text\n");
    s.write("a.md", "# one\n\ntext\n\n## two\n\nmore\n");
    s.write("eol.txt", "a\r\nb\r\n");
    s.commit("attributes");
    s.write("a.gen", "generated again\n");
    s.write("a.drv", lines(10, &[4]));
    s.write("a.dat", "text, but still called binary\n");
    s.write("a.nul", b"nul \0 and still called text\n");
    s.write("a.md", "# one\n\ntext\n\n## two\n\nmore, and more\n");
    s.write("crlf.txt", "one\r\n2\r\nthree\r\n");
    s.write("eol.txt", "a\r\nc\r\n");
    s.commit("attributes at work");
    s.rename("a.gen", "b.gen");
    s.rename("a.dat", "sub-dir/a.dat");
    s.rename("a.nul", "b.nul");
    s.executable("a.drv", true);
    s.commit("attributes and moves");
    // Two far-apart changes, a large file, one very long line.
    s.write("big.txt", lines(4_000, &[]));
    s.write("long.txt", "x".repeat(300_000));
    s.commit("large");
    s.write("big.txt", lines(4_000, &[5, 12, 19, 2_000, 3_990]));
    s.write("long.txt", format!("{}y", "x".repeat(300_000)));
    s.commit("large, changed");
    // Merges, octopus, a second root, empty commits and messages.
    s.git(&["checkout", "--quiet", "-b", "topic-a"]);
    s.write("topic-a.txt", lines(5, &[]));
    s.commit("topic a");
    s.git(&["checkout", "--quiet", "-b", "topic-b", "main"]);
    s.write("topic-b.txt", lines(6, &[]));
    s.commit("topic b");
    s.git(&["checkout", "--quiet", "main"]);
    s.write("README", lines(40, &[1, 21]));
    s.commit("main goes on");
    s.git(&[
        "merge", "--quiet", "--no-ff", "-m", "octopus", "topic-a", "topic-b",
    ]);
    s.git(&["checkout", "--quiet", "--orphan", "second-root"]);
    s.git(&["rm", "-rfq", "--cached", "."]);
    s.git(&["clean", "-fdxq"]);
    s.write("second-root.txt", "another beginning\n");
    s.commit("second root");
    s.git(&["checkout", "--quiet", "main"]);
    s.git(&[
        "merge",
        "--quiet",
        "--allow-unrelated-histories",
        "-m",
        "join",
        "second-root",
    ]);
    s.commit("empty");
    s.commit("");
    s.commit("subject\n\nbody with trailing space  \n\nand \"quotes\" \\ and \t tabs");
    s.git(&["config", "i18n.commitEncoding", "ISO-8859-1"]);
    let message = s.root.path().join("message");
    fs_err::write(&message, b"caf\xe9 in latin1\n\nna\xefve \n \n\n").unwrap();
    let message = message.display().to_string();
    s.git(&[
        "commit",
        "--quiet",
        "--allow-empty",
        "--cleanup=verbatim",
        "-F",
        &message,
    ]);
    s.git(&["config", "--unset", "i18n.commitEncoding"]);
    let broken = b"not utf-8: \xff\xfe\n";
    let tree = s.git(&["rev-parse", "HEAD^{tree}"]);
    let parent = s.head();
    let commit = s.git_with_input(&["commit-tree", &tree, "-p", &parent], broken);
    s.git(&["merge", "--quiet", "--ff-only", &commit]);
    s.git(&[
        "commit",
        "--quiet",
        "--allow-empty",
        "-m",
        "someone else",
        "--author=\u{c9}mile <e <x>@example.com>",
        "--date=2001-02-03T04:05:06-0730",
    ]);
    // Branches of every shape.
    s.git(&["checkout", "--quiet", "-b", "pull-1", "main~4"]);
    s.write("pull-1.txt", lines(9, &[]));
    s.commit("pull 1");
    s.write("pull-1.txt", lines(9, &[1]));
    s.commit("pull 1, second");
    s.git(&[
        "merge",
        "--quiet",
        "--no-ff",
        "-m",
        "main into pull 1",
        "main~2",
    ]);
    s.write("pull-1.txt", lines(9, &[1, 2]));
    s.commit("pull 1, third");
    s.git(&[
        "merge",
        "--quiet",
        "--no-ff",
        "-m",
        "main into pull 1 again",
        "main~1",
    ]);
    s.git(&["checkout", "--quiet", "-b", "pull-on-pull", "pull-1~1"]);
    s.write("pull-2.txt", lines(9, &[]));
    s.commit("pull on pull");
    s.git(&["checkout", "--quiet", "-b", "cross-a", "main~1"]);
    s.write("cross-a.txt", "a\n");
    let cross_a = s.commit("cross a");
    s.git(&["checkout", "--quiet", "main"]);
    s.write("cross-b.txt", "b\n");
    let cross_b = s.commit("cross b");
    s.git(&["merge", "--quiet", "--no-ff", "-m", "a into main", &cross_a]);
    s.git(&["checkout", "--quiet", "cross-a"]);
    s.git(&[
        "merge",
        "--quiet",
        "--no-ff",
        "-m",
        "main's b into a",
        &cross_b,
    ]);
    s.write("cross-a.txt", "a again\n");
    s.commit("after the cross");
    s.git(&["checkout", "--quiet", "--orphan", "unrelated"]);
    s.commit("unrelated");
    s.git(&["checkout", "--quiet", "main"]);
    s.write("last.txt", "last\n");
    s.commit("last");
    s
}
