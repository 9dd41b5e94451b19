//! A client that sends what it is told, byte for byte.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

use super::SOON;

pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    read: Vec<u8>,
}

impl Raw {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = timeout(SOON, TcpStream::connect(address)).await.expect("in time").expect("connects");
        Self { stream, read: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.expect("sends");
    }

    /// Sends a GET and returns the whole answer.
    pub(crate) async fn get(&mut self, path: &str) -> String {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")).await;
        self.answer().await
    }

    /// Reads one answer, head and body, which must have a content length.
    pub(crate) async fn answer(&mut self) -> String {
        let head = self.until("\r\n\r\n").await;
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok())
            .unwrap_or(0);
        while self.read.len() < length {
            assert!(self.more().await > 0, "the answer is broken off: {head}{}", String::from_utf8_lossy(&self.read));
        }
        let body: Vec<_> = self.read.drain(..length).collect();
        head + &String::from_utf8_lossy(&body)
    }

    /// Reads up to and including `mark`.
    pub(crate) async fn until(&mut self, mark: &str) -> String {
        loop {
            if let Some(at) = self.read.windows(mark.len()).position(|window| window == mark.as_bytes()) {
                let text: Vec<_> = self.read.drain(..at + mark.len()).collect();
                return String::from_utf8(text).expect("text");
            }
            assert!(self.more().await > 0, "closed before {mark:?}: {}", String::from_utf8_lossy(&self.read));
        }
    }

    async fn more(&mut self) -> usize {
        timeout(SOON, self.stream.read_buf(&mut self.read)).await.expect("an answer in time").expect("reads")
    }

    /// Waits until the server closes, which it must do without sending anything, and returns how long that took.
    pub(crate) async fn closed(&mut self) -> Duration {
        let since = Instant::now();
        let rest = self.rest().await;
        assert_eq!(rest, "", "nothing more comes before the close");
        since.elapsed()
    }

    /// Whatever comes until the server closes.
    pub(crate) async fn rest(&mut self) -> String {
        // A reset is a close too.
        let _ = timeout(SOON, self.stream.read_to_end(&mut self.read)).await.expect("the server closes");
        String::from_utf8_lossy(&std::mem::take(&mut self.read)).into_owned()
    }
}

/// Whether nobody accepts at the address.
pub(crate) async fn is_refused(address: SocketAddr) -> bool {
    timeout(SOON, TcpStream::connect(address)).await.expect("in time").is_err()
}
