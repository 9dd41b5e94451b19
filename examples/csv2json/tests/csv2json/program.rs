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

/// Converts an input from a pipe.
fn convert(args: &[&str], input: &[u8]) -> (Option<i32>, String, String) {
    let mut command = example("csv2json");
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = command.spawn().expect("it was built");
    // An input that is refused is not read to its end.
    let _ = program.stdin.take().expect("piped").write_all(input);
    let Output { status, stdout, stderr } = program.wait_with_output().expect("it ends");
    (status.code(), String::from_utf8(stdout).expect("text"), String::from_utf8(stderr).expect("text"))
}

#[test]
fn columns_are_read_by_the_names_in_the_header() {
    let json = "{\"row\":1,\"height\":177.8,\"weight\":68.10000000000001}\n";
    for input in [
        "row,weight,height\n1,150,70\n",
        "\u{feff}\"Row\",\"Height\",\"Weight\"\r\n1,70,150\r\n",
        "\n\nname,weight,row,height\n\"A, B\",150,1,70\n",
    ] {
        for mode in ["sync", "async", "ordered", "unordered"] {
            let (code, stdout, stderr) = convert(&["-m", mode], input.as_bytes());
            assert_eq!((code, stdout.as_str()), (Some(0), json), "{mode}, {input:?}: {stderr}");
        }
    }
    // A malformed row has its line in the file, and the column of its file.
    let input = "\nweight,row,height\n150,1,70\n150,2,tall\n150,3\n150,4,70,5\n";
    for mode in ["sync", "async", "ordered"] {
        let (code, _, stderr) = convert(&["-m", mode], input.as_bytes());
        assert_eq!(code, Some(1));
        let records: Vec<_> = stderr.lines().collect();
        for (record, expected) in records.iter().zip([
            r#"{"line":4,"column":3,"field":"height","stage":"parse","error":"not a number","text":"tall"}"#,
            r#"{"line":5,"column":3,"field":"height","stage":"parse","error":"missing field","text":""}"#,
            r#"{"line":6,"column":4,"field":null,"stage":"parse","error":"more fields than the header","text":"5"}"#,
            "csv2json: 1 rows converted, 3 malformed, in ",
        ]) {
            assert!(record.starts_with(expected), "{mode}: {record}");
        }
    }
}

#[test]
fn an_input_without_a_header_is_refused() {
    for (input, error) in [
        (&b"1,70,150\n2,60,120\n"[..], "first line is no header with the columns row, height, weight: `1,70,150`"),
        (b"row,weight\n1,150\n", "no column `height` in the header `row,weight`"),
        (b"row,height,weight,height\n", "two columns `height` in the header"),
        (b"row,height,weight\r1,70,150\r2,60,120\r", "lines end with a carriage return only"),
        (b"\xff\xfer\0o\0w\0", "input is UTF-16"),
        (&b"x".repeat(1_000_000), "first line has more than 64 KiB"),
    ] {
        for mode in ["sync", "async", "ordered", "unordered"] {
            let folder = folder();
            fs::write(folder.path().join("out.json"), "old contents").expect("it is written");
            let out = folder.path().join("out.json");
            let (code, stdout, stderr) = convert(&["-m", mode, "-o", out.to_str().expect("text")], input);
            assert_eq!((code, stdout.as_str()), (Some(2), ""), "{mode}: {stderr}");
            assert!(stderr.starts_with(&format!("csv2json: {error}")), "{mode}: {stderr}");
            assert_eq!(read(&folder, "out.json"), "old contents");
        }
    }
    for input in ["", "\n", "\u{feff}", "row,height,weight"] {
        let (code, stdout, stderr) = convert(&[], input.as_bytes());
        assert_eq!((code, stdout.as_str()), (Some(0), ""), "{input:?}");
        assert!(stderr.starts_with("csv2json: 0 rows converted, 0 malformed"), "{stderr}");
    }
}

#[test]
fn a_file_in_a_folder_without_permission_is_overwritten() {
    let folder = folder();
    fs::write(folder.path().join("out.json"), "old contents ".repeat(100)).expect("it is written");
    // A file system of its own that is mounted on the file would need privileges. A folder that
    // cannot be changed has the same effect: the file cannot be replaced.
    let program = folder.path().join("the program");
    fs::copy(example("csv2json").get_program(), &program).expect("it was built");
    let mode = |mode| fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).expect("it is ours");
    let of_all = |name: &str| {
        let path = folder.path().join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("it is ours");
    };
    ["out.json", "rows.csv", "the program"].into_iter().for_each(of_all);
    mode(0o555);
    let mut command = Command::new(&program);
    command.args(["rows.csv", "-o", "out.json"]).current_dir(&folder).stdin(Stdio::null());
    if rustix::process::geteuid().is_root() {
        // Permissions do not apply to root.
        std::os::unix::process::CommandExt::uid(&mut command, 65534);
    }
    let (code, _, stderr) = output(&mut command);
    mode(0o755);
    assert_eq!(code, Some(1), "{stderr}");
    assert_eq!(read(&folder, "out.json"), JSON);
    assert_eq!(names(&folder), ["out.json", "rows.csv", "the program"]);
}

/// Needs privileges to mount. Without them there is nothing to test.
#[test]
fn a_mounted_file_is_overwritten() {
    let folder = folder();
    for name in ["out.json", "host.json"] {
        fs::write(folder.path().join(name), "old contents").expect("it is written");
    }
    let mount = |args: &[&str]| {
        let ran = Command::new(args[0]).args(&args[1..]).current_dir(&folder).stderr(Stdio::null()).status();
        ran.is_ok_and(|status| status.success())
    };
    if !mount(&["mount", "--bind", "host.json", "out.json"]) {
        return;
    }
    let (code, _, stderr) = run(&folder, &["rows.csv", "-o", "out.json"]);
    assert!(mount(&["umount", "out.json"]));
    assert_eq!(code, Some(1), "{stderr}");
    assert_eq!((read(&folder, "out.json").as_str(), read(&folder, "host.json").as_str()), ("old contents", JSON));
    assert_eq!(names(&folder), ["host.json", "out.json", "rows.csv"]);
}

#[test]
fn an_output_may_be_a_pipe_a_descriptor_or_a_link_to_nothing() {
    let folder = folder();
    let made = Command::new("mkfifo").arg(folder.path().join("pipe")).status().expect("mkfifo runs");
    assert!(made.success());
    let pipe = folder.path().join("pipe");
    let reading = std::thread::spawn(move || fs::read_to_string(pipe));
    assert_eq!(run(&folder, &["rows.csv", "-o", "pipe"]).0, Some(1));
    assert_eq!(reading.join().expect("no panic").expect("text"), JSON);

    for path in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let (code, stdout, _) = run(&folder, &["rows.csv", "-o", path]);
        assert_eq!((code, stdout.as_str()), (Some(1), JSON), "{path}");
        // A file that the shell appends to keeps its contents.
        fs::write(folder.path().join("appended"), "before\n").expect("it is written");
        let to = fs::File::options().append(true).open(folder.path().join("appended")).expect("it is there");
        let mut command = example("csv2json");
        let status = command.args(["rows.csv", "-o", path]).current_dir(&folder).stdout(to).status();
        assert_eq!(status.expect("it was built").code(), Some(1), "{path}");
        assert_eq!(read(&folder, "appended"), format!("before\n{JSON}"), "{path}");
    }

    symlink("second link", folder.path().join("first link")).expect("a link");
    symlink("new.json", folder.path().join("second link")).expect("a link");
    assert_eq!(run(&folder, &["rows.csv", "-o", "first link"]).0, Some(1));
    assert_eq!(read(&folder, "new.json"), JSON);
    assert!(fs::symlink_metadata(folder.path().join("second link")).expect("it is there").is_symlink());
    symlink("loop", folder.path().join("loop")).expect("a link");
    let (code, _, stderr) = run(&folder, &["rows.csv", "-o", "loop"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("failed to write loop: too many levels of symbolic links"), "{stderr}");
}

#[test]
fn records_that_cannot_be_written_are_an_error() {
    let folder = folder();
    let (code, stdout, stderr) = run(&folder, &["rows.csv", "-e", "/dev/full"]);
    assert_eq!((code, stdout.as_str()), (Some(2), JSON));
    assert!(stderr.contains("failed to write /dev/full: No space left on device"), "{stderr}");
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
