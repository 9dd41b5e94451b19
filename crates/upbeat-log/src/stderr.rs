//! Standard error.

use std::{
    io::{self, Write},
    thread,
    time::Duration,
};

/// The time between two attempts to write to a full pipe that does not block.
const RETRY: Duration = Duration::from_millis(10);

/// Standard error, for the thread of a [`LogWriter`](crate::LogWriter).
///
/// [`write_all`](Write::write_all) blocks until all bytes are written, even if another process has
/// made the pipe or the terminal non-blocking. Other writers of this process come before or after
/// these bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stderr().write(bytes)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        write_blocking(&mut io::stderr().lock(), bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Writes all bytes. If the output would block, it tries again a moment later.
fn write_blocking(out: &mut impl Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match out.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::park_timeout(RETRY),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An output that takes three bytes at a time, and would block before each of them.
    struct Reluctant(Vec<u8>, bool);

    impl Write for Reluctant {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let count = bytes.len().min(3);
            self.0.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_written_whole_to_an_output_that_does_not_block() {
        let mut out = Reluctant(Vec::new(), false);
        write_blocking(&mut out, b"eight by").unwrap();
        assert_eq!(out.0, b"eight by");
    }
}
