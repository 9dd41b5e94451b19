//! The command line.

use std::num::NonZeroU32;

use clap::Parser;

/// A chat room: a WebSocket at /ws, and a page for it at /.
///
/// Each message goes to all clients, in the same order. A client that does not read is dropped
/// without effect on the others.
#[derive(Debug, Parser)]
#[command(name = "chat", after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Address of the room; port 0 is any free one
    #[arg(long, env = "ADDRESS", default_value = "127.0.0.1:8080", value_name = "HOST:PORT")]
    pub(crate) address: String,

    /// Address of the diagnostics endpoints; by default there are none
    #[arg(long, env = "DIAGNOSTICS", value_name = "HOST:PORT")]
    pub(crate) diagnostics: Option<String>,

    /// Number of messages that may wait for a client before it is dropped
    #[arg(long, default_value = "10", value_name = "MESSAGES")]
    pub(crate) buffer: NonZeroU32,

    /// Average number of messages per minute that a client may send
    #[arg(long, default_value = "300", value_name = "MESSAGES")]
    pub(crate) rate: NonZeroU32,

    /// Number of messages that a client may send at once after a pause
    #[arg(long, default_value = "10", value_name = "MESSAGES")]
    pub(crate) burst: NonZeroU32,

    /// Seconds without a frame until a client is pinged, and again until it is disconnected
    #[arg(long, default_value = "30", value_name = "SECONDS")]
    pub(crate) ping: NonZeroU32,
}

const AFTER_HELP: &str = "\
Examples:
  cargo run --example chat
      Then open http://127.0.0.1:8080/ in two windows
  cargo run --example chat-client -- ws://127.0.0.1:8080/ws --name Ada
      A client for the terminal
  cargo run --example chat -- --diagnostics 127.0.0.1:8081
      Then: curl 'localhost:8081/readyz?verbose'

Ctrl-C sends each client a close frame (code 1001), and stops.

Exit codes:
  0    stopped on request
  1    the address is not available, or a player failed
  64   invalid usage
  124  the stop exceeded its timeout; work was aborted";
