//! Errors that end the program before anything is played, with their exit codes.

use std::{io, process::ExitCode};

use upbeat::exit_code;

use crate::{
    console,
    score::{Fault, ReadError, Source, render},
};

/// An error that ends the program before anything is played.
#[derive(Debug)]
pub(crate) enum Error {
    /// The command line is invalid, or it requests the help or the version.
    Usage(clap::Error),
    /// The score file cannot be read.
    Read(ReadError),
    /// The score has faults.
    InvalidScore {
        /// The score.
        source: Source,
        /// All its faults and warnings.
        faults: Vec<Fault>,
    },
    /// Standard output cannot be written to.
    Output(io::Error),
}

impl Error {
    /// Prints the error and a way to fix it, and returns its exit code.
    pub(crate) fn print(&self) -> ExitCode {
        let code = match self {
            Self::Usage(error) if error.use_stderr() => {
                // A failure to write has no other output to go to.
                let _ = error.print();
                exit_code::USAGE
            }
            Self::Usage(error) => match error.print() {
                // The reader of `upbeat --help | head -1` needs no more.
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Self::Output(error).print(),
                _ => exit_code::OK,
            },
            Self::Read(error) => {
                console::print_error(&format!("error: {error}: {}\nhelp: {}\n", error.source, error.help()));
                exit_code::BAD_SCORE
            }
            Self::InvalidScore { source, faults } => {
                let count = faults.iter().filter(|fault| !fault.is_warning()).count();
                let plural = if count == 1 { "" } else { "s" };
                console::print_error(&render(faults, source, console::colors()));
                console::print_error(&format!("{}: {count} fault{plural}; nothing was started\n", source.name));
                exit_code::BAD_SCORE
            }
            Self::Output(error) => {
                console::print_error(&format!("error: failed to write to standard output: {error}\n"));
                exit_code::FAILED
            }
        };
        ExitCode::from(code)
    }
}

impl From<clap::Error> for Error {
    fn from(error: clap::Error) -> Self {
        Self::Usage(error)
    }
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}
