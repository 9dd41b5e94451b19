//! The browser in which pages are tested.

use std::{
    io,
    process::{Command, ExitCode},
};

use crate::console;

/// One of these is driven by the driver.
const BROWSERS: [&str; 3] = ["chromium", "google-chrome", "chromium-browser"];
const DRIVER: &str = "chromedriver";

/// The packages of both on Debian and Ubuntu.
const INSTALL: [&str; 5] = ["install", "--yes", "--no-install-recommends", "chromium", "chromium-driver"];

/// Installs the browser and its driver if they are missing and root rights need no password.
///
/// Fails if it cannot: a test that is skipped because its browser is missing goes unnoticed.
pub(crate) fn install() -> io::Result<ExitCode> {
    if BROWSERS.iter().any(|browser| starts(browser, "--version")) && starts(DRIVER, "--version") {
        console::say("xtask: Chromium and its driver are here\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    let as_root: &[&str] = if starts("sudo", "-n true") { &["sudo", "-n"] } else { &[] };
    for arguments in [&["update"][..], &INSTALL] {
        let command = [as_root, &["apt-get"], arguments].concat();
        console::say(&format!("xtask: Chromium or its driver is missing: {}\n", command.join(" ")))?;
        // The task runs unattended.
        let done = Command::new(command[0]).args(&command[1..]).env("DEBIAN_FRONTEND", "noninteractive").status();
        // A list that could not be renewed, of one source among several, need not be in the way.
        let matters = arguments == INSTALL;
        if matters && !done.is_ok_and(|status| status.success()) {
            console::say(
                "xtask: that did not work. The tests of pages need Chromium (or Chrome) and chromedriver in the PATH: install the packages \
                 `chromium` and `chromium-driver`, or whatever your system calls them\n",
            )?;
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn starts(program: &str, arguments: &str) -> bool {
    Command::new(program).args(arguments.split(' ')).output().is_ok_and(|output| output.status.success())
}
