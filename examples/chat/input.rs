//! The lines that are typed, or that a script writes.

use std::io::{self, BufRead, Read as _};

/// The maximum size of a line in bytes. It is far more than a message, and bounds the memory.
const MAX_LINE: usize = 64 * 1024;

/// A line of the input.
#[derive(Debug, PartialEq, Eq)]
pub enum Typed {
    /// A line of text.
    Line {
        /// The number of the line, from 1.
        number: u64,
        /// The text without its end.
        text: String,
    },
    /// A line, or the rest of the input, that cannot be sent, and the reason.
    Unusable(String),
}

/// Reads lines until the end of the input, or until `send` returns `false`.
pub fn read_lines(mut input: impl BufRead, mut send: impl FnMut(Typed) -> bool) {
    for number in 1.. {
        let typed = match next(&mut input) {
            Ok(None) => return,
            Ok(Some(Bytes::Whole(line))) => match String::from_utf8(line) {
                Ok(text) => Typed::Line { number, text },
                Err(_) => Typed::Unusable(format!("line {number} is not UTF-8")),
            },
            Ok(Some(Bytes::TooLong)) => Typed::Unusable(format!("line {number} has more than {MAX_LINE} bytes")),
            Err(error) => {
                send(Typed::Unusable(format!("failed to read line {number}: {error}")));
                return;
            }
        };
        if !send(typed) {
            return;
        }
    }
}

enum Bytes {
    /// A line without its end.
    Whole(Vec<u8>),
    TooLong,
}

fn next(input: &mut impl BufRead) -> io::Result<Option<Bytes>> {
    let mut line = Vec::new();
    input.by_ref().take(MAX_LINE as u64).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.len() == MAX_LINE && !line.ends_with(b"\n") {
        input.skip_until(b'\n')?;
        return Ok(Some(Bytes::TooLong));
    }
    let whole = line.strip_suffix(b"\n").map_or(&*line, |line| line.strip_suffix(b"\r").unwrap_or(line));
    Ok(Some(Bytes::Whole(whole.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_cannot_be_sent_does_not_end_the_input() {
        let long = "x".repeat(3 * MAX_LINE);
        let input = [b"one\n\xff\xfe\n\r\n", long.as_bytes(), b"\nfive\r\nsix"].concat();
        let mut lines = Vec::new();
        read_lines(&*input, |line| {
            lines.push(line);
            true
        });
        let line = |number, text: &str| Typed::Line { number, text: text.to_owned() };
        assert_eq!(
            lines,
            [
                line(1, "one"),
                Typed::Unusable("line 2 is not UTF-8".to_owned()),
                line(3, ""),
                Typed::Unusable("line 4 has more than 65536 bytes".to_owned()),
                line(5, "five"),
                line(6, "six"),
            ]
        );
    }

    #[test]
    fn a_failing_input_is_reported() {
        struct Fails;
        impl io::Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the disk is gone"))
            }
        }
        let mut lines = Vec::new();
        read_lines(io::BufReader::new(Fails), |line| {
            lines.push(line);
            true
        });
        assert_eq!(lines, [Typed::Unusable("failed to read line 1: the disk is gone".to_owned())]);
    }
}
