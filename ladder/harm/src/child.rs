//! A test in a process of its own, for harm that concerns a whole process.

use std::{env, process::Command};

/// The variable that is set in the process of a child.
const CHILD: &str = "HARM_CHILD";

/// Returns whether this process runs one test as a child of the same test.
pub fn is_child() -> bool {
    env::var_os(CHILD).is_some()
}

/// Returns a command that runs the test of this name in a process of its own.
///
/// The name is the full path of the test within its binary. There, [`is_child`] returns true. What
/// the test prints is not captured.
///
/// # Panics
///
/// If this program has no path.
pub fn again(test: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("this program has a path"));
    command.args(["--exact", "--nocapture", "--test-threads", "1", test]).env(CHILD, "1");
    command
}
