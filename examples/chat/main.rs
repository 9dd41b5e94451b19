//! A chat room over WebSocket, with a page to use it from.
//!
//! ```console
//! $ cargo run --example chat
//! $ cargo run --example chat-client -- ws://127.0.0.1:8080/ws --name Ada
//! ```
//!
//! Open <http://127.0.0.1:8080/> in two windows, and talk. What one says goes to all, in the same order for everybody; the server says from whom
//! it is, and when it came. Then press Ctrl-C: every client is told, and the pages come back by themselves when you start it again.
//!
//! A client that does not read is dropped after ten messages, which wait in its buffer of a [`Hub`](upbeat_work::Hub); some more are in the buffers of the
//! two kernels. What is said while nobody is there, or before somebody came, is not kept.
//!
//! What a client may send is limited for each connection. Whoever opens many may send as much by each: to prevent that is for the proxy in front of it, which
//! knows who they are.

#![expect(clippy::print_stdout, reason = "a program talks to whoever runs it")]

mod args;
mod conversation;
mod ending;
mod limits;
mod names;
mod page;
mod room;
mod web;

use std::{
    io,
    process::{ExitCode, Termination as _},
    time::Duration,
};

use anyhow::Context as _;
use clap::Parser as _;
use tokio::net::{TcpListener, TcpSocket, lookup_host};
use upbeat::{Conductor, Part, Report};
use upbeat_http::{Diagnostics, HttpServer};

use crate::{args::Arguments, limits::Limits, room::Room, web::Door};

/// How much the kernel keeps for a client that does not read. It would be some megabytes otherwise, and a buffer of ten messages a small part of
/// what is kept.
const SEND_BUFFER: u32 = 16 * 1024;

/// How many connections the kernel may hold until they are accepted.
const BACKLOG: u32 = 4096;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(answer) => return Ok(upbeat_chat::explain(&answer)),
    };
    upbeat_examples::log();
    let address = &arguments.address;
    let listener = listen(address).await.with_context(|| format!("cannot listen on {address}"))?;
    let address = listener.local_addr()?;
    println!("open http://{address}/ in two windows and talk; Ctrl-C ends it");
    Ok(play(arguments, listener).await.report())
}

async fn play(arguments: Arguments, listener: TcpListener) -> Report {
    let room = Room::with_buffer(arguments.buffer.get() as usize);
    let limits = Limits { rate: arguments.rate, burst: arguments.burst };
    let ping = Duration::from_secs(arguments.ping.get().into());
    let routes = web::routes(Door { room: room.clone(), limits, ping });
    let mut chat = Conductor::new("chat")
        .player("room", room.player())
        .part(Part::new("web", HttpServer::from_listener(listener, routes)).after("room"));
    if let Some(address) = arguments.diagnostics {
        let diagnostics = Diagnostics::bind(address).version(env!("CARGO_PKG_VERSION"));
        chat = chat.part(Part::new("diagnostics", diagnostics).first_and_last());
    }
    chat.play_until_signal().await
}

/// As the server would by itself, with a bound for what is sent and not read.
async fn listen(address: &str) -> io::Result<TcpListener> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in lookup_host(address).await? {
        match listen_on(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn listen_on(address: std::net::SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Otherwise the address is in use for a minute after a stop.
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
