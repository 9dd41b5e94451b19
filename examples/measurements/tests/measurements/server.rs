//! Helpers of the tests: the server as a process, and the expected rows.

use std::{io::Write as _, path::PathBuf, process::Command, time::Duration};

use futures_util::{StreamExt as _, TryStreamExt as _};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};
use upbeat_examples::program::{Ended, Program, example};
use upbeat_http::EntryError;
use upbeat_measurements::{Averaged, Fault, FaultCode, Store, connect, generate};

/// The timeout of each wait.
pub(crate) const TIMEOUT: Duration = Duration::from_mins(1);

/// A server with its own database.
pub(crate) struct Server {
    pub(crate) program: Program,
    /// The address of the server.
    pub(crate) address: String,
    /// The address of the diagnostics.
    pub(crate) diagnostics: String,
    folder: TempDir,
}

/// Returns a folder for a database.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Returns the path of the database in a folder.
pub(crate) fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("measurements.db")
}

/// Returns the command of a server on the database in a folder.
pub(crate) fn command(folder: &TempDir, args: &[&str]) -> Command {
    let mut command = example("measurements");
    command.arg("--database").arg(format!("sqlite:{}", file(folder).display()));
    command.args(["--diagnostics", "127.0.0.1:0"]).args(args).env_remove("DATABASE_URL");
    command
}

impl Server {
    /// Starts a server with this number of rows.
    pub(crate) fn with_rows(rows: u64) -> Self {
        Self::start(folder(), &["--rows", &rows.to_string()])
    }

    /// Starts a server on the database in a folder.
    pub(crate) fn start(folder: TempDir, args: &[&str]) -> Self {
        let program = Program::spawn(&mut command(&folder, args));
        Self::listening(program, folder)
    }

    /// Waits until the program listens.
    pub(crate) fn listening(mut program: Program, folder: TempDir) -> Self {
        let mut address = || {
            let line = program.until("listening on http://");
            let (_, address) = line.split_once("http://").expect("an address");
            address.trim().to_owned()
        };
        let (diagnostics, address) = (address(), address());
        Self { program, address, diagnostics, folder }
    }

    pub(crate) fn http(&self, query: &str) -> String {
        format!("http://{}/measurements{query}", self.address)
    }

    pub(crate) fn ws(&self, query: &str) -> String {
        format!("ws://{}/measurements/ws{query}", self.address)
    }

    /// Stops the server, and returns the folder of its database.
    pub(crate) fn stop(self) -> (Ended, TempDir) {
        (self.program.stop(), self.folder)
    }

    /// Waits for the exit after a stop request, and returns the folder of its database.
    pub(crate) fn end(self) -> (Ended, TempDir) {
        (self.program.end(), self.folder)
    }

    /// Sends a request on a new connection, and returns the head and the body of the response.
    pub(crate) async fn get(&self, target: &str) -> (String, String) {
        let mut stream = self.send(target).await;
        let mut answer = String::new();
        timeout(TIMEOUT, stream.read_to_string(&mut answer)).await.expect("in time").expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        (head.to_ascii_lowercase(), body.to_owned())
    }

    /// Asks for an upgrade to WebSocket with this origin, and returns the status.
    pub(crate) async fn upgrade(&self, origin: &str) -> u16 {
        let mut stream = TcpStream::connect(&self.address).await.expect("it listens");
        let request = format!(
            "GET /measurements/ws HTTP/1.1\r\nhost: {}\r\norigin: {origin}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            self.address
        );
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut status = [0; 12];
        timeout(TIMEOUT, stream.read_exact(&mut status)).await.expect("in time").expect("an answer");
        String::from_utf8_lossy(&status).rsplit(' ').next().and_then(|status| status.parse().ok()).expect("a status")
    }

    /// Sends a request without reading the response.
    pub(crate) async fn send(&self, target: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).await.expect("it listens");
        let request = format!("GET {target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        stream
    }

    pub(crate) async fn stats(&self) -> Stats {
        let (_, body) = self.get("/stats").await;
        let stats: Value = serde_json::from_str(&body).expect("JSON");
        let number = |path: &str| stats.pointer(path).and_then(Value::as_u64).expect("a number");
        Stats {
            open_streams: number("/open_streams"),
            rows_read: number("/rows_read"),
            open: number("/connections/open"),
            idle: number("/connections/idle"),
        }
    }

    /// Polls the statistics until `condition` holds.
    pub(crate) async fn until(&self, mut condition: impl FnMut(&Stats) -> bool) -> Stats {
        let polling = async {
            loop {
                let stats = self.stats().await;
                if condition(&stats) {
                    return stats;
                }
                // Leaves the processor to the server.
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(TIMEOUT, polling).await.expect("in time")
    }
}

#[derive(Debug, PartialEq)]
pub(crate) struct Stats {
    pub(crate) open_streams: u64,
    pub(crate) rows_read: u64,
    pub(crate) open: u64,
    pub(crate) idle: u64,
}

/// Returns the bytes of a whole stream.
pub(crate) async fn bytes(url: &str) -> Vec<u8> {
    let pieces = async { connect::bytes(url).await.expect("a stream").try_collect::<Vec<_>>().await };
    timeout(TIMEOUT, pieces).await.expect("in time").expect("it is complete").concat()
}

/// Returns the number of line breaks.
pub(crate) fn lines(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

/// Returns all entries of a stream, including faults.
pub(crate) async fn entries(url: &str) -> Vec<Result<Averaged, Fault>> {
    let entries = connect::entries(url).await.expect("a stream");
    let entries = entries.map(|entry| match entry {
        Ok(row) => Ok(row),
        Err(EntryError::Reported(fault)) => Err(fault),
        Err(error) => panic!("{error}"),
    });
    timeout(TIMEOUT, entries.collect()).await.expect("in time")
}

/// Returns the expected entries of rows `from..to`, computed in a loop. A bad row is an `Err`.
pub(crate) fn expected(from: u64, to: u64, min: f64, window: usize, above: f64) -> Vec<Result<(u64, f64, f64), u64>> {
    let mut kept: Vec<f64> = Vec::new();
    let mut entries = Vec::new();
    for number in from..to {
        let Some(value) = generate::value(number).filter(|value| *value < 1_000.0) else {
            entries.push(Err(number));
            continue;
        };
        if value < min {
            continue;
        }
        kept.push(value);
        if let Some(first) = kept.len().checked_sub(window) {
            let average = kept[first..].iter().sum::<f64>() / window as f64;
            if average > above {
                entries.push(Ok((number, value, average)));
            }
        }
    }
    entries
}

/// Checks that the entries are the expected ones.
pub(crate) fn assert_same(entries: &[Result<Averaged, Fault>], expected: &[Result<(u64, f64, f64), u64>]) {
    assert_eq!(entries.len(), expected.len());
    for (entry, expected) in entries.iter().zip(expected) {
        match (entry, expected) {
            (Ok(row), Ok((number, value, average))) => {
                assert_eq!((row.time, row.value), (generate::time(*number), *value));
                // The stream adds in another order.
                assert!((row.average - average).abs() < 1e-9, "{row:?} {expected:?}");
            }
            (Err(fault), Err(number)) => {
                assert_eq!((fault.code, fault.time), (FaultCode::BadRow, Some(generate::time(*number))));
            }
            _ => panic!("{entry:?} in place of {expected:?}"),
        }
    }
}

/// Fills the database in a folder.
pub(crate) async fn fill(folder: &TempDir, rows: u64) {
    Store::file(file(folder)).fill(rows, |_| {}).await.expect("it is filled");
}

/// Writes a file that is no database in place of the database.
pub(crate) fn nonsense(folder: &TempDir) {
    let mut file = std::fs::File::create(file(folder)).expect("created");
    file.write_all(&[b'x'; 10_000]).expect("written");
}
