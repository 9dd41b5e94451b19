//! A handle to a running `upbeat`: its log lines, signals to it, and its exit.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    net::SocketAddr,
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// The timeout of each wait, which is far longer than any of them takes.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Returns a command for the program. The environment of the tests does not affect its output.
pub(crate) fn upbeat() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_upbeat"));
    command.env_remove("RUST_LOG").env_remove("NO_COLOR").env_remove("RUST_BACKTRACE").stdin(Stdio::null());
    command
}

/// Runs the program until it exits.
pub(crate) fn run(arguments: &[&str]) -> Output {
    upbeat().args(arguments).output().expect("the program runs")
}

/// A program that plays a score.
pub(crate) struct Playing {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    _folder: TempDir,
}

/// The exit of a program.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code, or 128 plus the number of the signal that ended it.
    pub(crate) code: i32,
    /// All lines on standard error.
    pub(crate) lines: Vec<String>,
}

/// Plays a score with JSON log lines.
pub(crate) fn play(score: &str) -> Playing {
    play_with(score, "info")
}

/// Plays a score with JSON log lines and this value of `RUST_LOG`.
pub(crate) fn play_with(score: &str, rust_log: &str) -> Playing {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("score.toml");
    fs::write(&path, score).expect("the score is written");
    play_in(folder, &path, rust_log)
}

/// Plays a score with `-q`.
pub(crate) fn play_quietly(score: &str) -> Playing {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("score.toml");
    fs::write(&path, score).expect("the score is written");
    let mut command = upbeat();
    command.args(["play", "-q"]).arg(&path);
    start(command, folder)
}

/// Plays a score with JSON log lines, started with a soft limit of descriptors.
pub(crate) fn play_with_descriptors(score: &str, soft_limit: u32) -> Playing {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("score.toml");
    fs::write(&path, score).expect("the score is written");
    let mut command = Command::new("sh");
    command.env_remove("RUST_LOG").stdin(Stdio::null()).arg("-c");
    command.arg(format!(r#"ulimit -Sn {soft_limit} && exec "$0" "$@""#)).arg(upbeat().get_program());
    command.args(["play", "--log", "json"]).arg(path);
    start(command, folder)
}

/// Plays a score file in a folder. The folder is removed at the end.
pub(crate) fn play_in(folder: TempDir, score: &Path, rust_log: &str) -> Playing {
    let mut command = upbeat();
    command.args(["play", "--log", "json"]).arg(score).env("RUST_LOG", rust_log);
    start(command, folder)
}

fn start(mut command: Command, folder: TempDir) -> Playing {
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the program starts");
    let (send, lines) = channel();
    let stderr = BufReader::new(child.stderr.take().expect("its standard error is piped"));
    thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
    Playing { child, lines, seen: Vec::new(), _folder: folder }
}

impl Playing {
    /// Waits until a server listens, and returns its address. All lines read meanwhile are kept.
    pub(crate) fn address(&mut self, player: &str) -> SocketAddr {
        let listening = |line: &Value| {
            let of_player = line["player"].as_str().is_some_and(|path| path.ends_with(&format!("/{player}")));
            let address = line["message"].as_str()?.strip_prefix("listening on http://").filter(|_| of_player)?;
            address.parse().ok()
        };
        if let Some(address) = self.seen.iter().filter_map(|line| parsed(line)).find_map(|line| listening(&line)) {
            return address;
        }
        self.wait_for(&format!("`{player}` to listen"), listening)
    }

    /// Waits for a line for which `wanted` returns a value.
    pub(crate) fn wait_for<T>(&mut self, what: &str, wanted: impl Fn(&Value) -> Option<T>) -> T {
        loop {
            let Ok(line) = self.lines.recv_timeout(TIMEOUT) else {
                panic!("timed out waiting for {what}; output:\n{}", self.seen.join("\n"));
            };
            self.seen.push(line);
            if let Some(found) = self.seen.last().and_then(|line| parsed(line)).and_then(|line| wanted(&line)) {
                return found;
            }
        }
    }

    /// Waits until a message contains `text`.
    pub(crate) fn wait_for_message(&mut self, text: &str) {
        self.wait_for(text, |line| line["message"].as_str()?.contains(text).then_some(()));
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(sent.expect("`kill` runs").success(), "the program was gone already");
    }

    /// Returns the peak memory usage in KiB.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.status("VmHWM:").trim_end_matches(" kB").parse().expect("a number of KiB")
    }

    /// Waits until the program has a handler of SIGTERM, for a program without output.
    pub(crate) fn wait_until_it_handles_signals(&self) {
        const TERM: u64 = 1 << (15 - 1);
        let handled = || u64::from_str_radix(&self.status("SigCgt:"), 16).expect("a mask of signals");
        let began = Instant::now();
        while handled() & TERM == 0 {
            assert!(began.elapsed() < TIMEOUT, "it never handles signals");
            thread::yield_now();
        }
    }

    /// Returns a line of its `/proc/PID/status`.
    fn status(&self, name: &str) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the program runs");
        let value = status.lines().find_map(|line| line.strip_prefix(name)).expect("the status has this line");
        value.trim().to_owned()
    }

    /// Waits for its exit.
    pub(crate) fn end(mut self) -> Ended {
        loop {
            match self.lines.recv_timeout(TIMEOUT) {
                Ok(line) => self.seen.push(line),
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                    panic!("timed out waiting for the exit; output:\n{}", self.seen.join("\n"))
                }
            }
        }
        // Standard error is closed, so the exit follows shortly.
        let status = self.child.wait().expect("it can be waited for");
        let code = status.code().or_else(|| Some(128 + status.signal()?)).expect("a code or a signal");
        Ended { code, lines: std::mem::take(&mut self.seen) }
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        // A failed test must not leave a process running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// Returns the report, which is the last line.
    pub(crate) fn report(&self) -> Value {
        let last = self.lines.last().and_then(|line| parsed(line)).unwrap_or_default();
        assert!(last["report"].is_object(), "the last line is no report:\n{}", self.text());
        last["report"].clone()
    }

    /// Returns all lines as text.
    pub(crate) fn text(&self) -> String {
        self.lines.join("\n")
    }

    /// Returns the players whose messages start with `beginning`, in the order of the lines.
    pub(crate) fn order(&self, beginning: &str) -> Vec<String> {
        let lines = self.lines.iter().filter_map(|line| parsed(line));
        lines
            .filter(|line| line["message"].as_str().is_some_and(|message| message.starts_with(beginning)))
            .filter_map(|line| Some(line["player"].as_str()?.to_owned()))
            .collect()
    }
}

fn parsed(line: &str) -> Option<Value> {
    serde_json::from_str(line).ok()
}

/// Returns the standard error of a finished run as text.
pub(crate) fn stderr(output: &Output) -> String {
    let mut text = String::new();
    output.stderr.as_slice().read_to_string(&mut text).expect("messages are UTF-8");
    text
}
