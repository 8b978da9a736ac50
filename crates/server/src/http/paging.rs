//! Lists in pages: `page`, `per_page` and the `Link` header.

use axum::Json;
use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::header::LINK;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use test_engine_store::{Listed, Page};
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::ArrayBuilder;
use utoipa::{IntoParams, IntoResponses, ToSchema};

use super::error::ApiError;
use super::openapi::{self, Responses};
use super::params::Params;
use crate::App;

const DEFAULT_SIZE: u32 = 30;
const MAX_SIZE: u32 = 100;

/// The part of a query that selects a page.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// From 1; 0 means 1.
    #[param(default = 1, value_type = Option<i64>, minimum = 0, maximum = 4_294_967_295_u32)]
    page: Option<u32>,
    /// At most 100; larger values mean 100.
    #[param(default = 30, value_type = Option<i64>, minimum = 0, maximum = 4_294_967_295_u32)]
    per_page: Option<u32>,
}

impl PageQuery {
    pub(crate) fn page(self) -> Page {
        let size = self.per_page.unwrap_or(DEFAULT_SIZE).min(MAX_SIZE);
        Page::new(self.page.unwrap_or(1), size)
    }
}

/// The requested page of a list, and the address that links to other pages are based on.
pub(crate) struct Paging {
    pub(crate) page: Page,
    /// Without its query.
    address: String,
    query: String,
}

impl FromRequestParts<App> for Paging {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Params(query): Params<PageQuery> = Params::from_request_parts(parts, app).await?;
        // The URI of the parts lacks the prefix of a nested router.
        let uri = match parts.extensions.get::<OriginalUri>() {
            Some(OriginalUri(uri)) => uri,
            None => &parts.uri,
        };
        Ok(Self {
            page: query.page(),
            address: format!("{}{}", app.links.public_url(), uri.path()),
            query: uri.query().unwrap_or_default().to_owned(),
        })
    }
}

impl IntoParams for Paging {
    fn into_params(within: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        PageQuery::into_params(within)
    }
}

impl Paging {
    /// The header that links to the other pages of a list with so many items.
    pub(crate) fn links(&self, total: u64) -> HeaderMap {
        let links = links(self.page, total, &self.address, &self.query);
        let mut headers = HeaderMap::new();
        if let Ok(links) = HeaderValue::from_str(&links)
            && !links.is_empty()
        {
            headers.insert(LINK, links);
        }
        headers
    }

    /// The response with the page's items, each converted with `convert`.
    pub(crate) fn respond<S, T>(
        &self,
        listed: Listed<S>,
        convert: impl FnMut(S) -> T,
    ) -> PageOf<T> {
        PageOf {
            items: listed.items.into_iter().map(convert).collect(),
            links: links(self.page, listed.total, &self.address, &self.query),
        }
    }
}

/// A page of a list as JSON, with links to other pages.
pub(crate) struct PageOf<T> {
    items: Vec<T>,
    links: String,
}

impl<T: Serialize> IntoResponse for PageOf<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.items).into_response();
        if let Ok(links) = HeaderValue::from_str(&self.links)
            && !links.is_empty()
        {
            response.headers_mut().insert(LINK, links);
        }
        response
    }
}

impl<T: ToSchema> IntoResponses for PageOf<T> {
    fn responses() -> Responses {
        let item = utoipa::openapi::Ref::from_schema_name(T::name());
        let items = ArrayBuilder::new().items(item);
        let link = HeaderBuilder::new()
            .schema(Some(openapi::string(None)))
            .description(Some("The first, previous, next and last page."));
        let page = ResponseBuilder::new()
            .content(
                "application/json",
                ContentBuilder::new().schema(Some(items)).build(),
            )
            .header("Link", link.build());
        let mut responses = openapi::errors([400]);
        responses.insert("200".to_owned(), page.into());
        responses
    }
}

fn links(page: Page, total: u64, address: &str, query: &str) -> String {
    let last = last_page(page, total);
    let is_kept = |pair: &&str| {
        !pair.is_empty() && !matches!(pair.split('=').next(), Some("page" | "per_page"))
    };
    let mut kept: Vec<&str> = query.split('&').filter(is_kept).collect();
    kept.push("");
    let kept = kept.join("&");
    let link = |number: u32, relation: &str| {
        let size = page.size;
        format!("<{address}?{kept}page={number}&per_page={size}>; rel=\"{relation}\"")
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

/// The page of a list that was read completely.
pub(crate) fn paginate<T>(items: Vec<T>, page: Page) -> Listed<T> {
    let before = (page.number as usize - 1).saturating_mul(page.size as usize);
    Listed {
        total: items.len() as u64,
        items: items
            .into_iter()
            .skip(before)
            .take(page.size as usize)
            .collect(),
    }
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
    fn page_sizes_have_a_default_and_a_limit() {
        for (page, per_page, expected) in [
            (None, None, Page::new(1, 30)),
            (Some(3), Some(1_000), Page::new(3, 100)),
            (Some(0), Some(0), Page::new(1, 1)),
        ] {
            assert_eq!(PageQuery { page, per_page }.page(), expected);
        }
    }

    #[test]
    fn a_middle_page_links_both_ways_and_keeps_the_query() {
        let query = "state=muted&page=2&per_page=10";
        let links = links(Page::new(2, 10), 25, "http://a/b", query);
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
        for total in [10, 0] {
            assert_eq!(links(Page::new(1, 10), total, "http://a", ""), "");
        }
    }
}
