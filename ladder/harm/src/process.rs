//! Processes that stand still, and that lose their terminal.

use std::{
    fs::{File, OpenOptions},
    io,
    os::fd::OwnedFd,
    process::Child,
    thread,
    time::Duration,
};

use rustix::{
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};

/// Stops a process for some time by SIGSTOP, as a snapshot of its machine does.
///
/// # Errors
///
/// If the process has ended.
pub fn stand_still(child: &Child, time: Duration) -> io::Result<()> {
    let pid = Pid::from_child(child);
    kill_process(pid, Signal::STOP)?;
    #[expect(clippy::disallowed_methods, reason = "the process stands still for this time")]
    thread::sleep(time);
    Ok(kill_process(pid, Signal::CONT)?)
}

/// A terminal. Its end when this is dropped hangs up the processes in it.
#[derive(Debug)]
pub struct Terminal {
    _controller: OwnedFd,
}

impl Terminal {
    /// Opens a terminal, and returns the end for a process. `setsid --ctty` makes it the terminal
    /// of a program whose standard input it is.
    ///
    /// # Errors
    ///
    /// If the system has no terminal left.
    pub fn open() -> io::Result<(Self, File)> {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&controller)?;
        unlockpt(&controller)?;
        let name = ptsname(&controller, Vec::new())?;
        let name = name.to_str().map_err(io::Error::other)?.to_owned();
        // The flag keeps it from becoming the terminal of this process.
        let user = {
            use std::os::unix::fs::OpenOptionsExt as _;
            let flags = rustix::fs::OFlags::NOCTTY.bits();
            OpenOptions::new().read(true).write(true).custom_flags(flags.cast_signed()).open(name)?
        };
        Ok((Self { _controller: controller }, user))
    }
}
