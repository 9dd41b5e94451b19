//! Signals of the operating system.

use std::fmt;

use signal_hook::consts::{SIGINT, SIGQUIT, SIGTERM};

/// A signal of the operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Signal(i32);

impl Signal {
    /// SIGINT: Ctrl-C.
    pub const INTERRUPT: Self = Self(SIGINT);
    /// SIGTERM: what service managers and containers send.
    pub const TERMINATE: Self = Self(SIGTERM);
    /// SIGQUIT: Ctrl-\.
    pub const QUIT: Self = Self(SIGQUIT);

    /// The signal of this number.
    pub const fn new(number: i32) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn number(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match signal_hook::low_level::signal_name(self.0) {
            Some(name) => f.write_str(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}
