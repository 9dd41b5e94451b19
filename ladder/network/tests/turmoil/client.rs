//! A client that distinguishes an incomplete response from none.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use turmoil::net::TcpStream;

pub(crate) struct Client {
    stream: TcpStream,
    read: Vec<u8>,
}

/// The reply to a request.
#[derive(Debug)]
pub(crate) enum Reply {
    /// The head in lower case, and the body.
    Whole(String, String),
    /// The connection was closed before any byte.
    Nothing,
    /// The connection was closed after this number of bytes.
    Incomplete(#[expect(dead_code, reason = "shown in the message of a failed test")] usize),
}

impl Client {
    pub(crate) async fn connect() -> io::Result<Self> {
        Ok(Self { stream: TcpStream::connect("server:80").await?, read: Vec::new() })
    }

    pub(crate) async fn send(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(text.as_bytes()).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Reply {
        match self.send(&format!("GET {path} HTTP/1.1\r\nhost: server\r\n\r\n")).await {
            Ok(()) => self.reply().await,
            Err(_) => Reply::Nothing,
        }
    }

    pub(crate) async fn reply(&mut self) -> Reply {
        loop {
            if let Some((head, body)) = self.whole() {
                return Reply::Whole(head, body);
            }
            if !self.stream.read_buf(&mut self.read).await.is_ok_and(|n| n > 0) {
                return if self.read.is_empty() { Reply::Nothing } else { Reply::Incomplete(self.read.len()) };
            }
        }
    }

    /// Takes a complete response.
    fn whole(&mut self) -> Option<(String, String)> {
        let end = 4 + self.read.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&self.read[..end]).to_ascii_lowercase();
        let length: usize = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())?;
        if self.read.len() < end + length {
            return None;
        }
        let body = String::from_utf8_lossy(&self.read[end..end + length]).into_owned();
        self.read.drain(..end + length);
        Some((head, body))
    }
}

impl Reply {
    /// Returns the body of a complete response.
    pub(crate) fn body(&self) -> &str {
        match self {
            Self::Whole(_, body) => body,
            _ => panic!("no complete response: {self:?}"),
        }
    }

    pub(crate) fn says_close(&self) -> bool {
        matches!(self, Self::Whole(head, _) if head.contains("connection: close"))
    }
}
