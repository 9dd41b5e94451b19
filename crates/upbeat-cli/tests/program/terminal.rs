//! The status line of a stop, which is only written to a terminal.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::TcpStream,
    process::{Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Action, tcflow},
};

use crate::playing::upbeat;

const TIMEOUT: Duration = Duration::from_secs(30);

/// A terminal whose output is read.
struct Terminal {
    pieces: Receiver<String>,
    seen: String,
}

impl Terminal {
    /// Starts a program with its standard error on a new terminal. The command, which holds the
    /// other end as well, is dropped.
    fn start(command: Command) -> (Self, std::process::Child) {
        let (terminal, child, _) = Self::start_with_other_end(command);
        (terminal, child)
    }

    /// Starts a program, and returns the other end of the terminal, too.
    fn start_with_other_end(mut command: Command) -> (Self, std::process::Child, File) {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("it is ours");
        let name = ptsname(&ours, Vec::new()).expect("a name").into_string().expect("text");
        let theirs = File::options().read(true).write(true).open(name).expect("its other end");
        let other_end = theirs.try_clone().expect("a second handle");
        let child = command.stdout(Stdio::null()).stderr(Stdio::from(theirs)).spawn().expect("the program starts");
        let (send, pieces) = channel();
        let mut ours = File::from(ours);
        thread::spawn(move || {
            let mut piece = [0; 4096];
            // Reading fails once the other end is closed.
            while let Ok(count @ 1..) = ours.read(&mut piece) {
                if send.send(String::from_utf8_lossy(&piece[..count]).into_owned()).is_err() {
                    return;
                }
            }
        });
        (Self { pieces, seen: String::new() }, child, other_end)
    }

    /// Waits for this text, and returns the output before it.
    fn until(&mut self, text: &str) -> String {
        loop {
            if let Some((before, after)) = self.seen.split_once(text) {
                let before = before.to_owned();
                self.seen = after.to_owned();
                return before;
            }
            let Ok(piece) = self.pieces.recv_timeout(TIMEOUT) else {
                panic!("timed out waiting for {text:?}; output: {:?}", self.seen);
            };
            self.seen += &piece;
        }
    }
}

#[test]
fn the_status_line_names_delaying_players_and_is_wiped_at_the_end() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let score = folder.path().join("score.toml");
    let text = "[score]\nname = \"shop\"\ngrace = \"20s\"\n[server.app]\nkind = \"app\"\nbind = \"127.0.0.1:0\"\n";
    fs::write(&score, text).expect("the score is written");
    let mut command = upbeat();
    command.env("NO_COLOR", "1").env("TERM", "xterm").arg("play").arg(&score);
    let (mut terminal, mut child) = Terminal::start(command);
    terminal.until("listening on http://");
    let address = terminal.until("\r\n");
    terminal.until("all ready");

    let mut client = TcpStream::connect(address).expect("it listens");
    client.write_all(b"GET /slow?for=3s HTTP/1.1\r\nhost: test\r\n\r\n").expect("the request is sent");
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().expect("it is sent").success());
    terminal.until("stopping cause=SIGTERM");
    terminal.until("\r\u{1b}[Kstopping for 1s, ");
    let first = terminal.until("\r\u{1b}[K");
    assert!(first.contains(" left: shop/app (1 open, GET /slow for "), "{first:?}");
    // Log lines replace it, and it is written again below them. At the end it is wiped.
    terminal.until("1 request in flight finished");
    let report = terminal.until("\r\u{1b}[Kshop: stopped in ");
    assert!(!report.ends_with('\n'), "{report:?}");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    while let Ok(piece) = terminal.pieces.recv_timeout(TIMEOUT) {
        terminal.seen += &piece;
    }
    assert!(!terminal.seen.contains("stopping for"), "{:?}", terminal.seen);
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Ctrl-S suspends the output of a terminal. The status line and the report cannot be written.
#[test]
fn a_terminal_without_output_does_not_delay_the_stop() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let score = folder.path().join("score.toml");
    let text = "[score]\ngrace = \"3s\"\n[server.app]\nkind = \"app\"\nbind = \"127.0.0.1:0\"\n";
    fs::write(&score, text).expect("the score is written");
    let mut command = upbeat();
    command.env("NO_COLOR", "1").env("TERM", "xterm").arg("play").arg(&score);
    let (mut terminal, mut child, other_end) = Terminal::start_with_other_end(command);
    terminal.until("listening on http://");
    let address = terminal.until("\r\n");
    terminal.until("all ready");
    tcflow(&other_end, Action::OOff).expect("it is a terminal");

    // A request that exceeds the grace, so that the status line is due.
    let mut client = TcpStream::connect(address).expect("it listens");
    client.write_all(b"GET /slow?for=60s HTTP/1.1\r\nhost: test\r\n\r\n").expect("the request is sent");
    let id = child.id().to_string();
    for signal in ["-USR1", "-TERM"] {
        assert!(Command::new("kill").args([signal, &id]).status().expect("it is sent").success());
    }
    // It is ended by hand only if it does not end by itself.
    let (done, ended) = channel();
    let waiting = thread::spawn(move || {
        let code = child.wait().expect("it can be waited for").code();
        let _ = done.send(code);
    });
    let code = ended.recv_timeout(2 * TIMEOUT);
    if code.is_err() {
        let _ = Command::new("kill").args(["-KILL", &id]).status();
    }
    waiting.join().expect("no panic");
    assert!(matches!(code, Ok(Some(0 | 124))), "{code:?}");
}
