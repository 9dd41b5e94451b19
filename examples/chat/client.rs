//! A client of the chat room for the terminal.
//!
//! ```console
//! $ cargo run --example chat-client -- ws://127.0.0.1:8080/ws --name Ada
//! ```
//!
//! Each typed line is a message. Ctrl-D or Ctrl-C ends the program. A lost connection is a failed
//! run of a player, and its restart policy reconnects.

#![expect(clippy::print_stderr, reason = "the output of the program")]

use std::{
    io::{self, Write as _},
    process::{ExitCode, Termination as _},
    sync::{Arc, OnceLock},
    thread,
    time::Duration,
};

use anyhow::{anyhow, bail};
use clap::Parser;
use futures_util::{SinkExt as _, StreamExt as _};
use jiff::tz::TimeZone;
use tokio::{
    net::TcpStream,
    sync::{Mutex, mpsc},
    time::timeout,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{
        Message,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};
use tracing::level_filters::LevelFilter;
use upbeat::{
    Conductor, Context, Part,
    restart::{Backoff, Restart},
    with,
};
use upbeat_chat::{Event, Say};
use url::Url;

/// The timeout of the close handshake.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The delay before each attempt to reconnect.
const BACKOFF: Backoff = Backoff::exponential(Duration::from_millis(500), Duration::from_secs(15));

/// A client of the chat room: sends each line of standard input, and prints all messages.
///
/// It reconnects by itself. Messages that are sent meanwhile are not received.
#[derive(Debug, Parser)]
#[command(name = "chat-client", after_help = AFTER_HELP)]
struct Arguments {
    /// URL of the room, such as `ws://127.0.0.1:8080/ws`
    #[arg(value_parser = room)]
    room: Url,

    /// Your name; a number is added if it is taken
    #[arg(long, env = "USER", default_value = "guest")]
    name: String,
}

const AFTER_HELP: &str = "\
Examples:
  cargo run --example chat
      The room, in another terminal
  cargo run --example chat-client -- ws://127.0.0.1:8080/ws --name Ada
      Type a line and press Enter; Ctrl-D ends the program
  echo done | cargo run --example chat-client -- ws://127.0.0.1:8080/ws --name robot
      A message from a script

Exit codes:
  0   stopped on request, or at the end of the input
  1   the room rejected the client
  64  invalid usage";

fn room(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{error}; write ws://127.0.0.1:8080/ws"))?;
    if url.scheme() == "ws" { Ok(url) } else { Err("the URL must start with ws://".to_owned()) }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The state that all runs of the player share.
struct Client {
    room: Url,
    input: Mutex<Input>,
    /// The reason why the room has rejected this client.
    rejected: OnceLock<String>,
}

struct Input {
    lines: mpsc::Receiver<String>,
    /// A line that has been received from `lines`, and may not have been sent.
    unsent: Option<String>,
}

impl Client {
    /// Returns whether a close frame rejects this client, and keeps its reason. A retry would be
    /// rejected, too.
    fn is_rejected_by(&self, frame: &CloseFrame) -> bool {
        let rejected = frame.code == CloseCode::Policy;
        if rejected {
            let _ = self.rejected.set(printable(&frame.reason));
        }
        rejected
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return upbeat_chat::print_usage(&error),
    };
    tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(LevelFilter::ERROR).init();
    arguments.room.query_pairs_mut().append_pair("name", &arguments.name);
    let input = Mutex::new(Input { lines: lines(), unsent: None });
    let client = Arc::new(Client { room: arguments.room, input, rejected: OnceLock::new() });
    let connection = Part::new("connection", with(client.clone(), talk)).job().restart(Restart::on_failure(BACKOFF));
    let report = Conductor::new("chat-client").part(connection).play_until_signal().await;
    if let Some(reason) = client.rejected.get() {
        eprintln!("chat-client: rejected by the room: {reason}");
        return ExitCode::FAILURE;
    }
    report.report()
}

/// Returns the lines of standard input. A separate thread reads them, and is never joined, because
/// a read from a terminal cannot be cancelled.
fn lines() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(16);
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// Runs one connection until the input ends or a stop is requested. A lost connection is an error.
async fn talk(client: Arc<Client>, cx: Context) -> anyhow::Result<()> {
    let Some(connected) = cx.unless_stopping(connect_async(client.room.as_str())).await else { return Ok(()) };
    let (mut socket, _) = connected.inspect_err(|error| eprintln!("failed to connect, retrying: {error}"))?;
    let mut input = client.input.lock().await;
    if let Some(line) = &input.unsent {
        say(&mut socket, line).await?;
        input.unsent = None;
    }
    loop {
        tokio::select! {
            () = cx.stopping() => return leave(&client, socket).await,
            incoming = socket.next() => match incoming.transpose() {
                Ok(Some(Message::Close(frame))) => {
                    if frame.as_ref().is_some_and(|frame| client.is_rejected_by(frame)) {
                        return Ok(());
                    }
                    let reason = frame.map(|frame| printable(&frame.reason)).filter(|reason| !reason.is_empty());
                    eprintln!("disconnected, retrying: {}", reason.as_deref().unwrap_or("the room is going away"));
                    bail!("disconnected");
                }
                Ok(Some(message)) => if print(&message).is_err() {
                    // Standard output is closed, which a new connection would not change.
                    return leave(&client, socket).await;
                },
                lost => {
                    eprintln!("connection lost, retrying");
                    return Err(lost.err().map_or_else(|| anyhow!("connection lost"), Into::into));
                }
            },
            line = input.lines.recv() => match line {
                Some(line) if line.trim().is_empty() => {}
                Some(line) => {
                    say(&mut socket, input.unsent.insert(line)).await?;
                    input.unsent = None;
                }
                None => return leave(&client, socket).await,
            },
        }
    }
}

async fn say(socket: &mut Socket, line: &str) -> anyhow::Result<()> {
    let say = serde_json::to_string(&Say { text: line.to_owned() })?;
    Ok(socket.send(Message::text(say)).await?)
}

/// Closes the connection, and prints all messages until the room has closed it, too.
async fn leave(client: &Client, mut socket: Socket) -> anyhow::Result<()> {
    socket.close(None).await?;
    let rest = async {
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Close(Some(frame)) = &message {
                client.is_rejected_by(frame);
            }
            let _ = print(&message);
        }
    };
    // After the timeout the connection is dropped.
    let _ = timeout(CLOSE_TIMEOUT, rest).await;
    Ok(())
}

/// Prints an event. Fails if standard output is closed.
fn print(message: &Message) -> io::Result<()> {
    let Message::Text(text) = message else { return Ok(()) };
    match serde_json::from_str(text) {
        Ok(Event::Welcome { name, members }) => eprintln!("you are {}; {members} in the room", printable(&name)),
        Ok(Event::Message { from, time, text }) => {
            let time = time.to_zoned(TimeZone::system()).strftime("%H:%M");
            writeln!(io::stdout(), "{time} {}: {}", printable(&from), printable(&text))?;
        }
        Ok(Event::Rejected { problem }) => eprintln!("not sent: {}", printable(&problem)),
        Err(error) => eprintln!("unknown event: {error}"),
    }
    Ok(())
}

/// Replaces control characters in text of other clients, which could control the terminal.
fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}
