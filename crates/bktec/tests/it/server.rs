//! A scripted HTTP server that records its requests.
//!
//! It implements just enough HTTP/1.1 over plain sockets to misbehave on purpose: hang, close the
//! connection early, redirect in circles.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// Method and path, without the query.
    pub(crate) fn line(&self) -> String {
        let path = self.target.split('?').next().unwrap_or_default();
        format!("{} {path}", self.method)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
    }

    /// The fields of a multipart form in their order: name, file name if it is a file, content.
    pub(crate) fn form(&self) -> Vec<(String, Option<String>, String)> {
        let content_type = self.header("content-type").unwrap();
        let boundary = content_type
            .strip_prefix("multipart/form-data; boundary=")
            .unwrap();
        let body = String::from_utf8(self.body.clone()).unwrap();
        let body = body.strip_suffix(&format!("--{boundary}--\r\n")).unwrap();
        let quoted = |head: &str, key: &str| {
            let (_, rest) = head.split_once(&format!("{key}=\""))?;
            Some(rest.split('"').next()?.to_owned())
        };
        body.split(&format!("--{boundary}\r\n"))
            .skip(1)
            .map(|part| {
                let (head, content) = part.split_once("\r\n\r\n").unwrap();
                (
                    quoted(head, " name").unwrap(),
                    quoted(head, "filename"),
                    content.strip_suffix("\r\n").unwrap().to_owned(),
                )
            })
            .collect()
    }

    /// The content of a field of a multipart form.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let found = self.form().into_iter().find(|(other, _, _)| other == name);
        found.map(|(_, _, content)| content)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Body(u16, String),
    WithHeader(u16, &'static str, String, String),
    /// Not HTTP.
    Raw(&'static str),
    /// Closes the connection before the end of the body.
    Truncated,
    /// Never responds.
    Silence,
}

impl Reply {
    pub(crate) fn ok(body: &str) -> Self {
        Self::Body(200, body.to_owned())
    }

    pub(crate) fn message(status: u16, message: &str) -> Self {
        Self::Body(status, format!("{{\"message\":{message:?}}}"))
    }

    pub(crate) fn not_found() -> Self {
        Self::message(404, "Not found")
    }
}

/// Listens on a free port until the test process ends.
pub(crate) struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Responds with the return value of `script`, whose second argument is the number of earlier
    /// requests.
    pub(crate) fn start(script: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(script);
        let recorded = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (script, recorded) = (Arc::clone(&script), Arc::clone(&recorded));
                std::thread::spawn(move || serve(stream, &*script, &recorded));
            }
        });
        Self { port, requests }
    }

    pub(crate) fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Method and path of each request, one per line, relative to the suite.
    pub(crate) fn lines(&self) -> String {
        self.requests()
            .iter()
            .map(|request| {
                request
                    .line()
                    .replace("/v2/analytics/organizations/acme/suites/web", "")
            })
            .collect::<Vec<_>>()
            .join("\n")
    }
}

fn serve(
    mut stream: TcpStream,
    script: &dyn Fn(&Request, usize) -> Reply,
    recorded: &Mutex<Vec<Request>>,
) {
    let Some(request) = read(&stream) else {
        // As web servers do, among other things if a client speaks TLS.
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
        return;
    };
    let before = {
        let mut recorded = recorded.lock().unwrap();
        recorded.push(request.clone());
        recorded.len() - 1
    };
    let reply = script(&request, before);
    let response = |status: u16, header: &str, body: &str| {
        format!(
            "HTTP/1.1 {status} Whatever\r\nContent-Type: application/json\r\n{header}\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    };
    let text = match reply {
        Reply::Body(status, body) => response(status, "", &body),
        Reply::WithHeader(status, name, value, body) => {
            response(status, &format!("{name}: {value}\r\n"), &body)
        }
        Reply::Raw(text) => text.to_owned(),
        Reply::Truncated => "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"tasks\":".to_owned(),
        Reply::Silence => {
            // Waits until the client gives up.
            stream
                .set_read_timeout(Some(Duration::from_secs(20)))
                .unwrap();
            let _ = stream.read(&mut [0]);
            return;
        }
    };
    let _ = stream.write_all(text.as_bytes());
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request {
        method,
        target,
        headers,
        body,
    })
}
