//! Names of the fields of forms. They are in quoted headers, where other names are ambiguous.

use axum::extract::multipart::Field;

/// For the OpenAPI document; see [`name`].
pub(super) const NAME_PATTERN: &str = r"^[ !#-\[\]-~]+$";

/// The name of a field; see [`valid_name`].
pub(super) fn name(field: &Field<'_>) -> Result<String, String> {
    valid_name(field.name().unwrap_or_default()).map(str::to_owned)
}

/// The name if it is printable ASCII without quotes and backslashes. The error reads after "the
/// form cannot be read: ".
pub(super) fn valid_name(name: &str) -> Result<&str, String> {
    let is_valid = |c: char| (' '..='~').contains(&c) && !matches!(c, '"' | '\\');
    if name.is_empty() || !name.chars().all(is_valid) {
        return Err(format!(
            "the field name {name:?} is not printable ASCII text"
        ));
    }
    Ok(name)
}
