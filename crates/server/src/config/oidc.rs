//! The section of OIDC: where the keys of issuers may be fetched from.

/// How issuers of OIDC tokens are asked for their keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct Oidc {
    /// Also over plain HTTP, from this very machine: for trying things out.
    pub allow_loopback_http: bool,
}
