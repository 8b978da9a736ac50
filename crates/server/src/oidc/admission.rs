//! Which organizations admit a person whom the provider has identified, and with which role.

use serde_json::Value;
use test_engine_store::{Admission, OrganizationId, RuleMatch, SignInRule, Timestamp};

use super::provider::Identified;

/// Days for which a role that a rule gave lasts without another sign-in. It ends access by tokens
/// of people whom the provider no longer knows.
const ROLE_DAYS: i64 = 30;

/// The roles that rules give to a person, and the organizations that keep the person out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Admissions {
    pub(crate) admitted: Vec<Admission>,
    pub(crate) barred: Vec<OrganizationId>,
}

/// Of several matching rules of an organization, the one with the highest role counts; one without
/// a role outweighs all.
pub(crate) fn admissions(rules: &[SignInRule], person: &Identified, now: Timestamp) -> Admissions {
    let mut found = Admissions::default();
    for rule in rules.iter().filter(|rule| matches(rule, person)) {
        let organization = rule.organization;
        let Some(role) = rule.role else {
            found.barred.push(organization);
            continue;
        };
        let admission = Admission {
            organization,
            role,
            rule: rule.uuid,
            expires_at: now.plus_days(ROLE_DAYS),
        };
        let is_same = |known: &&mut Admission| known.organization == organization;
        match found.admitted.iter_mut().find(is_same) {
            None => found.admitted.push(admission),
            Some(known) if known.role < role => *known = admission,
            Some(_) => {}
        }
    }
    let barred = &found.barred;
    found
        .admitted
        .retain(|admission| !barred.contains(&admission.organization));
    found
}

fn matches(rule: &SignInRule, person: &Identified) -> bool {
    match &rule.matches {
        RuleMatch::Subject(subject) => *subject == person.subject,
        RuleMatch::EmailDomain(domain) => person
            .verified_email
            .as_deref()
            .and_then(|email| email.rsplit_once('@'))
            .is_some_and(|(_, of)| of.eq_ignore_ascii_case(domain)),
        RuleMatch::Claim { name, value } => match person.claims.get(name) {
            Some(Value::Array(several)) => several.iter().any(|one| is_text(one, value)),
            Some(one) => is_text(one, value),
            None => false,
        },
    }
}

fn is_text(claim: &Value, value: &str) -> bool {
    match claim {
        Value::String(text) => text == value,
        Value::Bool(true) => value == "true",
        Value::Bool(false) => value == "false",
        Value::Number(number) => number.to_string() == value,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use test_engine_store::{Role, RuleMatch, SignInRule, Store, Timestamp};

    use super::{Identified, admissions, matches};
    use crate::people::rule_match;

    fn person(email: Option<&str>, claims: &Value) -> Identified {
        Identified {
            issuer: "https://id.example.com".to_owned(),
            subject: "42".to_owned(),
            name: "Priya".to_owned(),
            verified_email: email.map(str::to_owned),
            claims: claims.as_object().unwrap().clone(),
        }
    }

    /// Only a store makes the ids of organizations.
    async fn rule(store: &Store, slug: &str, matches: RuleMatch, role: Option<Role>) -> SignInRule {
        let change = test_engine_store::Change::by_server(Timestamp::from_millis(0));
        let organization = match store.organization(slug).await.unwrap() {
            Some(organization) => organization,
            None => store
                .create_organization(uuid::Uuid::new_v4(), slug, &change)
                .await
                .unwrap(),
        };
        SignInRule {
            uuid: uuid::Uuid::new_v4(),
            organization: organization.id,
            matches,
            role,
            created_at: Timestamp::from_millis(0),
        }
    }

    async fn store(directory: &tempfile::TempDir) -> Store {
        Store::open_file(&directory.path().join("test.db"))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn rules_compare_exactly() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(&directory).await;
        let claims = json!({"groups": ["a", "b"], "team": "web", "level": 3, "staff": true,
            "nested": {"groups": "c"}});
        for (kind, value, email, expected) in [
            ("email_domain", "example.com", Some("p@example.com"), true),
            ("email_domain", "example.com", Some("p@EXAMPLE.com"), true),
            (
                "email_domain",
                "example.com",
                Some("\"a@b\"@example.com"),
                true,
            ),
            (
                "email_domain",
                "example.com",
                Some("p@sub.example.com"),
                false,
            ),
            (
                "email_domain",
                "example.com",
                Some("p@evil-example.com"),
                false,
            ),
            (
                "email_domain",
                "example.com",
                Some("p@example.com@evil.org"),
                false,
            ),
            ("email_domain", "example.com", Some("p@example.com."), false),
            ("email_domain", "example.com", None, false),
            ("claim", "groups=a", None, true),
            ("claim", "groups=A", None, false),
            ("claim", "groups=a,b", None, false),
            ("claim", "groups=c", None, false),
            ("claim", "team=web", None, true),
            ("claim", "level=3", None, true),
            ("claim", "staff=true", None, true),
            ("claim", "missing=null", None, false),
            ("subject", "42", None, true),
            ("subject", "4", None, false),
        ] {
            let rule = rule_match(kind, value).unwrap();
            let rule = self::rule(&store, "acme", rule, Some(Role::Reader)).await;
            let found = matches(&rule, &person(email, &claims));
            assert_eq!(found, expected, "{kind} {value} {email:?}");
        }
    }

    #[tokio::test]
    async fn the_highest_role_counts_and_a_rule_without_one_outweighs_it() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(&directory).await;
        let subject = || RuleMatch::Subject("42".to_owned());
        let now = Timestamp::from_millis(0);
        let rules = [
            rule(&store, "acme", subject(), Some(Role::Reader)).await,
            rule(&store, "acme", subject(), Some(Role::Admin)).await,
            rule(&store, "acme", subject(), Some(Role::Writer)).await,
            rule(&store, "other", subject(), Some(Role::Admin)).await,
            rule(&store, "other", subject(), None).await,
        ];
        let found = admissions(&rules, &person(None, &json!({})), now);
        assert_eq!(found.barred, [rules[4].organization]);
        let [only] = found.admitted[..] else {
            panic!("{found:?}")
        };
        assert_eq!((only.rule, only.role), (rules[1].uuid, Role::Admin));
        assert_eq!(only.expires_at, now.plus_days(30));
        let nobody = admissions(&[], &person(Some("p@example.com"), &json!({})), now);
        assert_eq!(nobody, super::Admissions::default());
    }
}
