//! Tests of the examples as processes, with signals and sockets.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use upbeat_examples::program::{Ended, Program, Signal};

/// Returns the lines of a player in the report.
fn of<'a>(report: &'a str, player: &str) -> Vec<&'a str> {
    let mut lines = report.lines().skip_while(|line| !line.starts_with(&format!("  {player} ")));
    let first = lines.next().unwrap_or_else(|| panic!("{player} is not in {report}"));
    std::iter::once(first).chain(lines.take_while(|line| line.starts_with("      "))).collect()
}

/// Returns the line number of this code in a source file.
fn line_of(source: &str, code: &str) -> usize {
    1 + source.lines().position(|line| line.contains(code)).expect("it is there")
}

#[test]
fn stuck_exits_in_time_and_locates_each_stuck_player() {
    let source = include_str!("../../stuck.rs");
    let mut program = Program::start("stuck", &[]);
    program.until("shop");
    program.until("all ready");
    let ended = program.stop();
    assert_eq!(ended.code, Some(124), "{}", ended.stderr);
    // The stop timeout is 3 s, and the process exits at most 2 s later, or more if it is busy.
    assert!(ended.took < Duration::from_secs(10), "{:?}", ended.took);
    // On a machine with one processor no other task runs beside the spinning one. The guard then
    // prints the report.
    let (_, report) = ended.stderr.rsplit_once("\nshop: ").unwrap_or_else(|| panic!("{}", ended.stderr));
    let waiting = of(report, "shop/workers/waiting").join("\n");
    assert!(waiting.contains(&format!("stuck.rs:{}", line_of(source, "answer.notified().await"))), "{report}");
    assert!(waiting.contains("at waiting for an answer"), "{report}");
    assert!(of(report, "shop/workers/spinning").join("\n").contains("inside one poll for at least"), "{report}");
    let blocking = of(report, "shop/workers/blocking").join("\n");
    assert!(blocking.contains("JoinHandle"), "{report}");
    assert!(blocking.contains(&format!("stuck.rs:{}", line_of(source, "spawn_blocking(park_forever).await"))));
    assert_eq!(of(report, "shop/graceful"), ["  shop/graceful          stopped"]);
}

#[test]
fn stuck_logs_all_locations_on_a_signal() {
    let mut program = Program::start("stuck", &[]);
    program.until("shop/workers");
    program.until("all ready");
    program.signal(Signal::USR1);
    program.until("shop/workers/waiting");
    program.until("stuck::waiting at stuck.rs:");
    program.until("inside one poll");
    program.until("stuck::blocking at stuck.rs:");
}

#[test]
fn deadlock_is_reported_by_the_watchdog_with_both_lines() {
    let source = include_str!("../../deadlock.rs");
    let mut program = Program::start("deadlock", &[]);
    let two = [program.until("missed heartbeat"), program.until("missed heartbeat")];
    for (player, code) in
        [("deposits", "_savings = bank.savings.lock()"), ("withdrawals", "_checking = bank.checking.lock()")]
    {
        let line = two.iter().find(|line| line.contains(&format!("bank/{player}"))).expect("it is named");
        // Each player takes both locks, and waits for its second one.
        let from = line_of(source, &format!("async fn {player}"));
        let second = from + source.lines().skip(from).position(|line| line.contains(code)).expect("it is there") + 1;
        assert!(line.contains(&format!("deadlock.rs:{second} for tokio::sync::mutex::Mutex::lock")), "{line}");
    }
    let ended = program.stop();
    assert_eq!(ended.code, Some(124), "{}", ended.stderr);
}

/// Spawns ten thousand events, and stops the program at once.
fn ten_thousand_events(args: &[&str]) -> Ended {
    let mut program = Program::start("events", args);
    let listening = program.until("listening on http://");
    let (_, address) = listening.split_once("http://").expect("an address");
    let address = address.split_whitespace().next().expect("an address").to_owned();
    let mut client = TcpStream::connect(address).expect("it listens");
    client.write_all(b"POST /events?count=10000 HTTP/1.1\r\nhost: test\r\ncontent-length: 0\r\n\r\n").expect("sent");
    let mut answer = [0; 12];
    client.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 202");
    program.stop()
}

fn number_before(text: &str, mark: &str) -> u64 {
    let (before, _) = text.split_once(mark).unwrap_or_else(|| panic!("{mark:?} is not in {text}"));
    before.split_whitespace().next_back().and_then(|number| number.parse().ok()).expect("a number")
}

#[test]
fn accepted_events_are_finished_before_the_process_exits() {
    let ended = ten_thousand_events(&["30000"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(number_before(&ended.stdout, " events done"), 10_000);
    assert!(ended.stderr.contains("10000 finished, 0 lost"), "{}", ended.stderr);
}

#[test]
fn events_that_miss_the_deadline_are_counted_and_named() {
    let ended = ten_thousand_events(&["300"]);
    assert_eq!(ended.code, Some(124), "{}", ended.stderr);
    let (finished, lost) = (number_before(&ended.stderr, " finished, "), number_before(&ended.stderr, " lost"));
    assert_eq!(finished + lost, 10_000, "{}", ended.stderr);
    let done = number_before(&ended.stdout, " events done");
    // An event that is aborted while it runs may still have reached its last line.
    assert!((finished..=finished + 16).contains(&done), "{done} of {finished}");
    let named = ended.stderr.matches("lost: event ").count() as u64;
    let more = lost - named;
    assert!(named == 1024 && ended.stderr.contains(&format!("lost: {more} more")), "{named} of {lost} are named");
}
