//! A TCP server that sends back what it gets, and a stop that loses nothing that was sent before it.
//!
//! ```console
//! $ cargo run --example tcp_echo
//! $ nc 127.0.0.1 9000
//! ```
//!
//! Press Ctrl-C. Nobody new gets in; a connection that has been quiet for a tenth of a second is closed; one on which bytes still arrive is
//! served until it is quiet, or until the drain deadline, at which it is cut, and named in the report: the exit code is then 124. To
//! see that: `yes | nc 127.0.0.1 9000 > /dev/null`.

#![expect(clippy::print_stdout, reason = "a program talks to whoever runs it")]

use std::{io, time::Duration};

use clap::Parser;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::sleep,
};
use upbeat::{Conductor, Context, Report};
use upbeat_http::{Socket, TcpServer};

/// A TCP server that sends back what it gets.
#[derive(Parser)]
#[command(after_help = "\
Examples:
  cargo run --example tcp_echo
  cargo run --example tcp_echo -- --address 0.0.0.0:7 --drain-ms 10000
  echo hello | nc 127.0.0.1 9000")]
struct Args {
    /// Where it listens; port 0 lets the system choose
    #[arg(long, env = "ADDRESS", default_value = "127.0.0.1:9000")]
    address: String,
    /// How long connections may take to end once a stop was asked for, in milliseconds
    #[arg(long, default_value_t = 3_000)]
    drain_ms: u64,
    /// How long a connection has to be quiet during a stop to be closed, in milliseconds: more than the network needs to
    /// bring what was sent already
    #[arg(long, default_value_t = 100)]
    quiet_ms: u64,
}

async fn echo(mut socket: Socket, cx: Context, long_enough: Duration) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let quiet = async {
            cx.stopping().await;
            sleep(long_enough).await;
        };
        // Only the read may be dropped: it loses nothing, while a write would not know how far it came.
        let read = tokio::select! {
            biased;
            read = socket.read(&mut buffer) => read?,
            () = quiet => 0,
        };
        if read == 0 {
            return socket.shutdown().await;
        }
        socket.write_all(&buffer[..read]).await?;
    }
}

#[tokio::main]
async fn main() -> Report {
    upbeat_examples::log();
    let args = Args::parse();
    println!("try: echo hello | nc HOST PORT, with the address below; and then Ctrl-C");
    let (drain, quiet) = (Duration::from_millis(args.drain_ms), Duration::from_millis(args.quiet_ms));
    Conductor::new("tcp")
        .player("echo", TcpServer::bind(args.address, move |socket, cx| echo(socket, cx, quiet)).drain_timeout(drain))
        // Longer than the drain, so that the server itself names what it cuts.
        .stop_timeout(drain + Duration::from_secs(1))
        .play_until_signal()
        .await
}
