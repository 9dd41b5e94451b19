//! Tests of inputs and outputs without an end: pipes, large files, and readers that leave.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
};

use tempfile::TempDir;
use upbeat_examples::program::example;

fn grep(args: &[&str]) -> Command {
    let mut command = example("grep");
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Returns the memory of a process in KiB.
fn memory(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[test]
fn lines_of_a_pipe_are_printed_before_the_next_one_is_read() {
    for args in [&["y", "-"][..], &["y", "/dev/stdin"], &["y", "-", "--sort"], &["y", "-", "missing"]] {
        let mut child = grep(args).spawn().expect("it was built");
        let mut input = child.stdin.take().expect("piped");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        for number in 1..=3 {
            input.write_all(b"no\nyes\n").expect("it reads");
            let mut line = String::new();
            output.read_line(&mut line).expect("text");
            assert!(line.ends_with("yes\n"), "{args:?}, {number}: {line}");
        }
        drop(input);
        let code = child.wait().expect("it ends").code();
        assert_eq!(code, Some(if args.contains(&"missing") { 2 } else { 0 }), "{args:?}");
    }
}

#[test]
fn an_endless_input_ends_with_the_reader_in_constant_memory() {
    let mut child = grep(&["y", "-"]).spawn().expect("it was built");
    let mut input = child.stdin.take().expect("piped");
    // It ends with an error once the program has ended.
    let yes = thread::spawn(move || while input.write_all(&b"y\n".repeat(4096)).is_ok() {});
    let mut output = child.stdout.take().expect("piped");
    let mut read = vec![0; 64 * 1024 * 1024];
    output.read_exact(&mut read).expect("many lines");
    let lines = read.split_inclusive(|&byte| byte == b'\n').zip(1_u64..).take(1_000_000);
    for (line, number) in lines {
        assert_eq!(String::from_utf8_lossy(line), format!("{number}:y\n"));
    }
    let memory = memory(&child);
    assert!(memory < 64 * 1024, "{memory} KiB");
    drop(output);
    let Output { status, stderr, .. } = child.wait_with_output().expect("it ends");
    assert_eq!((status.code(), String::from_utf8_lossy(&stderr).as_ref()), (Some(0), ""));
    yes.join().expect("no panic");
}

#[test]
fn a_pipe_with_a_name_is_searched_as_it_comes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let made = Command::new("mkfifo").arg(folder.path().join("pipe")).status().expect("mkfifo runs");
    assert!(made.success());
    let mut child = grep(&["y", "pipe"]).current_dir(&folder).spawn().expect("it was built");
    let mut input = File::options().write(true).open(folder.path().join("pipe")).expect("it is opened");
    input.write_all(b"no\nyes\n").expect("it reads");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("text");
    assert_eq!(line, "2:yes\n");
    drop(input);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

/// Writes files whose lines are too many to collect, among small ones.
fn large_files() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for file in 0..6 {
        let mut text = String::new();
        for line in 0..60_000 {
            text += if line % 7 == 0 { "hay\n" } else { "a needle in a line\n" };
        }
        fs::write(folder.path().join(format!("large {file}")), text).expect("it is written");
        fs::write(folder.path().join(format!("small {file}")), "needle\nhay\n").expect("it is written");
    }
    // It turns binary far behind the lines that are collected.
    let mut text = "needle\n".repeat(200_000);
    text += "\0\nneedle\n";
    fs::write(folder.path().join("turns binary"), text).expect("it is written");
    folder
}

fn theirs(folder: &Path, args: &[&str]) -> Output {
    let mut grep = Command::new("grep");
    grep.env("LC_ALL", "C.UTF-8").args(["-rEn"]).args(args).current_dir(folder).output().expect("GNU grep is installed")
}

/// Returns the sorted lines. Those of a file that turns binary depend on the size of buffers, and
/// are left out.
fn sorted(text: &[u8]) -> Vec<&[u8]> {
    let lines = text.split_inclusive(|&byte| byte == b'\n');
    let mut lines: Vec<_> = lines.filter(|line| !line.starts_with(b"turns binary:")).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn large_files_are_printed_whole_and_their_lines_stay_together() {
    let folder = large_files();
    let theirs = theirs(folder.path(), &["needle"]);
    for args in [&["needle", "-j", "1"][..], &["needle", "-j", "4"], &["needle", "-j", "4", "--sort"]] {
        let ours = grep(args).current_dir(&folder).output().expect("it was built");
        assert!(sorted(&ours.stdout) == sorted(&theirs.stdout), "{args:?}: the lines differ");
        assert_eq!((ours.status.code(), &ours.stderr), (Some(0), &theirs.stderr), "{args:?}");
        let mut files = Vec::new();
        for line in String::from_utf8_lossy(&ours.stdout).lines() {
            let (file, _) = line.split_once(':').expect("a path");
            if files.last().is_none_or(|last| last != file) {
                files.push(file.to_owned());
            }
        }
        assert_eq!(files.len(), 13, "{args:?}: {files:?}");
        assert!(!args.contains(&"--sort") || files.is_sorted(), "{files:?}");
    }
}

#[test]
fn a_large_file_needs_no_memory_of_its_size() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("large"), "a needle in a line\n".repeat(6_000_000)).expect("it is written");
    let mut child = grep(&["needle", "large"]).current_dir(&folder).spawn().expect("it was built");
    let mut output = child.stdout.take().expect("piped");
    let mut read = vec![0; 50_000_000];
    output.read_exact(&mut read).expect("many lines");
    let memory = memory(&child);
    assert!(memory < 64 * 1024, "{memory} KiB");
    drop(output);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn an_input_that_is_also_the_output_is_an_error() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("file");
    fs::write(&path, "needle\n").expect("it is written");
    let input = File::open(&path).expect("it is there");
    let output = File::options().append(true).open(&path).expect("it is there");
    let ended = grep(&["needle", "-"]).stdin(input).stdout(output).output().expect("it was built");
    assert_eq!(ended.status.code(), Some(2));
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "grep: (standard input): input file is also the output\n");
    assert_eq!(fs::read_to_string(&path).expect("text"), "needle\n");
}
