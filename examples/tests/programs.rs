//! The examples as their users run them: real processes, real signals, real sockets.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use upbeat_examples::program::{Ended, Program, Signal};

/// The lines below a player's own in the report.
fn of<'a>(report: &'a str, player: &str) -> Vec<&'a str> {
    let mut lines = report.lines().skip_while(|line| !line.starts_with(&format!("  {player} ")));
    let own = lines.next().unwrap_or_else(|| panic!("{player} is not in {report}"));
    std::iter::once(own).chain(lines.take_while(|line| line.starts_with("      "))).collect()
}

/// Where in a source file of the examples this stands.
fn line_of(source: &str, code: &str) -> usize {
    1 + source.lines().position(|line| line.contains(code)).expect("it is there")
}

#[test]
fn stuck_ends_in_time_and_says_who_was_stuck_and_where() {
    let source = include_str!("../stuck.rs");
    let mut program = Program::start("stuck", &[]);
    program.until("shop");
    program.until("all ready");
    let ended = program.stop();
    assert_eq!(ended.code, Some(124), "{}", ended.said);
    // 3 s of grace and 2 s on top, as promised, and something for a machine that is busy.
    assert!(ended.took < Duration::from_secs(10), "{:?}", ended.took);
    // On a machine with one processor nothing asynchronous moves beside the one that spins, and the guard tells.
    let (_, report) = ended.said.rsplit_once("\nshop: ").unwrap_or_else(|| panic!("{}", ended.said));
    let deaf = of(report, "shop/workers/deaf").join("\n");
    assert!(deaf.contains(&format!("stuck.rs:{}", line_of(source, "answer.notified().await"))), "{report}");
    assert!(deaf.contains("at asking the oracle"), "{report}");
    assert!(of(report, "shop/workers/spinning").join("\n").contains("inside one poll for at least"), "{report}");
    let blocking = of(report, "shop/workers/blocking").join("\n");
    assert!(blocking.contains("JoinHandle"), "{report}");
    assert!(blocking.contains(&format!("stuck.rs:{}", line_of(source, "spawn_blocking(sleep_for_ever).await"))));
    assert_eq!(of(report, "shop/polite"), ["  shop/polite            stopped"]);
}

#[test]
fn stuck_tells_where_everybody_waits_when_asked_by_a_signal() {
    let mut program = Program::start("stuck", &[]);
    program.until("shop/workers");
    program.until("all ready");
    program.signal(Signal::USR1);
    program.until("shop/workers/deaf");
    program.until("stuck::deaf at stuck.rs:");
    program.until("inside one poll");
    program.until("stuck::blocking at stuck.rs:");
}

#[test]
fn deadlock_is_noticed_by_the_watchdog_which_names_both_lines() {
    let source = include_str!("../deadlock.rs");
    let mut program = Program::start("deadlock", &[]);
    let two = [program.until("the watchdog saw no sign of life"), program.until("the watchdog saw no sign of life")];
    for (player, code) in
        [("deposits", "_savings = bank.savings.lock()"), ("withdrawals", "_checking = bank.checking.lock()")]
    {
        let line = two.iter().find(|line| line.contains(&format!("bank/{player}"))).expect("it is named");
        // Each takes both locks; it waits for its second.
        let from = line_of(source, &format!("async fn {player}"));
        let second = from + source.lines().skip(from).position(|line| line.contains(code)).expect("it is there") + 1;
        assert!(line.contains(&format!("deadlock.rs:{second} for tokio::sync::mutex::Mutex::lock")), "{line}");
    }
    let ended = program.stop();
    assert_eq!(ended.code, Some(124), "{}", ended.said);
}

/// Hands off ten thousand events, and stops at once.
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
fn events_that_were_accepted_are_finished_before_the_process_ends() {
    let ended = ten_thousand_events(&["30000"]);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert_eq!(number_before(&ended.printed, " events were worked off"), 10_000);
    assert!(ended.said.contains("10000 finished, 0 lost"), "{}", ended.said);
}

#[test]
fn events_that_cannot_be_finished_in_time_are_counted_and_named() {
    let ended = ten_thousand_events(&["300"]);
    assert_eq!(ended.code, Some(124), "{}", ended.said);
    let (finished, lost) = (number_before(&ended.said, " finished, "), number_before(&ended.said, " lost"));
    assert_eq!(finished + lost, 10_000, "{}", ended.said);
    let done = number_before(&ended.printed, " events were worked off");
    // One that was being worked on when it was cut may have come to its last line all the same.
    assert!((finished..=finished + 16).contains(&done), "{done} of {finished}");
    let named = ended.said.matches("lost: event ").count() as u64;
    let more = lost - named;
    assert!(named == 1024 && ended.said.contains(&format!("lost: {more} more")), "{named} of {lost} are named");
}
