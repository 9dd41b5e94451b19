//! What a chat room and its clients say to each other: one JSON object in each text frame.

use std::process::ExitCode;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a client says. Whatever else is in the object is ignored: a client cannot choose sender or time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Say {
    /// What everybody is to read.
    pub text: String,
}

/// What the room says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The first event: the client is in the room, and gets every message from now on.
    Welcome {
        /// Its name, which nobody else in the room has. A number is added to the one that it asked for if that was taken.
        name: String,
        /// How many are in the room, with this one.
        members: usize,
    },
    /// Somebody, maybe the client itself, has said something.
    Message {
        /// Whose name it is.
        from: String,
        /// When the room got it.
        time: Timestamp,
        /// What was said.
        text: String,
    },
    /// What the client sent was refused; nobody else has seen it.
    Refused {
        /// Why, for people.
        problem: String,
    },
}

/// Prints what clap has to say of a command line; the exit code is 64 if that is wrong.
pub fn explain(answer: &clap::Error) -> ExitCode {
    // Nobody is left to tell.
    let _ = answer.print();
    if answer.use_stderr() { ExitCode::from(64) } else { ExitCode::SUCCESS }
}
