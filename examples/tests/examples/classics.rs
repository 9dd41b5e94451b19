//! Tests of the classics as processes: their output, report and exit code.

use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
    thread,
};

use upbeat_examples::program::{Ended, Program, Signal};

/// Runs an example until it exits.
fn run(name: &str, args: &[&str]) -> Ended {
    Program::start(name, args).end()
}

/// Returns the numbers in the line that contains `text`.
fn numbers(of: &str, text: &str) -> Vec<u64> {
    let line = of.lines().find(|line| line.contains(text)).unwrap_or_else(|| panic!("{text:?} is not in {of}"));
    line.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}

#[test]
fn a_counter_loses_counts_only_without_synchronization() {
    let ended = run("counter", &["--steps", "2000"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for way in ["fetch-add", "mutex", "sharded", "owner"] {
        assert_eq!(numbers(&ended.stdout, way), [16_000, 16_000, 0], "{}", ended.stdout);
    }
    let wrong = numbers(&ended.stdout, "read-then-write");
    assert!(wrong[2] > 0 && wrong[1] + wrong[2] == 16_000, "{}", ended.stdout);
}

#[test]
fn a_counter_of_a_single_task_loses_no_counts() {
    let ended = run("counter", &["--tasks", "1", "--how", "read-then-write"]);
    assert_eq!(numbers(&ended.stdout, "read-then-write"), [10_000, 10_000, 0]);
    assert!(!ended.stdout.contains("mutex"), "{}", ended.stdout);
}

#[test]
fn philosophers_with_an_order_of_forks_all_eat() {
    for (philosophers, meals) in [(2, 100), (9, 30)] {
        let ended = run("philosophers", &["--philosophers", &philosophers.to_string(), "--meals", &meals.to_string()]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert_eq!(numbers(&ended.stdout, "forks were used"), [philosophers, philosophers * meals * 2]);
        let ate = format!("ate {meals} times, after 0 failed attempts");
        assert_eq!(ended.stderr.matches(&ate).count() as u64, philosophers, "{}", ended.stderr);
    }
}

#[test]
fn philosophers_with_try_lock_all_eat() {
    let ended = run("philosophers", &["--how", "try-lock", "--philosophers", "9", "--meals", "30"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(numbers(&ended.stdout, "forks were used"), [9, 9 * 30 * 2]);
    let failed =
        ended.stderr.lines().filter(|line| line.contains("failed attempts")).map(|line| numbers(line, "ate")[1]);
    assert!(failed.sum::<u64>() > 0, "neighbors take each other's forks: {}", ended.stderr);
}

#[test]
fn philosophers_in_a_deadlock_are_located_and_can_be_stopped() {
    let source = include_str!("../../philosophers.rs");
    let line = 1 + source.lines().position(|line| line.contains("right.lock().await")).expect("it is there");
    let mut program = Program::start("philosophers", &["--how", "deadlock", "--philosophers", "3"]);
    let mut alarms: Vec<_> = (0..3).map(|_| program.until("missed heartbeat")).collect();
    alarms.sort_by_key(|alarm| alarm.split("player=").nth(1).map(str::to_owned));
    for (number, alarm) in alarms.iter().enumerate() {
        assert!(alarm.contains(&format!("player=table/philosopher-{number}")), "{alarm}");
        assert!(alarm.contains(&format!("holding fork {number}, waiting for fork {}", (number + 1) % 3)), "{alarm}");
        assert!(alarm.contains(&format!("philosophers.rs:{line} for tokio::sync::mutex::Mutex::lock")), "{alarm}");
    }
    program.signal(Signal::USR1);
    program.until("table/philosopher-2");
    program.until(&format!("philosophers.rs:{line}"));
    let ended = program.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    // The first to stop puts its fork back. A neighbor may eat with it before it is stopped, too.
    assert!(numbers(&ended.stdout, "forks were used")[1] <= 2 * 2, "{}", ended.stdout);
}

#[test]
fn a_bank_that_locks_both_accounts_passes_every_audit() {
    let ended = run("bank", &["--accounts", "3", "--tellers", "20", "--transfers", "500"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(numbers(&ended.stderr, " audits, each found all")[1], 3_000);
    let [made, rejected] = numbers(&ended.stderr, " rejected as")[..] else { panic!("{}", ended.stderr) };
    assert_eq!(made + rejected, 10_000);
    assert!(made > rejected, "{}", ended.stderr);
}

#[test]
fn a_bank_that_locks_one_account_at_a_time_fails_an_audit() {
    let ended = run("bank", &["--how", "one-at-a-time", "--transfers", "1000000"]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("bank/auditor failed"), "{}", ended.stderr);
    let [_, found, all] = numbers(&ended.stderr, " cents")[..].last_chunk().copied().expect("three");
    assert!(found < all && all == 10_000, "{}", ended.stderr);
    assert!(numbers(&ended.stderr, " rejected as")[0] < 8_000_000, "the tellers were stopped: {}", ended.stderr);
}

#[test]
fn a_cache_loads_once_and_does_not_keep_failures() {
    let ended = run("cache", &[]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let printed = &ended.stdout;
    assert_eq!(numbers(printed, "concurrent requests"), [1_000, 1]);
    assert!(printed.contains("a load fails: disk failure\n  the next request gets the page `news`: 2 loads\n"));
    let panicked = "a load panics: 1 of 2 tasks failed, first: task `first`: panicked: a bug in the loader";
    assert!(printed.contains(panicked), "{printed}");
    assert!(printed.contains("  the waiting request gets the page `shop`: 2 loads\n"), "{printed}");
    assert!(printed.contains("  the waiting request gets the page `about`: 2 loads\n"), "{printed}");
}

#[test]
fn compare_and_swap_retries_and_loses_no_update() {
    let ended = run("compare_and_swap", &["--buyers", "20", "--seats", "3000"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(numbers(&ended.stdout, "forced retry"), [2, 2, 1, 1, 2, 1]);
    assert_eq!(numbers(&ended.stdout, "seats sold"), [3_000, 3_000, 3_000, 0]);
    let [updates, attempts, reads] = numbers(&ended.stdout, " updates took")[..] else { panic!("{}", ended.stdout) };
    assert!(updates == 6_020 && attempts >= updates && reads > 0, "{}", ended.stdout);
}

#[test]
fn a_classic_can_be_stopped_before_its_end() {
    for (name, args) in [
        ("counter", ["--how", "owner", "--steps", "1000000"]),
        ("philosophers", ["--how", "try-lock", "--meals", "1000000"]),
        ("bank", ["--tellers", "50", "--transfers", "10000000"]),
        ("compare_and_swap", ["--buyers", "1000", "--seats", "100000"]),
    ] {
        let mut program = Program::start(name, &args);
        program.until("all ready");
        let ended = program.stop();
        assert_eq!(ended.code, Some(0), "{name}: {}", ended.stderr);
        assert!(ended.stderr.contains("cause=SIGTERM"), "it was still running: {name}: {}", ended.stderr);
    }
}

/// Starts an echo server, and connects a client to it.
fn echo(args: &[&str]) -> (Program, TcpStream) {
    let mut program = Program::start("tcp_echo", args);
    let listening = program.until("listening on ");
    let address = listening.split_whitespace().next_back().expect("an address");
    let client = TcpStream::connect(address).expect("it listens");
    (program, client)
}

#[test]
fn a_stopping_echo_server_echoes_all_bytes_and_closes() {
    // On a busy machine the sender may pause, too.
    let (program, mut client) = echo(&["--drain-ms", "20000", "--idle-ms", "2000"]);
    let sent: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    // The bytes exceed all buffers between client and server, so most are in flight at the stop.
    let sending = thread::spawn({
        let (mut client, sent) = (client.try_clone().expect("a clone"), sent.clone());
        move || client.write_all(&sent)
    });
    let mut back = vec![0; 1_000];
    client.read_exact(&mut back).expect("the first bytes");
    program.signal(Signal::TERM);
    // The client does not close its side, so the end of the stream comes from the server.
    client.read_to_end(&mut back).expect("an orderly end");
    sending.join().expect("no panic").expect("all bytes are sent");
    assert_eq!(back.len(), sent.len());
    assert!(back == sent, "other bytes came back");
    let ended = program.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("1 connection finished"), "{}", ended.stderr);
}

#[test]
fn a_stopping_echo_server_closes_an_idle_connection() {
    let (program, mut client) = echo(&["--drain-ms", "20000"]);
    client.write_all(b"hello").expect("sent");
    let mut back = [0; 5];
    client.read_exact(&mut back).expect("an echo");
    assert_eq!(&back, b"hello");
    let ended = program.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(client.read(&mut back).expect("an orderly end"), 0);
}

#[test]
fn a_stopping_echo_server_aborts_and_names_a_connection_at_its_deadline() {
    let (program, mut client) = echo(&["--drain-ms", "300", "--idle-ms", "60000"]);
    let peer = client.local_addr().expect("an address");
    let mut sender = client.try_clone().expect("a clone");
    let sending = thread::spawn(move || io::copy(&mut io::repeat(7), &mut sender));
    // The connection is served. From here on the client does not read, so the server cannot write.
    client.read_exact(&mut [0]).expect("an echo");
    let ended = program.stop();
    assert_eq!(ended.code, Some(124), "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("lost: connection from {peer}, open for ")), "{}", ended.stderr);
    sending.join().expect("no panic").expect_err("the connection is aborted");
}
