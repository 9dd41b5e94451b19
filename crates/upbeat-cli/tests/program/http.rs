//! A minimal HTTP/1.1 client, with which the tests control every byte.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// A complete response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// The headers, with names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Returns the value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// Returns the body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }
}

/// A connection for any number of requests.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects.
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Returns a second handle, with which to write while this one reads.
    pub(crate) fn writer(&self) -> TcpStream {
        self.stream.get_ref().try_clone().expect("a second handle")
    }

    /// Sends a request without a body.
    pub(crate) fn send(&mut self, method: &str, target: &str) -> io::Result<()> {
        write!(self.stream.get_mut(), "{method} {target} HTTP/1.1\r\nhost: test\r\n\r\n")
    }

    /// Reads a response up to its body.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` with the message `unanswered` if no byte arrives.
    pub(crate) fn head(&mut self) -> io::Result<Answer> {
        let status = self.line("unanswered")?;
        let code = status.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
        let code = code.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, status))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line("truncated")?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        Ok(Answer { status: code, headers, body: Vec::new() })
    }

    /// Reads a whole response.
    pub(crate) fn answer(&mut self) -> io::Result<Answer> {
        let mut answer = self.head()?;
        let mut body = Vec::new();
        self.body(&answer, |piece| body.extend_from_slice(piece))?;
        answer.body = body;
        Ok(answer)
    }

    /// Reads the body that follows a head, and passes on each piece.
    pub(crate) fn body(&mut self, head: &Answer, mut piece: impl FnMut(&[u8])) -> io::Result<()> {
        if let Some(length) = head.header("content-length") {
            let length = length.parse().map_err(io::Error::other)?;
            return self.exactly(length, &mut piece);
        }
        if head.header("transfer-encoding").is_none() {
            return Ok(());
        }
        loop {
            let line = self.line("truncated")?;
            let length = u64::from_str_radix(&line, 16).map_err(io::Error::other)?;
            self.exactly(length, &mut piece)?;
            self.line("truncated")?;
            if length == 0 {
                return Ok(());
            }
        }
    }

    fn exactly(&mut self, mut left: u64, piece: &mut impl FnMut(&[u8])) -> io::Result<()> {
        while left > 0 {
            let buffer = self.stream.fill_buf()?;
            if buffer.is_empty() {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "truncated"));
            }
            let length = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            piece(&buffer[..length]);
            self.stream.consume(length);
            left -= length as u64;
        }
        Ok(())
    }

    fn line(&mut self, at_end: &'static str) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, at_end));
        }
        if !line.ends_with('\n') {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "truncated"));
        }
        Ok(line.trim_end().to_owned())
    }
}

/// Sends a request on a new connection.
pub(crate) fn request(address: SocketAddr, method: &str, target: &str) -> Answer {
    let mut client = Client::connect(address).expect("the server accepts");
    client.send(method, target).expect("the request is sent");
    client.answer().expect("the request is answered")
}

/// Sends a `GET` on a new connection.
pub(crate) fn get(address: SocketAddr, target: &str) -> Answer {
    request(address, "GET", target)
}
