//! A file server on a free loopback port, whose downloads can break off.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What is served under a name.
#[derive(Clone, Debug)]
enum Download {
    Complete(Vec<u8>),
    /// Announces all bytes, but closes the connection after half of them.
    BreaksOff(Vec<u8>),
}

#[derive(Debug, Default)]
struct State {
    downloads: BTreeMap<String, Download>,
    /// The names of all requests, oldest first.
    requests: Vec<String>,
}

/// Serves the files of one directory until the test process ends.
#[derive(Debug)]
pub(crate) struct FileServer {
    url: String,
    state: Arc<Mutex<State>>,
}

impl FileServer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/releases/v1.2.3", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                respond(&connection.unwrap(), &shared);
            }
        });
        Self { url, state }
    }

    /// The URL of the directory.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn serve(&self, name: &str, bytes: impl Into<Vec<u8>>) {
        self.insert(name, Download::Complete(bytes.into()));
    }

    pub(crate) fn serve_half(&self, name: &str, bytes: impl Into<Vec<u8>>) {
        self.insert(name, Download::BreaksOff(bytes.into()));
    }

    fn insert(&self, name: &str, download: Download) {
        let mut state = self.state.lock().unwrap();
        state.downloads.insert(name.to_owned(), download);
    }

    /// The names that were requested since the last call.
    pub(crate) fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }
}

fn respond(connection: &TcpStream, state: &Mutex<State>) {
    let mut lines = BufReader::new(connection).lines();
    // `GET /releases/v1.2.3/NAME HTTP/1.1`
    let Some(Ok(request)) = lines.next() else {
        return;
    };
    let path = request.split(' ').nth(1).unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    for line in lines.by_ref() {
        if line.is_ok_and(|line| line.is_empty()) {
            break;
        }
    }
    let download = {
        let mut state = state.lock().unwrap();
        state.requests.push(name.clone());
        state.downloads.get(&name).cloned()
    };
    let (status, announced, body) = match download {
        Some(Download::Complete(bytes)) => ("200 OK", bytes.len(), bytes),
        Some(Download::BreaksOff(bytes)) => {
            ("200 OK", bytes.len(), bytes[..bytes.len() / 2].to_vec())
        }
        None => ("404 Not Found", 9, b"not found".to_vec()),
    };
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {announced}\r\nConnection: close\r\n");
    let mut connection = connection;
    // The client may have ended.
    _ = connection
        .write_all(format!("{head}\r\n").as_bytes())
        .and_then(|()| connection.write_all(&body));
}
