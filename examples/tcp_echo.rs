//! A TCP echo server, with a stop that echoes all bytes sent before it.
//!
//! ```console
//! $ cargo run --example tcp_echo
//! $ nc 127.0.0.1 9000
//! ```
//!
//! Press Ctrl-C. New connections are refused. A connection that is idle for a tenth of a second is
//! closed. A busy one is served until it is idle or the drain timeout expires. It is then aborted
//! and named in the report, and the exit code is 124, as with
//! `yes | nc 127.0.0.1 9000 > /dev/null`.

use std::{io, time::Duration};

use clap::Parser;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::sleep,
};
use upbeat::{Conductor, Context, Report};
use upbeat_http::{Socket, TcpServer};

/// A TCP echo server
#[derive(Parser)]
#[command(after_help = "\
Examples:
  cargo run --example tcp_echo
  cargo run --example tcp_echo -- --address 0.0.0.0:7 --drain-ms 10000
  echo hello | nc 127.0.0.1 9000")]
struct Args {
    /// Address to listen at; port 0 is any free one
    #[arg(long, env = "ADDRESS", default_value = "127.0.0.1:9000")]
    address: String,
    /// Time for connections to end after a stop request, in milliseconds
    #[arg(long, default_value_t = 3_000)]
    drain_ms: u64,
    /// Time without bytes after which a stop closes a connection, in milliseconds; longer than the
    /// network takes to deliver bytes that are already sent
    #[arg(long, default_value_t = 100)]
    idle_ms: u64,
}

async fn echo(mut socket: Socket, cx: Context, idle_timeout: Duration) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let idle = async {
            cx.stopping().await;
            sleep(idle_timeout).await;
        };
        // Only the read may be dropped. A dropped write could have sent any part of its bytes.
        let read = tokio::select! {
            biased;
            read = socket.read(&mut buffer) => read?,
            () = idle => 0,
        };
        if read == 0 {
            return socket.shutdown().await;
        }
        socket.write_all(&buffer[..read]).await?;
    }
}

#[tokio::main]
async fn main() -> Report {
    let _log = upbeat_examples::log();
    let args = Args::parse();
    upbeat_examples::print(format_args!("try: echo hello | nc HOST PORT, with the address below, then Ctrl-C"));
    let (drain, idle) = (Duration::from_millis(args.drain_ms), Duration::from_millis(args.idle_ms));
    Conductor::new("tcp")
        .player("echo", TcpServer::bind(args.address, move |socket, cx| echo(socket, cx, idle)).drain_timeout(drain))
        // The conductor waits longer than the drain, so that the server itself aborts and names
        // the connections.
        .stop_timeout(drain + Duration::from_secs(1))
        .play_until_signal()
        .await
}
