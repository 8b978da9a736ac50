//! A minimal HTTP/1.1 client for measuring: one persistent connection, no decompression, no
//! retries.
//!
//! A full client would add its own time to the measured responses.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use anyhow::{Context as _, bail};

pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
}

/// A response whose body is not decoded.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) encoding: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Connection {
    /// `host` is `127.0.0.1:PORT`.
    pub(crate) fn open(host: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(host).with_context(|| format!("connect to {host}"))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::with_capacity(1 << 16, stream),
            host: host.to_owned(),
        })
    }

    /// Sends a request and reads the whole response.
    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> anyhow::Result<Response> {
        let mut head = vec![
            format!("{method} {path} HTTP/1.1"),
            format!("Host: {}", self.host),
        ];
        head.extend(
            headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}")),
        );
        head.push(format!("Content-Length: {}\r\n\r\n", body.len()));
        let head = head.join("\r\n");
        let stream = self.stream.get_mut();
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        self.response()
            .with_context(|| format!("read the response to {method} {path}"))
    }

    fn response(&mut self) -> anyhow::Result<Response> {
        let status = self.line()?;
        let status = status
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let status = status.context("no status in the response")?;
        let (mut length, mut encoding, mut chunked) = (None, None, false);
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = Some(value.parse()?),
                "content-encoding" => encoding = Some(value.to_owned()),
                "transfer-encoding" => chunked = value.eq_ignore_ascii_case("chunked"),
                _ => {}
            }
        }
        let body = if chunked {
            self.chunks()?
        } else {
            self.bytes(length.unwrap_or(0))?
        };
        Ok(Response {
            status,
            encoding,
            body,
        })
    }

    fn chunks(&mut self) -> anyhow::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let size = usize::from_str_radix(&self.line()?, 16).context("size of a chunk")?;
            body.append(&mut self.bytes(size)?);
            self.line()?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    fn bytes(&mut self, count: usize) -> anyhow::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            bail!("the connection was closed");
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Response {
    /// The response if it has this status, else an error with its body.
    pub(crate) fn expect(self, status: u16) -> anyhow::Result<Self> {
        if self.status == status {
            return Ok(self);
        }
        let body = String::from_utf8_lossy(&self.body);
        bail!(
            "status {} instead of {status}: {}",
            self.status,
            body.chars().take(300).collect::<String>()
        )
    }
}
