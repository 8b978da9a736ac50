//! The address of the list of tests: its query, order, columns and page.

use test_engine_store::{SavedView, ViewSettings};

use super::columns::{self, Column, Sort};
use super::fields::Fields;
use crate::http::error::ApiError;

/// What an address asks for.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// `None`: the default view.
    text: Option<String>,
    sort: String,
    direction: String,
    columns: Vec<String>,
    page: Option<u32>,
    pub(super) changed: Option<u64>,
    pub(super) refused: Option<u64>,
    fields: Fields,
    /// The address is that of a form with other fields than the query.
    is_form: bool,
}

/// What the page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) text: String,
    pub(super) sort: Sort,
    pub(super) columns: Vec<Column>,
    pub(super) page: u32,
}

impl Asked {
    /// A 400 if a number is none.
    pub(super) fn of(pairs: Vec<(String, String)>) -> Result<Self, ApiError> {
        let mut asked = Self::default();
        for (name, value) in pairs {
            let number = || {
                value.parse::<u32>().map_err(|_not_a_number| {
                    ApiError::bad_request(format!("Invalid {name} {value:?}: use a number."))
                })
            };
            match name.as_str() {
                "q" => asked.text = Some(value),
                "sort" => asked.sort = value,
                "order" => asked.direction = value,
                "columns" => asked.columns.extend(value.split(',').map(str::to_owned)),
                // A check box of the form for columns.
                "column" => {
                    asked.columns.push(value);
                    asked.is_form = true;
                }
                "page" => asked.page = Some(number()?),
                "changed" => asked.changed = Some(number()?.into()),
                "refused" => asked.refused = Some(number()?.into()),
                // The form with all fields empty.
                "fields" => asked.is_form = true,
                _ => {
                    if let Some(field) = asked.fields.get_mut(&name) {
                        asked.is_form |= !value.trim().is_empty();
                        *field = value;
                    }
                }
            }
        }
        Ok(asked)
    }

    /// The address to go to, if this is that of a form: so that every list has one address.
    pub(super) fn canonical(&self, base: &str) -> Option<String> {
        self.is_form.then(|| {
            let text = self.text.clone().unwrap_or_default();
            let fields = self.fields.text();
            let parts = [text.trim(), &fields];
            let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            let mut shown = self.shown(&[]);
            shown.text = parts.join(" ");
            shown.address(base)
        })
    }

    pub(super) fn shown(&self, views: &[SavedView]) -> Shown {
        let default = views.iter().find(|view| view.settings.is_default);
        let page = self.page.unwrap_or(1);
        let names = self.columns.iter().map(String::as_str);
        let asked = Shown {
            text: self.text.clone().unwrap_or_default(),
            sort: Sort::parse(&self.sort, &self.direction),
            columns: columns::of_names(names),
            page,
        };
        match (default, &self.text) {
            (Some(default), None) => {
                let view = Shown::of_view(&default.settings);
                Shown {
                    text: view.text,
                    // A reader may sort the default view, and choose other columns.
                    sort: if self.sort.is_empty() && self.direction.is_empty() {
                        view.sort
                    } else {
                        asked.sort
                    },
                    columns: if self.columns.is_empty() {
                        view.columns
                    } else {
                        asked.columns
                    },
                    page,
                }
            }
            _ => asked,
        }
    }
}

impl Shown {
    pub(super) fn of_view(settings: &ViewSettings) -> Self {
        Self {
            text: settings.query.clone(),
            sort: Sort::of_text(&settings.sort),
            columns: columns::of_names(settings.columns.split(',')),
            page: 1,
        }
    }

    /// What a view saves.
    pub(super) fn settings(&self, is_default: bool) -> ViewSettings {
        ViewSettings {
            query: self.text.clone(),
            columns: columns::names(&self.columns),
            sort: self.sort.text(),
            is_default,
        }
    }

    /// With the query even if it is empty, because without one the default view is shown.
    pub(super) fn address(&self, base: &str) -> String {
        format!("{base}?{}", self.query_string())
    }

    pub(super) fn query_string(&self) -> String {
        let (sort, direction) = self.sort.names();
        let columns = columns::names(&self.columns);
        let page = if self.page > 1 {
            self.page.to_string()
        } else {
            String::new()
        };
        let mut pairs = vec![
            ("sort", sort),
            ("order", direction),
            ("columns", columns.as_str()),
            ("page", page.as_str()),
        ];
        pairs.retain(|(_, value)| !value.is_empty());
        pairs.insert(0, ("q", self.text.as_str()));
        serde_urlencoded::to_string(pairs).unwrap_or_default()
    }

    /// Whether this is what a view shows, on whatever page.
    pub(super) fn is_view(&self, settings: &ViewSettings) -> bool {
        let first = Self {
            page: 1,
            ..self.clone()
        };
        first == Self::of_view(settings)
    }
}

#[cfg(test)]
mod tests {
    use test_engine_store::Timestamp;
    use uuid::Uuid;

    use super::*;

    fn asked(query: &str) -> Asked {
        let pairs = serde_urlencoded::from_str(query).unwrap();
        Asked::of(pairs).unwrap_or_else(|error| panic!("{query}: {}", error.message()))
    }

    #[test]
    fn forms_lead_to_one_address() {
        for (query, address) in [
            ("q=state:muted&page=2", None),
            ("", None),
            ("search=&state=&branch=&sort=reliability", None),
            // Addresses of earlier versions.
            (
                "search=adds+up&state=muted",
                Some("/t?q=%22adds+up%22+state%3Amuted"),
            ),
            (
                "branch=main&sort=duration&order=asc",
                Some("/t?q=branch%3Amain&sort=duration&order=asc"),
            ),
            // All fields were emptied.
            ("fields=1&rest=&state=", Some("/t?q=")),
            (
                "fields=1&rest=a+%21b&health=flaky",
                Some("/t?q=a+%21b+flaky%3Ayes"),
            ),
            (
                "q=a&column=owner&column=failed",
                Some("/t?q=a&columns=owner%2Cfailed"),
            ),
        ] {
            assert_eq!(asked(query).canonical("/t").as_deref(), address, "{query}");
        }
        assert!(Asked::of(vec![("page".to_owned(), "x".to_owned())]).is_err());
    }

    fn view(name: &str, query: &str, is_default: bool) -> SavedView {
        SavedView {
            uuid: Uuid::nil(),
            name: name.to_owned(),
            settings: ViewSettings {
                query: query.to_owned(),
                columns: "owner".to_owned(),
                sort: "reliability desc".to_owned(),
                is_default,
            },
            created_at: Timestamp::from_millis(0),
        }
    }

    #[test]
    fn without_a_query_the_default_view_is_shown() {
        let views = [
            view("mine", "owner:me", false),
            view("muted", "state:muted", true),
        ];
        let shown = asked("page=2").shown(&views);
        assert_eq!(
            shown.address("/t"),
            "/t?q=state%3Amuted&sort=reliability&order=desc&columns=owner&page=2"
        );
        assert!(shown.is_view(&views[1].settings));
        assert_eq!(shown.settings(true), views[1].settings);
        let all = asked("q=").shown(&views);
        assert_eq!(all.address("/t"), "/t?q=");
        let sorted = asked("sort=executions").shown(&views);
        assert_eq!(
            sorted.address("/t"),
            "/t?q=state%3Amuted&sort=executions&columns=owner"
        );
        assert_eq!(asked("").shown(&views[..1]).address("/t"), "/t?q=");
    }

    #[test]
    fn an_address_shows_itself() {
        for query in ["q=", "q=a%26b&sort=total&order=asc&columns=owner&page=3"] {
            assert_eq!(asked(query).shown(&[]).query_string(), query);
        }
    }
}
