use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use super::servers::GREETING;
use crate::args::Args;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// A keep-alive connection without an HTTP library, so that the client costs less than the server.
struct Client {
    stream: TcpStream,
    /// The length of a response, set by the first one. All have the same, as only the date differs.
    length: usize,
}

impl Client {
    fn connect(port: u16) -> Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut client = Self { stream, length: usize::MAX };
        client.ask()?;
        client.first_answer()?;
        Ok(client)
    }

    fn ask(&mut self) -> Result<()> {
        Ok(self.stream.write_all(REQUEST)?)
    }

    fn first_answer(&mut self) -> Result<()> {
        let (mut buffer, mut length) = ([0; 1024], 0);
        while !buffer[..length].ends_with(GREETING.as_bytes()) {
            let n = self.stream.read(&mut buffer[length..])?;
            ensure!(n > 0, "the server closed the connection");
            length += n;
        }
        ensure!(buffer.starts_with(b"HTTP/1.1 200 "), "not an answer: {}", String::from_utf8_lossy(&buffer[..length]));
        self.length = length;
        Ok(())
    }

    fn answer(&mut self) -> Result<()> {
        let mut buffer = [0; 1024];
        self.stream.read_exact(&mut buffer[..self.length])?;
        ensure!(buffer[..self.length].ends_with(GREETING.as_bytes()), "an answer of another length than the first");
        Ok(())
    }
}

/// Sends requests on all connections for some seconds, and prints the number of responses and the
/// time.
///
/// It takes the response of one connection after the other, and sends the next request at once. The
/// server thus always has a request on all other connections.
pub(crate) fn load(args: &Args, out: &mut impl Write) -> Result<()> {
    let (port, connections, seconds) = (args.word(0)?, args.word::<usize>(1)?, args.word(2)?);
    let mut clients = (0..connections).map(|_| Client::connect(port)).collect::<Result<Vec<_>>>()?;
    let (started, time) = (Instant::now(), Duration::from_secs_f64(seconds));
    for client in &mut clients {
        client.ask()?;
    }
    let mut requests = 0;
    while started.elapsed() < time {
        for client in &mut clients {
            client.answer()?;
            client.ask()?;
        }
        requests += connections;
    }
    for client in &mut clients {
        client.answer()?;
    }
    requests += connections;
    writeln!(out, "{requests} {}", started.elapsed().as_secs_f64())?;
    Ok(())
}

/// Opens connections, each with one response, prints their number, and keeps them open until the
/// end of standard input.
pub(crate) fn idle(args: &Args, out: &mut impl Write) -> Result<()> {
    let (port, connections) = (args.word(0)?, args.word::<usize>(1)?);
    let clients = (0..connections).map(|_| Client::connect(port)).collect::<Result<Vec<_>>>()?;
    writeln!(out, "{}", clients.len())?;
    out.flush()?;
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}
