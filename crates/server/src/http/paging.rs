//! Lists in pages: `page`, `per_page` and the `Link` header.

use axum::Json;
use axum::http::header::LINK;
use axum::http::{HeaderValue, Uri};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use test_engine_store::Page;

/// Items on a page unless asked otherwise.
const DEFAULT_SIZE: u32 = 30;
/// Items on a page at most.
const LARGEST_SIZE: u32 = 100;

/// The part of a query that chooses a page.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(crate) struct PageQuery {
    page: Option<u32>,
    per_page: Option<u32>,
}

impl PageQuery {
    pub(crate) fn page(self) -> Page {
        let size = self.per_page.unwrap_or(DEFAULT_SIZE).min(LARGEST_SIZE);
        Page::new(self.page.unwrap_or(1), size)
    }
}

/// A page of a list as JSON, with links to its neighbours.
pub(crate) fn answer<T: Serialize>(
    items: &[T],
    page: Page,
    total: u64,
    base: &str,
    uri: &Uri,
) -> Response {
    let mut response = Json(items).into_response();
    let links = links(
        page,
        total,
        &format!("{base}{}", uri.path()),
        uri.query().unwrap_or_default(),
    );
    if let Ok(value) = HeaderValue::from_str(&links)
        && !links.is_empty()
    {
        response.headers_mut().insert(LINK, value);
    }
    response
}

fn links(page: Page, total: u64, address: &str, query: &str) -> String {
    let last = last_page(page, total);
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| {
            !pair.is_empty() && !matches!(pair.split('=').next(), Some("page" | "per_page"))
        })
        .collect();
    let link = |number: u32, relation: &str| {
        let mut pairs = kept.join("&");
        if !pairs.is_empty() {
            pairs.push('&');
        }
        format!(
            "<{address}?{pairs}page={number}&per_page={}>; rel=\"{relation}\"",
            page.size
        )
    };
    let mut links = Vec::new();
    if page.number > 1 {
        links.push(link(1, "first"));
        links.push(link((page.number - 1).min(last), "prev"));
    }
    if page.number < last {
        links.push(link(page.number + 1, "next"));
        links.push(link(last, "last"));
    }
    links.join(", ")
}

/// The number of the last page; 1 for an empty list.
pub(crate) fn last_page(page: Page, total: u64) -> u32 {
    u32::try_from(total.div_ceil(u64::from(page.size.max(1))))
        .unwrap_or(u32::MAX)
        .max(1)
}

#[cfg(test)]
mod tests {
    use test_engine_store::Page;

    use super::{PageQuery, links};

    #[test]
    fn sizes_have_a_default_and_a_limit() {
        let page = |page, per_page| PageQuery { page, per_page }.page();
        assert_eq!(
            page(None, None),
            Page {
                number: 1,
                size: 30
            }
        );
        assert_eq!(
            page(Some(3), Some(1_000)),
            Page {
                number: 3,
                size: 100
            }
        );
        assert_eq!(page(Some(0), Some(0)), Page { number: 1, size: 1 });
    }

    #[test]
    fn the_middle_page_links_both_ways_and_keeps_the_query() {
        let links = links(
            Page {
                number: 2,
                size: 10,
            },
            25,
            "http://a/b",
            "state=muted&page=2&per_page=10",
        );
        assert_eq!(
            links,
            "<http://a/b?state=muted&page=1&per_page=10>; rel=\"first\", \
             <http://a/b?state=muted&page=1&per_page=10>; rel=\"prev\", \
             <http://a/b?state=muted&page=3&per_page=10>; rel=\"next\", \
             <http://a/b?state=muted&page=3&per_page=10>; rel=\"last\""
        );
    }

    #[test]
    fn a_single_page_has_no_links() {
        assert_eq!(
            links(
                Page {
                    number: 1,
                    size: 10
                },
                10,
                "http://a",
                ""
            ),
            ""
        );
        assert_eq!(
            links(
                Page {
                    number: 1,
                    size: 10
                },
                0,
                "http://a",
                ""
            ),
            ""
        );
    }
}
