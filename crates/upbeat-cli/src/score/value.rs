//! What values are read as. Each reader either gives the value or says at its place what is wrong with it.

use std::{net::SocketAddr, ops::RangeInclusive, time::Duration};

use toml::de::DeValue;

use super::{
    fault::{Fault, Faults},
    nearest::instead,
    table::Entry,
};

/// The longest duration a score can name. Far beyond any use, and far from overflowing a clock.
const LONGEST: Duration = Duration::from_hours(366 * 24);

impl<'a> Entry<'a> {
    /// A string.
    pub(super) fn string(&self, example: &str, faults: &mut Faults) -> Option<&'a str> {
        let DeValue::String(string) = self.value else {
            faults.push(self.expected("a string", &format!("{} = {example}", self.key)));
            return None;
        };
        Some(string)
    }

    /// A duration, zero included.
    pub(super) fn duration(&self, faults: &mut Faults) -> Option<Duration> {
        let written = match self.value {
            DeValue::String(written) => written,
            // The commonest slip, and the one where guessing the unit is worst.
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
            Ok(duration) if duration <= LONGEST => return Some(duration),
            Ok(_) => Fault::new(self.value_span(), format!("`{}` is longer than a year", self.key)).label("too long"),
            Err(error) => Fault::new(self.value_span(), format!("`{}` is not a duration", self.key)).label(why(&error)),
        };
        faults.push(fault.help("a number and its unit, such as `\"250ms\"`, `\"10s\"` or `\"1m 30s\"`"));
        None
    }

    /// A duration that may not be zero; `because` says why.
    pub(super) fn positive_duration(&self, because: &str, faults: &mut Faults) -> Option<Duration> {
        let duration = self.duration(faults)?;
        if duration.is_zero() {
            faults.push(
                Fault::new(self.value_span(), format!("`{}` cannot be zero", self.key))
                    .label(because)
                    .help("a number and its unit, such as `\"5s\"`"),
            );
            return None;
        }
        Some(duration)
    }

    /// A whole number within `range`.
    pub(super) fn integer(&self, range: RangeInclusive<u32>, faults: &mut Faults) -> Option<u32> {
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
                    .label(format!("has to be from {} to {}", range.start(), range.end()))
                    .help(format!("write `{example}`")),
            );
        }
        number
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)], faults: &mut Faults) -> Option<T> {
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        let DeValue::String(written) = self.value else {
            let quoted: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
            faults.push(
                Fault::new(self.value_span(), format!("`{}` takes one of {}", self.key, quoted.join(", ")))
                    .label(format!("found {}", super::table::a(self.value)))
                    .help(format!("write `{} = {}`", self.key, quoted[0])),
            );
            return None;
        };
        let choice = choices.iter().find(|(word, _)| word == written).map(|(_, choice)| *choice);
        if choice.is_none() {
            faults.push(
                Fault::new(self.value_span(), format!("`{}` cannot be `{written}`", self.key))
                    .label("not one of the choices")
                    .help(instead(written, &words, "choice")),
            );
        }
        choice
    }

    /// An IP address with a port.
    pub(super) fn address(&self, faults: &mut Faults) -> Option<SocketAddr> {
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
                    .label("has to be an IP address, a colon and a port")
                    .help(near_address(written)),
            );
        }
        address
    }
}

/// What is wrong with a duration, in fewer words than the parser's own, which also list every unit.
fn why(error: &humantime::DurationError) -> String {
    match error {
        humantime::DurationError::UnknownUnit { unit, .. } if unit.is_empty() => "the unit is missing".to_owned(),
        humantime::DurationError::UnknownUnit { unit, .. } => format!("`{unit}` is not a unit of time"),
        humantime::DurationError::Empty => "empty".to_owned(),
        humantime::DurationError::NumberOverflow => "too large, or more precise than a nanosecond".to_owned(),
        _ => "not a number with a unit".to_owned(),
    }
}

/// What was probably meant by something that is not an address.
fn near_address(written: &str) -> String {
    if written.parse::<std::net::IpAddr>().is_ok() {
        let host = if written.contains(':') { format!("[{written}]") } else { written.to_owned() };
        return format!("the port is missing: `\"{host}:8000\"`");
    }
    let (host, port) = written.rsplit_once(':').unwrap_or(("", written));
    let Ok(port) = port.parse::<u16>() else {
        return "such as `\"127.0.0.1:8000\"`, or `\"[::1]:8000\"`; ports go from 0 (any free one) to 65535".to_owned();
    };
    match host {
        "" | "*" => {
            format!("`\"127.0.0.1:{port}\"` for this machine only, `\"0.0.0.0:{port}\"` for all its interfaces")
        }
        "localhost" => format!("names are not looked up: `\"127.0.0.1:{port}\"`"),
        _ => format!("names are not looked up; an address of this machine such as `\"127.0.0.1:{port}\"`"),
    }
}

#[cfg(test)]
mod tests {
    use super::near_address;

    #[test]
    fn what_people_write_instead_of_an_address() {
        for (written, answer) in [
            (":8000", "0.0.0.0:8000"),
            ("8000", "127.0.0.1:8000"),
            ("localhost:9000", "127.0.0.1:9000"),
            ("127.0.0.1", "127.0.0.1:8000"),
            ("::1", "[::1]:8000"),
            ("127.0.0.1:99999", "65535"),
        ] {
            assert!(near_address(written).contains(answer), "{written}: {}", near_address(written));
        }
    }
}
