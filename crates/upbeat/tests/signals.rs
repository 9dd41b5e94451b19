//! Signals, on real processes: this program starts itself again as the process that gets them.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::exit,
    reason = "a test fails by panicking, and plays a program"
)]

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use upbeat::{BoxError, Conductor, Context, Part, Report, with};

const CHILD: &str = "UPBEAT_TEST_CHILD";
const SOON: Duration = Duration::from_secs(20);

/// The scenario of the started process.
fn play(what: &str) -> Report {
    let say = |line: &'static str| {
        with(line, async |line: &'static str, cx: Context| {
            println!("{line}");
            cx.stopping().await;
            println!("{line} stopping: {}", cx.stop_cause().unwrap());
            Ok::<_, BoxError>(())
        })
    };
    let deaf = async |_: Context| {
        println!("up");
        std::future::pending::<Result<(), BoxError>>().await
    };
    let spins = async |_: Context| -> Result<(), BoxError> {
        println!("up");
        loop {
            std::hint::spin_loop();
        }
    };
    let reloads = async |cx: Context| {
        let mut reloads = cx.reloads();
        println!("up");
        while cx.unless_stopping(reloads.recv()).await.is_some() {
            println!("reloaded");
        }
        Ok::<_, BoxError>(())
    };
    let blocks = async |_: Context| -> Result<(), BoxError> {
        println!("up");
        tokio::task::spawn_blocking(|| {
            loop {
                std::thread::park();
            }
        })
        .await?
    };
    let patience = if what.ends_with("briefly") { Duration::from_secs(1) } else { Duration::from_mins(10) };
    let conductor = Conductor::new("shop").stop_timeout(patience);
    let conductor = match what {
        "polite" => conductor.player("a", say("up")),
        "deaf" => conductor.player("a", deaf).player("polite", say("up")),
        "reloads" => conductor.player("a", reloads),
        // Every worker is blocked: nothing asynchronous moves any more.
        "hung" | "hung briefly" => conductor.player("a", spins).part(Part::new("b", spins).signals_ready()),
        "blocks briefly" => conductor.player("a", blocks).player("polite", say("polite")),
        other => panic!("no such child: {other}"),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let report = runtime.block_on(async { tokio::spawn(conductor.play_until_signal()).await.unwrap() });
    // As `#[tokio::main]` does, which waits for blocking tasks.
    drop(runtime);
    report
}

/// Not a test of its own: what the started process runs.
#[test]
fn child() {
    if let Ok(what) = std::env::var(CHILD) {
        let report = play(&what);
        println!("{report}");
        std::process::exit(report.exit_code().into());
    }
}

struct Process {
    child: Child,
    output: BufReader<ChildStdout>,
    errors: BufReader<ChildStderr>,
    /// The text that was read from its standard error.
    said: String,
}

impl Process {
    fn start(what: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child", "--exact", "--nocapture"])
            .env(CHILD, what)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let errors = BufReader::new(child.stderr.take().unwrap());
        Self { child, output, errors, said: String::new() }
    }

    /// Reads until a line contains this.
    fn expect(&mut self, text: &str) {
        let mut seen = String::new();
        while self.output.read_line(&mut seen).unwrap() > 0 {
            if seen.lines().last().is_some_and(|line| line.contains(text)) {
                return;
            }
        }
        panic!("{text:?} is not in the output:\n{seen}");
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// Reads its standard error until it contains this.
    fn expect_said(&mut self, text: &str) {
        while !self.said.contains(text) {
            assert!(self.errors.read_line(&mut self.said).unwrap() > 0, "{text:?} is not in {}", self.said);
        }
    }

    /// All that it has said on its standard error.
    fn said(&mut self) -> &str {
        self.errors.read_to_string(&mut self.said).unwrap();
        &self.said
    }

    fn exit_code(&mut self) -> Option<i32> {
        self.wait().code()
    }

    fn wait(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < SOON, "the process does not end");
            std::thread::yield_now();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_first_signal_stops_gracefully_and_is_the_stop_cause() {
    for (signal, name) in [("INT", "SIGINT"), ("TERM", "SIGTERM"), ("QUIT", "SIGQUIT")] {
        let mut process = Process::start("polite");
        process.expect("up");
        process.signal(signal);
        process.expect(&format!("up stopping: {name}"));
        process.expect(&format!(" ({name})"));
        assert_eq!(process.exit_code(), Some(0));
    }
}

#[test]
fn the_second_signal_aborts_with_its_exit_code() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let mut process = Process::start("deaf");
        process.expect("up");
        process.expect("up");
        process.signal("TERM");
        // Two equal signals merge while the first is pending. Of two different ones the lower
        // number comes first.
        process.expect("up stopping");
        process.signal(signal);
        assert_eq!(process.exit_code(), Some(code));
    }
}

#[test]
fn the_third_signal_exits_whatever_hangs() {
    let mut process = Process::start("hung");
    process.expect("up");
    let begun = Instant::now();
    while process.child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < SOON, "the process does not end");
        process.signal("INT");
        std::thread::yield_now();
    }
    assert_eq!(process.exit_code(), Some(130));
}

// 17: with every worker blocked, the process still ends, and names the parts that are left.
#[test]
fn a_process_with_every_worker_blocked_ends_and_names_the_parts_left() {
    let mut process = Process::start("hung briefly");
    process.expect("up");
    process.signal("TERM");
    assert_eq!(process.exit_code(), Some(124));
    let said = process.said();
    assert!(said.contains("shop/a  ") && said.contains("shop/b  "), "{said}");
    // One player has the only worker, and the other never had it. The time counts from the stop.
    assert!(said.contains("not polled yet"), "{said}");
    let (_, busy) = said.split_once("inside one poll for at least ").unwrap_or_else(|| panic!("{said}"));
    assert!(busy.split_once(" ms").unwrap().0.parse::<u32>().unwrap() >= 1000, "{said}");
}

#[test]
fn sigusr1_prints_all_locations_and_changes_nothing() {
    let mut process = Process::start("blocks briefly");
    process.expect("up");
    process.signal("USR1");
    process.expect_said("JoinHandle");
    process.signal("TERM");
    assert_eq!(process.exit_code(), Some(124));
    let said = process.said();
    assert!(said.contains("waiting in") && said.contains("signals.rs:"), "{said}");
}

// 17: inside `spawn_blocking` that never returns.
#[test]
fn a_blocking_task_that_never_returns_does_not_keep_the_process() {
    let mut process = Process::start("blocks briefly");
    process.expect("up");
    process.signal("TERM");
    assert_eq!(process.exit_code(), Some(124));
    let said = process.said();
    assert!(said.contains("shop/a       overran"), "{said}");
    assert!(said.contains("shop/polite  stopped"), "{said}");
}

#[test]
fn hangup_is_a_request_to_reload() {
    let mut process = Process::start("reloads");
    process.expect("up");
    process.signal("HUP");
    process.expect("reloaded");
    process.signal("TERM");
    assert_eq!(process.exit_code(), Some(0));
}
