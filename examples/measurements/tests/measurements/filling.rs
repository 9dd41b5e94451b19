//! Tests of the first run, which inserts all rows or none.

use std::time::Instant;

use tempfile::TempDir;
use upbeat_examples::program::{Program, Signal};
use upbeat_measurements::{Filled, Store};

use crate::server::{Server, TIMEOUT, bytes, command, entries, file, folder, lines};

/// A number of rows that takes long enough to be interrupted.
const MANY: &str = "20000000";

/// Waits until about a million rows are written.
fn wait_until_filling(folder: &TempDir) {
    let began = Instant::now();
    while file(folder).metadata().map_or(0, |file| file.len()) < 20_000_000 {
        assert!(began.elapsed() < TIMEOUT, "timed out");
        std::thread::yield_now();
    }
}

async fn rows(server: &Server) -> u64 {
    lines(&bytes(&server.http("")).await)
}

#[tokio::test]
async fn a_stop_rolls_back_and_the_next_run_inserts_all_rows() {
    let folder = folder();
    let program = Program::spawn(&mut command(&folder, &["--rows", MANY]));
    wait_until_filling(&folder);
    let ended = program.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("database unchanged, as the stop came first"), "{}", ended.stderr);

    let server = Server::start(folder, &["--rows", "3000"]);
    assert_eq!(rows(&server).await, 3_000);
}

#[tokio::test]
async fn a_kill_rolls_back_and_the_next_run_inserts_all_rows() {
    let folder = folder();
    let program = Program::spawn(&mut command(&folder, &["--rows", MANY]));
    wait_until_filling(&folder);
    program.signal(Signal::KILL);
    assert_eq!(program.end().code, None);

    let server = Server::start(folder, &["--rows", "3000"]);
    assert_eq!(rows(&server).await, 3_000);
}

#[tokio::test]
async fn a_database_with_rows_is_not_changed() {
    let folder = folder();
    let store = Store::file(file(&folder));
    assert_eq!(store.fill(100, |_| {}).await.expect("filled"), Filled::With(100));
    assert_eq!(store.fill(500, |_| panic!("no row is inserted")).await.expect("not filled"), Filled::Before);
    let (ended, folder) = Server::start(folder, &["--rows", "500"]).stop();
    assert!(ended.stderr.contains("database unchanged, as it has rows already"), "{}", ended.stderr);
    assert_eq!(entries(&Server::start(folder, &["--rows", "0"]).http("")).await.len(), 100);
}

#[test]
fn a_file_that_cannot_be_created_fails_the_start() {
    let folder = folder();
    let mut command = command(&folder, &["--rows", "10"]);
    command.arg("--address=127.0.0.1:0").env("DATABASE_URL", "");
    let folder = folder.keep();
    std::fs::remove_dir(&folder).expect("it is empty");
    let ended = Program::spawn(&mut command).end();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("unable to open database file"), "{}", ended.stderr);
}
