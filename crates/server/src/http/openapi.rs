//! The OpenAPI document: what handlers declare with `#[utoipa::path]`, and what all of them share.
//!
//! Extractors describe the parameters and error responses they cause, next to their own code, with
//! the functions here. [`document`] adds the rest and names what is used more than once.

use std::mem;

use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};
use test_engine_wire as wire;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::Header;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{
    AnyOfBuilder, ArrayItems, Components, KnownFormat, ObjectBuilder, OneOfBuilder, SchemaFormat,
    SchemaType,
};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Object, OpenApi, Ref, RefOr, Required, Schema, Type};
use utoipa::{OpenApi as _, ToSchema};

use super::api;
use super::conditions;
use super::resources::{LabelledTest, MeasuredTest, QuarantinedTestBody, TestMetrics};
use crate::quarantine::QuarantineBody;

/// What [`errors`] refers to: name, status and description.
const ERRORS: [(&str, u16, &str); 8] = [
    (
        "BadRequest",
        400,
        "The request is malformed, or a parameter is invalid.",
    ),
    (
        "Unauthorized",
        401,
        "The token is missing, unknown, expired or revoked.",
    ),
    ("Forbidden", 403, "The token does not permit this."),
    (
        "NotFound",
        404,
        "The resource does not exist, or the token cannot access it.",
    ),
    ("TooLarge", 413, "The body exceeds the size limit."),
    (
        "UnsupportedMediaType",
        415,
        "The body has an unsupported type or encoding.",
    ),
    (
        "Invalid",
        422,
        "The request is well formed, but its content is invalid.",
    ),
    (
        "RateLimited",
        429,
        "The organization exceeded its rate limit; retry after `RateLimit-Reset` seconds.",
    ),
];

/// The pattern of texts that must not be blank.
const NOT_BLANK: &str = r"\S";

pub(crate) type Responses = std::collections::BTreeMap<String, RefOr<Response>>;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "test-engine",
        version = "2",
        description = "Plans test runs, stores their results and reports on them. \
            docs/server/api.md explains the API. Every body may be sent with \
            `Content-Encoding: gzip`; every error has a `message`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    servers((url = "/")),
    security(("accessToken" = [])),
)]
struct Base;

/// The document before any operation is added.
pub(super) fn base() -> OpenApi {
    Base::openapi()
}

/// The error responses with these status codes.
pub(super) fn errors<const N: usize>(statuses: [u16; N]) -> Responses {
    let named = ERRORS
        .iter()
        .filter(|(_, status, _)| statuses.contains(status));
    named
        .map(|(name, status, _)| (status.to_string(), Ref::from_response_name(*name).into()))
        .collect()
}

/// Declares types that stand for one error response in `#[utoipa::path]`.
macro_rules! error_types {
    ($($name:ident = $status:literal;)*) => {$(
        pub(super) struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> Responses {
                errors([$status])
            }
        }
    )*};
}

error_types! {
    BadRequest = 400;
    Unauthorized = 401;
    Forbidden = 403;
    NotFound = 404;
    TooLarge = 413;
    UnsupportedMediaType = 415;
    Invalid = 422;
}

/// An error response of its own.
pub(super) fn error(description: impl Into<String>) -> Response {
    let schema = Ref::from_schema_name("Error");
    ResponseBuilder::new()
        .description(description)
        .content(
            "application/json",
            ContentBuilder::new().schema(Some(schema)).build(),
        )
        .build()
}

pub(super) fn string(format: Option<&str>) -> Object {
    Object::builder()
        .schema_type(Type::String)
        .format(format.map(|format| SchemaFormat::Custom(format.to_owned())))
        .build()
}

/// A name: neither blank nor with control characters.
pub(super) fn name() -> Object {
    let mut name = string(None);
    name.pattern =
        Some(r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$".to_owned());
    name.max_length = Some(255);
    name
}

/// A time in RFC 3339, or null.
pub(super) fn nullable_time() -> Schema {
    OneOfBuilder::new()
        .item(string(Some("date-time")))
        .item(Object::with_type(Type::Null))
        .build()
        .into()
}

/// A text in a format, in a parameter that counts as absent if it is empty.
pub(super) fn optional_text(format: &str) -> Schema {
    let empty = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some([""]));
    AnyOfBuilder::new()
        .item(string(Some(format)))
        .item(empty)
        .build()
        .into()
}

/// A required path parameter.
pub(super) fn path_parameter(name: &str, description: &str, format: Option<&str>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(description))
        .schema(Some(string(format)))
        .build()
}

/// The complete document, from what the router has collected.
pub(super) fn document(mut api: OpenApi) -> OpenApi {
    let mut components = mem::take(&mut api.components).unwrap_or_default();
    for (name, status, description) in ERRORS {
        let mut response = error(description);
        if status == StatusCode::TOO_MANY_REQUESTS {
            for header in ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"] {
                let count = Object::with_type(Type::Integer);
                response
                    .headers
                    .insert(header.to_owned(), Header::new(count).into());
            }
        }
        components
            .responses
            .insert(name.to_owned(), response.into());
    }
    let other = error("Any other error, such as 503 while the database is unavailable.");
    components
        .responses
        .insert("Other".to_owned(), other.into());
    components.add_security_scheme(
        "accessToken",
        bearer("An API access token, or an OIDC token."),
    );
    components.add_security_scheme(
        "metricsToken",
        bearer("The token given to --metrics-token."),
    );
    let formats = "`Token token=\"TOKEN\"`, `Token token=TOKEN`, `Token TOKEN` or `Bearer TOKEN`, \
                   with a suite token or an OIDC token.";
    components.add_security_scheme(
        "suiteToken",
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
            "Authorization",
            formats,
        ))),
    );
    for add in [
        add_response_schema::<wire::ErrorBody>,
        add_response_schema::<wire::Suite>,
        add_response_schema::<wire::AccessToken>,
        add_response_schema::<wire::Run>,
        add_response_schema::<wire::FailedTests>,
        add_response_schema::<wire::Test>,
        add_response_schema::<LabelledTest>,
        add_response_schema::<MeasuredTest>,
        add_response_schema::<TestMetrics>,
        add_response_schema::<QuarantinedTestBody>,
        add_response_schema::<QuarantineBody>,
        add_response_schema::<wire::QuarantineSettings>,
        add_response_schema::<wire::UploadReceipt>,
        add_response_schema::<wire::Plan>,
        add_response_schema::<wire::Task>,
        add_response_schema::<wire::Case>,
        add_response_schema::<wire::TestIdentity>,
        add_response_schema::<wire::TimingMetadata>,
        add_response_schema::<wire::TimingDefaults>,
        add_response_schema::<wire::FilterTestsResponse>,
        add_response_schema::<wire::FilteredTest>,
        add_response_schema::<wire::PresignedUpload>,
        add_response_schema::<wire::PresignedForm>,
    ] {
        add(&mut components);
    }
    api::add_response_schemas(&mut components);
    for schema in components.schemas.values_mut() {
        refine("", schema);
    }
    conditions::add(&mut components);
    for item in api.paths.paths.values_mut() {
        complete_operations(item, &mut components);
    }
    api.components = Some(components);
    api
}

fn bearer(description: &str) -> SecurityScheme {
    SecurityScheme::Http(
        HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(description))
            .build(),
    )
}

/// Adds `T` as a type the server sends, rather than one it reads.
///
/// serde's attributes say what a reader may miss. What a response always has is what a default
/// value is serialized to; everything else is left out when there is none, and never null.
pub(super) fn add_response_schema<T: ToSchema + Serialize + Default>(components: &mut Components) {
    let mut schemas = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut schemas);
    for (name, schema) in schemas {
        components.schemas.entry(name).or_insert(schema);
    }
    let always = serde_json::to_value(T::default()).unwrap_or_default();
    if let (Some(schema), Some(always)) =
        (components.schemas.get_mut(&*T::name()), always.as_object())
    {
        require(schema, always);
    }
}

fn require(schema: &mut RefOr<Schema>, always: &Map<String, Value>) {
    match schema {
        RefOr::T(Schema::Object(object)) => {
            object.required = Vec::new();
            for (name, property) in &mut object.properties {
                match property {
                    RefOr::T(Schema::Object(property)) => property.default = None,
                    RefOr::T(Schema::Array(property)) => property.default = None,
                    _ => {}
                }
                if always.contains_key(name) {
                    object.required.push(name.clone());
                } else {
                    remove_null(property);
                }
            }
        }
        RefOr::T(Schema::AllOf(all)) => all.items.iter_mut().for_each(|item| require(item, always)),
        _ => {}
    }
}

fn remove_null(schema: &mut RefOr<Schema>) {
    let kind = match schema {
        RefOr::T(Schema::Object(object)) => &mut object.schema_type,
        RefOr::T(Schema::Array(array)) => &mut array.schema_type,
        // `Option` of a component: null or a reference.
        RefOr::T(Schema::OneOf(one)) => {
            if let Some(RefOr::Ref(reference)) =
                one.items.iter().find(|item| matches!(item, RefOr::Ref(_)))
            {
                *schema = RefOr::Ref(reference.clone());
            }
            return;
        }
        _ => return,
    };
    if let SchemaType::Array(kinds) = kind {
        kinds.retain(|kind| *kind != Type::Null);
        if let [only] = &kinds[..] {
            *kind = SchemaType::Type(only.clone());
        }
    }
}

/// Adds what attributes of fields cannot say: formats, by the names of properties, and enumerations
/// of strings, which are written as patterns of alternatives.
fn refine(name: &str, schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) => {
            refine_string(name, object);
            refine_integer(object);
            for (name, property) in &mut object.properties {
                refine(name, property);
            }
        }
        RefOr::T(Schema::Array(array)) => {
            if let ArrayItems::RefOrSchema(items) = &mut array.items {
                refine("", items);
            }
        }
        RefOr::T(Schema::AllOf(all)) => all.items.iter_mut().for_each(|item| refine("", item)),
        _ => {}
    }
}

/// A format with a sign does not include the largest numbers without one.
fn refine_integer(object: &mut Object) {
    let is_32_bit = object.format == Some(SchemaFormat::KnownFormat(KnownFormat::Int32));
    if is_32_bit && object.minimum.is_some() && object.maximum.is_none() {
        object.format = Some(SchemaFormat::KnownFormat(KnownFormat::Int64));
        object.maximum = Some(u32::MAX.into());
    }
}

fn refine_string(name: &str, object: &mut Object) {
    let is_string = match &object.schema_type {
        SchemaType::Type(kind) => *kind == Type::String,
        SchemaType::Array(kinds) => kinds.contains(&Type::String),
        SchemaType::AnyValue => false,
    };
    if !is_string {
        return;
    }
    let format = match name {
        "id" | "uuid" | "organization_id" | "suite_id" | "run_id" | "test_id" | "execution_id"
        | "upload_id" => Some("uuid"),
        _ if name.ends_with("url") => Some("uri"),
        _ if name.ends_with("_at") => Some("date-time"),
        _ => None,
    };
    if let Some(format) = format {
        object.format = Some(SchemaFormat::Custom(format.to_owned()));
        // An absent text is empty, which has none of the formats.
        object.default = None;
    }
    if object.pattern.as_deref() == Some(NOT_BLANK) || object.min_length.is_some() {
        // Nor is it a text that must not be blank or empty.
        object.default = None;
    }
    let alternatives = object
        .pattern
        .as_deref()
        .and_then(|pattern| pattern.strip_prefix("^(")?.strip_suffix(")$"));
    if let Some(alternatives) = alternatives {
        object.enum_values = Some(alternatives.split('|').map(Value::from).collect());
        object.pattern = None;
    }
}

fn complete_operations(item: &mut PathItem, components: &mut Components) {
    let operations = [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.patch,
        &mut item.delete,
    ];
    for operation in operations.into_iter().flatten() {
        if let Some(name) = &mut operation.operation_id {
            *name = camel_case(name);
        }
        if let Some(RefOr::T(body)) = &mut operation.request_body {
            // A body that may be left out is not null.
            let contents = body.content.values_mut();
            for content in contents {
                if let RefOr::T(content) = content {
                    content.schema.iter_mut().for_each(remove_null);
                }
            }
        }
        let responses = &mut operation.responses.responses;
        for (status, response) in &mut *responses {
            if let RefOr::T(response) = response
                && response.description.is_empty()
            {
                let text = if status == "204" {
                    "No content."
                } else {
                    "Success."
                };
                text.clone_into(&mut response.description);
            }
        }
        responses.insert(
            "default".to_owned(),
            Ref::from_response_name("Other").into(),
        );
        for parameter in operation.parameters.iter_mut().flatten() {
            share(parameter, components);
        }
    }
}

/// Moves a parameter to the components, unless another one has its name.
fn share(parameter: &mut RefOr<Parameter>, components: &mut Components) {
    let RefOr::T(own) = parameter else { return };
    if let Some(RefOr::T(Schema::Object(schema))) = &mut own.schema {
        refine_string("", schema);
    }
    let name = own.name.clone();
    let shared = components.parameters.entry(name.clone());
    if *shared.or_insert_with(|| own.clone().into()) == *parameter {
        *parameter = RefOr::Ref(Ref::new(format!("#/components/parameters/{name}")));
    }
}

/// `list_runs` as `listRuns`.
fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (initial, rest) = word.split_at(word.len().min(1));
        name + &initial.to_ascii_uppercase() + rest
    })
}

#[cfg(test)]
mod tests {
    use super::camel_case;

    #[test]
    fn operation_ids_are_camel_case() {
        assert_eq!(camel_case("list_failed_executions"), "listFailedExecutions");
        assert_eq!(camel_case("openapi"), "openapi");
    }
}
