//! A client of the chat room for the terminal.
//!
//! ```console
//! $ cargo run --example chat-client -- ws://127.0.0.1:8080/ws --name Ada
//! ```
//!
//! Each line that is typed is a message. Ctrl-D or Ctrl-C ends it. A connection that is lost is a failed run of its player, so that the restart policy is all
//! there is to coming back.

#![expect(clippy::print_stderr, reason = "a program talks to whoever runs it")]

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

/// How long the room may take to answer our goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// How long until it tries to come back: at first, and at most.
const BACKOFF: Backoff = Backoff::exponential(Duration::from_millis(500), Duration::from_secs(15));

/// Talks in a chat room: each line of the standard input is a message, and everybody's messages come out.
///
/// It comes back by itself when the connection is lost; what is said meanwhile it does not see.
#[derive(Debug, Parser)]
#[command(name = "chat-client", after_help = AFTER_HELP)]
struct Arguments {
    /// Where the room is, such as `ws://127.0.0.1:8080/ws`
    #[arg(value_parser = room)]
    room: Url,

    /// Your name; somebody else's gets a number
    #[arg(long, env = "USER", default_value = "guest")]
    name: String,
}

const AFTER_HELP: &str = "\
Examples:
  cargo run --example chat
      The room, in another terminal
  cargo run --example chat-client -- ws://127.0.0.1:8080/ws --name Ada
      Type a line and press Enter; Ctrl-D ends it
  echo done | cargo run --example chat-client -- ws://127.0.0.1:8080/ws --name robot
      A line from a script

Exit codes:
  0   as asked, or at the end of the input
  1   the room refused the client
  64  the command line is wrong";

fn room(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{error}; it looks like ws://127.0.0.1:8080/ws"))?;
    if url.scheme() == "ws" { Ok(url) } else { Err("it begins with ws://".to_owned()) }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What one run leaves to the next.
struct Client {
    room: Url,
    typed: Mutex<Typed>,
    /// Why the room does not want us.
    refused: OnceLock<String>,
}

struct Typed {
    lines: mpsc::Receiver<String>,
    /// Was taken from there, and may not have been sent.
    unsent: Option<String>,
}

impl Client {
    /// Remembers a close frame by which the room refuses us, and says whether it does. To try again would not help.
    fn closed(&self, frame: &CloseFrame) -> bool {
        let refuses = frame.code == CloseCode::Policy;
        if refuses {
            let _ = self.refused.set(show(&frame.reason));
        }
        refuses
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(answer) => return upbeat_chat::explain(&answer),
    };
    tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(LevelFilter::ERROR).init();
    arguments.room.query_pairs_mut().append_pair("name", &arguments.name);
    let typed = Mutex::new(Typed { lines: lines(), unsent: None });
    let client = Arc::new(Client { room: arguments.room, typed, refused: OnceLock::new() });
    let connection = Part::new("connection", with(client.clone(), talk)).job().restart(Restart::on_failure(BACKOFF));
    let report = Conductor::new("chat-client").part(connection).play_until_signal().await;
    if let Some(reason) = client.refused.get() {
        eprintln!("chat-client: the room refuses: {reason}");
        return ExitCode::FAILURE;
    }
    report.report()
}

/// The lines of the standard input. On a thread that nobody waits for, as nothing ends a read from a terminal.
fn lines() -> mpsc::Receiver<String> {
    let (typed, lines) = mpsc::channel(16);
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if typed.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// One connection, until the input ends, somebody presses Ctrl-C, or it is lost: that is the error.
async fn talk(client: Arc<Client>, cx: Context) -> anyhow::Result<()> {
    let Some(connected) = cx.unless_stopping(connect_async(client.room.as_str())).await else { return Ok(()) };
    let (mut socket, _) = connected.inspect_err(|error| eprintln!("not connected: {error}; trying again"))?;
    let mut typed = client.typed.lock().await;
    if let Some(line) = &typed.unsent {
        say(&mut socket, line).await?;
        typed.unsent = None;
    }
    loop {
        tokio::select! {
            () = cx.stopping() => return leave(&client, socket).await,
            incoming = socket.next() => match incoming.transpose() {
                Ok(Some(Message::Close(frame))) => {
                    if frame.as_ref().is_some_and(|frame| client.closed(frame)) {
                        return Ok(());
                    }
                    let reason = frame.map(|frame| show(&frame.reason)).filter(|reason| !reason.is_empty());
                    eprintln!("disconnected: {}; trying again", reason.as_deref().unwrap_or("the room is going away"));
                    bail!("disconnected");
                }
                Ok(Some(message)) => if print(&message).is_err() {
                    // Nobody reads what comes out, and a new connection would not change that.
                    return leave(&client, socket).await;
                },
                lost => {
                    eprintln!("the connection is lost; trying again");
                    return Err(lost.err().map_or_else(|| anyhow!("the connection is lost"), Into::into));
                }
            },
            line = typed.lines.recv() => match line {
                Some(line) if line.trim().is_empty() => {}
                Some(line) => {
                    say(&mut socket, typed.unsent.insert(line)).await?;
                    typed.unsent = None;
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

/// Says goodbye, and prints what comes until the room has answered.
async fn leave(client: &Client, mut socket: Socket) -> anyhow::Result<()> {
    socket.close(None).await?;
    let rest = async {
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Close(Some(frame)) = &message {
                client.closed(frame);
            }
            let _ = print(&message);
        }
    };
    // A room that does not answer is left all the same.
    let _ = timeout(GOODBYE, rest).await;
    Ok(())
}

/// Prints what the room says. Fails when nobody takes the output any more.
fn print(message: &Message) -> io::Result<()> {
    let Message::Text(text) = message else { return Ok(()) };
    match serde_json::from_str(text) {
        Ok(Event::Welcome { name, members }) => eprintln!("you are {}; {members} in the room", show(&name)),
        Ok(Event::Message { from, time, text }) => {
            let time = time.to_zoned(TimeZone::system()).strftime("%H:%M");
            writeln!(io::stdout(), "{time} {}: {}", show(&from), show(&text))?;
        }
        Ok(Event::Refused { problem }) => eprintln!("not sent: {}", show(&problem)),
        Err(error) => eprintln!("the room speaks another language: {error}"),
    }
    Ok(())
}

/// What others wrote, without what a terminal would take for commands.
fn show(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}
