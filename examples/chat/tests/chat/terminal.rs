//! The client for the terminal, as a process.

use std::io::Write as _;

use upbeat_examples::program::{Program, Signal};

use crate::server::Server;

fn client(server: &Server, name: &str) -> Program {
    let url = format!("ws://{}/ws", server.address);
    let mut program = Program::start("chat-client", &[&url, "--name", name]);
    program.until(&format!("you are {name}"));
    program
}

#[test]
fn two_clients_talk_and_end_with_their_input() {
    let server = Server::start(&[]);
    let (mut ada, mut bob) = (client(&server, "Ada"), client(&server, "Bob"));
    let (mut ada_says, mut bob_says) = (ada.input().expect("piped"), bob.input().expect("piped"));
    writeln!(ada_says, "hello, Bob").expect("written");
    drop(ada_says);
    let ada = ada.end();
    assert_eq!((ada.code, ada.said.contains("trying again")), (Some(0), false), "{}", ada.said);
    writeln!(bob_says, "and that moves the cursor: \u{1b}[2J").expect("written");
    drop(bob_says);
    let bob = bob.end();
    assert_eq!(bob.code, Some(0), "{}", bob.said);
    // Ada's is there, with a time before it; Bob's own may have come after he left.
    assert!(bob.printed.lines().any(|line| line.ends_with(" Ada: hello, Bob")), "{}", bob.printed);
    assert!(!bob.printed.contains('\u{1b}'));
}

#[test]
fn it_comes_back_when_the_room_does_and_sends_what_was_typed_meanwhile() {
    let server = Server::start(&[]);
    let address = server.address.to_string();
    let mut ada = client(&server, "Ada");
    let mut typed = ada.input().expect("piped");
    let ended = server.program.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    ada.until("disconnected: the room is going away; trying again");
    ada.until("not connected: ");
    writeln!(typed, "are you there?").expect("written");
    let server = Server::start_at(&address, &[]);
    ada.until("you are Ada");
    writeln!(typed, "good").expect("written");
    drop(typed);
    let ada = ada.end();
    assert_eq!(ada.code, Some(0), "{}", ada.said);
    let ended = server.program.stop();
    assert!(ended.said.contains("2 messages sent"), "{}", ended.said);
}

#[test]
fn ctrl_c_ends_it_and_a_refusal_too() {
    let server = Server::start(&[]);
    let mut ada = client(&server, "Ada");
    // The end of the input would end it too, and a signal after that end is one that nobody handles.
    let _open = ada.input();
    ada.signal(Signal::INT);
    assert_eq!(ada.end().code, Some(0));

    let url = format!("ws://{}/ws", server.address);
    let ended = Program::start("chat-client", &[&url, "--name", "\u{202e}adA"]).end();
    assert_eq!(ended.code, Some(1));
    assert!(ended.said.contains("the room refuses: a name consists of visible characters"), "{}", ended.said);

    let ended = Program::start("chat-client", &["http://127.0.0.1/"]).end();
    assert_eq!(ended.code, Some(64));
    assert!(ended.said.contains("it begins with ws://"), "{}", ended.said);
}
