//! `?owner=` in the addresses of lists: only the tests of a team.

pub(super) struct OwnerFilter(String);

impl OwnerFilter {
    pub(super) fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// The team; empty for all tests.
    pub(super) fn name(&self) -> &str {
        &self.0
    }

    /// Whether the list is that of one team.
    pub(super) fn is_one(&self) -> bool {
        !self.0.is_empty()
    }

    pub(super) fn matches(&self, teams: &[String]) -> bool {
        !self.is_one() || teams.contains(&self.0)
    }

    /// The address of the list of this team, with a further parameter unless that is empty.
    pub(super) fn address(&self, base: &str, parameter: &str) -> String {
        let owner = serde_urlencoded::to_string([("owner", &self.0)]).unwrap_or_default();
        let parts = [if self.is_one() { &owner } else { "" }, parameter];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        if parts.is_empty() {
            return base.to_owned();
        }
        format!("{base}?{}", parts.join("&"))
    }
}

#[cfg(test)]
mod tests {
    use super::OwnerFilter;

    #[test]
    fn the_team_is_part_of_every_address() {
        for (team, parameter, address) in [
            ("", "", "/a"),
            ("", "page=2", "/a?page=2"),
            (" a&b ", "", "/a?owner=a%26b"),
            ("a", "page=2", "/a?owner=a&page=2"),
        ] {
            assert_eq!(OwnerFilter::new(team).address("/a", parameter), address);
        }
    }

    #[test]
    fn a_test_may_have_several_teams() {
        let teams = ["a".to_owned(), "b".to_owned()];
        assert!(OwnerFilter::new("b").matches(&teams));
        assert!(OwnerFilter::new("").matches(&[]));
        assert!(!OwnerFilter::new("c").matches(&teams));
    }
}
