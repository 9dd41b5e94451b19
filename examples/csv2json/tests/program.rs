//! The program as people use it: files, pipes, mistakes, Ctrl-C.

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
    r#"{"line":5,"column":3,"field":"weight","stage":"parse","error":"the field is missing","text":""}"#,
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

/// What is there, drafts included.
fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("it is there").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<_> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

#[test]
fn every_mode_converts_from_a_pipe_to_a_pipe() {
    let folder = folder();
    for mode in ["sync", "async", "ordered", "unordered"] {
        let input = fs::File::open(folder.path().join("rows.csv")).expect("it is there");
        let (code, printed, said) = output(example("csv2json").args(["-m", mode, "-w", "2"]).stdin(input));
        assert_eq!((code, printed.as_str()), (Some(1), JSON), "{mode}: {said}");
        assert!(said.starts_with(WRONG), "{mode}: {said}");
        assert!(said.contains("csv2json: 2 rows converted, 3 malformed, in 0."), "{mode}: {said}");
    }
}

#[test]
fn files_are_written_whole_and_errors_beside_them() {
    let folder = folder();
    fs::write(folder.path().join("out.json"), "what was there").expect("it is written");
    symlink("out.json", folder.path().join("link")).expect("a link");
    let (code, printed, said) = run(&folder, &["rows.csv", "-o", "link", "-e", "wrong.jsonl"]);
    assert_eq!((code, printed.as_str()), (Some(1), ""), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(read(&folder, "out.json"), JSON);
    assert!(read(&folder, "wrong.jsonl").starts_with(WRONG));
    assert_eq!(names(&folder), ["link", "out.json", "rows.csv", "wrong.jsonl"]);
    assert!(fs::symlink_metadata(folder.path().join("link")).expect("it is there").is_symlink());
    // As a file that this test makes: private drafts would stay private.
    let mode = |name: &str| fs::metadata(folder.path().join(name)).expect("it is there").permissions().mode();
    assert_eq!(mode("out.json"), mode("wrong.jsonl"));

    let (code, _, said) = run(&folder, &["rows.csv", "-o", "/dev/null", "-e", "wrong.jsonl"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(!fs::metadata("/dev/null").expect("it is there").is_file());
}

#[test]
fn nothing_is_written_over_what_is_read() {
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
        let (code, printed, said) = output(example("csv2json").args(args).current_dir(&folder).stdin(input()));
        assert_eq!((code, printed.as_str()), (Some(2), ""), "{args:?}: {said}");
        assert!(said.contains("name another file"), "{args:?}: {said}");
        assert_eq!(read(&folder, "rows.csv"), ROWS);
        assert_eq!(names(&folder), ["rows.csv", "the same"], "{args:?}");
    }
}

#[test]
fn trouble_is_told_and_leaves_the_output_as_it_was() {
    let folder = folder();
    fs::write(folder.path().join("out.json"), "what was there").expect("it is written");
    let (code, _, said) = run(&folder, &["missing.csv", "-o", "out.json"]);
    assert_eq!((code, said.as_str()), (Some(2), "csv2json: missing.csv: No such file or directory (os error 2)\n"));
    let (code, _, said) = run(&folder, &[".", "-o", "out.json"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("is a folder"), "{said}");
    let (code, _, said) = run(&folder, &["rows.csv", "-o", "no folder/out.json"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("cannot write no folder/out.json: No such file"), "{said}");
    let (code, _, said) = run(&folder, &["rows.csv", "-o", "/dev/full"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("cannot write the JSON: No space left on device"), "{said}");
    assert_eq!(run(&folder, &["--workers", "0"]).0, Some(2));
    assert_eq!(run(&folder, &["--generate", "5", "rows.csv"]).0, Some(2));
    assert_eq!(read(&folder, "out.json"), "what was there");
    assert_eq!(names(&folder), ["out.json", "rows.csv"]);
}

#[test]
fn ctrl_c_leaves_the_output_as_it_was() {
    for mode in ["sync", "async", "ordered", "unordered"] {
        let folder = folder();
        fs::write(folder.path().join("out.json"), "what was there").expect("it is written");
        let mut program = Program::spawn(example("csv2json").args(["-o", "out.json", "-m", mode]).current_dir(&folder));
        let mut input = program.input().expect("piped");
        input.write_all(ROWS.as_bytes()).expect("it reads");
        // It has read them all now, and waits for more.
        program.until(r#""line":6"#);
        program.signal(Signal::INT);
        let ended = program.end();
        assert_eq!(ended.code, Some(130), "{mode}: {}", ended.said);
        drop(input);
        assert_eq!(read(&folder, "out.json"), "what was there", "{mode}");
        assert_eq!(names(&folder), ["out.json", "rows.csv"], "{mode}");
    }
}

#[test]
fn a_reader_that_goes_ends_it_quietly() {
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
fn what_it_generates_it_converts() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    assert_eq!(run(&folder, &["--generate", "1000", "-o", "rows.csv"]), (Some(0), String::new(), String::new()));
    let (code, printed, said) = run(&folder, &["rows.csv"]);
    assert_eq!((code, printed.lines().count()), (Some(0), 1000), "{said}");
    assert!(said.starts_with("csv2json: 1000 rows converted, 0 malformed"), "{said}");
}

#[test]
fn a_terminal_shows_progress_and_nothing_else_does() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    assert_eq!(run(&folder, &["--generate", "20000", "-o", "rows.csv"]).0, Some(0));
    let (mut ours, theirs) = terminal();
    let mut command = example("csv2json");
    command.args(["rows.csv", "-o", "out.json"]).env("TERM", "xterm").current_dir(&folder).stderr(theirs);
    assert!(command.status().expect("it was built").success());
    // It has the terminal's other end.
    drop(command);
    let mut shown = Vec::new();
    // Fails in the end, when nobody has the other end any more.
    let _ = ours.read_to_end(&mut shown);
    let shown = String::from_utf8_lossy(&shown).into_owned();
    assert!(shown.contains("KiB/s") || shown.contains("MiB/s"), "{shown:?}");
    assert!(shown.contains("csv2json: 20000 rows converted"), "{shown:?}");
    let (_, _, said) = run(&folder, &["rows.csv", "-o", "out.json"]);
    assert!(said.starts_with("csv2json: 20000 rows converted"), "{said:?}");
}
