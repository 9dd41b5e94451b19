//! The classics as their users run them: what they print, what they report, and how they end.

use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
    thread,
};

use upbeat_examples::program::{Ended, Program, Signal};

/// Runs an example to its end.
fn run(name: &str, args: &[&str]) -> Ended {
    Program::start(name, args).end()
}

/// The numbers in the line that contains `text`.
fn numbers(of: &str, text: &str) -> Vec<u64> {
    let line = of.lines().find(|line| line.contains(text)).unwrap_or_else(|| panic!("{text:?} is not in {of}"));
    line.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}

#[test]
fn a_counter_loses_counts_only_in_the_wrong_way() {
    let ended = run("counter", &["--steps", "2000"]);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    for way in ["fetch-add", "mutex", "sharded", "owner"] {
        assert_eq!(numbers(&ended.printed, way), [16_000, 16_000, 0], "{}", ended.printed);
    }
    let wrong = numbers(&ended.printed, "read-then-write");
    assert!(wrong[2] > 0 && wrong[1] + wrong[2] == 16_000, "{}", ended.printed);
}

#[test]
fn a_counter_is_right_in_any_way_if_nobody_else_counts() {
    let ended = run("counter", &["--tasks", "1", "--how", "read-then-write"]);
    assert_eq!(numbers(&ended.printed, "read-then-write"), [10_000, 10_000, 0]);
    assert!(!ended.printed.contains("mutex"), "{}", ended.printed);
}

#[test]
fn philosophers_that_take_the_lower_fork_first_all_eat() {
    for (philosophers, meals) in [(2, 100), (9, 30)] {
        let ended = run("philosophers", &["--philosophers", &philosophers.to_string(), "--meals", &meals.to_string()]);
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        assert_eq!(numbers(&ended.printed, "forks were used"), [philosophers, philosophers * meals * 2]);
        let ate = format!("ate {meals} times, after 0 failed attempts");
        assert_eq!(ended.said.matches(&ate).count() as u64, philosophers, "{}", ended.said);
    }
}

#[test]
fn philosophers_that_put_their_fork_back_all_eat() {
    let ended = run("philosophers", &["--how", "try-lock", "--philosophers", "9", "--meals", "30"]);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert_eq!(numbers(&ended.printed, "forks were used"), [9, 9 * 30 * 2]);
    let failed = ended.said.lines().filter(|line| line.contains("failed attempts")).map(|line| numbers(line, "ate")[1]);
    assert!(failed.sum::<u64>() > 0, "they sit beside each other: {}", ended.said);
}

#[test]
fn philosophers_in_a_deadlock_are_named_with_the_fork_and_the_line_and_can_still_be_stopped() {
    let source = include_str!("../philosophers.rs");
    let line = 1 + source.lines().position(|line| line.contains("right.lock().await")).expect("it is there");
    let mut program = Program::start("philosophers", &["--how", "deadlock", "--philosophers", "3"]);
    let mut alarms: Vec<_> = (0..3).map(|_| program.until("the watchdog saw no sign of life")).collect();
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
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    // The first who is told to stop puts his fork back, and with it a neighbour may eat before he is told, too.
    assert!(numbers(&ended.printed, "forks were used")[1] <= 2 * 2, "{}", ended.printed);
}

#[test]
fn a_bank_that_locks_both_accounts_passes_every_audit() {
    let ended = run("bank", &["--accounts", "3", "--tellers", "20", "--transfers", "500"]);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert_eq!(numbers(&ended.said, " audits, and each found all")[1], 3_000);
    let [made, refused] = numbers(&ended.said, "refused for want of money")[..] else { panic!("{}", ended.said) };
    assert_eq!(made + refused, 10_000);
    assert!(made > refused, "{}", ended.said);
}

#[test]
fn a_bank_that_locks_one_account_at_a_time_fails_an_audit() {
    let ended = run("bank", &["--how", "one-at-a-time", "--transfers", "1000000"]);
    assert_eq!(ended.code, Some(1), "{}", ended.said);
    assert!(ended.said.contains("bank/auditor failed"), "{}", ended.said);
    let [_, found, all] = numbers(&ended.said, "cents player=bank/auditor")[..].last_chunk().copied().expect("three");
    assert!(found < all && all == 10_000, "{}", ended.said);
    assert!(
        numbers(&ended.said, "refused for want of money")[0] < 8_000_000,
        "the tellers were stopped: {}",
        ended.said
    );
}

#[test]
fn a_cache_loads_once_and_nothing_that_becomes_of_a_load_stays() {
    let ended = run("cache", &[]);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let printed = &ended.printed;
    assert_eq!(numbers(printed, "requests at once"), [1_000, 1]);
    assert!(printed.contains("a load fails: the disk is on fire\n  who asks again gets the page `news`: loads 2\n"));
    let panicked = "a load panics: 1 of 2 tasks failed, first: task `first`: panicked: a bug in the loader";
    assert!(printed.contains(panicked), "{printed}");
    assert!(printed.contains("  who waited for it gets the page `shop`: loads 2\n"), "{printed}");
    assert!(printed.contains("  who waited for it gets the page `about`: loads 2\n"), "{printed}");
}

#[test]
fn compare_and_swap_tries_again_and_loses_no_update() {
    let ended = run("compare_and_swap", &["--buyers", "20", "--seats", "3000"]);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert_eq!(numbers(&ended.printed, "overtaken on purpose"), [2, 2, 1, 1, 2, 1]);
    assert_eq!(numbers(&ended.printed, "seats sold"), [3_000, 3_000, 3_000, 0]);
    let [updates, attempts, looks] = numbers(&ended.printed, " updates took")[..] else { panic!("{}", ended.printed) };
    assert!(updates == 6_020 && attempts >= updates && looks > 0, "{}", ended.printed);
}

#[test]
fn classics_that_come_to_an_end_can_be_stopped_before() {
    for (name, args) in [
        ("counter", ["--how", "owner", "--steps", "1000000"]),
        ("philosophers", ["--how", "try-lock", "--meals", "1000000"]),
        ("bank", ["--tellers", "50", "--transfers", "10000000"]),
        ("compare_and_swap", ["--buyers", "1000", "--seats", "100000"]),
    ] {
        let mut program = Program::start(name, &args);
        program.until("all ready");
        let ended = program.stop();
        assert_eq!(ended.code, Some(0), "{name}: {}", ended.said);
        assert!(ended.said.contains("stopping: SIGTERM"), "it had not ended before: {name}: {}", ended.said);
    }
}

/// An echo server that plays, and a client's connection to it.
fn echo(args: &[&str]) -> (Program, TcpStream) {
    let mut program = Program::start("tcp_echo", args);
    let listening = program.until("listening on ");
    let address = listening.split_whitespace().next_back().expect("an address");
    let client = TcpStream::connect(address).expect("it listens");
    (program, client)
}

#[test]
fn an_echo_server_that_stops_gives_back_all_it_was_sent_and_closes() {
    // On a machine that is busy, our sending is quiet for a while, too.
    let (program, mut client) = echo(&["--drain-ms", "20000", "--quiet-ms", "2000"]);
    let sent: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    // More than all buffers between the two hold: most of it is under way when the stop comes.
    let sending = thread::spawn({
        let (mut client, sent) = (client.try_clone().expect("a clone"), sent.clone());
        move || client.write_all(&sent)
    });
    let mut back = vec![0; 1_000];
    client.read_exact(&mut back).expect("the first bytes");
    program.signal(Signal::TERM);
    // Nothing closes our side: the end is the server's.
    client.read_to_end(&mut back).expect("an orderly end");
    sending.join().expect("no panic").expect("all is taken");
    assert_eq!(back.len(), sent.len());
    assert!(back == sent, "other bytes came back");
    let ended = program.end();
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert!(ended.said.contains("1 connection finished"), "{}", ended.said);
}

#[test]
fn an_echo_server_that_stops_closes_a_quiet_connection() {
    let (program, mut client) = echo(&["--drain-ms", "20000"]);
    client.write_all(b"hello").expect("sent");
    let mut back = [0; 5];
    client.read_exact(&mut back).expect("an echo");
    assert_eq!(&back, b"hello");
    let ended = program.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert_eq!(client.read(&mut back).expect("an orderly end"), 0);
}

#[test]
fn an_echo_server_cuts_at_its_deadline_who_does_not_read_and_names_him() {
    let (program, mut client) = echo(&["--drain-ms", "300", "--quiet-ms", "60000"]);
    let peer = client.local_addr().expect("an address");
    let mut sender = client.try_clone().expect("a clone");
    let sending = thread::spawn(move || io::copy(&mut io::repeat(7), &mut sender));
    // It is being served, and from here on nobody reads: the server cannot write any more.
    client.read_exact(&mut [0]).expect("an echo");
    let ended = program.stop();
    assert_eq!(ended.code, Some(124), "{}", ended.said);
    assert!(ended.said.contains(&format!("lost: connection from {peer}, open for ")), "{}", ended.said);
    sending.join().expect("no panic").expect_err("it was cut");
}
