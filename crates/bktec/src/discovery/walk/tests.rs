use std::os::unix::fs::{PermissionsExt as _, symlink};

use rstest::rstest;

use super::*;

fn tree(files: &[&str]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for file in files {
        let path = directory.path().join(file);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, "").unwrap();
    }
    directory
}

fn find(base: &Path, pattern: &str, exclude: Option<&str>) -> Vec<String> {
    let pattern = Pattern::parse(pattern, None).unwrap();
    let exclude = exclude.map(|text| Pattern::parse_exclude(text, None).unwrap());
    let found = walk(base, &pattern, exclude.as_ref());
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);
    found
        .paths
        .into_iter()
        .map(|path| path.into_string().unwrap())
        .collect()
}

const FILES: &[&str] = &[
    "a_spec.rb",
    "spec/b_spec.rb",
    "spec/a_spec.rb",
    "spec/a/z_spec.rb",
    "spec/a-b/y_spec.rb",
    "spec/features/f_spec.rb",
    "spec/features/deep/g_spec.rb",
    "spec/helper.rb",
    "spec/.hidden/h_spec.rb",
    "spec/node_modules/n_spec.rb",
    "node_modules/x/spec/n_spec.rb",
    "other/spec/o_spec.rb",
    "spec/sp ace (x)/[id]_spec.rb",
];

#[rstest]
#[case("spec/a_spec.rb", None, &["spec/a_spec.rb"])]
#[case("./spec/*_spec.rb", None, &["./spec/a_spec.rb", "./spec/b_spec.rb"])]
#[case("spec/features/**", None, &["spec/features/deep/g_spec.rb", "spec/features/f_spec.rb"])]
#[case("{spec,other}/**/{o,z}_spec.rb", None, &["other/spec/o_spec.rb", "spec/a/z_spec.rb"])]
#[case("{**/b_spec,spec/b_spec}.rb", None, &["spec/b_spec.rb"])]
#[case("*/spec/*.rb", None, &["other/spec/o_spec.rb"])]
#[case("nowhere/**/*.rb", None, &[])]
#[case("a_spec.rb/*", None, &[])]
#[case("node_modules/**/*.rb", None, &[])]
#[case("spec/node_modules/*.rb", None, &[])]
#[case("spec/features/**/*.rb", Some("spec"), &[])]
#[case("spec/features/**/*.rb", Some("spec/features/deep"), &["spec/features/f_spec.rb"])]
#[case("./spec/features/**/*.rb", Some("spec/features/deep/"), &["./spec/features/f_spec.rb"])]
#[case("spec/{a,b}_spec.rb", Some("**/b_spec.rb"), &["spec/a_spec.rb"])]
#[case("**/*_spec.rb", Some("{spec,other}"), &["a_spec.rb"])]
fn files_that_match_are_found(
    #[case] pattern: &str,
    #[case] exclude: Option<&str>,
    #[case] expected: &[&str],
) {
    let directory = tree(FILES);
    assert_eq!(find(directory.path(), pattern, exclude), expected);
}

#[test]
fn paths_are_in_the_order_of_a_sorted_walk() {
    let directory = tree(FILES);
    let expected = [
        "a_spec.rb",
        "other/spec/o_spec.rb",
        "spec/.hidden/h_spec.rb",
        "spec/a/z_spec.rb",
        "spec/a-b/y_spec.rb",
        "spec/a_spec.rb",
        "spec/b_spec.rb",
        "spec/features/deep/g_spec.rb",
        "spec/features/f_spec.rb",
        "spec/sp ace (x)/[id]_spec.rb",
    ];
    assert_eq!(find(directory.path(), "**/*_spec.rb", None), expected);
}

#[test]
fn an_absolute_pattern_gives_absolute_paths() {
    let directory = tree(FILES);
    let root = directory.path().to_str().unwrap();
    let found = find(Path::new("/"), &format!("{root}/spec/a_*.rb"), None);
    assert_eq!(found, [format!("{root}/spec/a_spec.rb")]);
}

#[test]
fn links_to_files_are_found_and_links_to_directories_not_followed() {
    let directory = tree(&["real/a_spec.rb"]);
    symlink("real", directory.path().join("linked")).unwrap();
    symlink("real/a_spec.rb", directory.path().join("file_spec.rb")).unwrap();
    symlink("gone", directory.path().join("broken_spec.rb")).unwrap();
    symlink("real", directory.path().join("directory_spec.rb")).unwrap();
    symlink(".", directory.path().join("real/loop")).unwrap();
    let found = find(directory.path(), "**/*_spec.rb", None);
    assert_eq!(found, ["broken_spec.rb", "file_spec.rb", "real/a_spec.rb"]);
    // The pattern names the link.
    let found = find(directory.path(), "linked/*_spec.rb", None);
    assert_eq!(found, ["linked/a_spec.rb"]);
}

#[test]
fn only_files_are_found() {
    let directory = tree(&["a_spec.rb"]);
    fs_err::create_dir(directory.path().join("dir_spec.rb")).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(directory.path().join("s_spec.rb"));
    assert_eq!(find(directory.path(), "*_spec.rb", None), ["a_spec.rb"]);
    drop(socket);
}

#[test]
fn a_name_that_is_not_utf8_is_found() {
    let directory = tree(&[]);
    let name = OsString::from_vec(b"\xff_spec.rb".to_vec());
    fs_err::write(directory.path().join(&name), "").unwrap();
    let found = walk(
        directory.path(),
        &Pattern::parse("*_spec.rb", None).unwrap(),
        None,
    );
    assert_eq!(found.paths, [name]);
}

#[test]
fn an_unreadable_directory_is_skipped_with_a_warning() {
    let directory = tree(&["a_spec.rb", "locked/b_spec.rb"]);
    let locked = directory.path().join("locked");
    fs_err::set_permissions(&locked, std::fs::Permissions::from_mode(0o000)).unwrap();
    let is_root = std::fs::read_dir(&locked).is_ok();
    let found = walk(
        directory.path(),
        &Pattern::parse("**/*_spec.rb", None).unwrap(),
        None,
    );
    fs_err::set_permissions(&locked, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(found.paths[0], "a_spec.rb");
    if is_root {
        // Root can read it.
        assert_eq!(found.paths.len(), 2);
    } else {
        assert_eq!(found.paths.len(), 1);
        assert!(
            found.warnings[0].to_string().contains("locked"),
            "{}",
            found.warnings[0]
        );
    }
}

#[test]
fn a_directory_that_root_cannot_read_has_a_warning() {
    // The name is longer than the system supports.
    let directory = tree(&[]);
    let long = "x".repeat(300);
    let pattern = Pattern::parse(&format!("{long}/*.rb"), None).unwrap();
    let found = walk(directory.path(), &pattern, None);
    assert_eq!(found.warnings.len(), 1);
    assert!(found.paths.is_empty());
}
