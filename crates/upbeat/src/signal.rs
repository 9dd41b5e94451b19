//! Signals of the operating system.

use std::{fmt, str::FromStr};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2},
    low_level::signal_name,
};

/// A signal of the operating system.
///
/// ```
/// use upbeat::Signal;
///
/// assert_eq!("SIGTERM".parse(), Ok(Signal::TERMINATE));
/// assert_eq!("term".parse(), Ok(Signal::TERMINATE));
/// assert_eq!(Signal::try_from(15), Ok(Signal::TERMINATE));
/// assert!(Signal::try_from(1000).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signal(i32);

impl Signal {
    /// SIGHUP: the end of a terminal, and by convention a request to reload the configuration.
    pub const HANGUP: Self = Self(SIGHUP);
    /// SIGINT: Ctrl-C.
    pub const INTERRUPT: Self = Self(SIGINT);
    /// SIGQUIT: Ctrl-\.
    pub const QUIT: Self = Self(SIGQUIT);
    /// SIGTERM: the stop request of service managers and containers.
    pub const TERMINATE: Self = Self(SIGTERM);
    /// SIGUSR1, the first signal without a meaning of its own.
    pub const USER1: Self = Self(SIGUSR1);
    /// SIGUSR2, the second signal without a meaning of its own.
    pub const USER2: Self = Self(SIGUSR2);

    /// Creates a signal from a number that the operating system has delivered.
    pub(crate) const fn from_delivered(number: i32) -> Self {
        Self(number)
    }

    /// Returns its number.
    pub const fn number(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Signal {
    /// Writes its name, such as `SIGTERM`, or `signal 40` without a name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match signal_name(self.0) {
            Some(name) => f.write_str(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

/// The error of a number or a name that is no signal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown signal `{0}`")]
pub struct UnknownSignal(String);

impl TryFrom<i32> for Signal {
    type Error = UnknownSignal;

    /// Returns the signal with this number, if it has a name on this system.
    fn try_from(number: i32) -> Result<Self, UnknownSignal> {
        signal_name(number).map(|_| Self(number)).ok_or_else(|| UnknownSignal(number.to_string()))
    }
}

impl FromStr for Signal {
    type Err = UnknownSignal;

    /// Parses a name with or without `SIG`, in upper or lower case, or a number.
    fn from_str(text: &str) -> Result<Self, UnknownSignal> {
        if let Ok(number) = text.parse::<i32>() {
            return Self::try_from(number);
        }
        let name = text.to_ascii_uppercase();
        let name = name.strip_prefix("SIG").unwrap_or(&name);
        (1..=MAX_NAMED)
            .find(|&number| signal_name(number).and_then(|known| known.strip_prefix("SIG")) == Some(name))
            .map(Self)
            .ok_or_else(|| UnknownSignal(text.to_owned()))
    }
}

/// The largest number of a named signal. Above it are the real-time signals.
const MAX_NAMED: i32 = 31;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_names_and_numbers() {
        for text in ["SIGHUP", "hup", "1"] {
            assert_eq!(text.parse(), Ok(Signal::HANGUP));
        }
        assert_eq!("USR1".parse::<Signal>().map(|signal| signal.to_string()), Ok("SIGUSR1".to_owned()));
    }

    #[test]
    fn refuses_unknown_names_and_numbers() {
        for text in ["", "SIG", "SIGSIG", "SIGNOPE", "-1", "0", "1000"] {
            let error = text.parse::<Signal>().unwrap_err();
            assert_eq!(error.to_string(), format!("unknown signal `{text}`"));
        }
    }
}
