//! A handle to an example that runs as a process, for tests.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _},
    path::Path,
    process::{Child, ChildStderr, ChildStdin, Command, Stdio},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

pub use rustix::process::Signal;
use rustix::{
    process::{Pid, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};

/// The timeout of an exit, which is long enough for busy machines.
const EXIT_TIMEOUT: Duration = Duration::from_secs(30);

/// A running example. It is killed on drop.
#[derive(Debug)]
pub struct Program {
    child: Child,
    errors: BufReader<ChildStderr>,
    /// The reader of standard output, so that the program never waits for one.
    stdout: Option<JoinHandle<io::Result<String>>>,
    stderr: String,
}

/// The exit code and the output of a program.
#[derive(Debug)]
pub struct Ended {
    /// The exit code, or `None` if a signal killed the program.
    pub code: Option<i32>,
    /// The time from the stop request to the exit.
    pub took: Duration,
    /// Everything on standard error.
    pub stderr: String,
    /// Everything on standard output.
    pub stdout: String,
}

/// Returns the command of an example: without colors, and with a free port if it takes its address
/// from `ADDRESS`.
///
/// Cargo builds the examples of a package before its tests, in a folder next to theirs.
///
/// # Panics
///
/// If the running program is not a test that cargo built.
#[expect(clippy::expect_used, reason = "a test that cannot start has failed")]
pub fn example(name: &str) -> Command {
    let tests = std::env::current_exe().expect("a path");
    let path = tests.parent().and_then(Path::parent).expect("a folder").join("examples").join(name);
    let mut command = Command::new(path);
    command.env("NO_COLOR", "1").env("ADDRESS", "127.0.0.1:0");
    command
}

/// Opens a new terminal, and returns the end of the test and the end of the program. Once the end
/// of the program is closed, reads fail.
///
/// # Panics
///
/// If the system has no terminal.
#[expect(clippy::expect_used, reason = "a test that cannot start has failed")]
pub fn terminal() -> (File, File) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("it is ours");
    let name = ptsname(&ours, Vec::new()).expect("a name").into_string().expect("text");
    let theirs = File::options().read(true).write(true).open(name).expect("its other end");
    (ours.into(), theirs)
}

#[expect(clippy::expect_used, reason = "a test that cannot continue has failed")]
impl Program {
    /// Starts an example.
    ///
    /// # Panics
    ///
    /// If there is no example of this name.
    pub fn start(name: &str, args: &[&str]) -> Self {
        Self::spawn(example(name).args(args))
    }

    /// Starts a command whose three standard streams are pipes.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    pub fn spawn(command: &mut Command) -> Self {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it was built");
        let errors = BufReader::new(child.stderr.take().expect("piped"));
        let stdout = child.stdout.take().expect("piped");
        Self { child, errors, stdout: Some(thread::spawn(|| io::read_to_string(stdout))), stderr: String::new() }
    }

    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Takes the standard input, which is closed on drop. Later calls return `None`.
    pub fn input(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Reads standard error up to a line that contains `text`, and returns that line.
    ///
    /// # Panics
    ///
    /// If the program exits first.
    pub fn until(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.errors.read_line(&mut line).expect("text") > 0, "{text:?} is not in {}", self.stderr);
            self.stderr += &line;
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Sends a signal.
    ///
    /// # Panics
    ///
    /// If the program has exited.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the program runs");
    }

    /// Sends `SIGTERM`, and waits for the exit.
    ///
    /// # Panics
    ///
    /// If the exit times out.
    pub fn stop(self) -> Ended {
        self.signal(Signal::TERM);
        self.end()
    }

    /// Waits for the exit.
    ///
    /// # Panics
    ///
    /// If the exit times out.
    pub fn end(mut self) -> Ended {
        let began = Instant::now();
        drop(self.child.stdin.take());
        self.errors.read_to_string(&mut self.stderr).expect("text");
        let code = self.child.wait().expect("it ends").code();
        let took = began.elapsed();
        let stdout = self.stdout.take().expect("it is taken once").join().expect("no panic").expect("text");
        assert!(took < EXIT_TIMEOUT, "{took:?}");
        Ended { code, took, stderr: std::mem::take(&mut self.stderr), stdout }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // The program may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
