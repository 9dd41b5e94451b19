//! What the tests share: the server as a process, and what its answers ought to be.
#![expect(dead_code, reason = "each test binary uses its own part")]

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

/// Longer than anything may take that is expected to happen.
pub(crate) const SOON: Duration = Duration::from_mins(1);

/// The server, with a database of its own.
pub(crate) struct Server {
    pub(crate) program: Program,
    /// Where it listens.
    pub(crate) address: String,
    /// Where its diagnostics listen.
    pub(crate) diagnostics: String,
    folder: TempDir,
}

/// A folder for a database.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("there is room for temporary files")
}

/// The database in it.
pub(crate) fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("measurements.db")
}

/// The server's command, on the database of this folder.
pub(crate) fn command(folder: &TempDir, args: &[&str]) -> Command {
    let mut command = example("measurements");
    command.arg("--database").arg(format!("sqlite:{}", file(folder).display()));
    command.args(["--diagnostics", "127.0.0.1:0"]).args(args).env_remove("DATABASE_URL");
    command
}

impl Server {
    /// With so many rows, ready to be asked.
    pub(crate) fn with_rows(rows: u64) -> Self {
        Self::start(folder(), &["--rows", &rows.to_string()])
    }

    /// On what is in this folder.
    pub(crate) fn start(folder: TempDir, args: &[&str]) -> Self {
        let program = Program::spawn(&mut command(&folder, args));
        Self::listening(program, folder)
    }

    /// Any command of it.
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

    /// Stops it; its database stays.
    pub(crate) fn stop(self) -> (Ended, TempDir) {
        (self.program.stop(), self.folder)
    }

    /// Waits for its end, when it was asked to stop.
    pub(crate) fn end(self) -> (Ended, TempDir) {
        (self.program.end(), self.folder)
    }

    /// What it answers to a request of its own connection: the head, and the body.
    pub(crate) async fn get(&self, target: &str) -> (String, String) {
        let mut stream = self.ask(target).await;
        let mut answer = String::new();
        timeout(SOON, stream.read_to_string(&mut answer)).await.expect("in time").expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        (head.to_ascii_lowercase(), body.to_owned())
    }

    /// Sends a request, and reads nothing of its answer.
    pub(crate) async fn ask(&self, target: &str) -> TcpStream {
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

    /// Asks for the statistics until they are as wanted.
    pub(crate) async fn until(&self, mut wanted: impl FnMut(&Stats) -> bool) -> Stats {
        let asking = async {
            loop {
                let stats = self.stats().await;
                if wanted(&stats) {
                    return stats;
                }
                // So that the server has the processor meanwhile.
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(SOON, asking).await.expect("it comes to that")
    }
}

#[derive(Debug, PartialEq)]
pub(crate) struct Stats {
    pub(crate) open_streams: u64,
    pub(crate) rows_read: u64,
    pub(crate) open: u64,
    pub(crate) idle: u64,
}

/// The bytes of a whole stream.
pub(crate) async fn bytes(url: &str) -> Vec<u8> {
    let pieces = async { connect::bytes(url).await.expect("a stream").try_collect::<Vec<_>>().await };
    timeout(SOON, pieces).await.expect("in time").expect("it is whole").concat()
}

/// How many lines end in these bytes.
pub(crate) fn lines(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

/// All entries of a stream, faults among them.
pub(crate) async fn entries(url: &str) -> Vec<Result<Averaged, Fault>> {
    let entries = connect::entries(url).await.expect("a stream");
    let entries = entries.map(|entry| match entry {
        Ok(row) => Ok(row),
        Err(EntryError::Reported(fault)) => Err(fault),
        Err(error) => panic!("{error}"),
    });
    timeout(SOON, entries.collect()).await.expect("in time")
}

/// What rows `from..to` come to, by a plain loop: `Err` for a row that is bad.
pub(crate) fn plain(from: u64, to: u64, min: f64, window: usize, above: f64) -> Vec<Result<(u64, f64, f64), u64>> {
    let mut kept: Vec<f64> = Vec::new();
    let mut expected = Vec::new();
    for number in from..to {
        let Some(value) = generate::value(number).filter(|value| *value < 1_000.0) else {
            expected.push(Err(number));
            continue;
        };
        if value < min {
            continue;
        }
        kept.push(value);
        if let Some(first) = kept.len().checked_sub(window) {
            let average = kept[first..].iter().sum::<f64>() / window as f64;
            if average > above {
                expected.push(Ok((number, value, average)));
            }
        }
    }
    expected
}

/// That the entries are those of the plain loop, in their order.
pub(crate) fn assert_same(entries: &[Result<Averaged, Fault>], plain: &[Result<(u64, f64, f64), u64>]) {
    assert_eq!(entries.len(), plain.len());
    for (entry, plain) in entries.iter().zip(plain) {
        match (entry, plain) {
            (Ok(row), Ok((number, value, average))) => {
                assert_eq!((row.time, row.value), (generate::time(*number), *value));
                // The sums are made in another order.
                assert!((row.average - average).abs() < 1e-9, "{row:?} {plain:?}");
            }
            (Err(fault), Err(number)) => {
                assert_eq!((fault.code, fault.time), (FaultCode::BadRow, Some(generate::time(*number))));
            }
            _ => panic!("{entry:?} in place of {plain:?}"),
        }
    }
}

/// Fills the database of this folder.
pub(crate) async fn fill(folder: &TempDir, rows: u64) {
    Store::file(file(folder)).fill(rows, |_| {}).await.expect("it is filled");
}

/// Something that is no database, where one is looked for.
pub(crate) fn nonsense(folder: &TempDir) {
    let mut file = std::fs::File::create(file(folder)).expect("created");
    file.write_all(&[b'x'; 10_000]).expect("written");
}
