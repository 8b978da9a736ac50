//! What an access token may do.

use std::fmt;

/// A permission of an access token, named as the hosted product names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Read suites, runs and tests.
    ReadSuites,
    /// Change suites and tests.
    WriteSuites,
    /// Fetch plans.
    ReadTestPlan,
    /// Make plans; includes fetching them.
    WriteTestPlan,
    /// Read pools of work.
    ReadTestPool,
    /// Change pools of work.
    WriteTestPool,
    /// Upload results to the suite; of OIDC tokens only, everybody else has a suite token.
    WriteUploads,
}

impl Scope {
    /// Every scope an access token may have, in the order of the documentation.
    pub const ALL: [Self; 6] = [
        Self::ReadSuites,
        Self::WriteSuites,
        Self::ReadTestPlan,
        Self::WriteTestPlan,
        Self::ReadTestPool,
        Self::WriteTestPool,
    ];

    /// Every scope an OIDC policy may grant.
    pub const OF_POLICIES: [Self; 7] = [
        Self::ReadSuites,
        Self::WriteSuites,
        Self::ReadTestPlan,
        Self::WriteTestPlan,
        Self::ReadTestPool,
        Self::WriteTestPool,
        Self::WriteUploads,
    ];

    /// The scope of this name, for OIDC policies.
    pub(crate) fn of_policy(name: &str) -> Option<Self> {
        Self::OF_POLICIES
            .into_iter()
            .find(|scope| scope.name() == name)
    }

    /// The name on the wire and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadSuites => "read_suites",
            Self::WriteSuites => "write_suites",
            Self::ReadTestPlan => "read_test_plan",
            Self::WriteTestPlan => "write_test_plan",
            Self::ReadTestPool => "read_test_pool",
            Self::WriteTestPool => "write_test_pool",
            Self::WriteUploads => "write_uploads",
        }
    }

    /// Whether a token with these scopes has this one. Writing plans includes reading them.
    pub fn is_granted_by(self, scopes: &[String]) -> bool {
        scopes.iter().any(|scope| {
            scope == self.name()
                || (self == Self::ReadTestPlan && scope == Self::WriteTestPlan.name())
        })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A scope that does not exist.
#[derive(Debug, thiserror::Error)]
#[error("{given:?} is not a scope; the scopes are {}", names().join(", "))]
pub struct UnknownScope {
    /// What was given.
    pub given: String,
}

fn names() -> Vec<&'static str> {
    Scope::ALL.into_iter().map(Scope::name).collect()
}

impl std::str::FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(given: &str) -> Result<Self, Self::Err> {
        let name = given.trim();
        Self::ALL
            .into_iter()
            .find(|scope| scope.name() == name)
            .ok_or_else(|| UnknownScope {
                given: given.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::Scope;

    #[test]
    fn names_go_both_ways() {
        for scope in Scope::ALL {
            assert_eq!(scope.name().parse::<Scope>().unwrap(), scope);
        }
        let error = "admin".parse::<Scope>().unwrap_err().to_string();
        assert!(error.contains("read_suites, write_suites"), "{error}");
    }

    #[test]
    fn writing_plans_includes_reading_them_and_nothing_else_does() {
        let writer = ["write_test_plan".to_owned()];
        assert!(Scope::ReadTestPlan.is_granted_by(&writer));
        assert!(!Scope::ReadSuites.is_granted_by(&writer));
        let suites = ["write_suites".to_owned()];
        assert!(!Scope::ReadSuites.is_granted_by(&suites));
    }
}
