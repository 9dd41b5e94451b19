//! Tests of the program as a process: colors, pipes, errors and Ctrl-C.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

use tempfile::TempDir;
use upbeat_examples::program::{Program, Signal, example, terminal};

fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("file"), "one needle, two needles\n").expect("it is written");
    folder
}

fn output(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("it was built");
    (status.code(), String::from_utf8(stdout).expect("text"), String::from_utf8(stderr).expect("text"))
}

#[test]
fn an_invalid_pattern_is_shown_with_the_position_of_its_fault() {
    let folder = folder();
    let (code, stdout, stderr) = output(example("grep").args(["needle|a(b"]).current_dir(&folder));
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    assert!(stderr.contains("    needle|a(b\n            ^\n"), "{stderr}");
    assert!(stderr.contains("unclosed group"), "{stderr}");
    let (code, _, stderr) = output(example("grep").args([r"a\nb"]).current_dir(&folder));
    assert_eq!(code, Some(2));
    assert!(stderr.contains(r#""\n" is not allowed"#), "{stderr}");
    assert_eq!(output(example("grep").args(["-j", "0", "x"])).0, Some(2));
}

const COLORED: &str = "\x1b[35mfile\x1b[0m\x1b[36m:\x1b[0m\x1b[32m1\x1b[0m\x1b[36m:\x1b[0m\
                       one \x1b[1m\x1b[31mneedle\x1b[0m, two \x1b[1m\x1b[31mneedle\x1b[0ms\n";

#[test]
fn colors_are_used_on_request_and_on_a_terminal() {
    let folder = folder();
    let printed = |args: &[&str]| output(example("grep").args(args).arg("needle").current_dir(&folder)).1;
    assert_eq!(printed(&["--color", "always"]), COLORED);
    assert_eq!(printed(&["--color", "never"]), "file:1:one needle, two needles\n");
    assert_eq!(printed(&[]), "file:1:one needle, two needles\n");

    let on_a_terminal = |no_color: &str| {
        let (mut ours, theirs) = terminal();
        let mut command = example("grep");
        command.arg("needle").current_dir(&folder).env("NO_COLOR", no_color).stdout(theirs);
        assert!(command.status().expect("it was built").success());
        // The command holds the other end of the terminal.
        drop(command);
        let mut shown = Vec::new();
        // The read fails once the other end is closed.
        let _ = ours.read_to_end(&mut shown);
        String::from_utf8(shown).expect("text").replace("\r\n", "\n")
    };
    assert_eq!(on_a_terminal(""), COLORED);
    assert_eq!(on_a_terminal("1"), "file:1:one needle, two needles\n");
}

#[test]
fn a_closed_pipe_is_no_error() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for file in 0..50 {
        fs::write(folder.path().join(file.to_string()), "needle\n".repeat(10_000)).expect("it is written");
    }
    let mut command = example("grep");
    command.args(["needle", "--sort"]).current_dir(&folder).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut grep = command.spawn().expect("it was built");
    let mut first = String::new();
    BufReader::new(grep.stdout.take().expect("piped")).read_line(&mut first).expect("text");
    assert_eq!(first, "0:1:needle\n");
    let ended = grep.wait_with_output().expect("it ends");
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn a_full_disk_is_an_error() {
    let full = fs::File::options().write(true).open("/dev/full").expect("Linux has one");
    let folder = folder();
    let (code, _, stderr) = output(example("grep").arg("needle").current_dir(&folder).stdout(full));
    assert_eq!(code, Some(2));
    assert!(stderr.contains("No space left on device"), "{stderr}");
}

#[test]
fn the_output_file_is_not_searched() {
    let folder = folder();
    let out = fs::File::create(folder.path().join("out")).expect("it is made");
    let (code, ..) = output(example("grep").arg("needle").current_dir(&folder).stdout(out));
    assert_eq!(code, Some(0));
    let found = fs::read_to_string(folder.path().join("out")).expect("text");
    assert_eq!(found, "file:1:one needle, two needles\n");
}

#[test]
fn a_signal_ends_an_endless_search_without_a_partial_line() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("many"), "needle\n".repeat(200_000)).expect("it is written");
        let mut command = example("grep");
        let mut program = Program::spawn(command.args(["needle", "missing", "many", "/dev/zero"]).current_dir(&folder));
        program.until("missing: No such file");
        // The signal may arrive before or after the end of the file.
        thread::yield_now();
        program.signal(signal);
        let ended = program.end();
        assert_eq!(ended.code, Some(code), "{}", ended.stderr);
        assert!(ended.took < Duration::from_secs(10), "{:?}", ended.took);
        assert!(ended.stdout.is_empty() || ended.stdout.ends_with(":needle\n"));
    }
}

#[test]
fn help_has_examples_and_exit_codes() {
    let (code, stdout, _) = output(example("grep").arg("--help"));
    assert_eq!(code, Some(0));
    assert!(stdout.contains("Examples:") && stdout.contains("Exit codes:"), "{stdout}");
}
