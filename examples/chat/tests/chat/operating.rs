//! Starting it, and looking at it while it plays.

use upbeat_examples::program::{Ended, Program, example};

use crate::server::{Server, address_in, get};

fn refused(address: &str, args: &[&str]) -> Ended {
    Program::spawn(example("chat").env("ADDRESS", address).args(args)).end()
}

#[test]
fn an_address_in_use_is_a_clear_error() {
    let server = Server::start(&[]);
    let address = server.address.to_string();
    let ended = refused(&address, &[]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.said.contains(&format!("cannot listen on {address}")), "{}", ended.said);
    assert!(ended.said.contains("in use"), "{}", ended.said);
}

#[test]
fn a_wrong_command_line_is_refused_before_anything_starts() {
    for (args, said) in
        [(["--rate", "0"], "number would be zero"), (["--rats", "5"], "a similar argument exists: '--rate'")]
    {
        let ended = refused("127.0.0.1:0", &args);
        assert_eq!(ended.code, Some(64));
        assert!(ended.said.contains(said) && !ended.said.contains("listening"), "{}", ended.said);
    }
}

#[tokio::test]
async fn diagnostics_show_the_room_and_who_is_connected() {
    let mut program = Program::start("chat", &["--diagnostics", "127.0.0.1:0"]);
    let diagnostics = address_in(&program.until("chat/diagnostics}: listening on http://"));
    let address = address_in(&program.until("chat/web}: listening on http://"));
    program.until("all ready");
    let server = Server { program, address };
    let ada = server.join("Ada").await;
    let ready = get(diagnostics, "/readyz?verbose").await;
    assert!(ready.starts_with("HTTP/1.1 200") && ready.contains("chat/room") && ready.contains("chat/web"), "{ready}");
    let players = get(diagnostics, "/players").await;
    assert!(players.contains("websocket GET /ws"), "{players}");
    drop(ada);
    assert_eq!(server.stop().await.code, Some(0));
}
