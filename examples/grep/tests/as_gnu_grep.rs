//! The same answers as GNU grep's, over a tree with everything that trees have.

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

/// Who may read little.
const NOBODY: u32 = 65534;

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

/// What it wrote, line by line, in the order of the lines.
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

/// Compares the two, for these arguments and those that `grep` needs besides.
fn same(folder: &Path, more: &[&str], args: &[&str]) {
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
    let asides = |output: &Output| {
        let mut lines: Vec<_> = String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    assert_eq!(asides(&ours), asides(&theirs), "{args:?}");
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
        same(tree.path(), &["-n"], &[pattern]);
        same(tree.path(), &["-n"], &["-i", pattern, "."]);
    }
}

#[test]
fn names_and_counts_are_those_of_grep() {
    let tree = tree();
    for pattern in ["needle", "no match", "^$", "e"] {
        same(tree.path(), &[], &["-l", pattern]);
        same(tree.path(), &[], &["-c", pattern, "a", "many", "binary", "latin1", "empty", "crlf"]);
        same(tree.path(), &[], &["-ci", pattern]);
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
        same(tree.path(), &["-n"], &[&["needle"], paths].concat());
        same(tree.path(), &["-n"], &[&["--sort", "needle"], paths].concat()[1..]);
    }
}

#[test]
fn the_standard_input_is_a_file_too() {
    let tree = tree();
    let input = || fs::File::open(tree.path().join("crlf")).expect("it is there");
    let output = example("grep").args(["needle", "-", "one"]).current_dir(tree.path()).stdin(input()).output();
    let output = output.expect("it was built");
    assert_eq!(sorted(&output), [&b"(standard input):2:needle\r\n"[..], b"one:1:needle\n"]);
}

#[test]
fn what_cannot_be_read_is_reported_and_the_rest_is_searched() {
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
            // Nothing is locked for root.
            command.uid(NOBODY);
        }
        command.args(args).current_dir(root).output().expect("it starts")
    });
    for path in &locked {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it is ours");
    }
    assert!(ours.stdout.len() > 1_000);
    assert_eq!(sorted(&ours), sorted(&theirs));
    assert_eq!((ours.status.code(), theirs.status.code()), (Some(2), Some(2)));
    let said = String::from_utf8(ours.stderr).expect("text");
    let mut said: Vec<_> = said.lines().filter(|line| line.ends_with(')')).collect();
    said.sort_unstable();
    assert_eq!(
        said,
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
        let places = text.lines().map(|line| {
            let (path, rest) = line.split_once(':').expect("a path");
            (path, rest.split(':').next().and_then(|number| number.parse::<u64>().ok()).expect("a number"))
        });
        let mut files: Vec<(&str, u64)> = Vec::new();
        for (path, number) in places {
            match files.last_mut() {
                Some((last, line)) if *last == path => {
                    assert!(*line < number, "{path}:{number} behind line {line}");
                    *line = number;
                }
                _ => files.push((path, number)),
            }
        }
        let mut once: Vec<&Path> = files.iter().map(|(path, _)| Path::new(path)).collect();
        assert!(once.len() > 150, "{} files", once.len());
        let came = once.clone();
        once.sort_unstable();
        assert!(!args.contains(&"--sort") || came == once, "{came:?}");
        once.dedup();
        assert_eq!(once.len(), came.len(), "a file came in pieces");
    }
}

#[test]
fn ignore_files_and_dots_are_heeded_only_when_asked() {
    let tree = tree();
    // Ignore files count inside a repository only, as git has it.
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
