//! Tests of the program as a process: files, pipes, errors and Ctrl-C.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::fs::{PermissionsExt as _, symlink},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;
use upbeat_examples::program::{Program, Signal, example, terminal};

const ROWS: &str = "row,height,weight\n1,70,150\n2,sixty,120\n3,\"65\",130\n4,66\n5,1e308,1\n";
const JSON: &str =
    "{\"row\":1,\"height\":177.8,\"weight\":68.10000000000001}\n{\"row\":3,\"height\":165.1,\"weight\":59.02}\n";
const WRONG: &str = concat!(
    r#"{"line":3,"column":2,"field":"height","stage":"parse","error":"not a number","text":"sixty"}"#,
    "\n",
    r#"{"line":5,"column":3,"field":"weight","stage":"parse","error":"missing field","text":""}"#,
    "\n",
    r#"{"line":6,"column":2,"field":"height","stage":"convert","error":"not a finite number","text":""#,
);

fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("rows.csv"), ROWS).expect("it is written");
    folder
}

fn run(folder: &TempDir, args: &[&str]) -> (Option<i32>, String, String) {
    output(example("csv2json").args(args).current_dir(folder).stdin(Stdio::null()))
}

fn output(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("it was built");
    (status.code(), String::from_utf8(stdout).expect("text"), String::from_utf8(stderr).expect("text"))
}

fn read(folder: &TempDir, name: &str) -> String {
    fs::read_to_string(folder.path().join(name)).expect("it is there")
}

/// Returns the names of all files in a folder, including temporary ones.
fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("it is there").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<_> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

#[test]
fn each_mode_converts_from_a_pipe_to_a_pipe() {
    let folder = folder();
    for mode in ["sync", "async", "ordered", "unordered"] {
        let input = fs::File::open(folder.path().join("rows.csv")).expect("it is there");
        let (code, stdout, stderr) = output(example("csv2json").args(["-m", mode, "-w", "2"]).stdin(input));
        assert_eq!((code, stdout.as_str()), (Some(1), JSON), "{mode}: {stderr}");
        assert!(stderr.starts_with(WRONG), "{mode}: {stderr}");
        assert!(stderr.contains("csv2json: 2 rows converted, 3 malformed, in 0."), "{mode}: {stderr}");
    }
}

#[test]
fn files_are_replaced_as_a_whole_with_the_usual_permissions() {
    let folder = folder();
    fs::write(folder.path().join("out.json"), "old contents").expect("it is written");
    symlink("out.json", folder.path().join("link")).expect("a link");
    let (code, stdout, stderr) = run(&folder, &["rows.csv", "-o", "link", "-e", "wrong.jsonl"]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert_eq!(read(&folder, "out.json"), JSON);
    assert!(read(&folder, "wrong.jsonl").starts_with(WRONG));
    assert_eq!(names(&folder), ["link", "out.json", "rows.csv", "wrong.jsonl"]);
    assert!(fs::symlink_metadata(folder.path().join("link")).expect("it is there").is_symlink());
    // A temporary file is private by default, and would stay so.
    let mode = |name: &str| fs::metadata(folder.path().join(name)).expect("it is there").permissions().mode();
    assert_eq!(mode("out.json"), mode("wrong.jsonl"));

    let (code, _, stderr) = run(&folder, &["rows.csv", "-o", "/dev/null", "-e", "wrong.jsonl"]);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(!fs::metadata("/dev/null").expect("it is there").is_file());
}

#[test]
fn an_output_cannot_be_the_input() {
    let folder = folder();
    fs::hard_link(folder.path().join("rows.csv"), folder.path().join("the same")).expect("a link");
    let input = || fs::File::open(folder.path().join("rows.csv")).expect("it is there");
    let tries: [&[&str]; 5] = [
        &["rows.csv", "-o", "./rows.csv"],
        &["rows.csv", "-o", "the same"],
        &["rows.csv", "-e", "the same"],
        &["-", "-o", "rows.csv"],
        &["rows.csv", "-o", "one", "-e", "one"],
    ];
    for args in tries {
        let (code, stdout, stderr) = output(example("csv2json").args(args).current_dir(&folder).stdin(input()));
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{args:?}: {stderr}");
        assert!(stderr.contains("choose another file"), "{args:?}: {stderr}");
        assert_eq!(read(&folder, "rows.csv"), ROWS);
        assert_eq!(names(&folder), ["rows.csv", "the same"], "{args:?}");
    }
}

#[test]
fn an_error_is_printed_and_leaves_the_output_unchanged() {
    let folder = folder();
    fs::write(folder.path().join("out.json"), "old contents").expect("it is written");
    let (code, _, stderr) = run(&folder, &["missing.csv", "-o", "out.json"]);
    assert_eq!((code, stderr.as_str()), (Some(2), "csv2json: missing.csv: No such file or directory (os error 2)\n"));
    let (code, _, stderr) = run(&folder, &[".", "-o", "out.json"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("is a folder"), "{stderr}");
    let (code, _, stderr) = run(&folder, &["rows.csv", "-o", "no folder/out.json"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("failed to write no folder/out.json: No such file"), "{stderr}");
    let (code, _, stderr) = run(&folder, &["rows.csv", "-o", "/dev/full"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("failed to write the JSON: No space left on device"), "{stderr}");
    assert_eq!(run(&folder, &["--workers", "0"]).0, Some(2));
    assert_eq!(run(&folder, &["--generate", "5", "rows.csv"]).0, Some(2));
    assert_eq!(read(&folder, "out.json"), "old contents");
    assert_eq!(names(&folder), ["out.json", "rows.csv"]);
}

#[test]
fn ctrl_c_leaves_the_output_unchanged() {
    for mode in ["sync", "async", "ordered", "unordered"] {
        let folder = folder();
        fs::write(folder.path().join("out.json"), "old contents").expect("it is written");
        let mut program = Program::spawn(example("csv2json").args(["-o", "out.json", "-m", mode]).current_dir(&folder));
        let mut input = program.input().expect("piped");
        input.write_all(ROWS.as_bytes()).expect("it reads");
        // The program has read all rows, and waits for more.
        program.until(r#""line":6"#);
        program.signal(Signal::INT);
        let ended = program.end();
        assert_eq!(ended.code, Some(130), "{mode}: {}", ended.stderr);
        drop(input);
        assert_eq!(read(&folder, "out.json"), "old contents", "{mode}");
        assert_eq!(names(&folder), ["out.json", "rows.csv"], "{mode}");
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    for args in [&["rows.csv"][..], &["--generate", "100000"]] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(run(&folder, &["--generate", "100000", "-o", "rows.csv"]).0, Some(0));
        let mut command = example("csv2json");
        command.args(args).current_dir(&folder).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut program = command.spawn().expect("it was built");
        let mut some = [0; 10];
        program.stdout.take().expect("piped").read_exact(&mut some).expect("some of it");
        let ended = program.wait_with_output().expect("it ends");
        assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""));
    }
}

#[test]
fn a_generated_sample_can_be_converted() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    assert_eq!(run(&folder, &["--generate", "1000", "-o", "rows.csv"]), (Some(0), String::new(), String::new()));
    let (code, stdout, stderr) = run(&folder, &["rows.csv"]);
    assert_eq!((code, stdout.lines().count()), (Some(0), 1000), "{stderr}");
    assert!(stderr.starts_with("csv2json: 1000 rows converted, 0 malformed"), "{stderr}");
}

#[test]
fn progress_is_shown_only_on_a_terminal() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    assert_eq!(run(&folder, &["--generate", "20000", "-o", "rows.csv"]).0, Some(0));
    let (mut ours, theirs) = terminal();
    let mut command = example("csv2json");
    command.args(["rows.csv", "-o", "out.json"]).env("TERM", "xterm").current_dir(&folder).stderr(theirs);
    assert!(command.status().expect("it was built").success());
    // The command holds the other end of the terminal.
    drop(command);
    let mut shown = Vec::new();
    // The read fails once the other end is closed.
    let _ = ours.read_to_end(&mut shown);
    let shown = String::from_utf8_lossy(&shown).into_owned();
    assert!(shown.contains("KiB/s") || shown.contains("MiB/s"), "{shown:?}");
    assert!(shown.contains("csv2json: 20000 rows converted"), "{shown:?}");
    let (_, _, stderr) = run(&folder, &["rows.csv", "-o", "out.json"]);
    assert!(stderr.starts_with("csv2json: 20000 rows converted"), "{stderr:?}");
}
