//! Tests of the start and of the diagnostics.

use upbeat_examples::program::{Ended, Program, example};

use crate::server::{Server, address_in, get};

fn run(address: &str, args: &[&str]) -> Ended {
    Program::spawn(example("chat").env("ADDRESS", address).args(args)).end()
}

#[test]
fn an_address_in_use_is_a_clear_error() {
    let server = Server::start(&[]);
    let address = server.address.to_string();
    let ended = run(&address, &[]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains(&format!("failed to listen on {address}")), "{}", ended.stderr);
    assert!(ended.stderr.contains("in use"), "{}", ended.stderr);
}

#[test]
fn invalid_usage_is_an_error_before_the_start() {
    for (args, error) in
        [(["--rate", "0"], "number would be zero"), (["--rats", "5"], "a similar argument exists: '--rate'")]
    {
        let ended = run("127.0.0.1:0", &args);
        assert_eq!(ended.code, Some(64));
        assert!(ended.stderr.contains(error) && !ended.stderr.contains("listening"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn diagnostics_show_the_room_and_its_connections() {
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
