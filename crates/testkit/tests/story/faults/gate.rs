//! A proxy in front of the server that forwards while a file exists.
//!
//! A file, because tests inside a runner can remove it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug)]
pub(super) struct Gate {
    file: PathBuf,
    base_url: String,
}

impl Gate {
    /// Open. It accepts connections until the test process ends.
    pub(super) fn before(server: &str, file: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let server = server.trim_start_matches("http://").to_owned();
        let gate = Self { file, base_url };
        gate.open();
        let file = gate.file.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if file.exists()
                    && let Ok(upstream) = TcpStream::connect(&server)
                {
                    join(&client, &upstream, &file);
                    join(&upstream, &client, &file);
                }
            }
        });
        gate
    }

    pub(super) fn base_url(&self) -> &str {
        &self.base_url
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    pub(super) fn open(&self) {
        fs_err::write(&self.file, "").unwrap();
    }

    pub(super) fn open_after(&self, time: Duration) {
        let file = self.file.clone();
        std::thread::spawn(move || {
            std::thread::sleep(time);
            fs_err::write(file, "").unwrap();
        });
    }

    pub(super) fn close(&self) {
        fs_err::remove_file(&self.file).unwrap();
    }
}

/// Copies from one side to the other in the background, until the gate closes.
fn join(from: &TcpStream, to: &TcpStream, file: &Path) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    let file = file.to_owned();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if !file.exists() || to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        // Fails if the other direction has ended before.
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    });
}
