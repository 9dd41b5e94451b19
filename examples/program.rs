//! Running an example from outside, as its user does: a real process, real signals. For tests.

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

/// How long an example may take to stop before a test gives it up: generous, for machines that are busy.
const SOON: Duration = Duration::from_secs(30);

/// An example that runs. It is killed when this is dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    errors: BufReader<ChildStderr>,
    /// Read all the time, so that the program never waits for a reader.
    printed: Option<JoinHandle<io::Result<String>>>,
    said: String,
}

/// What a program left behind.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; `None` if a signal killed it.
    pub code: Option<i32>,
    /// How long it took from the request to stop.
    pub took: Duration,
    /// All it wrote to its standard error.
    pub said: String,
    /// All it wrote to its standard output.
    pub printed: String,
}

/// How the example of this name is run: without colours, and on a port of the system's choice where it takes its address from `ADDRESS`.
///
/// Cargo builds the examples of a package before its tests, and puts them beside each other.
///
/// # Panics
///
/// When the running program is not a test that cargo built.
#[expect(clippy::expect_used, reason = "a test that cannot begin has failed")]
pub fn example(name: &str) -> Command {
    let tests = std::env::current_exe().expect("a path");
    let path = tests.parent().and_then(Path::parent).expect("a folder").join("examples").join(name);
    let mut command = Command::new(path);
    command.env("NO_COLOR", "1").env("ADDRESS", "127.0.0.1:0");
    command
}

/// A new terminal: our end, and the one for a program's streams. Reading from ours fails once nobody has theirs any more.
///
/// # Panics
///
/// When the system has none.
#[expect(clippy::expect_used, reason = "a test that cannot begin has failed")]
pub fn terminal() -> (File, File) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("it is ours");
    let name = ptsname(&ours, Vec::new()).expect("a name").into_string().expect("text");
    let theirs = File::options().read(true).write(true).open(name).expect("its other end");
    (ours.into(), theirs)
}

#[expect(clippy::expect_used, reason = "a test that cannot go on has failed")]
impl Program {
    /// Starts an example.
    ///
    /// # Panics
    ///
    /// When there is none of this name.
    pub fn start(name: &str, args: &[&str]) -> Self {
        Self::spawn(example(name).args(args))
    }

    /// Starts a command, with all three of its streams in our hands.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn spawn(command: &mut Command) -> Self {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it was built");
        let errors = BufReader::new(child.stderr.take().expect("piped"));
        let stdout = child.stdout.take().expect("piped");
        Self { child, errors, printed: Some(thread::spawn(|| io::read_to_string(stdout))), said: String::new() }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its standard input, once. It is closed when that is dropped.
    pub fn input(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Reads what it says on its standard error until that contains `text`, and returns the last line.
    ///
    /// # Panics
    ///
    /// When it ends without having said it.
    pub fn until(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.errors.read_line(&mut line).expect("text") > 0, "{text:?} is not in {}", self.said);
            self.said += &line;
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Sends it a signal.
    ///
    /// # Panics
    ///
    /// When it is gone.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it is there");
    }

    /// Asks it to stop, and waits for its end.
    ///
    /// # Panics
    ///
    /// When it takes far too long.
    pub fn stop(self) -> Ended {
        self.signal(Signal::TERM);
        self.end()
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// When it takes far too long.
    pub fn end(mut self) -> Ended {
        let begun = Instant::now();
        drop(self.child.stdin.take());
        self.errors.read_to_string(&mut self.said).expect("text");
        let code = self.child.wait().expect("it ends").code();
        let took = begun.elapsed();
        let printed = self.printed.take().expect("it is taken once").join().expect("no panic").expect("text");
        assert!(took < SOON, "{took:?}");
        Ended { code, took, said: std::mem::take(&mut self.said), printed }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
