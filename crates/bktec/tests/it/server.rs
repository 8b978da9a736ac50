//! A tiny HTTP server that plays what a test scripts, and remembers what it was asked.
//!
//! It speaks just enough HTTP/1.1 over plain sockets to misbehave on purpose: hang, break off,
//! redirect in circles.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
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

/// What the server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// A whole answer of JSON, or of something that should be.
    Answer(u16, String),
    /// The same with one more header.
    WithHeader(u16, &'static str, String, String),
    /// Promises a body and breaks off.
    Truncated,
    /// Never answers.
    Silence,
}

impl Reply {
    pub(crate) fn ok(body: &str) -> Self {
        Self::Answer(200, body.to_owned())
    }

    pub(crate) fn message(status: u16, message: &str) -> Self {
        Self::Answer(status, format!("{{\"message\":{message:?}}}"))
    }

    pub(crate) fn not_found() -> Self {
        Self::message(404, "Not found")
    }
}

/// Listens on a free port of this machine until it is dropped.
pub(crate) struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// Answers each request with what `script` says. The second argument is how many came before.
    pub(crate) fn start(script: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(script);
        let remembered = Arc::clone(&asked);
        // Ends with the test process; a test needs nothing more of it.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (script, remembered) = (Arc::clone(&script), Arc::clone(&remembered));
                std::thread::spawn(move || serve(stream, &*script, &remembered));
            }
        });
        Self { port, asked }
    }

    pub(crate) fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Everything that was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Method and path of everything that was asked, one a line, without the suite's part.
    pub(crate) fn lines(&self) -> String {
        self.asked()
            .iter()
            .map(|asked| {
                asked
                    .line()
                    .replace("/v2/analytics/organizations/acme/suites/web", "")
            })
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// An address of this machine where nobody listens.
pub(crate) fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port())
}

fn serve(
    mut stream: TcpStream,
    script: &dyn Fn(&Asked, usize) -> Reply,
    remembered: &Mutex<Vec<Asked>>,
) {
    let Some(asked) = read(&stream) else { return };
    let before = {
        let mut remembered = remembered.lock().unwrap();
        remembered.push(asked.clone());
        remembered.len() - 1
    };
    let reply = script(&asked, before);
    let answer = |status: u16, header: &str, body: &str| {
        format!(
            "HTTP/1.1 {status} Whatever\r\nContent-Type: application/json\r\n{header}\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    };
    let text = match reply {
        Reply::Answer(status, body) => answer(status, "", &body),
        Reply::WithHeader(status, name, value, body) => {
            answer(status, &format!("{name}: {value}\r\n"), &body)
        }
        Reply::Truncated => "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"tasks\":".to_owned(),
        Reply::Silence => {
            // Until the client gives up.
            stream
                .set_read_timeout(Some(Duration::from_secs(20)))
                .unwrap();
            let _ = stream.read(&mut [0]);
            return;
        }
    };
    let _ = stream.write_all(text.as_bytes());
}

fn read(stream: &TcpStream) -> Option<Asked> {
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
    Some(Asked {
        method,
        target,
        headers,
        body,
    })
}
