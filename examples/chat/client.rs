//! A client of the chat room for the terminal.
//!
//! ```console
//! $ cargo run --example chat-client -- ws://127.0.0.1:8080/ws --name Ada
//! ```
//!
//! Each typed line is a message. Ctrl-D or Ctrl-C ends the program. A lost connection is a failed
//! run of a player, and its restart policy reconnects. So is a connection on which nothing arrives,
//! not even the answers to pings.

use std::{
    fmt::Arguments,
    io::{self, Write as _},
    num::NonZeroU32,
    process::{ExitCode, Termination as _},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use clap::Parser;
use futures_util::{SinkExt as _, StreamExt as _};
use jiff::tz::TimeZone;
use tokio::{
    net::TcpStream,
    sync::{Mutex, mpsc},
    time::{Instant, sleep_until, timeout},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{
        Error as WsError, Message,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};
use upbeat::{
    Conductor, Context, Part,
    restart::{Backoff, Restart},
    with,
};
use upbeat_chat::{Event, MAX_MESSAGE, Say, Typed, read_lines};
use upbeat_examples::print_error;
use url::Url;

/// The timeout of the close handshake after a stop request.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The number of pings without an answer after which a connection is lost.
const PINGS: u32 = 2;

/// The delay before each attempt to reconnect.
const BACKOFF: Backoff = Backoff::exponential(Duration::from_millis(500), Duration::from_secs(15));

/// A client of the chat room: sends each line of standard input, and prints all messages.
///
/// It reconnects by itself. Messages that are sent meanwhile are not received.
#[derive(Debug, Parser)]
#[command(name = "chat-client", after_help = AFTER_HELP)]
struct Args {
    /// URL of the room, such as `ws://127.0.0.1:8080/ws`
    #[arg(value_parser = room)]
    room: Url,

    /// Your name; a number is added if it is taken
    #[arg(long, env = "USER", default_value = "guest")]
    name: String,

    /// Seconds without a frame until the room is pinged; two pings without an answer are a lost
    /// connection
    #[arg(long, default_value = "10", value_name = "SECONDS")]
    ping: NonZeroU32,
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
  1   the room rejected the client, or a line was not sent
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
    /// The time without a frame until the room is pinged.
    ping: Duration,
    /// The reason why the room has rejected this client.
    rejected: OnceLock<String>,
    /// `true` if a line was not sent, which has been printed.
    lost: AtomicBool,
}

struct Input {
    lines: mpsc::Receiver<Typed>,
    /// A message that may not have been sent.
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

    /// Prints the reason why a line was not sent.
    fn not_sent(&self, reason: Arguments<'_>) {
        self.lost.store(true, Relaxed);
        print_error(format_args!("not sent: {reason}"));
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = match Args::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return upbeat_chat::print_usage(&error),
    };
    let _log = upbeat_examples::log_errors();
    arguments.room.query_pairs_mut().append_pair("name", &arguments.name);
    let input = Mutex::new(Input { lines: lines(), unsent: None });
    let ping = Duration::from_secs(arguments.ping.get().into());
    let (rejected, lost) = (OnceLock::new(), AtomicBool::new(false));
    let client = Arc::new(Client { room: arguments.room, input, ping, rejected, lost });
    let connection = Part::new("connection", with(client.clone(), talk)).job().restart(Restart::on_failure(BACKOFF));
    let report = Conductor::new("chat-client").part(connection).play_until_signal().await;
    if let Some(reason) = client.rejected.get() {
        print_error(format_args!("chat-client: rejected by the room: {reason}"));
        return ExitCode::FAILURE;
    }
    if client.lost.load(Relaxed) { ExitCode::FAILURE } else { report.report() }
}

/// Returns the lines of standard input. A separate thread reads them, and is never joined, because
/// a read from a terminal cannot be cancelled.
fn lines() -> mpsc::Receiver<Typed> {
    let (sender, lines) = mpsc::channel(16);
    thread::spawn(move || read_lines(io::stdin().lock(), |line| sender.blocking_send(line).is_ok()));
    lines
}

/// Runs one connection until the input ends or a stop is requested. A lost connection is an error.
async fn talk(client: Arc<Client>, cx: Context) -> anyhow::Result<()> {
    let connecting = timeout(client.ping * PINGS, connect_async(client.room.as_str()));
    let Some(connected) = cx.unless_stopping(connecting).await else { return Ok(()) };
    let connected = match connected {
        Ok(connected) => connected.map_err(anyhow::Error::from),
        Err(_) => Err(anyhow!("the room does not answer")),
    };
    let (socket, _) = connected.context("failed to connect").inspect_err(print_retry)?;
    let mut connection = Connection { client: &client, socket, due: Instant::now() + client.ping, silent: 0 };
    match cx.unless_stopping(connection.run()).await {
        Some(Ok(Ended::Rejected)) => Ok(()),
        Some(Ok(Ended::Input)) => connection.finish().await,
        Some(Ok(Ended::Output)) | None => connection.close(CLOSE_TIMEOUT).await.map(drop),
        Some(Err(error)) => {
            print_retry(&error);
            Err(error)
        }
    }
}

fn print_retry(error: &anyhow::Error) {
    match error.source() {
        Some(reason) => print_error(format_args!("{error}, retrying: {reason}")),
        None => print_error(format_args!("{error}, retrying")),
    }
}

/// The reason for the end of a connection that is not lost.
enum Ended {
    /// The room rejected the client.
    Rejected,
    /// The input has ended.
    Input,
    /// Standard output is closed, which a new connection would not change.
    Output,
}

/// A connection to the room.
struct Connection<'a> {
    client: &'a Client,
    socket: Socket,
    /// The time of the next ping.
    due: Instant,
    /// The number of pings since the last frame of the room.
    silent: u32,
}

impl Connection<'_> {
    /// Sends lines and prints events.
    async fn run(&mut self) -> anyhow::Result<Ended> {
        let client = self.client;
        let mut input = client.input.lock().await;
        loop {
            if let Some(message) = &input.unsent {
                self.send(Message::text(message)).await?;
                input.unsent = None;
            }
            tokio::select! {
                incoming = self.socket.next() => {
                    (self.due, self.silent) = (Instant::now() + client.ping, 0);
                    if let Some(ended) = self.receive(incoming.transpose())? {
                        return Ok(ended);
                    }
                }
                line = input.lines.recv() => match line {
                    Some(Typed::Line { number, text }) => input.unsent = self.message(number, text)?,
                    Some(Typed::Unusable(problem)) => client.not_sent(format_args!("{problem}")),
                    None => return Ok(Ended::Input),
                },
                () = sleep_until(self.due) => {
                    if self.silent == PINGS {
                        return Err(anyhow!("no answer to {PINGS} pings").context("connection lost"));
                    }
                    (self.due, self.silent) = (Instant::now() + client.ping, self.silent + 1);
                    self.send(Message::Ping(Vec::new().into())).await?;
                }
            }
        }
    }

    /// Returns the message of a typed line, if it has one.
    fn message(&self, number: u64, text: String) -> anyhow::Result<Option<String>> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        let message = serde_json::to_string(&Say { text })?;
        if message.len() > MAX_MESSAGE {
            self.client.not_sent(format_args!("line {number} is too long, at most {MAX_MESSAGE} bytes"));
            return Ok(None);
        }
        Ok(Some(message))
    }

    /// Sends a frame. A network that accepts no more bytes is a lost connection.
    async fn send(&mut self, message: Message) -> anyhow::Result<()> {
        match timeout(self.client.ping * PINGS, self.socket.send(message)).await {
            Ok(sent) => sent.context("connection lost"),
            Err(_) => Err(anyhow!("the room does not read").context("connection lost")),
        }
    }

    fn receive(&mut self, incoming: Result<Option<Message>, WsError>) -> anyhow::Result<Option<Ended>> {
        match incoming {
            Ok(Some(Message::Close(frame))) => {
                if frame.as_ref().is_some_and(|frame| self.client.is_rejected_by(frame)) {
                    return Ok(Some(Ended::Rejected));
                }
                let reason = frame.map(|frame| printable(&frame.reason)).filter(|reason| !reason.is_empty());
                let reason = reason.unwrap_or_else(|| "the room is going away".to_owned());
                Err(anyhow!(reason).context("disconnected"))
            }
            Ok(Some(message)) => Ok(print(self.client, &message).is_err().then_some(Ended::Output)),
            Ok(None) => Err(anyhow!("connection lost")),
            Err(error) => Err(anyhow!(error).context("connection lost")),
        }
    }

    /// Closes the connection at the end of the input. The answer of the room is the sign that it
    /// has received all lines.
    async fn finish(mut self) -> anyhow::Result<()> {
        // A retry has no lines to send.
        if !self.close(self.client.ping * PINGS).await.unwrap_or(false) {
            self.client.not_sent(format_args!("connection lost, the last lines may not have arrived"));
        }
        Ok(())
    }

    /// Closes the connection, and prints all messages until the room has closed it, too. Returns
    /// whether it has within the timeout. After that the connection is dropped.
    async fn close(&mut self, limit: Duration) -> anyhow::Result<bool> {
        let handshake = async {
            self.socket.close(None).await?;
            while let Some(message) = self.socket.next().await {
                match message? {
                    Message::Close(frame) => {
                        if let Some(frame) = frame {
                            self.client.is_rejected_by(&frame);
                        }
                        return Ok(true);
                    }
                    message => {
                        let _ = print(self.client, &message);
                    }
                }
            }
            Ok(false)
        };
        timeout(limit, handshake).await.unwrap_or(Ok(false))
    }
}

/// Prints an event. Fails if standard output is closed.
fn print(client: &Client, message: &Message) -> io::Result<()> {
    let Message::Text(text) = message else { return Ok(()) };
    match serde_json::from_str(text) {
        Ok(Event::Welcome { name, members }) => {
            print_error(format_args!("you are {}; {members} in the room", printable(&name)));
        }
        Ok(Event::Message { from, time, text }) => {
            let time = time.to_zoned(TimeZone::system()).strftime("%H:%M");
            writeln!(io::stdout(), "{time} {}: {}", printable(&from), printable(&text))?;
        }
        Ok(Event::Rejected { problem }) => client.not_sent(format_args!("{}", printable(&problem))),
        Err(error) => print_error(format_args!("unknown event: {error}")),
    }
    Ok(())
}

/// Replaces control characters in text of other clients, which could control the terminal.
fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}
