//! A test program that starts itself again as a process, for signals and logs.

use std::{
    env,
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use upbeat::Report;

const VARIABLE: &str = "UPBEAT_PEERS_CHILD";
/// The time after which a process that does not end fails its test.
const BOUND: Duration = Duration::from_mins(1);

/// Returns what the started process plays; `None` in the test program itself.
pub fn scenario() -> Option<String> {
    env::var(VARIABLE).ok()
}

/// Prints a line for the test that started this process.
#[expect(clippy::print_stdout, reason = "the test reads it")]
pub fn print(line: &str) {
    println!("{line}");
}

/// Prints a report and ends the process with its exit code.
#[expect(clippy::exit, reason = "the exit code of a test function is that of the test")]
pub fn exit(report: &Report) -> ! {
    print(&report.to_string());
    std::process::exit(report.exit_code().into())
}

/// A child that is killed if its test fails before it has ended.
#[derive(Debug)]
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A process that plays a scenario.
#[derive(Debug)]
pub struct ChildProcess {
    child: Killed,
    output: BufReader<ChildStdout>,
    printed: String,
}

impl ChildProcess {
    /// Starts this program again. It runs the ignored test `function` with `scenario`.
    pub fn start(function: &str, scenario: &str) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([function, "--exact", "--ignored", "--nocapture", "--test-threads=1"])
            .env(VARIABLE, scenario)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child: Killed(child), output, printed: String::new() }
    }

    /// Reads until a line contains `text`.
    pub fn expect(&mut self, text: &str) {
        loop {
            let mut line = String::new();
            let length = self.output.read_line(&mut line).unwrap();
            assert!(length > 0, "{text:?} was not printed, but {}", self.printed);
            self.printed.push_str(&line);
            if line.contains(text) {
                return;
            }
        }
    }

    /// Sends a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let id = self.child.0.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// Waits for its end, and returns the exit code and everything that it printed.
    pub fn end(mut self) -> (Option<i32>, String) {
        let (mut output, mut printed) = (self.output, self.printed);
        let (sender, ended) = channel();
        // The output ends with the process.
        let reader = thread::spawn(move || {
            output.read_to_string(&mut printed).unwrap();
            let _ = sender.send(());
            printed
        });
        if ended.recv_timeout(BOUND) == Err(RecvTimeoutError::Timeout) {
            self.child.0.kill().unwrap();
            panic!("the process does not end; it printed {:?}", reader.join().unwrap());
        }
        (self.child.0.wait().unwrap().code(), reader.join().unwrap())
    }
}
