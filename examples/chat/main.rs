//! A chat room over WebSocket, with a page for it.
//!
//! ```console
//! $ cargo run --example chat
//! $ cargo run --example chat-client -- ws://127.0.0.1:8080/ws --name Ada
//! ```
//!
//! Open <http://127.0.0.1:8080/> in two windows. Each message goes to all clients, in the same
//! order. The server sets its sender and time. Then press Ctrl-C: each client gets a close frame,
//! and the pages reconnect once the server is started again.
//!
//! A client that does not read is dropped after ten messages. They wait in its buffer of a
//! [`Hub`](upbeat_work::Hub), and a few more in the buffers of the two kernels. A client does not
//! receive messages from before it joined.
//!
//! The rate of messages is limited for each connection. A limit for each user, across all their
//! connections, belongs into the proxy in front of the room, which can identify users.

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

use crate::{args::Arguments, limits::Limits, room::Room, web::AppState};

/// The size of the kernel's send buffer of a client. Its default of some megabytes would hold far
/// more than ten messages.
const SEND_BUFFER: u32 = 16 * 1024;

/// The maximum number of connections that wait to be accepted.
const BACKLOG: u32 = 4096;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return Ok(upbeat_chat::print_usage(&error)),
    };
    let _log = upbeat_examples::log();
    let address = &arguments.address;
    let listener = listen(address).await.with_context(|| format!("failed to listen on {address}"))?;
    let address = listener.local_addr()?;
    upbeat_examples::print(format_args!("open http://{address}/ in two windows; Ctrl-C stops the room"));
    Ok(play(arguments, listener).await.report())
}

async fn play(arguments: Arguments, listener: TcpListener) -> Report {
    let room = Room::with_capacity(arguments.buffer.get() as usize);
    let limits = Limits { rate: arguments.rate, burst: arguments.burst };
    let ping = Duration::from_secs(arguments.ping.get().into());
    let routes = web::routes(AppState { room: room.clone(), limits, ping });
    let mut chat = Conductor::new("chat")
        .player("room", room.player())
        .part(Part::new("web", HttpServer::from_listener(listener, routes)).after("room"));
    if let Some(address) = arguments.diagnostics {
        let diagnostics = Diagnostics::bind(address).version(env!("CARGO_PKG_VERSION"));
        chat = chat.part(Part::new("diagnostics", diagnostics).first_and_last());
    }
    chat.play_until_signal().await
}

/// Binds the first available address, with a small send buffer for each connection.
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
    // Without this, the address stays in use for a minute after a stop.
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
