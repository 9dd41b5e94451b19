//! Tests of `upbeat play`: responses, stop and report.

use std::{
    fs,
    io::Write as _,
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use tempfile::TempDir;

use crate::{
    http::{Client, get, request},
    playing::{play, play_in, play_quietly, play_with, play_with_descriptors, run, stderr, upbeat},
};

/// Returns the embedded score with free ports.
fn default_score() -> String {
    let printed = String::from_utf8(run(&["score"]).stdout).expect("the score is UTF-8");
    let mut score = String::new();
    for line in printed.lines() {
        let free = line.strip_prefix("bind = ").map(|_| "bind = \"127.0.0.1:0\"");
        score.push_str(free.unwrap_or(line));
        score.push('\n');
    }
    score
}

/// The length of a body in bytes.
const LENGTH: usize = 100_000_000;

const APP: &str = "[server.app]\nkind = \"app\"\nbind = \"127.0.0.1:0\"\n";

#[test]
fn the_default_score_serves_its_documented_responses() {
    let mut playing = play(&default_score());
    playing.wait_for_message("all ready");

    let hello = get(playing.address("hello"), "/");
    assert_eq!((hello.status, hello.text()), (200, "Hello, world!"));
    let hello_name = get(playing.address("hello-name"), "/?name=Alex");
    assert_eq!((hello_name.status, hello_name.text()), (200, "Hello, Alex!"));
    let app = get(playing.address("app"), "/hello");
    assert_eq!((app.status, app.text()), (200, "Hello world."));
    let ready = get(playing.address("diagnostics"), "/ready");
    assert_eq!((ready.status, ready.text()), (200, concat!("Version: ", env!("CARGO_PKG_VERSION"))));

    let nameless = get(playing.address("hello-name"), "/");
    assert_eq!(nameless.status, 400);
    let unknown = get(playing.address("hello"), "/nowhere");
    assert_eq!(unknown.status, 404);
    let wrong = request(playing.address("app"), "DELETE", "/hello");
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("GET,HEAD,OPTIONS")));

    playing.signal("INT");
    assert_eq!(playing.end().code, 0);
}

/// Returns the same pseudo-random body each time, in pieces. It has no period, so that a lost
/// buffer changes it.
fn noise() -> impl Iterator<Item = Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..LENGTH / 10_000).map(move |_| {
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        };
        (0..1250).flat_map(|_| next()).collect()
    })
}

/// The body is sent and received at the same time, so neither side has to hold much of it.
#[test]
fn echo_returns_100_mb_byte_for_byte_at_flat_memory() {
    let mut playing = play("[server.echo]\nkind = \"echo\"\nbind = \"127.0.0.1:0\"\n");
    let address = playing.address("echo");
    assert_eq!(get(address, "/").status, 405);
    let before = playing.peak_memory();

    let mut client = Client::connect(address).expect("it accepts");
    let mut writer = client.writer();
    let sent = thread::spawn(move || {
        write!(
            writer,
            "POST / HTTP/1.1\r\nhost: test\r\ncontent-type: application/x-noise\r\ncontent-length: {LENGTH}\r\n\r\n"
        )?;
        noise().try_for_each(|piece| writer.write_all(&piece))
    });
    let head = client.head().expect("an answer begins");
    assert_eq!((head.status, head.header("content-type")), (200, Some("application/x-noise")));
    let (mut expected, mut left, mut received) = (noise(), Vec::new(), 0);
    client
        .body(&head, |mut piece| {
            received += piece.len();
            while !piece.is_empty() {
                if left.is_empty() {
                    left = expected.next().expect("no more comes back than was sent");
                }
                let length = piece.len().min(left.len());
                assert!(piece[..length] == left[..length], "the bytes differ");
                left.drain(..length);
                piece = &piece[length..];
            }
        })
        .expect("the whole body comes back");
    assert_eq!(received, LENGTH);
    sent.join().expect("the sender does not panic").expect("everything is sent");

    let grown = playing.peak_memory() - before;
    assert!(grown < 16 * 1024, "memory grew by {grown} KiB");
    playing.signal("TERM");
    assert_eq!(playing.end().code, 0);
}

#[test]
fn static_serves_the_folder_next_to_the_score() {
    let folder = TempDir::new().expect("a temporary folder");
    fs::create_dir(folder.path().join("public")).expect("a folder");
    fs::write(folder.path().join("public/song.txt"), "la la la").expect("a file");
    let path = folder.path().join("score.toml");
    fs::write(&path, "[server.web]\nkind = \"static\"\nbind = \"127.0.0.1:0\"\nroot = \"public\"\n").expect("a score");

    let mut playing = play_in(folder, &path, "info");
    let song = get(playing.address("web"), "/song.txt");
    assert_eq!((song.text(), song.header("content-type")), ("la la la", Some("text/plain")));
    playing.signal("TERM");
    assert_eq!(playing.end().code, 0);
}

#[test]
fn ctrl_c_stops_in_reverse_order_and_prints_the_report() {
    let score = "[score]\nname = \"shop\"\n\
         [server.web]\nkind = \"hello\"\nbind = \"127.0.0.1:0\"\ndepends_on = [\"api\"]\n\
         [server.api]\nkind = \"app\"\nbind = \"127.0.0.1:0\"\n\
         [server.tell]\nkind = \"diagnostics\"\nbind = \"127.0.0.1:0\"\n";
    let mut playing = play_with(score, "debug");
    playing.wait_for_message("all ready");
    playing.signal("INT");
    let ended = playing.end();
    assert_eq!(ended.code, 0, "{}", ended.text());
    assert_eq!(ended.order("listening on"), ["shop/tell", "shop/api", "shop/web"]);
    assert_eq!(ended.order("part ended"), ["shop/web", "shop/api", "shop/tell"]);

    let report = ended.report();
    assert_eq!((report["name"].as_str(), report["exit_code"].as_u64()), (Some("shop"), Some(0)));
    assert_eq!((report["cause"].as_str(), report["detail"].as_str()), (Some("stopped"), Some("SIGINT")));
    let players: Vec<_> = report["players"].as_array().into_iter().flatten().collect();
    let outcomes: Vec<_> =
        players.iter().filter_map(|player| player["path"].as_str().zip(player["outcome"].as_str())).collect();
    assert_eq!(outcomes, [("shop/web", "stopped"), ("shop/api", "stopped"), ("shop/tell", "stopped")]);
}

#[test]
fn a_slow_request_in_flight_is_answered_in_full() {
    let mut playing = play(APP);
    let mut client = Client::connect(playing.address("app")).expect("it accepts");
    client.send("GET", "/slow?for=1s").expect("the request is sent");
    // A response on another connection shows that the request before it has been received.
    assert_eq!(get(playing.address("app"), "/hello").status, 200);
    playing.signal("TERM");
    let answer = client.answer().expect("it is answered");
    assert_eq!((answer.status, answer.text()), (200, "Hello after 1s."));
    assert_eq!(answer.header("connection"), Some("close"));
    let ended = playing.end();
    assert_eq!(ended.code, 0, "{}", ended.text());
}

#[test]
fn the_second_signal_aborts_at_once() {
    for (first, second, code) in [("INT", "INT", 130), ("TERM", "TERM", 143), ("INT", "TERM", 143)] {
        let mut playing = play(APP);
        let mut client = Client::connect(playing.address("app")).expect("it accepts");
        client.send("GET", "/slow?for=60s").expect("the request is sent");
        assert_eq!(get(playing.address("app"), "/hello").status, 200);
        playing.signal(first);
        playing.wait_for_message("stopping");
        if first == second {
            // A repetition within half a second is the same wish.
            thread::park_timeout(Duration::from_secs(1));
        }
        playing.signal(second);
        let ended = playing.end();
        assert_eq!(ended.code, code, "{}", ended.text());
        assert!(client.answer().is_err(), "60 s cannot have passed");
    }
}

/// A shell, a process manager and the terminal may each pass on their own copy.
#[test]
fn copies_of_a_signal_are_one_wish() {
    for signal in ["INT", "TERM"] {
        let mut playing = play(APP);
        let mut client = Client::connect(playing.address("app")).expect("it accepts");
        client.send("GET", "/slow?for=1s").expect("the request is sent");
        assert_eq!(get(playing.address("app"), "/hello").status, 200);
        playing.signal(signal);
        playing.signal(signal);
        let answer = client.answer().expect("it is answered");
        assert_eq!((answer.status, answer.text()), (200, "Hello after 1s."));
        let ended = playing.end();
        assert_eq!(ended.code, 0, "{}", ended.text());
    }
}

#[test]
fn a_request_that_exceeds_the_drain_is_aborted_and_named() {
    let mut playing = play(&format!("{APP}drain = \"100ms\"\n"));
    let mut client = Client::connect(playing.address("app")).expect("it accepts");
    client.send("GET", "/slow?for=60s").expect("the request is sent");
    assert_eq!(get(playing.address("app"), "/hello").status, 200);
    playing.signal("TERM");
    let ended = playing.end();
    assert_eq!(ended.code, 124, "{}", ended.text());
    assert!(ended.report().to_string().contains("GET /slow"), "{}", ended.text());
    assert!(client.answer().is_err(), "60 s cannot have passed");
}

#[test]
fn a_port_in_use_fails_everything_and_names_address_and_player() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = holder.local_addr().expect("it is bound");
    let score = format!(
        "[score]\nname = \"shop\"\n[server.hello]\nkind = \"hello\"\nbind = \"127.0.0.1:0\"\n\
         [server.echo]\nkind = \"echo\"\nbind = \"{taken}\"\n"
    );
    let ended = play(&score).end();
    assert_eq!(ended.code, 1, "{}", ended.text());
    let report = ended.report().to_string();
    assert!(report.contains("shop/echo") && report.contains(&taken.to_string()), "{report}");
    assert!(report.contains("in use"), "{report}");
}

/// The port is in use, so the exit code would be 1 if the score were started.
#[test]
fn an_invalid_score_is_78_and_binds_nothing() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = holder.local_addr().expect("it is bound");
    let ended = play(&format!("[server.echo]\nkind = \"echo\"\nbind = \"{taken}\"\ncolor = 1\n")).end();
    assert_eq!(ended.code, 78);
    assert!(ended.text().contains("`[server.echo]` has no key `color`"), "{}", ended.text());
    assert!(!ended.text().contains("in use"), "{}", ended.text());
}

#[test]
fn a_lame_duck_serves_but_is_not_ready() {
    let mut playing = play(&format!(
        "[score]\nlame_duck = \"2s\"\n{APP}[server.tell]\nkind = \"diagnostics\"\nbind = \"127.0.0.1:0\"\n"
    ));
    let (app, tell) = (playing.address("app"), playing.address("tell"));
    playing.wait_for_message("all ready");
    assert_eq!(get(tell, "/ready").status, 200);
    playing.signal("TERM");
    playing.wait_for_message("stopping");
    assert_eq!(get(tell, "/ready").status, 503);
    assert_eq!(get(app, "/hello").status, 200);
    let ended = playing.end();
    assert_eq!(ended.code, 0, "{}", ended.text());
}

#[test]
fn quiet_prints_nothing_of_a_clean_run() {
    let playing = play_quietly(APP);
    playing.wait_until_it_handles_signals();
    playing.signal("TERM");
    let ended = playing.end();
    assert_eq!((ended.code, ended.text().as_str()), (0, ""));
}

#[test]
fn quiet_prints_the_report_of_a_run_that_is_not_clean() {
    let folder = TempDir::new().expect("a temporary folder");
    let holder = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = holder.local_addr().expect("it is bound");
    let path = folder.path().join("score.toml");
    fs::write(&path, format!("[server.web]\nkind = \"hello\"\nbind = \"{taken}\"\n")).expect("a score");
    let output = upbeat().args(["play", "-q"]).arg(&path).output().expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
    let stderr = stderr(&output);
    assert!(stderr.contains("upbeat/web") && stderr.contains(&taken.to_string()), "{stderr}");
    assert!(!stderr.contains("playing"), "{stderr}");
}

#[test]
fn idle_clients_beyond_the_soft_limit_of_descriptors_take_nothing_from_others() {
    let score = format!("{APP}[server.tell]\nkind = \"diagnostics\"\nbind = \"127.0.0.1:0\"\n");
    let mut playing = play_with_descriptors(&score, 256);
    let (app, tell) = (playing.address("app"), playing.address("tell"));
    playing.wait_for_message("all ready");
    let idle: Vec<_> = (0..300).map(|_| TcpStream::connect(app).expect("it listens")).collect();
    assert_eq!(get(app, "/hello").status, 200);
    assert_eq!(get(tell, "/ready").status, 200);
    playing.signal("TERM");
    let ended = playing.end();
    assert_eq!(ended.code, 0, "{}", ended.text());
    drop(idle);
}
