//! Standard error that nothing reads: the program serves and ends all the same.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    sync::mpsc::channel,
    thread,
    time::Duration,
};

use harm::pipe::{Reader, UnreadPipe};
use serde_json::Value;
use tempfile::TempDir;

use crate::{http::get, playing::upbeat};

/// Far longer than any wait takes. Without the queue, none of them ends.
const TIMEOUT: Duration = Duration::from_mins(1);

const SCORE: &str = "[score]\nname = \"shop\"\ngrace = \"3s\"\n\
    [server.app]\nkind = \"app\"\nbind = \"127.0.0.1:0\"\n\
    [server.tell]\nkind = \"diagnostics\"\nbind = \"127.0.0.1:0\"\n";

/// A program whose standard error is read only when the test says so.
struct Unread {
    program: Program,
    pipe: UnreadPipe,
    app: SocketAddr,
    tell: SocketAddr,
    _folder: TempDir,
}

/// A process that is killed on drop, as a failed test must not leave it running.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Unread {
    /// Plays the score until all servers are ready. Then its standard error is full.
    fn start(style: &str, rust_log: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let path = folder.path().join("score.toml");
        fs::write(&path, SCORE).expect("the score is written");
        let mut pipe = UnreadPipe::new().expect("a pipe");
        let mut command = upbeat();
        command.args(["play", "--log", style]).arg(&path).env("RUST_LOG", rust_log);
        command.stdout(Stdio::null()).stderr(pipe.writer().expect("a pipe"));
        let program = Program(command.spawn().expect("it starts"));
        drop(command);
        let text = pipe.read_until("all ready").expect("text");
        let listening = |player: &str| -> SocketAddr {
            let line = text.lines().find(|line| line.contains(player) && line.contains("listening on http://"));
            let (_, rest) = line.and_then(|line| line.split_once("http://")).expect("it listens");
            let end = rest.find(|letter: char| !"0123456789.:".contains(letter)).unwrap_or(rest.len());
            rest[..end].parse().expect("an address")
        };
        let (app, tell) = (listening("shop/app"), listening("shop/tell"));
        pipe.fill().expect("it is full");
        Self { program, pipe, app, tell, _folder: folder }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.program.0.id().to_string()).status();
        assert!(sent.expect("`kill` runs").success(), "the program was gone already");
    }

    fn assert_ready(&self) {
        assert_eq!(get(self.tell, "/ready").status, 200);
        assert_eq!(get(self.app, "/hello").status, 200);
    }

    /// Waits for the exit, and returns its code and what the pipe still contains.
    fn end(mut self) -> (Option<i32>, Reader) {
        let (done, ended) = channel();
        let id = self.program.0.id().to_string();
        let waiting = thread::spawn(move || {
            let status = self.program.0.wait().expect("it can be waited for");
            // The test may have failed meanwhile.
            let _ = done.send(status.code());
            self.pipe
        });
        let Ok(code) = ended.recv_timeout(TIMEOUT) else {
            let _ = Command::new("kill").args(["-KILL", &id]).status();
            panic!("the program does not end");
        };
        (code, waiting.join().expect("no panic").read())
    }
}

#[test]
fn the_program_serves_and_stops() {
    for style in ["auto", "json"] {
        let playing = Unread::start(style, "trace");
        for _ in 0..20 {
            playing.assert_ready();
        }
        for _ in 0..3 {
            playing.signal("USR1");
            playing.assert_ready();
        }
        // A reload, or a stop as by TERM.
        playing.signal("HUP");
        playing.signal("TERM");
        assert_eq!(playing.end().0, Some(0), "{style}");
    }
}

/// Sends a request that takes a minute, and returns its connection.
fn slow_request(app: SocketAddr) -> TcpStream {
    let mut client = TcpStream::connect(app).expect("it listens");
    client.write_all(b"GET /slow?for=60s HTTP/1.1\r\nhost: test\r\n\r\n").expect("the request is sent");
    // A response on another connection shows that the request before it has been received.
    assert_eq!(get(app, "/hello").status, 200);
    client
}

#[test]
fn a_stop_with_work_left_ends_after_the_grace() {
    let playing = Unread::start("auto", "trace");
    let _client = slow_request(playing.app);
    playing.signal("USR1");
    playing.signal("TERM");
    assert_eq!(playing.end().0, Some(124));
}

#[test]
fn a_second_signal_aborts() {
    let playing = Unread::start("auto", "trace");
    let _client = slow_request(playing.app);
    playing.signal("TERM");
    while get(playing.tell, "/ready").status == 200 {}
    // A repetition within half a second may be the same wish.
    thread::park_timeout(Duration::from_secs(1));
    playing.signal("TERM");
    assert_eq!(playing.end().0, Some(143));
}

#[test]
fn dropped_lines_are_counted_once_something_reads_again() {
    let mut playing = Unread::start("json", "debug");
    let memory_before = rss(playing.program.0.id());
    // More lines than the queue holds: each of these connections is an event of some 150 bytes.
    for _ in 0..10_000 {
        let mut client = TcpStream::connect(playing.app).expect("it listens");
        client.write_all(b"NO REQUEST\r\n\r\n").expect("it is sent");
        // The event may come after the answer, and is then one of the next ones.
        let _ = client.read(&mut [0; 64]);
    }
    let grown = rss(playing.program.0.id()).saturating_sub(memory_before);
    assert!(grown < 64 * 1024, "memory grew by {grown} KiB");
    let mut rest = std::mem::replace(&mut playing.pipe, UnreadPipe::new().expect("a pipe")).read();
    let reading = thread::spawn(move || {
        let mut text = Vec::new();
        rest.read_to_end(&mut text).map(|_| String::from_utf8_lossy(&text).into_owned())
    });
    playing.assert_ready();
    playing.signal("TERM");
    assert_eq!(playing.end().0, Some(0));
    let text = reading.join().expect("no panic").expect("text");
    let lines: Vec<Value> = text.lines().skip(1).filter_map(|line| serde_json::from_str(line).ok()).collect();
    let counts: Vec<_> =
        lines.iter().filter(|line| line["message"] == "log lines dropped, as nothing read them").collect();
    assert!(!counts.is_empty(), "no line was dropped in {} bytes", text.len());
    for line in counts {
        assert!(line["dropped"].as_u64().is_some_and(|count| count > 0) && line["level"] == "warn", "{line}");
    }
    assert!(lines.last().is_some_and(|line| line["message"] == "report"), "the report is missing");
}

/// Returns the memory of a process in KiB.
fn rss(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// The last lines are written if something reads them within a moment.
#[test]
fn a_reader_that_returns_gets_the_report() {
    let mut playing = Unread::start("json", "info");
    let rest = std::mem::replace(&mut playing.pipe, UnreadPipe::new().expect("a pipe")).read();
    playing.signal("TERM");
    let text = io::read_to_string(rest).expect("text");
    assert_eq!(playing.end().0, Some(0));
    assert!(text.lines().last().is_some_and(|line| line.contains("\"message\":\"report\"")), "{text}");
}
