//! How targets name a file or a part of one, as runners write it: a line (`a.feature:3`), an RSpec
//! id (`a_spec.rb[1:2]`), a pytest node ID (`test_a.py::TestA::test_b`).

/// `./a.rb` and `a.rb` are one target.
pub fn without_dot_slash(target: &str) -> &str {
    target.strip_prefix("./").unwrap_or(target)
}

/// The path relative to the project of a path relative to the repository; the path itself if it
/// does not begin with the location prefix.
pub fn without_location_prefix<'p>(path: &'p str, prefix: &str) -> &'p str {
    let prefix = without_dot_slash(prefix).trim_end_matches('/');
    let rest = without_dot_slash(path)
        .strip_prefix(prefix)
        .filter(|_| !prefix.is_empty());
    rest.and_then(|rest| rest.strip_prefix('/')).unwrap_or(path)
}

/// The file of an example. Any other target is returned as it is, including files whose names
/// contain brackets, such as `pages/[id].test.js`.
pub fn file_of_target(target: &str) -> &str {
    let in_file = target.split_once("::").map_or(target, |(file, _)| file);
    without_lines(without_example_id(in_file))
}

/// Without an RSpec id, such as `[1:2]` or `[1:2,1:3]`.
pub fn without_example_id(path: &str) -> &str {
    path.strip_suffix(']')
        .and_then(|rest| rest.rsplit_once('['))
        .filter(|(_, id)| {
            let is_id = |byte: u8| byte.is_ascii_digit() || matches!(byte, b':' | b',');
            !id.is_empty() && id.bytes().all(is_id)
        })
        .map_or(path, |(file, _)| file)
}

/// Without a line and a column, such as `:3:7`.
pub fn without_lines(path: &str) -> &str {
    let mut file = path;
    while let Some((before, number)) = file.rsplit_once(':') {
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            break;
        }
        file = before;
    }
    file
}

#[cfg(test)]
mod tests {
    use super::{file_of_target, without_dot_slash, without_location_prefix};

    #[test]
    fn the_file_is_before_the_mark_of_an_example() {
        for (target, file) in [
            ("spec/a_spec.rb:4", "spec/a_spec.rb"),
            ("./spec/a_spec.rb[1:2,1:3]", "./spec/a_spec.rb"),
            ("features/a.feature:3:9", "features/a.feature"),
            ("a.spec.ts:12", "a.spec.ts"),
            ("a.py::TestBasket::test_add[x::1]", "a.py"),
            ("a.py::test_path[x/y:3]", "a.py"),
            ("app/[id]/page.spec.ts:7", "app/[id]/page.spec.ts"),
            ("app/[id].spec.ts:7", "app/[id].spec.ts"),
            (":4", ""),
        ] {
            assert_eq!(file_of_target(target), file, "{target}");
        }
        for whole in [
            "spec/a_spec.rb",
            "app/[id]/a.spec.js",
            "app/a[id].js",
            "app/a[id]",
            "a[].js",
            "a[1",
            "[1]/a",
            "C:\\a_spec.rb",
            "example.com/pkg",
            "custom:all",
            "",
        ] {
            assert_eq!(file_of_target(whole), whole);
        }
    }

    #[test]
    fn only_a_whole_prefix_is_removed() {
        for (prefix, path, rest) in [
            ("", "api/a.py", "api/a.py"),
            ("./", "./a.py", "./a.py"),
            ("./api/", "api/a.py", "a.py"),
            ("api", "./api/a.py", "a.py"),
            ("api", "apis/a.py", "apis/a.py"),
            ("api", "api", "api"),
        ] {
            assert_eq!(
                without_location_prefix(path, prefix),
                rest,
                "{prefix} {path}"
            );
        }
    }

    #[test]
    fn only_one_leading_dot_is_removed() {
        for (target, bare) in [("./a", "a"), ("a/./b", "a/./b"), (".//a", "/a"), (".", ".")] {
            assert_eq!(without_dot_slash(target), bare);
        }
    }
}
