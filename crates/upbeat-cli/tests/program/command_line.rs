//! Tests of the command line and of `upbeat check`, which play nothing.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{Read as _, Write as _},
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _, process::CommandExt as _},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

use crate::playing::{run, stderr, upbeat};

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("the output is UTF-8")
}

#[test]
fn help_and_version_are_written_to_standard_output() {
    let help = run(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    for expected in ["Plays a score", "upbeat check score.toml", "RUST_LOG=debug", "78   invalid score"] {
        assert!(stdout(&help).contains(expected), "{expected} is missing from {}", stdout(&help));
    }
    let version = run(&["--version"]);
    assert_eq!(
        (version.status.code(), stdout(&version).trim()),
        (Some(0), concat!("upbeat ", env!("CARGO_PKG_VERSION")))
    );
}

#[test]
fn invalid_usage_is_64_and_names_the_invalid_argument() {
    for (arguments, expected) in [
        (&["chek", "x.toml"] as &[&str], "'check'"),
        (&["check"], "<SCORE>"),
        (&["--log", "pretty"], "json"),
        (&["play", "--frobnicate"], "--frobnicate"),
        (&["play", "a.toml", "b.toml"], "b.toml"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert!(stderr(&output).contains(expected), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn the_printed_score_is_valid() {
    let printed = run(&["score"]);
    assert_eq!(printed.status.code(), Some(0));
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("score.toml");
    fs::write(&path, &printed.stdout).expect("the score is written");

    let checked = upbeat().arg("check").arg(&path).output().expect("the program runs");
    let expected = format!(
        "{}: ok, 5 servers\n\nstart plan (a server starts once its dependencies are ready)\n  1. diagnostics\n  \
         2. hello, hello-name, echo, app\n\nlongest stop: app → diagnostics\n  8s, within the grace of 10s\n",
        path.display()
    );
    assert_eq!((checked.status.code(), stdout(&checked)), (Some(0), expected));
    assert_eq!(stderr(&checked), "");
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let mut child = upbeat().arg("score").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut stderr).expect("UTF-8");
    assert_eq!((child.wait().expect("it ends").code(), stderr.as_str()), (Some(0), ""));
}

#[test]
fn check_prints_every_fault_with_its_position_and_is_78() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("score.toml");
    let score = "[score]\ngrace = 10\n\n[server.web]\nkind = \"helo\"\nbind = \":80\"\ndepends_on = [\"db\"]\n";
    fs::write(&path, score).expect("the score is written");

    let output = upbeat().arg("check").arg(&path).output().expect("the program runs");
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(78), ""));
    let stderr = stderr(&output);
    for (position, message, help) in [
        ("2:9", "`grace` takes a duration with its unit", "write `grace = \"10s\"`"),
        ("5:8", "`kind` cannot be `helo`", "did you mean `hello`?"),
        ("6:8", "`bind` is not an address", "write `\"127.0.0.1:80\"` for this machine only"),
        ("7:15", "`web` depends on `db`, but no server has that name", "there is no server to choose from"),
    ] {
        assert!(
            stderr.contains(&format!("error: {message}\n --> {}:{position}\n", path.display())),
            "{message}: {stderr}"
        );
        assert!(stderr.contains(&format!("help: {help}")), "{help}: {stderr}");
    }
    assert!(stderr.ends_with("4 faults; nothing was started\n"), "{stderr}");
    assert!(!stderr.contains('\u{1b}'), "colors are for terminals");
}

#[test]
fn check_warns_about_a_stop_that_can_take_too_long() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("score.toml");
    let score = "[score]\ngrace = \"5s\"\n[server.web]\nkind = \"hello\"\nbind = \"127.0.0.1:0\"\ndrain = \"8s\"\n";
    fs::write(&path, score).expect("the score is written");

    let output = upbeat().arg("check").arg(&path).output().expect("the program runs");
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).contains("8s, too long for the grace of 5s"), "{}", stdout(&output));
    let stderr = stderr(&output);
    assert!(stderr.contains("warning: stopping can take 8s, but the grace is 5s"), "{stderr}");
}

#[test]
fn an_unreadable_score_is_78_and_has_a_fix() {
    let folder = TempDir::new().expect("a temporary folder");
    let latin = folder.path().join("latin.toml");
    fs::write(&latin, b"# caf\xe9\n").expect("the file is written");
    let missing = folder.path().join("missing.toml");
    for (path, reason, help) in [
        (missing.as_path(), "No such file or directory", "upbeat score >"),
        (folder.path(), "Is a directory", "name the file in the folder"),
        (latin.as_path(), "valid UTF-8", "save the score as UTF-8"),
    ] {
        for command in ["check", "play"] {
            let output = upbeat().arg(command).arg(path).output().expect("the program runs");
            assert_eq!(output.status.code(), Some(78), "{command} {}", path.display());
            let stderr = stderr(&output);
            let named = stderr.contains(&path.display().to_string());
            assert!(named && stderr.contains(reason) && stderr.contains(help), "{stderr}");
        }
    }
}

/// A score with a folder that exists in the working directory only.
const STATIC: &str = "[server.web]\nkind = \"static\"\nbind = \"127.0.0.1:0\"\nroot = \"public\"\n";

/// Checks `score` from standard input as `path`, in a folder with the folder `public`.
fn check_input(path: &str, score: &[u8], is_pipe: bool) -> Output {
    let folder = TempDir::new().expect("a temporary folder");
    fs::create_dir(folder.path().join("public")).expect("a folder");
    let mut command = upbeat();
    command.args(["check", path]).current_dir(&folder).stdout(Stdio::piped()).stderr(Stdio::piped());
    if is_pipe {
        let mut child = command.stdin(Stdio::piped()).spawn().expect("it starts");
        // A score that is too large is not read to its end.
        let _ = child.stdin.take().expect("piped").write_all(score);
        return child.wait_with_output().expect("it ends");
    }
    fs::create_dir(folder.path().join("scores")).expect("a folder");
    let file = folder.path().join("scores/score.toml");
    fs::write(&file, score).expect("the score is written");
    command.stdin(File::open(file).expect("it is there")).output().expect("the program runs")
}

#[test]
fn a_score_from_a_pipe_starts_at_the_working_directory() {
    for path in ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"] {
        for is_pipe in [true, false] {
            let output = check_input(path, STATIC.as_bytes(), is_pipe);
            assert_eq!(output.status.code(), Some(0), "{path}, {is_pipe}: {}", stderr(&output));
            assert_eq!(stderr(&output), "");
        }
    }
    let output = check_input("-", b"[server.web]\nkind = \"helo\"\n", true);
    assert_eq!(output.status.code(), Some(78));
    assert!(stderr(&output).contains("--> standard input:2:8"), "{}", stderr(&output));
}

#[test]
fn a_score_from_a_file_starts_at_its_folder() {
    let folder = TempDir::new().expect("a temporary folder");
    fs::create_dir_all(folder.path().join("scores/public")).expect("a folder");
    fs::write(folder.path().join("scores/score.toml"), STATIC).expect("the score is written");
    for (path, working_directory) in [("scores/score.toml", "."), ("score.toml", "scores")] {
        let mut command = upbeat();
        command.args(["check", path]).current_dir(folder.path().join(working_directory));
        let output = command.output().expect("the program runs");
        assert_eq!(output.status.code(), Some(0), "{path}: {}", stderr(&output));
    }
}

#[test]
fn a_score_of_odd_bytes_is_78_and_has_a_position_or_a_fix() {
    let large = vec![b'#'; 5 * 1024 * 1024];
    for (score, expected) in [
        (&b"[score]\nname = \"a\0b\"\n"[..], "--> standard input:2:"),
        (b"\0\0\0\0", "--> standard input:1:"),
        (b"\xff\xfe[\0s\0", "save the score as UTF-8"),
        (b"[score]\nname = \"\x1b[2J\"\n", "--> standard input:2:"),
        (&large, "larger than 4 MiB"),
    ] {
        let output = check_input("-", score, true);
        assert_eq!(output.status.code(), Some(78), "{expected}");
        let stderr = stderr(&output);
        assert!(stderr.contains(expected), "{expected}: {stderr}");
        assert!(!stderr.contains(['\0', '\x1b']), "{stderr:?}");
    }
    // A device without an end.
    let output = run(&["check", "/dev/zero"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(stderr(&output).contains("larger than 4 MiB"), "{}", stderr(&output));
}

#[test]
fn a_score_with_a_byte_order_mark_and_windows_lines_is_valid() {
    let score = format!("\u{feff}{}", STATIC.replace('\n', "\r\n"));
    let output = check_input("-", score.as_bytes(), true);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn a_name_that_is_no_text_is_read_and_printed_without_control_characters() {
    let folder = TempDir::new().expect("a temporary folder");
    fs::create_dir(folder.path().join("public")).expect("a folder");
    let path = folder.path().join(OsStr::from_bytes(b"\xff\x1b[2J.toml"));
    let missing = upbeat().arg("check").arg(&path).output().expect("the program runs");
    assert_eq!(missing.status.code(), Some(78));
    assert!(!stderr(&missing).contains('\x1b'), "{:?}", stderr(&missing));
    fs::write(&path, STATIC).expect("the score is written");
    let output = upbeat().arg("check").arg(&path).output().expect("the program runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("\\u{1b}[2J.toml: ok"), "{:?}", stdout(&output));
}

#[test]
fn an_output_that_cannot_be_written_is_1_and_one_that_is_closed_is_0() {
    let full = || File::options().write(true).open("/dev/full").expect("Linux has one");
    for arguments in [&["score"] as &[&str], &["--help"], &["--version"]] {
        let output = upbeat().args(arguments).stdout(full()).output().expect("the program runs");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(stderr(&output).contains("No space left"), "{arguments:?}: {}", stderr(&output));

        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = upbeat().args(arguments).stdout(writer).output().expect("the program runs");
        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""), "{arguments:?}");
    }
    // Both outputs are full. The exit codes stay.
    for (arguments, code) in [(&["score"] as &[&str], 1), (&["check", "/missing.toml"], 78), (&["chek"], 64)] {
        let status = upbeat().args(arguments).stdout(full()).stderr(full()).status().expect("the program runs");
        assert_eq!(status.code(), Some(code), "{arguments:?}");
    }
}

/// A user of its own, so that the processes of others do not count. Only root can become one.
const USER: u32 = 64_123;

#[test]
fn a_system_without_threads_is_1_at_once() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let folder = TempDir::new().expect("a temporary folder");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let (program, score) = (folder.path().join("upbeat"), folder.path().join("score.toml"));
    // By a process of its own: a child that another test forks meanwhile would keep open what this
    // process writes, and the system starts no program that is open for writing.
    let copied = Command::new("cp").arg(upbeat().get_program()).arg(&program).status().expect("`cp` runs");
    assert!(copied.success(), "the program was not copied");
    fs::write(&score, "[server.web]\nkind = \"hello\"\nbind = \"127.0.0.1:0\"\n").expect("the score is written");
    // One thread for the program itself, one for its log, and none or one for a worker.
    for threads in 1..=3 {
        let mut shell = Command::new("sh");
        let limit = format!(r#"ulimit -u {threads} 2> /dev/null || ulimit -p {threads}; exec "$0" play "$1""#);
        shell.arg("-c").arg(limit).arg(&program).arg(&score).env_remove("RUST_BACKTRACE").uid(USER).current_dir("/");
        let output = shell.output().expect("the program runs");
        assert_eq!(output.status.code(), Some(1), "{threads}: {}", stderr(&output));
        // With one processor the worker is there, and the next thread is missing.
        let reason = ["error: failed to start the ", "nothing was started"];
        assert!(reason.iter().any(|reason| stderr(&output).contains(reason)), "{threads}: {}", stderr(&output));
    }
}
