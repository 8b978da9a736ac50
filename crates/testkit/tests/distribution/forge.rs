//! A stand-in for the comments of GitHub and GitLab: it keeps them in memory, in pages.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

const TOKEN: &str = "forge-token-0123456789";
/// Comments of other people, on the first page.
const OTHER_COMMENTS: usize = 100;

/// Serves the API until the test process ends.
#[derive(Debug)]
pub(crate) struct Forge {
    url: String,
    comments: Arc<Mutex<Vec<String>>>,
}

impl Forge {
    /// A pull request with a page of comments of other people.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let other = (0..OTHER_COMMENTS).map(|number| format!("comment {number}"));
        let comments = Arc::new(Mutex::new(other.collect::<Vec<_>>()));
        let shared = Arc::clone(&comments);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                respond(&connection.unwrap(), &mut shared.lock().unwrap());
            }
        });
        Self { url, comments }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn token() -> &'static str {
        TOKEN
    }

    /// The comments that were added.
    pub(crate) fn added(&self) -> Vec<String> {
        self.comments.lock().unwrap()[OTHER_COMMENTS..].to_vec()
    }
}

struct Request {
    method: String,
    path: String,
    query: String,
    is_authorized: bool,
    body: Value,
}

fn read(connection: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let (mut length, mut is_authorized) = (0, false);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "authorization" => is_authorized |= value == format!("Bearer {TOKEN}"),
            "private-token" => is_authorized |= value == TOKEN,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        is_authorized,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    })
}

fn handle(request: &Request, comments: &mut Vec<String>) -> (&'static str, Value) {
    // /repos/acme/shop/issues/12/comments, /projects/7/merge_requests/12/notes, or one of them
    let last = request.path.rsplit('/').next().unwrap_or_default();
    let text = request.body["body"].as_str();
    match (request.method.as_str(), last.parse::<usize>(), text) {
        _ if !request.is_authorized => ("401 Unauthorized", Value::Null),
        ("GET", Err(_), _) if request.path.contains("/12/") => {
            let page = if request.query.contains("&page=1") {
                0
            } else {
                OTHER_COMMENTS
            };
            let comments = comments.iter().enumerate().skip(page).take(OTHER_COMMENTS);
            let list = comments.map(|(id, body)| json!({"id": id, "body": body}));
            ("200 OK", list.collect())
        }
        ("POST", Err(_), Some(text)) if request.path.contains("/12/") => {
            comments.push(text.to_owned());
            ("201 Created", json!({"id": comments.len() - 1}))
        }
        ("PATCH" | "PUT", Ok(id), Some(text)) if id < comments.len() => {
            text.clone_into(&mut comments[id]);
            ("200 OK", json!({"id": id}))
        }
        _ => ("404 Not Found", Value::Null),
    }
}

fn respond(connection: &TcpStream, comments: &mut Vec<String>) {
    let Some(request) = read(connection) else {
        return;
    };
    let (status, body) = handle(&request, comments);
    let body = body.to_string();
    let length = body.len();
    let mut connection = connection;
    // The client may have ended.
    _ = write!(
        connection,
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
}
