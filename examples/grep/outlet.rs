//! The output of lines as they come.

use std::{
    cell::RefCell,
    io::{self, Read, Write},
};

/// The size of the output that is collected for one write.
const CAPACITY: usize = 64 * 1024;

/// A buffer in front of the output. It keeps an error of the output apart from one of the input.
pub(crate) struct Outlet<W> {
    out: W,
    buffer: Vec<u8>,
    failure: Option<io::Error>,
}

impl<W: Write> Outlet<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out, buffer: Vec::new(), failure: None }
    }

    /// Writes what is collected. After a failure it fails again.
    fn flush(&mut self) -> io::Result<()> {
        if self.failure.is_none() && !self.buffer.is_empty() {
            self.failure = self.out.write_all(&self.buffer).and_then(|()| self.out.flush()).err();
            self.buffer.clear();
        }
        match self.failure {
            Some(_) => Err(io::Error::other("output failed")),
            None => Ok(()),
        }
    }

    /// Writes the rest.
    ///
    /// # Errors
    ///
    /// The first failure of the output.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let _ = self.flush();
        self.failure.map_or(Ok(()), Err)
    }
}

/// The writing end of an outlet, which is shared with the [reader](ReadAndFlush).
pub(crate) struct Inlet<'a, W>(pub(crate) &'a RefCell<Outlet<W>>);

impl<W: Write> Write for Inlet<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut outlet = self.0.borrow_mut();
        if outlet.buffer.len() + bytes.len() > CAPACITY {
            outlet.flush()?;
        }
        outlet.buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().flush()
    }
}

/// A reader that writes the lines found so far before it waits for more bytes.
pub(crate) struct ReadAndFlush<'a, R, W> {
    pub(crate) read: R,
    pub(crate) outlet: &'a RefCell<Outlet<W>>,
}

impl<R: Read, W: Write> Read for ReadAndFlush<'_, R, W> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.outlet.borrow_mut().flush()?;
        self.read.read(into)
    }
}
