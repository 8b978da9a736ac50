//! The call of `bktec verify`, which the hosted product does not have.

use test_engine_accounting::Accountings;

use super::{ApiError, Client, percent_encoded, read_json};

/// Which plans to account for.
#[derive(Clone, Copy, Debug)]
pub enum AccountingOf<'a> {
    Plan(&'a str),
    /// All plans of the build.
    Build(&'a str),
}

impl Client<'_> {
    /// Empty if the server knows no such plan and no report of it, or has no such call.
    pub fn accountings(&self, of: AccountingOf<'_>) -> Result<Accountings, ApiError> {
        let (key, value) = match of {
            AccountingOf::Plan(identifier) => ("identifier", identifier),
            AccountingOf::Build(id) => ("build_id", id),
        };
        let url = format!(
            "{}/test_plan/accounting?{key}={}",
            self.suite_url,
            percent_encoded(value, true)
        );
        match self.get("verify the build", &url, read_json) {
            Err(error) if error.is_not_found() => Ok(Accountings::default()),
            other => other,
        }
    }
}
