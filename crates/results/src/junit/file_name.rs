//! The `file` attribute of a test case, which some tools extend by the test or its line.

use std::borrow::Cow;

use memchr::memchr2;

/// The file alone, and the line if the attribute has it.
pub(super) fn split(file: Cow<'_, str>) -> (Cow<'_, str>, Option<String>) {
    // Almost every file.
    if memchr2(b':', b'\\', file.as_bytes()).is_none() {
        return (file, None);
    }
    // Pest: `tests/SumTest.php::it adds`.
    if let Some(end) = file.find("::").filter(|end| *end > 0) {
        return (slashed(cut(file, end)), None);
    }
    // ExUnit: `test/sum_test.exs:12`.
    let line = file.rsplit_once(':').filter(|(path, line)| {
        let is_number = !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit());
        is_number && !path.is_empty()
    });
    match line.map(|(path, line)| (path.len(), line.to_owned())) {
        Some((end, line)) => (slashed(cut(file, end)), Some(line)),
        None => (slashed(file), None),
    }
}

fn cut(file: Cow<'_, str>, end: usize) -> Cow<'_, str> {
    match file {
        Cow::Borrowed(file) => Cow::Borrowed(&file[..end]),
        Cow::Owned(mut file) => {
            file.truncate(end);
            Cow::Owned(file)
        }
    }
}

/// Relative paths of Windows get slashes. Absolute ones are made relative first, by their form.
fn slashed(file: Cow<'_, str>) -> Cow<'_, str> {
    let is_absolute = file.starts_with('\\') || file.as_bytes().get(1) == Some(&b':');
    if is_absolute || file.contains('/') || !file.contains('\\') {
        return file;
    }
    Cow::Owned(file.replace('\\', "/"))
}
