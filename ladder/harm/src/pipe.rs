//! A pipe that is full and not read, as that of a paused log shipper.

use std::io::{self, PipeReader, PipeWriter, Read, Write as _};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

/// The byte that fills a pipe. It is in no text.
const FILLING: u8 = 0;

/// A pipe that is read only when the test says so.
///
/// Its [writer](UnreadPipe::writer) is the output of a process or of a thread. Once the pipe is
/// [filled](UnreadPipe::fill), their writes block until the test [reads](UnreadPipe::read).
#[derive(Debug)]
pub struct UnreadPipe {
    reader: Reader,
    writer: PipeWriter,
}

/// The reading end of a pipe, without what filled it.
#[derive(Debug)]
pub struct Reader(PipeReader);

impl UnreadPipe {
    /// Opens an empty pipe.
    ///
    /// # Errors
    ///
    /// If the system has no more descriptors.
    pub fn new() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        Ok(Self { reader: Reader(reader), writer })
    }

    /// Opens a pipe and fills it.
    ///
    /// # Errors
    ///
    /// If the system has no more descriptors.
    pub fn full() -> io::Result<Self> {
        let pipe = Self::new()?;
        pipe.fill()?;
        Ok(pipe)
    }

    /// Returns a writing end.
    ///
    /// # Errors
    ///
    /// If the system has no more descriptors.
    pub fn writer(&self) -> io::Result<PipeWriter> {
        self.writer.try_clone()
    }

    /// Reads up to a text, and returns what came before its end.
    ///
    /// # Errors
    ///
    /// If the pipe cannot be read, or what it contains is not UTF-8. Without the text it waits.
    pub fn read_until(&mut self, text: &str) -> io::Result<String> {
        let mut read = Vec::new();
        let mut byte = [0];
        while !read.ends_with(text.as_bytes()) {
            self.reader.read_exact(&mut byte)?;
            read.push(byte[0]);
        }
        String::from_utf8(read).map_err(io::Error::other)
    }

    /// Fills the pipe. For a moment it is non-blocking, for other writers too.
    ///
    /// # Errors
    ///
    /// If the pipe cannot be written.
    pub fn fill(&self) -> io::Result<()> {
        let flags = fcntl_getfl(&self.writer)?;
        fcntl_setfl(&self.writer, flags | OFlags::NONBLOCK)?;
        let filled = [4096, 1].into_iter().try_for_each(|size| {
            loop {
                match (&self.writer).write(&vec![FILLING; size]) {
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                    Err(error) => return Err(error),
                }
            }
        });
        fcntl_setfl(&self.writer, flags)?;
        filled
    }

    /// Returns the reading end, which reads from now on. It ends with the last of the other
    /// [writers](UnreadPipe::writer).
    pub fn read(self) -> Reader {
        self.reader
    }
}

impl Read for Reader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.0.read(into)?;
            let mut kept = 0;
            for at in 0..count {
                if into[at] != FILLING {
                    into[kept] = into[at];
                    kept += 1;
                }
            }
            if kept > 0 || count == 0 {
                return Ok(kept);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Duration};

    use super::*;

    #[test]
    fn a_write_blocks_until_the_pipe_is_read() {
        let mut pipe = UnreadPipe::new().unwrap();
        let mut writer = pipe.writer().unwrap();
        writer.write_all(b"first, second").unwrap();
        assert_eq!(pipe.read_until("first").unwrap(), "first");
        pipe.fill().unwrap();
        let written = thread::spawn(move || writer.write_all(b", third"));
        thread::park_timeout(Duration::from_millis(50));
        assert!(!written.is_finished());
        assert_eq!(io::read_to_string(pipe.read()).unwrap(), ", second, third");
        written.join().unwrap().unwrap();
    }
}
