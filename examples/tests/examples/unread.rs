//! Tests of programs whose standard error is full and not read, or whose output is closed.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::{Child, Stdio},
    sync::mpsc::channel,
    thread,
    time::Duration,
};

use harm::pipe::UnreadPipe;
use rustix::process::{Pid, kill_process};
use upbeat_examples::program::{Signal, example};

/// A program that is killed on drop, as a failed test must not leave it running.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_service_serves_and_ends_although_nothing_reads_its_log() {
    let mut pipe = UnreadPipe::new().expect("a pipe");
    let mut command = example("events");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(pipe.writer().expect("a pipe"));
    let mut program = Killed(command.spawn().expect("it was built"));
    drop(command);
    pipe.read_until("listening on http://").expect("text");
    let address: SocketAddr = pipe.read_until("\n").expect("text").trim().parse().expect("an address");
    pipe.read_until("all ready").expect("text");
    pipe.fill().expect("it is full");

    let mut client = TcpStream::connect(address).expect("it listens");
    client.write_all(b"POST /events?count=10 HTTP/1.1\r\nhost: test\r\ncontent-length: 0\r\n\r\n").expect("sent");
    let mut answer = [0; 12];
    client.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 202");
    for signal in [Signal::USR1, Signal::TERM] {
        kill_process(Pid::from_child(&program.0), signal).expect("it runs");
    }
    let (done, ended) = channel();
    thread::spawn(move || done.send(program.0.wait().expect("it can be waited for").code()));
    let code = ended.recv_timeout(Duration::from_mins(1)).expect("it ends");
    assert_eq!(code, Some(0));
}

#[test]
fn a_closed_output_is_no_failure() {
    for name in ["counter", "cache", "compare_and_swap"] {
        let mut command = example(name);
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = command.stdout(writer).output().expect("it was built");
        assert_eq!(output.status.code(), Some(0), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
    // A closed standard error is no failure either.
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = example("counter").stderr(writer).output().expect("it was built");
    assert_eq!(output.status.code(), Some(0));
    assert!(!output.stdout.is_empty());
}
