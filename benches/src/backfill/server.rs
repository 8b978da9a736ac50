//! A server that returns the commits of a suite, which is all the backfill needs.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};

/// Starts a server that runs until the process ends, and returns its URL.
pub(super) fn start(commits: &[String]) -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let base = format!("http://{}", listener.local_addr()?);
    let commits = commits.join("\n");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A broken connection fails the measured command.
            let _ = respond(&stream, &commits);
        }
    });
    Ok(base)
}

fn respond(mut stream: &TcpStream, commits: &str) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines
        .next()
        .transpose()?
        .is_some_and(|line| !line.is_empty())
    {}
    let (status, body) = if request.contains("/commits?") {
        (200, commits)
    } else if request.contains("/suites/") {
        (
            200,
            r#"{"id":"s","organization_id":"o","slug":"s","name":"s"}"#,
        )
    } else {
        (404, r#"{"message":"not found"}"#)
    };
    write!(
        stream,
        "HTTP/1.1 {status} Status\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
