//! What a score is read as, and what is said of one that cannot be played.

use std::{fs, path::PathBuf, time::Duration};

use tempfile::TempDir;
use upbeat_score::{Condition, OnFailure, RestartWhen};

use super::{Fault, Kind, LogStyle, Score, Source, parse, render, stop_path};

const WEB: &str = "[server.web]\nkind = \"hello\"\nbind = \"127.0.0.1:0\"\n";

fn source(text: impl Into<String>) -> Source {
    Source { name: "test.toml".to_owned(), text: text.into().into(), folder: PathBuf::new() }
}

fn score(text: impl Into<String>) -> Score {
    let source = source(text);
    parse(&source).unwrap_or_else(|faults| panic!("{}", render(&faults, &source, false)))
}

/// Where each fault is and what it says, as `line:column message`.
fn said(text: impl Into<String>, faults: &[Fault]) -> Vec<String> {
    let text = text.into();
    let place = |fault: &Fault| {
        let before = &text[..fault.span.start];
        let line = before.rfind('\n').map_or(0, |newline| newline + 1);
        format!("{}:{}", before.matches('\n').count() + 1, before[line..].chars().count() + 1)
    };
    faults.iter().map(|fault| format!("{} {}", place(fault), fault.message)).collect()
}

/// The faults of a score that cannot be played.
fn faults(text: impl Into<String>) -> Vec<String> {
    let text = text.into();
    let faults = parse(&source(text.as_str())).expect_err("the score has no faults");
    said(text, &faults)
}

/// The faults of one server with these lines, which begin in line 4.
fn faults_of_web(lines: &str) -> Vec<String> {
    faults(format!("{WEB}{lines}"))
}

#[test]
fn the_embedded_score_can_be_played_without_a_warning() {
    let score = parse(&Source::embedded()).unwrap();
    assert_eq!(score.warnings, []);
    let served: Vec<_> = score.servers.iter().map(|(part, server)| (part.name.as_str(), server.bind.port())).collect();
    assert_eq!(served, [("hello", 7000), ("hello-name", 8000), ("echo", 9000), ("app", 8080), ("diagnostics", 8081)]);
}

/// What the comments of the embedded score suggest is what can be written.
#[test]
fn the_embedded_score_can_be_played_with_everything_it_only_mentions() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("public")).unwrap();
    let is_toml =
        |line: &&str| line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
    let uncommented: Vec<_> = Source::embedded()
        .text
        .lines()
        .map(|line| line.strip_prefix("# ").filter(is_toml).unwrap_or(line).to_owned())
        .collect();
    let source = Source { folder: folder.path().to_owned(), ..source(uncommented.join("\n")) };
    let score = parse(&source).unwrap_or_else(|faults| panic!("{}", render(&faults, &source, false)));
    assert_eq!(score.servers.len(), 6);
    let (app, server) = score.servers.iter().find(|(part, _)| part.name == "app").unwrap();
    assert_eq!((app.depends_on.len(), app.restart.limit(), server.max_connections), (1, Some(5), Some(10_000)));
}

#[test]
fn every_setting_arrives() {
    let settings = score(format!(
        "[score]\nname = \"shop\"\ngrace = \"1m 30s\"\nstart_timeout = \"5s\"\nlame_duck = \"250ms\"\n\
         on_failure = \"ignore\"\nlog = \"json\"\n{WEB}"
    ))
    .settings;
    assert_eq!(settings.name, "shop");
    assert_eq!(settings.grace, Duration::from_secs(90));
    assert_eq!(settings.start_timeout, Duration::from_secs(5));
    assert_eq!(settings.lame_duck, Duration::from_millis(250));
    assert_eq!((settings.on_failure, settings.log), (OnFailure::Ignore, LogStyle::Json));
}

#[test]
fn every_key_of_a_server_arrives() {
    let score = score(format!(
        "{WEB}drain = \"3s\"\nheader_timeout = \"2s\"\nmax_connections = 1_000\non_failure = \"ignore\"\n\
         restart = {{ policy = \"always\", max = 3, window = \"60s\" }}\n\
         depends_on = {{ db = \"started\", tell = \"ready\" }}\n\
         [server.db]\nkind = \"echo\"\nbind = \"[::1]:0\"\nrestart = \"on-failure\"\n\
         [server.tell]\nkind = \"diagnostics\"\nbind = \"127.0.0.1:0\"\nversion = \"7\"\n"
    ));
    let (web, server) = &score.servers[0];
    assert_eq!((web.drain, server.header_timeout), (Some(Duration::from_secs(3)), Some(Duration::from_secs(2))));
    assert_eq!((server.max_connections, web.on_failure), (Some(1000), Some(OnFailure::Ignore)));
    assert_eq!((web.restart.when(), web.restart.limit()), (RestartWhen::Always, Some(3)));
    let edges: Vec<_> = web.depends_on.iter().map(|edge| (edge.on.as_str(), edge.condition)).collect();
    assert_eq!(edges, [("db", Some(Condition::Started)), ("tell", Some(Condition::Ready))]);
    assert_eq!(score.servers[1].0.restart.when(), RestartWhen::OnFailure);
    assert_eq!(score.servers[2].1.kind, Kind::Diagnostics { version: Some("7".to_owned()) });
    let waves: Vec<_> = score.plan.waves.iter().map(|wave| wave.join(" ")).collect();
    assert_eq!(waves, ["tell", "db", "web"]);
}

#[test]
fn syntax_errors_are_all_reported_and_hide_no_other_fault() {
    assert_eq!(
        faults("[server.web]\nkind = \nbind == \"127.0.0.1:0\"\n\n[server.api]\nknd = \"x\"\n"),
        [
            "2:8 string values must be quoted, expected literal string",
            "3:7 extra `=`, expected nothing",
            "6:1 `[server.api]` has no key `knd`",
        ]
    );
    assert_eq!(faults_of_web("kind = \"echo\"\n"), ["4:1 duplicate key"]);
}

#[test]
fn unknown_names() {
    assert_eq!(faults_of_web("colour = 1\n"), ["4:1 `[server.web]` has no key `colour`"]);
    assert_eq!(
        faults(format!("{WEB}[serfer.x]\n[score]\nnam = 1\n")),
        ["4:2 the score has no key `serfer`", "6:1 `[score]` has no key `nam`",]
    );
    assert_eq!(
        faults_of_web("restart = { policy = \"never\", most = 3 }\n"),
        ["4:31 `restart` of `[server.web]` has no key `most`"]
    );
}

#[test]
fn tables_named_x_are_free_and_keys_named_x_are_not() {
    score(format!("{WEB}[server.web.x-notes]\nwho = \"me\"\n[x-y.z]\n"));
    assert_eq!(faults_of_web("x-note = 1\n"), ["4:1 `[server.web]` has no key `x-note`"]);
}

#[test]
fn wrong_types() {
    for (line, expected) in [
        ("drain = 10", "4:9 `drain` takes a duration with its unit"),
        ("drain = true", "4:9 `drain` takes a duration"),
        ("max_connections = \"10\"", "4:19 `max_connections` takes a whole number"),
        ("depends_on = \"db\"", "4:14 `depends_on` takes an array of names or a table"),
        ("depends_on = [1]", "4:15 `depends_on` takes a string"),
        ("restart = true", "4:11 `restart` takes a policy or a table"),
        ("on_failure = 1", "4:14 `on_failure` takes one of \"shutdown\", \"ignore\""),
    ] {
        assert_eq!(faults_of_web(line), [expected]);
    }
    assert_eq!(faults("server = 3"), ["1:10 `server` takes a table"]);
    assert_eq!(faults("server.web = 3"), ["1:14 `web` takes a table"]);
    assert_eq!(
        faults("[server.w]\nkind = 1\nbind = 8000"),
        [
            "2:8 `kind` takes one of \"hello\", \"hello-name\", \"echo\", \"static\", \"app\", \"diagnostics\"",
            "3:8 `bind` takes an address with its port",
        ]
    );
}

#[test]
fn wrong_values() {
    for (line, expected) in [
        ("drain = \"soon\"", "4:9 `drain` is not a duration"),
        ("drain = \"400 days\"", "4:9 `drain` is longer than a year"),
        ("drain = \"0s\"", "4:9 `drain` cannot be zero"),
        ("header_timeout = \"0s\"", "4:18 `header_timeout` cannot be zero"),
        ("max_connections = 0", "4:19 `max_connections` is out of range"),
        ("max_connections = 99999999999999999999", "4:19 `max_connections` is out of range"),
        ("on_failure = \"explode\"", "4:14 `on_failure` cannot be `explode`"),
        ("restart = \"sometimes\"", "4:11 `restart` cannot be `sometimes`"),
        ("restart = { policy = \"always\", max = -1 }", "4:38 `max` is out of range"),
        ("restart = { policy = \"always\", window = \"1s\" }", "4:32 `window` limits nothing without `max`"),
        (
            "restart = { policy = \"always\", delay = \"9s\", max_delay = \"2s\" }",
            "4:40 `delay` is longer than `max_delay`",
        ),
        ("restart = {}", "4:1 `restart` of `[server.web]` has no `policy`"),
        ("root = \"x\"", "4:1 kind `hello` has no `root`"),
        ("version = \"x\"", "4:1 kind `hello` has no `version`"),
    ] {
        assert_eq!(faults_of_web(line), [expected]);
    }
}

#[test]
fn what_is_missing() {
    assert_eq!(faults(""), ["1:1 the score has nothing to play"]);
    assert_eq!(faults("[server]"), ["1:2 the score has nothing to play"]);
    assert_eq!(faults("[server.web]\n"), ["1:9 `[server.web]` has no `kind`", "1:9 `[server.web]` has no `bind`"]);
    assert_eq!(faults("[server.web]\nkind = \"static\"\nbind = \"[::1]:0\""), ["1:9 `[server.web]` has no `root`"]);
}

#[test]
fn a_folder_has_to_be_there_and_starts_at_the_score() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("public")).unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let with_root = |root: &str| {
        let text = format!("[server.web]\nkind = \"static\"\nbind = \"127.0.0.1:0\"\nroot = \"{root}\"\n");
        parse(&Source { folder: folder.path().to_owned(), ..source(text) })
    };
    let root = folder.path().join("public");
    assert_eq!(with_root("public").unwrap().servers[0].1.kind, Kind::Static { root });
    assert_eq!(with_root("file").unwrap_err()[0].label, "it is not a folder");
    assert!(with_root("nowhere").unwrap_err()[0].label.contains("os error 2"));
}

#[test]
fn two_servers_at_one_address() {
    let text =
        "[server.a]\nkind = \"echo\"\nbind = \"127.0.0.1:9000\"\n[server.b]\nkind = \"app\"\nbind = \"0.0.0.0:9000\"";
    assert_eq!(faults(text), ["6:8 `a` and `b` listen at the same address"]);
}

#[test]
fn dependencies_that_cannot_hold_are_found_together() {
    assert_eq!(
        faults(format!(
            "{WEB}depends_on = [\"api\", \"nobody\", \"web\", \"api\"]\n\
             [server.api]\nkind = \"app\"\nbind = \"127.0.0.1:0\"\ndepends_on = {{ web = \"ready\", tell = \"finished\" }}\n\
             [server.tell]\nkind = \"diagnostics\"\nbind = \"127.0.0.1:0\"\n"
        )),
        [
            "4:15 servers wait for each other: `web` → `api` → `web`",
            "4:22 `web` depends on `nobody`, but no server has that name",
            "4:32 `web` depends on itself",
            "4:39 `api` is named twice",
            "8:31 `api` waits until `tell` has finished, but a server never does",
        ]
    );
}

#[test]
fn diagnostics_cannot_wait_for_anyone() {
    let text = format!("{WEB}[server.tell]\nkind = \"diagnostics\"\nbind = \"127.0.0.1:0\"\ndepends_on = [\"web\"]\n");
    let faults = parse(&source(text)).unwrap_err();
    let marked: Vec<_> = faults[0].also.iter().map(|(_, label)| label.as_str()).chain([&*faults[0].label]).collect();
    assert!(marked.contains(&"`web` waits for `tell`, as diagnostics start before all others"), "{marked:?}");
    assert!(marked.contains(&"`tell` waits for `web`"), "{marked:?}");
}

#[test]
fn deadlines_that_leave_no_time() {
    let text = format!("[score]\nlame_duck = \"10s\"\n{WEB}");
    assert_eq!(faults(text), ["2:13 the lame duck period leaves nothing of the grace"]);
    assert_eq!(faults(format!("[score]\ngrace = \"0s\"\n{WEB}")), ["2:9 `grace` cannot be zero"]);
}

#[test]
fn bad_names() {
    assert_eq!(
        faults(format!("[score]\nname = \"a/b\"\n{WEB}")),
        ["2:8 `a/b` cannot be a name: `/` separates the segments of a path"]
    );
    assert_eq!(
        faults("[server.\"a b\"]\nkind = \"echo\"\nbind = \"127.0.0.1:0\""),
        ["1:9 `a b` cannot be a name: it contains white space or control characters"]
    );
}

#[test]
fn processes_are_planned_and_refused() {
    let text = format!("{WEB}[player.db]\ncommand = [\"postgres\"]\n");
    assert_eq!(faults(text), ["4:9 OS processes are not supported by this version yet"]);
}

#[test]
fn a_stop_that_can_take_too_long_is_a_warning() {
    let text = format!(
        "[score]\ngrace = \"9s\"\nlame_duck = \"1s\"\n{WEB}drain = \"5s\"\ndepends_on = [\"db\"]\n\
         [server.db]\nkind = \"echo\"\nbind = \"127.0.0.1:0\"\ndrain = \"4s\"\n"
    );
    let score = score(text.as_str());
    assert_eq!(said(text, &score.warnings), ["2:9 stopping can take 10s, but the grace is 9s"]);
    let path = stop_path(&score.plan.longest_stop, score.settings.lame_duck);
    assert_eq!(path, "lame duck 1s, then web → db");
}

#[test]
fn a_fault_shows_its_line_and_what_to_write() {
    let source = source(format!("{WEB}drane = \"3s\"\n"));
    let shown = render(&parse(&source).unwrap_err(), &source, false);
    let expected = "\
error: `[server.web]` has no key `drane`
 --> test.toml:4:1
  |
4 | drane = \"3s\"
  | ^^^^^ unknown key
  |
  = help: did you mean `drain`?

";
    assert_eq!(shown, expected);
    assert!(render(&parse(&source).unwrap_err(), &source, true).contains("\u{1b}["));
}

/// Whatever is half typed gets an answer, and the places in it are places of the file.
#[test]
fn no_slip_of_the_hand_makes_it_panic() {
    let text = Source::embedded().text;
    for (at, letter) in text.char_indices() {
        for slip in ["", "\"", "[", "=", "é"] {
            let source = source(format!("{}{slip}{}", &text[..at], &text[at + letter.len_utf8()..]));
            if let Err(faults) = parse(&source) {
                assert!(!faults.is_empty() && !render(&faults, &source, false).is_empty());
            }
        }
        let begun = source(&text[..at]);
        let _ = parse(&begun).map_err(|faults| render(&faults, &begun, false));
    }
}
