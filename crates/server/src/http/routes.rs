//! A router that knows its own addresses.
//!
//! It is filled like axum's own and becomes one. Because addresses enter through here only, what
//! is documented can be compared with what is served. It decides nothing about requests.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{self, MethodRouter};

use crate::App;

/// The methods of one address.
pub(super) struct Methods {
    router: MethodRouter<App>,
    names: Vec<&'static str>,
}

macro_rules! first_methods {
    ($($method:ident $name:literal;)*) => {$(
        /// A handler for this method.
        pub(super) fn $method<H, T>(handler: H) -> Methods
        where
            H: Handler<T, App>,
            T: 'static,
        {
            Methods {
                router: routing::$method(handler),
                names: vec![$name],
            }
        }
    )*};
}

first_methods! {
    get "GET";
    patch "PATCH";
    post "POST";
    put "PUT";
}

macro_rules! further_methods {
    ($($method:ident $name:literal;)*) => {
        impl Methods {$(
            /// A handler for this method, too.
            pub(super) fn $method<H, T>(mut self, handler: H) -> Self
            where
                H: Handler<T, App>,
                T: 'static,
            {
                self.router = self.router.$method(handler);
                self.names.push($name);
                self
            }
        )*}
    };
}

further_methods! {
    delete "DELETE";
    patch "PATCH";
    post "POST";
}

/// Addresses and what answers there.
#[derive(Default)]
pub(super) struct Routes {
    router: Router<App>,
    addresses: Vec<(&'static str, String)>,
}

impl Routes {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// One address.
    pub(super) fn route(mut self, path: &str, methods: Methods) -> Self {
        self.addresses
            .extend(methods.names.iter().map(|name| (*name, path.to_owned())));
        self.router = self.router.route(path, methods.router);
        self
    }

    /// Everything of another router, below a path.
    pub(super) fn nest(mut self, path: &str, routes: Self) -> Self {
        self.addresses.extend(
            routes
                .addresses
                .into_iter()
                .map(|(method, below)| (method, format!("{path}{below}"))),
        );
        self.router = self.router.nest(path, routes.router);
        self
    }

    /// Methods and paths, in the order they were added.
    pub(super) fn addresses(&self) -> &[(&'static str, String)] {
        &self.addresses
    }

    /// As axum serves it.
    pub(super) fn into_router(self) -> Router<App> {
        self.router
    }
}

#[cfg(test)]
mod tests {
    use super::{Routes, get, post};

    #[test]
    fn every_address_is_known_with_its_methods() {
        async fn nothing() {}
        let routes = Routes::new()
            .route("/a", get(nothing).post(nothing))
            .nest("/b/{id}", Routes::new().route("/c", post(nothing)));
        let written: Vec<String> = routes
            .addresses()
            .iter()
            .map(|(method, path)| format!("{method} {path}"))
            .collect();
        assert_eq!(written, ["GET /a", "POST /a", "POST /b/{id}/c"]);
    }
}
