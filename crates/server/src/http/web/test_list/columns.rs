//! The columns of the list of tests, and its order.

use test_engine_store::TestOrder;

/// A column that readers may choose. The name of the test is always there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    State,
    Labels,
    Owner,
    Duration,
    Percentile95,
    Longest,
    Total,
    Reliability,
    Failed,
    Executions,
    FirstSeen,
    LastSeen,
}

impl Column {
    pub(super) const ALL: [Self; 12] = [
        Self::State,
        Self::Labels,
        Self::Owner,
        Self::Duration,
        Self::Percentile95,
        Self::Longest,
        Self::Total,
        Self::Reliability,
        Self::Failed,
        Self::Executions,
        Self::FirstSeen,
        Self::LastSeen,
    ];
    pub(super) const USUAL: [Self; 6] = [
        Self::State,
        Self::Labels,
        Self::Owner,
        Self::Duration,
        Self::Reliability,
        Self::Executions,
    ];

    /// In addresses.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Labels => "labels",
            Self::Owner => "owner",
            Self::Duration => "duration",
            Self::Percentile95 => "p95",
            Self::Longest => "longest",
            Self::Total => "total",
            Self::Reliability => "reliability",
            Self::Failed => "failed",
            Self::Executions => "executions",
            Self::FirstSeen => "first_seen",
            Self::LastSeen => "last_seen",
        }
    }

    pub(super) const fn heading(self) -> &'static str {
        match self {
            Self::State => "State",
            Self::Labels => "Labels",
            Self::Owner => "Owner",
            Self::Duration => "Mean duration",
            Self::Percentile95 => "95% within",
            Self::Longest => "Longest",
            Self::Total => "Total time",
            Self::Reliability => "Reliability",
            Self::Failed => "Failed",
            Self::Executions => "Executions",
            Self::FirstSeen => "First seen",
            Self::LastSeen => "Last seen",
        }
    }

    /// The order of the list by this column; `None` if it cannot be sorted by it.
    pub(super) const fn order(self) -> Option<TestOrder> {
        match self {
            Self::Duration => Some(TestOrder::DurationMean),
            Self::Longest => Some(TestOrder::DurationMax),
            Self::Total => Some(TestOrder::DurationSum),
            Self::Reliability => Some(TestOrder::Reliability),
            Self::Executions => Some(TestOrder::Executions),
            _ => None,
        }
    }

    pub(super) const fn is_number(self) -> bool {
        !matches!(self, Self::State | Self::Labels | Self::Owner)
    }

    /// Whether phones have no room for it.
    pub(super) const fn is_wide(self) -> bool {
        !matches!(self, Self::State)
    }

    fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.name() == name)
    }
}

/// The columns with these names, in the usual order; the usual ones if no name is known.
pub(super) fn of_names<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Column> {
    let named: Vec<Column> = names
        .filter_map(|name| Column::of_name(name.trim()))
        .collect();
    if named.is_empty() {
        return Column::USUAL.to_vec();
    }
    let all = Column::ALL.into_iter();
    all.filter(|column| named.contains(column)).collect()
}

/// Separated by commas; empty for the usual ones.
pub(super) fn names(columns: &[Column]) -> String {
    if columns == Column::USUAL {
        return String::new();
    }
    let names: Vec<&str> = columns.iter().map(|column| column.name()).collect();
    names.join(",")
}

/// The order of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sort {
    pub(super) order: TestOrder,
    pub(super) is_descending: bool,
}

impl Default for Sort {
    fn default() -> Self {
        Self::by(TestOrder::DurationMean)
    }
}

impl Sort {
    /// Slowest or most frequent first, but least reliable first.
    fn by(order: TestOrder) -> Self {
        Self {
            order,
            is_descending: order != TestOrder::Reliability,
        }
    }

    /// From the name of a column and `asc` or `desc`.
    pub(super) fn parse(column: &str, direction: &str) -> Self {
        let order = Column::of_name(column).and_then(Column::order);
        let sort = Self::by(order.unwrap_or_default());
        match direction {
            "asc" => Self {
                is_descending: false,
                ..sort
            },
            "desc" => Self {
                is_descending: true,
                ..sort
            },
            _ => sort,
        }
    }

    /// The order after a click on the heading of a column.
    pub(super) fn clicked(self, order: TestOrder) -> Self {
        if self.order == order {
            Self {
                is_descending: !self.is_descending,
                ..self
            }
        } else {
            Self::by(order)
        }
    }

    /// What [`Sort::parse`] takes; empty where it is usual.
    pub(super) fn names(self) -> (&'static str, &'static str) {
        let usual = Self::by(self.order);
        let direction = match self.is_descending {
            _ if self == usual => "",
            true => "desc",
            false => "asc",
        };
        if self == Self::default() {
            return ("", "");
        }
        let column = Column::ALL
            .into_iter()
            .find(|column| column.order() == Some(self.order));
        (column.map_or("", Column::name), direction)
    }

    /// In one text, for saved views.
    pub(super) fn text(self) -> String {
        let (column, direction) = self.names();
        format!("{column} {direction}").trim().to_owned()
    }

    pub(super) fn of_text(text: &str) -> Self {
        let (column, direction) = text.split_once(' ').unwrap_or((text, ""));
        Self::parse(column, direction)
    }
}

/// A heading of the table.
pub(super) struct Heading {
    pub(super) text: &'static str,
    pub(super) is_number: bool,
    pub(super) is_wide: bool,
    /// Sorts the table by this column; `None` if it cannot be sorted by it.
    pub(super) address: Option<String>,
    /// `ascending`, `descending` or `none`.
    pub(super) sorted: &'static str,
    pub(super) arrow: &'static str,
}

impl Heading {
    /// `address` returns the address of the list in an order.
    pub(super) fn new(column: Column, sort: Sort, address: impl Fn(Sort) -> String) -> Self {
        let order = column.order();
        let (sorted, arrow) = match (order == Some(sort.order), sort.is_descending) {
            (false, _) => ("none", ""),
            (true, true) => ("descending", "▼"),
            (true, false) => ("ascending", "▲"),
        };
        Self {
            text: column.heading(),
            is_number: column.is_number(),
            is_wide: column.is_wide(),
            address: order.map(|order| address(sort.clicked(order))),
            sorted,
            arrow,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_keep_their_order_and_have_a_default() {
        let of = |text: &str| of_names(text.split(','));
        assert_eq!(of(""), Column::USUAL);
        assert_eq!(of("none,such"), Column::USUAL);
        assert_eq!(
            of("executions, owner,owner,x"),
            [Column::Owner, Column::Executions]
        );
        assert_eq!(names(&of("executions,owner")), "owner,executions");
        assert_eq!(names(&Column::USUAL), "");
        for column in Column::ALL {
            assert_eq!(of(column.name()), [column]);
        }
    }

    #[test]
    fn orders_survive_their_names() {
        let orders = Column::ALL.into_iter().filter_map(Column::order);
        for order in orders {
            for is_descending in [true, false] {
                let sort = Sort {
                    order,
                    is_descending,
                };
                let (column, direction) = sort.names();
                assert_eq!(Sort::parse(column, direction), sort);
                assert_eq!(Sort::of_text(&sort.text()), sort, "{:?}", sort.text());
            }
        }
        assert_eq!(Sort::default().names(), ("", ""));
        let least_reliable = Sort::default().clicked(TestOrder::Reliability);
        assert!(!least_reliable.is_descending, "least reliable first");
        assert!(least_reliable.clicked(TestOrder::Reliability).is_descending);
    }
}
