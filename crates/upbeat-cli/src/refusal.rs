//! Why what was asked for is not done, and the exit code that says so.

use std::{io, process::ExitCode};

use upbeat::exit_code;

use crate::{
    console,
    score::{Fault, Source, Unreadable, render},
};

/// Why what was asked for is not done.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The command line is wrong. Or it asks for help or the version, which are answers and not refusals.
    Usage(clap::Error),
    /// The score file cannot be read.
    Unreadable(Unreadable),
    /// The score cannot be played.
    Faulty {
        /// What it says.
        source: Source,
        /// All that is wrong with it.
        faults: Vec<Fault>,
    },
    /// The answer cannot be written.
    Mute(io::Error),
}

impl Refusal {
    /// Says why, and what to do about it.
    pub(crate) fn explain(&self) -> ExitCode {
        let code = match self {
            Self::Usage(error) => {
                // If the message cannot be written there is no one left to tell.
                let _ = error.print();
                if error.use_stderr() { exit_code::USAGE } else { exit_code::OK }
            }
            Self::Unreadable(error) => {
                console::complain(&format!("error: {error}\nhelp: {}\n", error.help()));
                exit_code::BAD_SCORE
            }
            Self::Faulty { source, faults } => {
                let count = faults.iter().filter(|fault| !fault.is_warning()).count();
                let plural = if count == 1 { "" } else { "s" };
                console::complain(&render(faults, source, console::colours()));
                console::complain(&format!("{}: {count} fault{plural}; nothing was started\n", source.name));
                exit_code::BAD_SCORE
            }
            Self::Mute(error) => {
                console::complain(&format!("error: failed to write to standard output: {error}\n"));
                exit_code::FAILED
            }
        };
        ExitCode::from(code)
    }
}

impl From<clap::Error> for Refusal {
    fn from(error: clap::Error) -> Self {
        Self::Usage(error)
    }
}

impl From<Unreadable> for Refusal {
    fn from(error: Unreadable) -> Self {
        Self::Unreadable(error)
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Mute(error)
    }
}
