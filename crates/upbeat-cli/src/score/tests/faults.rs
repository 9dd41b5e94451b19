//! Scores with faults.

use super::*;

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
    assert_eq!(faults_of_web("color = 1\n"), ["4:1 `[server.web]` has no key `color`"]);
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
        ("transfer_timeout = \"0s\"", "4:20 `transfer_timeout` cannot be zero"),
        ("keep_alive_interval = \"0s\"", "4:23 `keep_alive_interval` cannot be zero"),
        ("max_connections = 0", "4:19 `max_connections` is out of range"),
        ("max_connections = 99999999999999999999", "4:19 `max_connections` is out of range"),
        ("on_failure = \"explode\"", "4:14 `on_failure` cannot be `explode`"),
        ("restart = \"sometimes\"", "4:11 `restart` cannot be `sometimes`"),
        ("restart = { policy = \"always\", max = -1 }", "4:38 `max` is out of range"),
        ("restart = { policy = \"always\", window = \"1s\" }", "4:32 `window` has no effect without `max`"),
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
fn missing_keys() {
    assert_eq!(faults(""), ["1:1 the score has nothing to play"]);
    assert_eq!(faults("[server]"), ["1:2 the score has nothing to play"]);
    assert_eq!(faults("[server.web]\n"), ["1:9 `[server.web]` has no `kind`", "1:9 `[server.web]` has no `bind`"]);
    assert_eq!(faults("[server.web]\nkind = \"static\"\nbind = \"[::1]:0\""), ["1:9 `[server.web]` has no `root`"]);
}

#[test]
fn two_servers_at_one_address() {
    let text =
        "[server.a]\nkind = \"echo\"\nbind = \"127.0.0.1:9000\"\n[server.b]\nkind = \"app\"\nbind = \"0.0.0.0:9000\"";
    assert_eq!(faults(text), ["6:8 `a` and `b` listen at the same address"]);
}

#[test]
fn all_impossible_dependencies_are_reported() {
    assert_eq!(
        faults(format!(
            "{WEB}depends_on = [\"api\", \"cache\", \"web\", \"api\"]\n\
             [server.api]\nkind = \"app\"\nbind = \"127.0.0.1:0\"\ndepends_on = {{ web = \"ready\", tell = \"finished\" }}\n\
             [server.tell]\nkind = \"diagnostics\"\nbind = \"127.0.0.1:0\"\n"
        )),
        [
            "4:15 dependency cycle: `web` → `api` → `web`",
            "4:22 `web` depends on `cache`, but no server has that name",
            "4:31 `web` depends on itself",
            "4:38 `api` is named twice",
            "8:31 `api` waits until `tell` has finished, but a server never does",
        ]
    );
}

#[test]
fn diagnostics_cannot_wait_for_a_server() {
    let text = format!("{WEB}[server.tell]\nkind = \"diagnostics\"\nbind = \"127.0.0.1:0\"\ndepends_on = [\"web\"]\n");
    let faults = parse(&source(text)).unwrap_err();
    let marked: Vec<_> = faults[0].also.iter().map(|(_, label)| label.as_str()).chain([&*faults[0].label]).collect();
    assert!(marked.contains(&"`web` waits for `tell`, as diagnostics start before all others"), "{marked:?}");
    assert!(marked.contains(&"`tell` waits for `web`"), "{marked:?}");
}

#[test]
fn timeouts_that_leave_no_time() {
    let text = format!("[score]\nlame_duck = \"10s\"\n{WEB}");
    assert_eq!(faults(text), ["2:13 `lame_duck` uses up the whole `grace`"]);
    assert_eq!(faults(format!("[score]\ngrace = \"0s\"\n{WEB}")), ["2:9 `grace` cannot be zero"]);
}

#[test]
fn invalid_names() {
    assert_eq!(
        faults(format!("[score]\nname = \"a/b\"\n{WEB}")),
        ["2:8 invalid name `a/b`: `/` separates the segments of a path"]
    );
    assert_eq!(
        faults("[server.\"a b\"]\nkind = \"echo\"\nbind = \"127.0.0.1:0\""),
        ["1:9 invalid name `a b`: it contains white space or control characters"]
    );
}

#[test]
fn processes_are_rejected() {
    let text = format!("{WEB}[player.db]\ncommand = [\"postgres\"]\n");
    assert_eq!(faults(text), ["4:9 OS processes are not supported yet"]);
}

#[test]
fn a_fault_is_rendered_with_its_line_and_a_fix() {
    let source = source(format!("{WEB}drane = \"3s\"\n"));
    let rendered = render(&parse(&source).unwrap_err(), &source, false);
    let expected = "\
error: `[server.web]` has no key `drane`
 --> test.toml:4:1
  |
4 | drane = \"3s\"
  | ^^^^^ unknown key
  |
  = help: did you mean `drain`?

";
    assert_eq!(rendered, expected);
    assert!(render(&parse(&source).unwrap_err(), &source, true).contains("\u{1b}["));
}

#[test]
fn diagnostics_have_no_limits() {
    let text =
        "[server.tell]\nkind = \"diagnostics\"\nbind = \"[::1]:0\"\nmax_connections = 1\nheader_timeout = \"1s\"";
    assert_eq!(
        faults(text),
        ["4:1 kind `diagnostics` has no `max_connections`", "5:1 kind `diagnostics` has no `header_timeout`"]
    );
}
