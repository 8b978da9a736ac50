//! An error and its causes on one line, for logs and the command line.

use std::error::Error;
use std::fmt::{self, Display};

/// Displays as `error: cause: cause of the cause`.
pub(crate) struct ErrorChain<'a>(pub(crate) &'a dyn Error);

impl Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
