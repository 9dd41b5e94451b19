//! The first run: all rows or none, whatever interrupts it.

mod common;

use std::time::Instant;

use common::{SOON, Server, bytes, command, entries, file, folder, lines};
use tempfile::TempDir;
use upbeat_examples::program::{Program, Signal};
use upbeat_measurements::{Filled, Store};

/// Takes long enough to be interrupted.
const MANY: &str = "20000000";

/// Waits until a million rows or so are written.
fn until_it_fills(folder: &TempDir) {
    let begun = Instant::now();
    while file(folder).metadata().map_or(0, |file| file.len()) < 20_000_000 {
        assert!(begun.elapsed() < SOON, "it fills");
        std::thread::yield_now();
    }
}

async fn rows(server: &Server) -> u64 {
    lines(&bytes(&server.http("")).await)
}

#[tokio::test]
async fn a_stop_in_the_middle_leaves_nothing_and_the_next_run_does_it_all() {
    let folder = folder();
    let program = Program::spawn(&mut command(&folder, &["--rows", MANY]));
    until_it_fills(&folder);
    let ended = program.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert!(ended.said.contains("gave up filling the database, and left it as it was"), "{}", ended.said);

    let server = Server::start(folder, &["--rows", "3000"]);
    assert_eq!(rows(&server).await, 3_000);
}

#[tokio::test]
async fn a_kill_in_the_middle_leaves_nothing_and_the_next_run_does_it_all() {
    let folder = folder();
    let program = Program::spawn(&mut command(&folder, &["--rows", MANY]));
    until_it_fills(&folder);
    program.signal(Signal::KILL);
    assert_eq!(program.end().code, None);

    let server = Server::start(folder, &["--rows", "3000"]);
    assert_eq!(rows(&server).await, 3_000);
}

#[tokio::test]
async fn what_is_there_is_left_as_it_is() {
    let folder = folder();
    let store = Store::file(file(&folder));
    assert_eq!(store.fill(100, |_| {}).await.expect("filled"), Filled::With(100));
    assert_eq!(store.fill(500, |_| panic!("there is nothing to do")).await.expect("not filled"), Filled::Before);
    let (ended, folder) = Server::start(folder, &["--rows", "500"]).stop();
    assert!(ended.said.contains("the database has rows already"), "{}", ended.said);
    assert_eq!(entries(&Server::start(folder, &["--rows", "0"]).http("")).await.len(), 100);
}

#[test]
fn a_file_that_cannot_be_made_fails_the_start_and_says_which() {
    let folder = folder();
    let mut command = command(&folder, &["--rows", "10"]);
    command.arg("--address=127.0.0.1:0").env("DATABASE_URL", "");
    let folder = folder.keep();
    std::fs::remove_dir(&folder).expect("it is empty");
    let ended = Program::spawn(&mut command).end();
    assert_eq!(ended.code, Some(1), "{}", ended.said);
    assert!(ended.said.contains("unable to open database file"), "{}", ended.said);
}
