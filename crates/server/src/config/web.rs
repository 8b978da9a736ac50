//! The section of the pages: who may look at them.

/// How the pages behave.
#[derive(Clone, Copy, Debug, Default)]
pub struct Web {
    /// Anybody who can reach the server may read its pages. Changing things still needs a
    /// sign-in.
    pub open: bool,
}
