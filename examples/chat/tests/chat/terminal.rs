//! Tests of the client for the terminal, as a process.

use std::io::Write as _;

use harm::black_hole::BlackHole;
use upbeat_examples::program::{Program, Signal};

use crate::server::Server;

fn client(server: &Server, name: &str) -> Program {
    let url = format!("ws://{}/ws", server.address);
    let mut program = Program::start("chat-client", &[&url, "--name", name]);
    program.until(&format!("you are {name}"));
    program
}

#[test]
fn two_clients_talk_and_exit_at_the_end_of_their_input() {
    let server = Server::start(&[]);
    let (mut ada, mut bob) = (client(&server, "Ada"), client(&server, "Bob"));
    let (mut ada_says, mut bob_says) = (ada.input().expect("piped"), bob.input().expect("piped"));
    writeln!(ada_says, "hello, Bob").expect("written");
    drop(ada_says);
    let ada = ada.end();
    assert_eq!((ada.code, ada.stderr.contains("retrying")), (Some(0), false), "{}", ada.stderr);
    writeln!(bob_says, "and that moves the cursor: \u{1b}[2J").expect("written");
    drop(bob_says);
    let bob = bob.end();
    assert_eq!(bob.code, Some(0), "{}", bob.stderr);
    // Ada's message is there, after its time. Bob's may have arrived after he left.
    assert!(bob.stdout.lines().any(|line| line.ends_with(" Ada: hello, Bob")), "{}", bob.stdout);
    assert!(!bob.stdout.contains('\u{1b}'));
}

#[test]
fn a_client_reconnects_and_sends_lines_typed_meanwhile() {
    let server = Server::start(&[]);
    let address = server.address.to_string();
    let mut ada = client(&server, "Ada");
    let mut typed = ada.input().expect("piped");
    let ended = server.program.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ada.until("disconnected, retrying: the room is going away");
    ada.until("failed to connect, retrying: ");
    writeln!(typed, "are you there?").expect("written");
    let server = Server::start_at(&address, &[]);
    ada.until("you are Ada");
    writeln!(typed, "good").expect("written");
    drop(typed);
    let ada = ada.end();
    assert_eq!(ada.code, Some(0), "{}", ada.stderr);
    let ended = server.program.stop();
    assert!(ended.stderr.contains("2 messages sent"), "{}", ended.stderr);
}

#[test]
fn ctrl_c_ends_a_client_and_a_rejection_too() {
    let server = Server::start(&[]);
    let mut ada = client(&server, "Ada");
    // The input stays open, because its end would end the client before the signal.
    let _open = ada.input();
    ada.signal(Signal::INT);
    assert_eq!(ada.end().code, Some(0));

    let url = format!("ws://{}/ws", server.address);
    let ended = Program::start("chat-client", &[&url, "--name", "\u{202e}adA"]).end();
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("rejected by the room: name has invisible characters"), "{}", ended.stderr);

    let ended = Program::start("chat-client", &["http://127.0.0.1/"]).end();
    assert_eq!(ended.code, Some(64));
    assert!(ended.stderr.contains("the URL must start with ws://"), "{}", ended.stderr);
}

#[test]
fn a_line_that_cannot_be_sent_is_reported_and_the_others_are_sent() {
    let server = Server::start(&[]);
    let mut ada = client(&server, "Ada");
    let mut typed = ada.input().expect("piped");
    let long = "x".repeat(5_000);
    typed.write_all(b"one\n\xff\xfe\nthree\n").expect("written");
    writeln!(typed, "{long}\nfive").expect("written");
    drop(typed);
    let ada = ada.end();
    assert_eq!(ada.code, Some(1), "{}", ada.stderr);
    for reason in ["line 2 is not UTF-8", "line 4 is too long, at most 4096 bytes"] {
        assert!(ada.stderr.contains(&format!("not sent: {reason}\n")), "{}", ada.stderr);
    }
    assert!(!ada.stderr.contains("retrying"), "{}", ada.stderr);
    let ended = server.program.stop();
    assert!(ended.stderr.contains("3 messages sent"), "{}", ended.stderr);
}

#[test]
fn a_message_that_the_room_rejects_makes_the_exit_code_1() {
    let server = Server::start(&["--burst", "1", "--rate", "1"]);
    let mut ada = client(&server, "Ada");
    let mut typed = ada.input().expect("piped");
    writeln!(typed, "one\ntwo").expect("written");
    drop(typed);
    let ada = ada.end();
    assert!(ada.stderr.contains("not sent: too fast"), "{}", ada.stderr);
    assert_eq!(ada.code, Some(1), "{}", ada.stderr);
}

/// Starts a client behind a proxy that can drop packets.
fn client_behind(proxy: &BlackHole, ping: &str) -> Program {
    let url = format!("ws://{}/ws", proxy.address());
    let mut program = Program::start("chat-client", &[&url, "--name", "Ada", "--ping", ping]);
    program.until("you are Ada");
    program
}

#[test]
fn a_network_that_drops_packets_is_a_lost_connection() {
    let server = Server::start(&[]);
    let proxy = BlackHole::start(server.address).expect("a port");
    let mut ada = client_behind(&proxy, "1");
    let typed = ada.input().expect("piped");
    proxy.drop_packets();
    ada.until("connection lost, retrying: no answer to 2 pings");
    // The proxy accepts new connections, which get no answer. The second attempt is not the last.
    ada.until("failed to connect, retrying: the room does not answer");
    ada.signal(Signal::INT);
    let ended = ada.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    drop(typed);
}

#[test]
fn answers_to_pings_keep_a_silent_connection() {
    let server = Server::start(&[]);
    let proxy = BlackHole::start(server.address).expect("a port");
    let mut ada = client_behind(&proxy, "3");
    let mut typed = ada.input().expect("piped");
    // Longer than the time after which it would be lost.
    std::thread::park_timeout(std::time::Duration::from_secs(10));
    writeln!(typed, "still here").expect("written");
    drop(typed);
    let ended = ada.end();
    assert_eq!((ended.code, ended.stderr.contains("retrying")), (Some(0), false), "{}", ended.stderr);
}

#[test]
fn lines_whose_arrival_is_unknown_make_the_exit_code_1() {
    let server = Server::start(&[]);
    let proxy = BlackHole::start(server.address).expect("a port");
    let mut ada = client_behind(&proxy, "3");
    let mut typed = ada.input().expect("piped");
    proxy.drop_packets();
    writeln!(typed, "lost").expect("written");
    drop(typed);
    let ended = ada.end();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("not sent: connection lost, the last lines may not have arrived"),
        "{}",
        ended.stderr
    );
}
