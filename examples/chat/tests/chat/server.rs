//! A running room and its clients.

use std::{fmt::Write as _, net::SocketAddr, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        self, ClientRequestBuilder, Message,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};
use upbeat_chat::{Event, Say};
use upbeat_examples::program::{Ended, Program, example};

/// The timeout of each wait, which is long enough for a busy machine.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// The arguments that disable the limits.
pub(crate) const UNLIMITED: [&str; 4] = ["--rate", "1000000", "--burst", "1000000"];

/// A process with a room.
pub(crate) struct Server {
    pub(crate) program: Program,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", args)
    }

    pub(crate) fn start_at(address: &str, args: &[&str]) -> Self {
        let mut program = Program::spawn(example("chat").env("ADDRESS", address).args(args));
        let listening = program.until("listening on http://");
        Self { program, address: address_in(&listening) }
    }

    pub(crate) async fn stop(self) -> Ended {
        tokio::task::spawn_blocking(|| self.program.stop()).await.expect("no panic")
    }

    /// Opens a connection with additional headers.
    pub(crate) async fn connect(
        &self,
        name: &str,
        headers: &[(&str, &str)],
    ) -> Result<WebSocketStream<TcpStream>, tungstenite::Error> {
        connect(TcpSocket::new_v4().expect("a socket"), self.address, name, headers).await
    }

    /// Joins the room.
    pub(crate) async fn join(&self, name: &str) -> Client {
        Client::welcomed(self.connect(name, &[]).await.expect("upgraded")).await
    }

    /// Joins the room with a small receive buffer in the kernel.
    pub(crate) async fn join_with_small_buffer(&self, name: &str) -> Client {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("set");
        Client::welcomed(connect(socket, self.address, name, &[]).await.expect("upgraded")).await
    }
}

/// Returns the address in a log line of a listener.
pub(crate) fn address_in(line: &str) -> SocketAddr {
    let (_, address) = line.trim().rsplit_once("http://").expect("an address");
    address.parse().expect("an address")
}

async fn connect(
    socket: TcpSocket,
    address: SocketAddr,
    name: &str,
    headers: &[(&str, &str)],
) -> Result<WebSocketStream<TcpStream>, tungstenite::Error> {
    let mut url = format!("ws://{address}/ws?name=");
    for byte in name.bytes() {
        write!(url, "%{byte:02x}").expect("text");
    }
    let mut request = ClientRequestBuilder::new(url.parse().expect("valid"));
    for (name, value) in headers {
        request = request.with_header(*name, *value);
    }
    let stream = socket.connect(address).await?;
    timeout(TIMEOUT, client_async(request, stream)).await.expect("in time").map(|(socket, _)| socket)
}

/// Returns the whole response to a `GET`.
pub(crate) async fn get(address: SocketAddr, path: &str) -> String {
    let mut client = TcpStream::connect(address).await.expect("connects");
    let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    client.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.expect("text");
    answer
}

/// A client in the room.
pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<TcpStream>,
    /// The name that the room has given it.
    pub(crate) name: String,
}

impl Client {
    async fn welcomed(socket: WebSocketStream<TcpStream>) -> Self {
        let mut client = Self { socket, name: String::new() };
        match client.event().await {
            Event::Welcome { name, .. } => client.name = name,
            other => panic!("{other:?}"),
        }
        client
    }

    pub(crate) async fn say(&mut self, text: &str) {
        let say = serde_json::to_string(&Say { text: text.to_owned() }).expect("text");
        self.send(Message::text(say)).await;
    }

    pub(crate) async fn send(&mut self, message: Message) {
        timeout(TIMEOUT, self.socket.send(message)).await.expect("in time").expect("sent");
    }

    async fn frame(&mut self) -> Option<Result<Message, tungstenite::Error>> {
        timeout(TIMEOUT, self.socket.next()).await.expect("in time")
    }

    /// Waits for the next event.
    pub(crate) async fn event(&mut self) -> Event {
        loop {
            match self.frame().await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).expect("an event"),
                Some(Ok(Message::Ping(_))) => {}
                other => panic!("{}: {other:?}", self.name),
            }
        }
    }

    /// Waits for the next message, and returns its sender and text.
    pub(crate) async fn message(&mut self) -> (String, String) {
        match self.event().await {
            Event::Message { from, text, .. } => (from, text),
            other => panic!("{}: {other:?}", self.name),
        }
    }

    /// Waits for a rejection, and returns its reason.
    pub(crate) async fn rejected(&mut self) -> String {
        match self.event().await {
            Event::Rejected { problem } => problem,
            other => panic!("{}: {other:?}", self.name),
        }
    }

    /// Waits for the end of the connection, and returns the remaining messages and the close frame.
    pub(crate) async fn rest(mut self) -> (Vec<String>, Option<(CloseCode, String)>) {
        let (mut received, mut closed) = (Vec::new(), None);
        while let Some(Ok(message)) = self.frame().await {
            match message {
                Message::Text(text) => match serde_json::from_str(&text).expect("an event") {
                    Event::Message { text, .. } => received.push(text),
                    Event::Rejected { .. } => {}
                    other @ Event::Welcome { .. } => panic!("{other:?}"),
                },
                Message::Close(Some(CloseFrame { code, reason })) => closed = Some((code, reason.to_string())),
                _ => {}
            }
        }
        (received, closed)
    }
}
