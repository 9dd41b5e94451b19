//! The readers of simple values. Each returns the value, or adds a fault with its position.

use std::{net::SocketAddr, ops::RangeInclusive, time::Duration};

use toml::de::DeValue;

use super::{Entry, type_of};
use crate::score::{
    fault::{Fault, Faults},
    suggest::suggest,
};

/// The longest duration of a score, which is far from overflowing a clock.
const MAX_DURATION: Duration = Duration::from_hours(366 * 24);

impl<'a> Entry<'a> {
    /// Reads a string.
    pub(in crate::score) fn string(&self, example: &str, faults: &mut Faults) -> Option<&'a str> {
        let DeValue::String(string) = self.value else {
            faults.push(self.expected("a string", &format!("{} = {example}", self.key)));
            return None;
        };
        Some(string)
    }

    /// Reads a duration, which may be zero.
    pub(in crate::score) fn duration(&self, faults: &mut Faults) -> Option<Duration> {
        let written = match self.value {
            DeValue::String(written) => written,
            // The most frequent mistake. A guessed unit would be the worst answer to it.
            DeValue::Integer(number) => {
                let seconds = format!("{} = \"{number}s\"", self.key);
                faults.push(self.expected("a duration with its unit", &seconds));
                return None;
            }
            _ => {
                faults.push(self.expected("a duration", &format!("{} = \"10s\"", self.key)));
                return None;
            }
        };
        let fault = match humantime::parse_duration(written) {
            Ok(duration) if duration <= MAX_DURATION => return Some(duration),
            Ok(_) => Fault::new(self.value_span(), format!("`{}` is longer than a year", self.key)).label("too long"),
            Err(error) => {
                Fault::new(self.value_span(), format!("`{}` is not a duration", self.key)).label(reason(&error))
            }
        };
        faults.push(fault.help("write a number and its unit, such as `\"250ms\"`, `\"10s\"` or `\"1m 30s\"`"));
        None
    }

    /// Reads a duration that may not be zero for this `reason`.
    pub(in crate::score) fn positive_duration(&self, reason: &str, faults: &mut Faults) -> Option<Duration> {
        let duration = self.duration(faults)?;
        if duration.is_zero() {
            faults.push(
                Fault::new(self.value_span(), format!("`{}` cannot be zero", self.key))
                    .label(reason)
                    .help("write a number and its unit, such as `\"5s\"`"),
            );
            return None;
        }
        Some(duration)
    }

    /// Reads an integer within `range`.
    pub(in crate::score) fn integer(&self, range: RangeInclusive<u32>, faults: &mut Faults) -> Option<u32> {
        let example = format!("{} = {}", self.key, range.start().max(&5));
        let DeValue::Integer(written) = self.value else {
            faults.push(self.expected("a whole number", &example));
            return None;
        };
        let number =
            u32::from_str_radix(written.as_str(), written.radix()).ok().filter(|number| range.contains(number));
        if number.is_none() {
            faults.push(
                Fault::new(self.value_span(), format!("`{}` is out of range", self.key))
                    .label(format!("must be from {} to {}", range.start(), range.end()))
                    .help(format!("write `{example}`")),
            );
        }
        number
    }

    /// Reads one of the choices.
    pub(in crate::score) fn choice<T: Copy>(&self, choices: &[(&str, T)], faults: &mut Faults) -> Option<T> {
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        let DeValue::String(written) = self.value else {
            let quoted: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
            faults.push(
                Fault::new(self.value_span(), format!("`{}` takes one of {}", self.key, quoted.join(", ")))
                    .label(format!("found {}", type_of(self.value)))
                    .help(format!("write `{} = {}`", self.key, quoted[0])),
            );
            return None;
        };
        let choice = choices.iter().find(|(word, _)| word == written).map(|(_, choice)| *choice);
        if choice.is_none() {
            faults.push(
                Fault::new(self.value_span(), format!("`{}` cannot be `{written}`", self.key))
                    .label("not one of the choices")
                    .help(suggest(written, &words, "choice")),
            );
        }
        choice
    }

    /// Reads an IP address with a port.
    pub(in crate::score) fn address(&self, faults: &mut Faults) -> Option<SocketAddr> {
        const EXAMPLE: &str = "bind = \"127.0.0.1:8000\"";
        let written = match self.value {
            DeValue::String(written) => written,
            DeValue::Integer(port) => {
                faults.push(self.expected("an address with its port", &format!("bind = \"127.0.0.1:{port}\"")));
                return None;
            }
            _ => {
                faults.push(self.expected("an address", EXAMPLE));
                return None;
            }
        };
        let address = written.parse().ok();
        if address.is_none() {
            faults.push(
                Fault::new(self.value_span(), format!("`{}` is not an address", self.key))
                    .label("must be an IP address, a colon and a port")
                    .help(suggest_address(written)),
            );
        }
        address
    }
}

/// Returns the reason why a text is not a duration. It is shorter than the error's own text, which
/// lists all units.
fn reason(error: &humantime::DurationError) -> String {
    match error {
        humantime::DurationError::UnknownUnit { unit, .. } if unit.is_empty() => "the unit is missing".to_owned(),
        humantime::DurationError::UnknownUnit { unit, .. } => format!("`{unit}` is not a unit of time"),
        humantime::DurationError::Empty => "empty".to_owned(),
        humantime::DurationError::NumberOverflow => "too large, or more precise than a nanosecond".to_owned(),
        _ => "not a number with a unit".to_owned(),
    }
}

/// Suggests the address that was probably intended.
fn suggest_address(written: &str) -> String {
    if written.parse::<std::net::IpAddr>().is_ok() {
        let host = if written.contains(':') { format!("[{written}]") } else { written.to_owned() };
        return format!("the port is missing: `\"{host}:8000\"`");
    }
    let (host, port) = written.rsplit_once(':').unwrap_or(("", written));
    let Ok(port) = port.parse::<u16>() else {
        return "write `\"127.0.0.1:8000\"`, or `\"[::1]:8000\"`; ports are from 0 (any free one) to 65535".to_owned();
    };
    match host {
        "" | "*" => {
            format!("write `\"127.0.0.1:{port}\"` for this machine only, `\"0.0.0.0:{port}\"` for all its interfaces")
        }
        "localhost" => format!("names are not resolved: write `\"127.0.0.1:{port}\"`"),
        _ => format!("names are not resolved: write an address of this machine, such as `\"127.0.0.1:{port}\"`"),
    }
}

#[cfg(test)]
mod tests {
    use super::suggest_address;

    #[test]
    fn frequent_mistakes_in_addresses_get_a_suggestion() {
        for (written, answer) in [
            (":8000", "0.0.0.0:8000"),
            ("8000", "127.0.0.1:8000"),
            ("localhost:9000", "127.0.0.1:9000"),
            ("127.0.0.1", "127.0.0.1:8000"),
            ("::1", "[::1]:8000"),
            ("127.0.0.1:99999", "65535"),
        ] {
            assert!(suggest_address(written).contains(answer), "{written}: {}", suggest_address(written));
        }
    }
}
