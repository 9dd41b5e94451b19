//! What can be asked for on the command line.

use std::num::NonZeroU32;

use clap::Parser;

/// A chat room: a WebSocket at /ws, and a page to use it from at /.
///
/// What one says goes to all, in the same order for everybody. Whoever does not read is dropped; the others do not notice.
#[derive(Debug, Parser)]
#[command(name = "chat", after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Where the room listens; port 0 lets the system choose
    #[arg(long, env = "ADDRESS", default_value = "127.0.0.1:8080", value_name = "HOST:PORT")]
    pub(crate) address: String,

    /// Where the diagnostics endpoints listen; there are none if not given
    #[arg(long, env = "DIAGNOSTICS", value_name = "HOST:PORT")]
    pub(crate) diagnostics: Option<String>,

    /// How many messages may wait for one client before it is dropped
    #[arg(long, default_value = "10", value_name = "MESSAGES")]
    pub(crate) buffer: NonZeroU32,

    /// How many messages a minute one client may send, for long
    #[arg(long, default_value = "300", value_name = "MESSAGES")]
    pub(crate) rate: NonZeroU32,

    /// How many it may send at once after a pause
    #[arg(long, default_value = "10", value_name = "MESSAGES")]
    pub(crate) burst: NonZeroU32,

    /// After how many seconds of silence a client is pinged; after as many again it is taken for gone
    #[arg(long, default_value = "30", value_name = "SECONDS")]
    pub(crate) ping: NonZeroU32,
}

const AFTER_HELP: &str = "\
Examples:
  cargo run --example chat
      Then open http://127.0.0.1:8080/ in two windows, and talk
  cargo run --example chat-client -- ws://127.0.0.1:8080/ws --name Ada
      The same from a terminal
  cargo run --example chat -- --diagnostics 127.0.0.1:8081
      Then: curl 'localhost:8081/readyz?verbose'

Ctrl-C tells every client that the room is going away (close code 1001), and stops.

Exit codes:
  0    stopped as asked
  1    it could not listen, or something failed
  64   the command line is wrong
  124  the stop took too long: something was cut";
