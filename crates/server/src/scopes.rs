//! The permissions of access tokens and OIDC tokens, and those of the roles of people.

use std::fmt::{self, Write as _};

use test_engine_store::Role;

/// A permission, named as in the hosted product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Read suites, runs and tests.
    ReadSuites,
    /// Change suites and tests.
    WriteSuites,
    /// Fetch plans.
    ReadTestPlan,
    /// Create plans; includes fetching them.
    WriteTestPlan,
    /// Reserved: no endpoint requires it.
    ReadTestPool,
    /// Reserved: no endpoint requires it.
    WriteTestPool,
    /// Upload results to the suite. Only for OIDC tokens; others use a suite token.
    WriteUploads,
}

impl Scope {
    /// The scopes of access tokens, in the order of the documentation.
    pub const ALL: [Self; 6] = *Self::OF_POLICIES.first_chunk().expect("one scope more");

    /// The scopes that an OIDC policy may grant.
    pub const OF_POLICIES: [Self; 7] = [
        Self::ReadSuites,
        Self::WriteSuites,
        Self::ReadTestPlan,
        Self::WriteTestPlan,
        Self::ReadTestPool,
        Self::WriteTestPool,
        Self::WriteUploads,
    ];

    /// What a person with this role may do. Admins may manage people besides.
    pub const fn of_role(role: Role) -> &'static [Self] {
        match role {
            Role::Reader => &[Self::ReadSuites, Self::ReadTestPlan, Self::ReadTestPool],
            Role::Writer | Role::Admin => &Self::ALL,
        }
    }

    /// For OIDC policies; [`str::parse`] is for access tokens.
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

    /// Whether these scopes include this one. `write_test_plan` includes `read_test_plan`.
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

/// The roles as a Markdown table, for `docs/server/people.md`.
pub fn role_table() -> String {
    let mut table = String::from("| role | scopes | manages people |\n| --- | --- | --- |\n");
    for role in Role::ALL {
        let scopes: Vec<String> = Scope::of_role(role)
            .iter()
            .map(|scope| format!("`{scope}`"))
            .collect();
        let manages = if role == Role::Admin { "yes" } else { "no" };
        let (name, scopes) = (role.name(), scopes.join(", "));
        // Writing to a string cannot fail.
        let _ = writeln!(table, "| {name} | {scopes} | {manages} |");
    }
    table
}

/// The name of a scope that does not exist.
#[derive(Debug, thiserror::Error)]
#[error("{given:?} is not a scope; the scopes are {}", Scope::ALL.map(Scope::name).join(", "))]
pub struct UnknownScope {
    given: String,
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
    fn parses_the_names_it_prints() {
        for scope in Scope::ALL {
            assert_eq!(scope.name().parse::<Scope>().unwrap(), scope);
        }
        let error = "admin".parse::<Scope>().unwrap_err().to_string();
        assert!(error.contains("read_suites, write_suites"), "{error}");
    }

    #[test]
    fn only_write_test_plan_includes_another_scope() {
        let writer = ["write_test_plan".to_owned()];
        assert!(Scope::ReadTestPlan.is_granted_by(&writer));
        assert!(!Scope::ReadSuites.is_granted_by(&writer));
        let suites = ["write_suites".to_owned()];
        assert!(!Scope::ReadSuites.is_granted_by(&suites));
    }
}
