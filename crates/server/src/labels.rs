//! The labels of tests that the API accepts.

/// In characters.
pub(crate) const MAX_LABEL: usize = 100;

/// The trimmed label, or what is wrong with it. Commas and a leading `!` are reserved for filters.
pub(crate) fn check(label: &str) -> Result<String, String> {
    let trimmed = label.trim();
    if trimmed.is_empty() {
        return Err("is blank".to_owned());
    }
    if label.chars().count() > MAX_LABEL {
        return Err(format!("is longer than {MAX_LABEL} characters"));
    }
    let is_reserved = |c: char| c == ',' || c.is_control();
    if trimmed.starts_with('!') || label.contains(is_reserved) {
        return Err("begins with ! or contains a comma or a control character".to_owned());
    }
    Ok(trimmed.to_owned())
}
