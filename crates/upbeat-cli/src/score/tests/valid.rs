//! Scores without faults.

use super::*;

#[test]
fn the_embedded_score_is_valid_without_warnings() {
    let score = parse(&Source::embedded()).unwrap();
    assert_eq!(score.warnings, []);
    let servers: Vec<_> = score.servers.iter().map(|(part, server)| (part.name.as_str(), server.bind.port())).collect();
    assert_eq!(servers, [("hello", 7000), ("hello-name", 8000), ("echo", 9000), ("app", 8080), ("diagnostics", 8081)]);
}

#[test]
fn the_embedded_score_is_valid_with_all_commented_lines() {
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
    assert_eq!((app.depends_on.len(), app.restart.max(), server.max_connections), (1, Some(5), Some(10_000)));
}

#[test]
fn every_setting_is_read() {
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
fn every_key_of_a_server_is_read() {
    let score = score(format!(
        "{WEB}drain = \"3s\"\nheader_timeout = \"2s\"\ntransfer_timeout = \"9s\"\n\
         keep_alive_interval = \"7s\"\nmax_connections = 1_000\non_failure = \"ignore\"\n\
         restart = {{ policy = \"always\", max = 3, window = \"60s\" }}\n\
         depends_on = {{ db = \"started\", tell = \"ready\" }}\n\
         [server.db]\nkind = \"echo\"\nbind = \"[::1]:0\"\nrestart = \"on-failure\"\n\
         [server.tell]\nkind = \"diagnostics\"\nbind = \"127.0.0.1:0\"\nversion = \"7\"\n"
    ));
    let (web, server) = &score.servers[0];
    assert_eq!((web.drain, server.header_timeout), (Some(Duration::from_secs(3)), Some(Duration::from_secs(2))));
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!((server.transfer_timeout, server.keep_alive_interval), (seconds(9), seconds(7)));
    assert_eq!((server.max_connections, web.on_failure), (Some(1000), Some(OnFailure::Ignore)));
    assert_eq!((web.restart.when(), web.restart.max()), (RestartWhen::Always, Some(3)));
    let edges: Vec<_> = web.depends_on.iter().map(|edge| (edge.on.as_str(), edge.condition)).collect();
    assert_eq!(edges, [("db", Some(Condition::Started)), ("tell", Some(Condition::Ready))]);
    assert_eq!(score.servers[1].0.restart.when(), RestartWhen::OnFailure);
    assert_eq!(score.servers[2].1.kind, Kind::Diagnostics { version: Some("7".to_owned()) });
    let waves: Vec<_> = score.plan.waves.iter().map(|wave| wave.join(" ")).collect();
    assert_eq!(waves, ["tell", "db", "web"]);
}

#[test]
fn tables_named_x_are_ignored_and_keys_named_x_are_not() {
    score(format!("{WEB}[server.web.x-notes]\nowner = \"me\"\n[x-y.z]\n"));
    assert_eq!(faults_of_web("x-note = 1\n"), ["4:1 `[server.web]` has no key `x-note`"]);
}

#[test]
fn a_folder_has_to_exist_and_is_relative_to_the_score() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("public")).unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let with_root = |root: &str| {
        let text = format!("[server.web]\nkind = \"static\"\nbind = \"127.0.0.1:0\"\nroot = \"{root}\"\n");
        parse(&Source { folder: folder.path().to_owned(), ..source(text) })
    };
    let root = folder.path().join("public");
    assert_eq!(with_root("public").unwrap().servers[0].1.kind, Kind::Static { root });
    assert_eq!(with_root("file").unwrap_err()[0].label, "not a folder");
    assert!(with_root("nowhere").unwrap_err()[0].label.contains("os error 2"));
}

#[test]
fn a_stop_that_can_take_too_long_is_a_warning() {
    let text = format!(
        "[score]\ngrace = \"9s\"\nlame_duck = \"1s\"\n{WEB}drain = \"5s\"\ndepends_on = [\"db\"]\n\
         [server.db]\nkind = \"echo\"\nbind = \"127.0.0.1:0\"\ndrain = \"4s\"\n"
    );
    let score = score(text.as_str());
    assert_eq!(located(text, &score.warnings), ["2:9 stopping can take 10s, but the grace is 9s"]);
    let path = stop_path(&score.plan.longest_stop, score.settings.lame_duck);
    assert_eq!(path, "lame duck 1s, then web → db");
}

/// Each half-typed score is parsed, and the positions of its faults lie within the file.
#[test]
fn no_typo_causes_a_panic() {
    let text = Source::embedded().text;
    for (at, letter) in text.char_indices() {
        for typo in ["", "\"", "[", "=", "é"] {
            let source = source(format!("{}{typo}{}", &text[..at], &text[at + letter.len_utf8()..]));
            if let Err(faults) = parse(&source) {
                assert!(!faults.is_empty() && !render(&faults, &source, false).is_empty());
            }
        }
        let incomplete = source(&text[..at]);
        let _ = parse(&incomplete).map_err(|faults| render(&faults, &incomplete, false));
    }
}
