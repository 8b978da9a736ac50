//! A receiver of webhooks: a plain HTTP server that behaves as a test tells it to.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

pub(crate) use crate::waiting::until;

/// How to respond to a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Status(u16),
    /// 307 to this address.
    Redirect(String),
    /// 200 after this time.
    After(Duration),
    /// 200 with a body of 1 GB.
    Endless,
}

/// A request that has arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        let of_name = |line: &&str| {
            let (found, _value) = line.split_once(':').unwrap_or_default();
            found.eq_ignore_ascii_case(name)
        };
        let line = self.head.lines().find(of_name);
        let (_name, value) = line
            .and_then(|line| line.split_once(": "))
            .unwrap_or_default();
        value
    }

    pub(crate) fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Checks the signature as a receiver does.
    pub(crate) fn is_signed_with(&self, secret: &str) -> bool {
        let signature = self.header("x-test-engine-signature");
        let (time, sum) = signature.split_once(",v1=").unwrap();
        let time = time.strip_prefix("t=").unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(time.as_bytes());
        mac.update(b".");
        mac.update(&self.body);
        mac.verify_slice(&hex::decode(sum).unwrap()).is_ok()
    }
}

#[derive(Default)]
struct State {
    received: Mutex<Vec<Received>>,
    replies: Mutex<VecDeque<Reply>>,
    /// Of endless bodies, until the client closed the connection.
    sent: AtomicU64,
}

/// Listens until the test ends.
pub(crate) struct Receiver {
    pub(crate) port: u16,
    state: Arc<State>,
}

impl Receiver {
    /// Responds to the first requests as given, and to all later ones with 200.
    pub(crate) fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            replies: Mutex::new(replies.into_iter().collect()),
            ..State::default()
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), state) = (stream, Arc::clone(&shared)) else {
                    return;
                };
                std::thread::spawn(move || serve(stream, &state));
            }
        });
        Self { port, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hooks/secret-path", self.port)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    /// Waits until this many requests have arrived.
    pub(crate) fn wait_for(&self, count: usize) -> Vec<Received> {
        until("requests", || self.received().len() >= count);
        self.received()
    }

    /// Bytes of endless bodies that were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.state.sent.load(Ordering::SeqCst)
    }
}

/// Handles the requests of a connection.
fn serve(stream: TcpStream, state: &State) {
    let Ok(mut writer) = stream.try_clone() else {
        return;
    };
    let mut reader = BufReader::new(stream);
    while let Some(received) = read(&mut reader) {
        state.received.lock().unwrap().push(received);
        let reply = state.replies.lock().unwrap().pop_front();
        let reply = reply.unwrap_or(Reply::Status(200));
        if respond(&mut writer, reply, state).is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Received> {
    let mut received = Received {
        head: String::new(),
        body: Vec::new(),
    };
    while !received.head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut received.head).ok()? == 0 {
            return None;
        }
    }
    let length = received.header("content-length").trim().parse().unwrap();
    received.body = vec![0; length];
    reader.read_exact(&mut received.body).ok()?;
    Some(received)
}

fn respond(writer: &mut TcpStream, reply: Reply, state: &State) -> std::io::Result<()> {
    match reply {
        Reply::Status(status) => {
            write!(
                writer,
                "HTTP/1.1 {status} Any\r\ncontent-length: 2\r\n\r\nok"
            )
        }
        Reply::Redirect(to) => write!(
            writer,
            "HTTP/1.1 307 Elsewhere\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"
        ),
        Reply::After(time) => {
            std::thread::sleep(time);
            respond(writer, Reply::Status(200), state)
        }
        Reply::Endless => {
            let size = 1_000_000_000;
            write!(writer, "HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n")?;
            let piece = vec![b'x'; 100_000];
            for _ in 0..size / piece.len() {
                writer.write_all(&piece)?;
                state.sent.fetch_add(piece.len() as u64, Ordering::SeqCst);
            }
            Ok(())
        }
    }
}
