//! Owners of tests, from the suite's TESTOWNERS file.

use test_engine_store::{Suite, Test};

use super::error::ApiError;
use crate::App;
use crate::owners::Owners;

/// The suite's owners; none until a TESTOWNERS file is sent.
pub(crate) async fn owners(app: &App, suite: &Suite) -> Result<Owners, ApiError> {
    let file = app.store.ownership(suite.id).await?;
    Ok(file.map_or_else(Owners::default, |file| Owners::parse(&file.body)))
}

pub(crate) fn file_of_test(test: &Test) -> &str {
    file_of(test.file_name.as_deref(), test.location.as_deref())
}

/// The file of a test: its file name or else its location without the line; empty if unknown.
pub(crate) fn file_of<'a>(file_name: Option<&'a str>, location: Option<&'a str>) -> &'a str {
    let without_line = |location: &'a str| location.split(':').next().unwrap_or(location);
    file_name
        .or_else(|| location.map(without_line))
        .unwrap_or_default()
}
