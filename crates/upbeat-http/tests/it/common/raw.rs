//! A client at the level of bytes.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

use super::TEST_TIMEOUT;

pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    read: Vec<u8>,
}

impl Raw {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = timeout(TEST_TIMEOUT, TcpStream::connect(address)).await.expect("in time").expect("connects");
        Self { stream, read: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.expect("sends");
    }

    /// Sends a GET and returns the whole response.
    pub(crate) async fn get(&mut self, path: &str) -> String {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")).await;
        self.answer().await
    }

    /// Reads one response, head and body, which must have a content length.
    pub(crate) async fn answer(&mut self) -> String {
        let head = self.until("\r\n\r\n").await;
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok())
            .unwrap_or(0);
        while self.read.len() < length {
            assert!(self.more().await > 0, "incomplete response: {head}{}", String::from_utf8_lossy(&self.read));
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

    /// Reads some bytes, at least one.
    pub(crate) async fn read_some(&mut self, buffer: &mut [u8]) -> usize {
        if self.read.is_empty() {
            let read = timeout(TEST_TIMEOUT, self.stream.read(buffer)).await.expect("in time").expect("reads");
            assert!(read > 0, "closed");
            return read;
        }
        let taken = self.read.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(self.read.drain(..taken)) {
            *to = from;
        }
        taken
    }

    async fn more(&mut self) -> usize {
        timeout(TEST_TIMEOUT, self.stream.read_buf(&mut self.read)).await.expect("a response in time").expect("reads")
    }

    /// Waits until the server closes without sending anything. Returns how long that took.
    pub(crate) async fn closed(&mut self) -> Duration {
        let since = Instant::now();
        let rest = self.rest().await;
        assert_eq!(rest, "", "no bytes before the close");
        since.elapsed()
    }

    /// Returns all bytes until the server closes.
    pub(crate) async fn rest(&mut self) -> String {
        // A reset is a close too.
        let _ = timeout(TEST_TIMEOUT, self.stream.read_to_end(&mut self.read)).await.expect("the server closes");
        String::from_utf8_lossy(&std::mem::take(&mut self.read)).into_owned()
    }
}

/// Returns whether connections to the address are refused.
pub(crate) async fn is_refused(address: SocketAddr) -> bool {
    timeout(TEST_TIMEOUT, TcpStream::connect(address)).await.expect("in time").is_err()
}
