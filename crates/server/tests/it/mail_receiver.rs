//! A mail server that accepts e-mail, or rejects some.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::receiver::until;

#[derive(Default)]
struct State {
    received: Mutex<Vec<String>>,
    /// The replies to the next recipients, instead of 250.
    rejections: Mutex<VecDeque<&'static str>>,
}

/// Listens until the test ends.
pub(crate) struct MailReceiver {
    port: u16,
    state: Arc<State>,
}

impl MailReceiver {
    /// Rejects the first recipients with these replies, such as `450 later`, and accepts all
    /// others.
    pub(crate) fn start(rejections: impl IntoIterator<Item = &'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            rejections: Mutex::new(rejections.into_iter().collect()),
            ..State::default()
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), state) = (stream, Arc::clone(&shared)) else {
                    return;
                };
                // A client that goes away is none of our business.
                std::thread::spawn(move || serve(&stream, &state).ok());
            }
        });
        Self { port, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// Waits until this many e-mails have arrived: the lines of envelope and message.
    pub(crate) fn wait_for(&self, count: usize) -> Vec<String> {
        let received = || self.state.received.lock().unwrap().clone();
        until("e-mails", || received().len() >= count);
        received()
    }
}

fn serve(stream: &TcpStream, state: &State) -> std::io::Result<()> {
    let mut writer = stream;
    let mut say = |line: &str| write!(writer, "{line}\r\n");
    let mut lines = BufReader::new(stream).lines();
    let mut email = String::new();
    say("220 ready")?;
    while let Some(line) = lines.next().transpose()? {
        let command = line.to_ascii_uppercase();
        if command.starts_with("RCPT TO") {
            let rejection = state.rejections.lock().unwrap().pop_front();
            if let Some(rejection) = rejection {
                say(rejection)?;
                continue;
            }
        }
        if command == "DATA" {
            say("354 go on")?;
            for line in lines.by_ref() {
                let line = line?;
                if line == "." {
                    break;
                }
                email.push_str(&line);
                email.push('\n');
            }
            state
                .received
                .lock()
                .unwrap()
                .push(std::mem::take(&mut email));
        } else if command.starts_with("MAIL") || command.starts_with("RCPT") {
            email.push_str(&line);
            email.push('\n');
        }
        say("250 ok")?;
        if command == "QUIT" {
            return Ok(());
        }
    }
    Ok(())
}
