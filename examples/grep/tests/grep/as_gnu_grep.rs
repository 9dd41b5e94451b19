//! Comparison with GNU grep over a tree with many kinds of files.

use std::{
    ffi::OsStr,
    fs,
    io::Write as _,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{PermissionsExt as _, symlink},
        process::CommandExt as _,
    },
    path::Path,
    process::{Command, Output},
};

use rustix::process::geteuid;
use tempfile::TempDir;
use upbeat_examples::program::example;

/// The id of a user without privileges.
const UNPRIVILEGED: u32 = 65534;

fn tree() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path();
    fs::set_permissions(root, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let long = "x".repeat(300_000) + "needle" + &"y".repeat(200_000) + "\n";
    let large = ("some hay
"
    .repeat(96)
        + "a needle
")
    .repeat(300);
    let files: [(&[u8], &[u8]); 20] = [
        (b"empty", b""),
        (b"one", b"needle\n"),
        (b"no newline at the end", b"hay\nneedle"),
        (b"only a newline", b"\n"),
        (b"crlf", b"hay\r\nneedle\r\nNeedle in\r\n"),
        (b"case", b"NEEDLE\nNeEdLe\nneedle needle needle\n"),
        (b"long", long.as_bytes()),
        (b"large", large.as_bytes()),
        (b".hidden", b"a needle\n"),
        (b".folder/in it", b"needle\n\n\nneedle\n"),
        (b"a/b/c/d/e", b"far down, a needle\n"),
        (b"a/umlauts", "Nähnadel, needle\n\u{feff}needle\n".as_bytes()),
        (b"binary/first", b"\0\nneedle\nneedle\n"),
        (b"binary/last", b"needle\nneedle\n\0"),
        (b"binary/without", b"\0\0\0hay\n"),
        (b"binary/in the line", b"hay\nnee\0dle\nneedle\0\n"),
        (b"latin1/some lines", b"needle\nN\xe4hnadel needle\nneedle again\n"),
        (b"latin1/no match", b"N\xe4hnadel\n"),
        (b"latin1/name \xe4\xff", b"needle\n"),
        (b"ignored.log", b"needle\n"),
    ];
    for (name, content) in files {
        write(&root.join(OsStr::from_bytes(name)), content);
    }
    write(&root.join(".gitignore"), b"*.log\n");
    symlink("one", root.join("link to a file")).expect("a link");
    symlink("a", root.join("link to a folder")).expect("a link");
    symlink("nowhere", root.join("link to nothing")).expect("a link");
    symlink("..", root.join("a/link upwards")).expect("a link");
    let mut random = fastrand::Rng::with_seed(7);
    for file in 0..200 {
        let mut text = Vec::new();
        for _ in 0..random.usize(0..60) {
            let words = std::iter::repeat_with(|| {
                ["needle", "hay", "Hay stack", "", "fn all() {}", "\t", "é"][random.usize(0..7)]
            });
            let words: Vec<_> = words.take(4).collect();
            writeln!(text, "{}", words.join(" ")).expect("memory");
        }
        write(&root.join(format!("many/{}/{file}", file % 9)), &text);
    }
    folder
}

fn write(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("it is made");
    fs::write(path, content).expect("it is written");
}

/// Returns the sorted lines of the output.
fn sorted(output: &Output) -> Vec<&[u8]> {
    let mut lines: Vec<_> = output.stdout.split_inclusive(|&byte| byte == b'\n').collect();
    lines.sort_unstable();
    lines
}

fn ours(folder: &Path, args: &[&str]) -> Output {
    example("grep").args(args).current_dir(folder).output().expect("it was built")
}

fn theirs(folder: &Path, args: &[&str]) -> Output {
    let mut grep = Command::new("grep");
    grep.env("LC_ALL", "C.UTF-8").env_remove("GREP_COLORS").args(["-rE"]).args(args);
    grep.current_dir(folder).output().expect("GNU grep is installed")
}

/// Compares both programs with these arguments. `more` is for GNU grep only.
fn compare(folder: &Path, more: &[&str], args: &[&str]) {
    let (ours, theirs) = (ours(folder, args), theirs(folder, &[more, args].concat()));
    let only_in = |one: &Output, other: &Output| -> Vec<String> {
        let other = sorted(other);
        let only = sorted(one).into_iter().filter(|line| other.binary_search(line).is_err());
        only.map(|line| line[..line.len().min(80)].escape_ascii().to_string()).collect()
    };
    let nothing = Vec::<String>::new();
    assert_eq!((only_in(&ours, &theirs), only_in(&theirs, &ours)), (nothing.clone(), nothing), "{args:?}");
    assert_eq!(sorted(&ours).len(), sorted(&theirs).len(), "{args:?}");
    assert_eq!(ours.status.code(), theirs.status.code(), "{args:?}: {}", String::from_utf8_lossy(&ours.stderr));
    let errors = |output: &Output| {
        let mut lines: Vec<_> = String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    assert_eq!(errors(&ours), errors(&theirs), "{args:?}");
}

#[test]
fn lines_are_those_of_grep() {
    let tree = tree();
    for pattern in [
        "needle",
        "^needle",
        "needle$",
        "N.*l",
        r"\bhay\b",
        "[[:upper:]]ay",
        "",
        "^$",
        "e{2}",
        "é|ä",
        "n[^x]e",
        "no match",
    ] {
        compare(tree.path(), &["-n"], &[pattern]);
        compare(tree.path(), &["-n"], &["-i", pattern, "."]);
    }
}

#[test]
fn names_and_counts_are_those_of_grep() {
    let tree = tree();
    for pattern in ["needle", "no match", "^$", "e"] {
        compare(tree.path(), &[], &["-l", pattern]);
        compare(tree.path(), &[], &["-c", pattern, "a", "many", "binary", "latin1", "empty", "crlf"]);
        compare(tree.path(), &[], &["-ci", pattern]);
    }
}

#[test]
fn operands_are_those_of_grep() {
    let tree = tree();
    let operands: [&[&str]; 6] = [
        &["one"],
        &["one", "crlf"],
        &["link to a file"],
        &["link to a folder", "a"],
        &["./a/", "many/1"],
        &["latin1", "latin1"],
    ];
    for paths in operands {
        compare(tree.path(), &["-n"], &[&["needle"], paths].concat());
        compare(tree.path(), &["-n"], &[&["--sort", "needle"], paths].concat()[1..]);
    }
}

#[test]
fn standard_input_is_searched_like_a_file() {
    let tree = tree();
    let input = || fs::File::open(tree.path().join("crlf")).expect("it is there");
    let output = example("grep").args(["needle", "-", "one"]).current_dir(tree.path()).stdin(input()).output();
    let output = output.expect("it was built");
    assert_eq!(sorted(&output), [&b"(standard input):2:needle\r\n"[..], b"one:1:needle\n"]);
}

#[test]
fn an_unreadable_file_is_reported_and_the_others_are_searched() {
    let tree = tree();
    let root = tree.path();
    let locked = [root.join("many/3/3"), root.join("a/b")];
    for path in &locked {
        fs::set_permissions(path, fs::Permissions::from_mode(0o000)).expect("it is ours");
    }
    let program = root.join("the program");
    fs::copy(example("grep").get_program(), &program).expect("it was built");
    let args = ["needle", "many", "a", "one", "missing"];
    let [mut ours, mut theirs] = [Command::new(&program), Command::new("grep")];
    theirs.env("LC_ALL", "C.UTF-8").args(["-rn"]);
    let [ours, theirs] = [&mut ours, &mut theirs].map(|command| {
        if geteuid().is_root() {
            // File permissions do not apply to root.
            command.uid(UNPRIVILEGED);
        }
        command.args(args).current_dir(root).output().expect("it starts")
    });
    for path in &locked {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it is ours");
    }
    assert!(ours.stdout.len() > 1_000);
    assert_eq!(sorted(&ours), sorted(&theirs));
    assert_eq!((ours.status.code(), theirs.status.code()), (Some(2), Some(2)));
    let stderr = String::from_utf8(ours.stderr).expect("text");
    let mut errors: Vec<_> = stderr.lines().filter(|line| line.ends_with(')')).collect();
    errors.sort_unstable();
    assert_eq!(
        errors,
        [
            "grep: a/b: Permission denied (os error 13)",
            "grep: many/3/3: Permission denied (os error 13)",
            "grep: missing: No such file or directory (os error 2)"
        ]
    );
}

#[test]
fn lines_of_a_file_stay_together_and_in_order() {
    let tree = tree();
    for args in [&["needle|hay", "-j", "2"][..], &["needle|hay", "-j", "8"], &["needle|hay", "-j", "8", "--sort"]] {
        let output = ours(tree.path(), args);
        let text = String::from_utf8_lossy(&output.stdout);
        let positions = text.lines().map(|line| {
            let (path, rest) = line.split_once(':').expect("a path");
            (path, rest.split(':').next().and_then(|number| number.parse::<u64>().ok()).expect("a number"))
        });
        let mut files: Vec<(&str, u64)> = Vec::new();
        for (path, number) in positions {
            match files.last_mut() {
                Some((last, line)) if *last == path => {
                    assert!(*line < number, "{path}:{number} after line {line}");
                    *line = number;
                }
                _ => files.push((path, number)),
            }
        }
        let mut once: Vec<&Path> = files.iter().map(|(path, _)| Path::new(path)).collect();
        assert!(once.len() > 150, "{} files", once.len());
        let printed = once.clone();
        once.sort_unstable();
        assert!(!args.contains(&"--sort") || printed == once, "{printed:?}");
        once.dedup();
        assert_eq!(once.len(), printed.len(), "the lines of a file are not together");
    }
}

#[test]
fn ignored_and_hidden_files_are_skipped_only_on_request() {
    let tree = tree();
    // A `.gitignore` applies only within a repository.
    fs::create_dir(tree.path().join(".git")).expect("it is made");
    let names = |args: &[&str]| {
        let output = ours(tree.path(), &[&["-l", "needle"], args].concat());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        ["ignored.log", ".hidden", ".folder/in it", "one"].map(|name| text.lines().any(|line| line == name))
    };
    assert_eq!(names(&[]), [true, true, true, true]);
    assert_eq!(names(&["--ignore"]), [false, true, true, true]);
    assert_eq!(names(&["--no-hidden"]), [true, false, false, true]);
    assert_eq!(names(&["--ignore", "--no-hidden", "--hidden", "--no-ignore"]), [true, true, true, true]);
}
