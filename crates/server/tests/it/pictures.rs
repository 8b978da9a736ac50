//! The pictures of the documentation, which `bin/pictures` takes: every page has one, and a reader
//! of the documentation sees it.

use std::collections::BTreeSet;

use test_engine_testkit::root;

/// Of one picture, in bytes.
const MAX_SIZE: u64 = 100 * 1024;
/// Pages that look like another one: forms, and sections of the settings.
const WITHOUT_PICTURE: [&str; 4] = [
    "/organizations",
    "/account",
    "/rules/new",
    "/analytics/settings",
];

/// Names, and paths as in the router.
fn listed() -> Vec<(String, String)> {
    let list = fs_err::read_to_string(root().join("docs/images/pages.txt")).unwrap();
    list.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (name, path) = line.split_once(' ').unwrap();
            let path = path.trim().split('?').next().unwrap();
            let path = path.replace("{selecting}", "{suite}");
            (name.to_owned(), path.replace("{failed}", "{id}"))
        })
        .collect()
}

#[test]
fn every_page_has_a_picture() {
    let listed = listed();
    let pages = test_engine::page_paths();
    for page in &pages {
        let is_section = page.contains("/settings/");
        let is_like_another = WITHOUT_PICTURE.iter().any(|end| page.ends_with(end)) || is_section;
        let has_picture = listed.iter().any(|(_, path)| path == page);
        assert!(has_picture || is_like_another, "{page} has no picture");
    }
    for (name, path) in &listed {
        let is_page = pages.contains(&path.as_str());
        assert!(is_page, "{name}: {path} is no page");
    }
}

#[test]
fn every_picture_is_small_and_shown() {
    let images = root().join("docs/images");
    let readme = fs_err::read_to_string(root().join("README.md")).unwrap();
    let pages = fs_err::read_to_string(root().join("docs/pages.md")).unwrap();
    let names: BTreeSet<String> = listed()
        .into_iter()
        .map(|(name, _)| format!("{name}.webp"))
        .collect();
    for name in &names {
        let size = fs_err::metadata(images.join(name)).unwrap().len();
        assert!(size <= MAX_SIZE, "{name} has {size} bytes");
        let is_shown = readme.contains(&format!("\"docs/images/{name}\""))
            || pages.contains(&format!("\"images/{name}\""));
        assert!(is_shown, "no page of the documentation shows {name}");
    }
    for entry in fs_err::read_dir(images).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_known = names.contains(&name) || name == "pages.txt";
        assert!(is_known, "docs/images/pages.txt does not list {name}");
    }
}
