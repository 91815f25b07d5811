//! HTTP/1.1 by hand over one kept connection: the load must cost this machine less than what it measures.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One connection. Requests go one after another, as a browser's or a portal's do.
pub struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    host: String,
}

/// An answer, read to its end.
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Answer {
    /// The first header of that name (in lower case).
    pub fn header(&self, name: &'static str) -> Option<&str> {
        self.headers(name).next()
    }

    /// Every header of that name (in lower case).
    pub fn headers<'a>(&'a self, name: &'static str) -> impl Iterator<Item = &'a str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .filter(move |(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// The value of a cookie that this answer sets.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.headers("set-cookie")
            .filter_map(|set| set.split(';').next()?.split_once('='))
            .find_map(|(found, value)| (found == name).then_some(value))
    }
}

fn broken(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidData, what.into())
}

impl Wire {
    /// Connects.
    pub async fn open(address: SocketAddr, host: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 * 1024), host: host.to_owned() })
    }

    /// GET with further header lines, each ended by CRLF.
    pub async fn get(&mut self, path: &str, headers: &str) -> Result<Answer> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", self.host);
        self.send(request.as_bytes()).await
    }

    /// POST of a form, with further header lines.
    pub async fn post(&mut self, path: &str, headers: &str, form: &str) -> Result<Answer> {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n{headers}\r\n{form}",
            self.host,
            form.len()
        );
        self.send(request.as_bytes()).await
    }

    async fn send(&mut self, request: &[u8]) -> Result<Answer> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head_end = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
            self.fill().await?;
        };
        let head = String::from_utf8_lossy(&self.buffer[..head_end]).into_owned();
        let status = head.get(9..12).and_then(|code| code.parse().ok()).ok_or_else(|| broken("no status"))?;
        let mut answer = Answer { status, head, body: String::new() };
        let length: Option<usize> = answer.header("content-length").and_then(|text| text.parse().ok());
        let bodiless = status == 304 || status == 204;
        let body = match length {
            Some(length) => {
                while self.buffer.len() < head_end + length {
                    self.fill().await?;
                }
                self.buffer[head_end..head_end + length].to_vec()
            }
            None if bodiless => Vec::new(),
            None => return Err(broken(format!("an answer without a length: {}", answer.head))),
        };
        answer.body = String::from_utf8(body).map_err(|_| broken("not UTF-8"))?;
        Ok(answer)
    }

    async fn fill(&mut self) -> Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Err(broken("the connection was closed"));
        }
        Ok(())
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Pairs as a form or a query.
pub fn form(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}
