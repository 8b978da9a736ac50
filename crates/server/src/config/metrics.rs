//! The section of metrics: who may read them.

use secrecy::SecretString;

/// Who may read `GET /metrics`. By default nobody.
#[derive(Clone, Debug, Default)]
pub struct MetricsAccess {
    /// Everybody who can reach the server.
    pub open: bool,
    /// Whoever sends this as a bearer token.
    pub token: Option<SecretString>,
}
