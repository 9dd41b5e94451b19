//! The messages between a chat room and its clients: one JSON object in each text frame. And the
//! input of the client.

mod input;

use std::process::ExitCode;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use input::{Typed, read_lines};

/// The maximum size of a message in bytes.
pub const MAX_MESSAGE: usize = 4 * 1024;

/// A message from a client. Other keys of the object are ignored, so a client cannot set sender or
/// time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Say {
    /// The text.
    pub text: String,
}

/// An event from the room.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The first event, after which the client receives all messages.
    Welcome {
        /// The name of the client, which is unique in the room. If the requested name is taken, it
        /// has a number.
        name: String,
        /// The number of clients in the room, including this one.
        members: usize,
    },
    /// A message from a client, which may be the receiving client itself.
    Message {
        /// The name of the sender.
        from: String,
        /// The time at which the room received the message.
        time: Timestamp,
        /// The text.
        text: String,
    },
    /// The rejection of a message, which no other client has received.
    Rejected {
        /// The reason, as text for the user.
        problem: String,
    },
}

/// Prints the help or the usage error, and returns the exit code, which is 64 for an error.
pub fn print_usage(error: &clap::Error) -> ExitCode {
    // A failure to write has no other output to go to.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(64) } else { ExitCode::SUCCESS }
}
