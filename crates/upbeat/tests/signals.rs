//! Signals, on real processes: this program starts itself again as the process that gets them.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::exit,
    reason = "a test fails by panicking, and plays a program"
)]

use std::{
    io::{self, BufRead, BufReader, Read, Write as _},
    process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio, Termination as _},
    time::{Duration, Instant},
};

use harm::{log::CallsBack, pipe::UnreadPipe, process};
use upbeat::{
    BoxError, Conductor, Context, Part, Report, Signal, report::Cause, restart::Restart, score::OnUnresponsive, with,
};

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
    let beats = with(what.starts_with("stands still"), async |_: bool, cx: Context| {
        println!("{}", if cx.attempt() == 0 { "up" } else { "again" });
        while cx.unless_stopping(tokio::time::sleep(Duration::from_millis(100))).await.is_some() {
            cx.heartbeat();
        }
        Ok::<_, BoxError>(())
    });
    let slow = async |cx: Context| {
        println!("up");
        cx.stopping().await;
        println!("up stopping");
        tokio::time::sleep(Duration::from_millis(400)).await;
        println!("up done");
        Ok::<_, BoxError>(())
    };
    let fails = async |cx: Context| {
        println!("up");
        cx.stopping().await;
        Err::<(), _>(BoxError::from("no luck"))
    };
    match what.split(", ").last() {
        // As a layer that writes to standard error on the thread of the event.
        Some("logs") => {
            let layer = CallsBack(|message: &str| drop(writeln!(io::stderr(), "{message}")));
            tracing::subscriber::set_global_default(layer).unwrap();
        }
        Some("log layer that blocks") => {
            let layer = CallsBack(|message: &str| {
                if message == "all ready" {
                    println!("blocked");
                    loop {
                        std::thread::park();
                    }
                }
            });
            tracing::subscriber::set_global_default(layer).unwrap();
        }
        _ => {}
    }
    let stop_timeout = if what.contains("briefly") { Duration::from_secs(1) } else { Duration::from_mins(10) };
    let conductor = Conductor::new("shop").stop_timeout(stop_timeout);
    let what = what.split(", ").next().unwrap();
    let conductor = match what {
        "stops by" => conductor.player("a", say("up")).stop_signals([Signal::HANGUP, Signal::USER1]),
        "stops by KILL" => {
            conductor.player("a", say("up")).stop_signals([Signal::TERMINATE, Signal::try_from(9).unwrap()])
        }
        "slow" => conductor.player("a", slow),
        "fails briefly" => conductor.player("a", fails),
        "stands still" => (0..8).fold(conductor, |conductor, i| {
            let part = Part::new(format!("beats{i}"), beats.clone()).restart(Restart::never());
            conductor.part(part.watchdog(Duration::from_secs(1), OnUnresponsive::Restart))
        }),
        "polite" | "polite briefly" => conductor.player("a", say("up")),
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
        if let Cause::NoSignals(error) = &report.cause {
            println!("no signals: {error}");
        }
        if what.starts_with("fails") {
            // As the result of `main`.
            let code = report.exit_code();
            let _ = report.report();
            std::process::exit(code.into());
        }
        std::process::exit(report.exit_code().into());
    }
}

struct Process {
    child: Child,
    output: BufReader<ChildStdout>,
    errors: Option<BufReader<ChildStderr>>,
    /// Its standard error, if that is not read.
    unread: Option<UnreadPipe>,
    /// The text that was read from its standard error.
    said: String,
}

impl Process {
    fn start(what: &str) -> Self {
        Self::start_by(Command::new(std::env::current_exe().unwrap()), what, None)
    }

    /// Starts it by another program, such as `nohup`.
    fn start_with(program: &[&str], stdin: Stdio, what: &str) -> Self {
        let mut command = Command::new(program[0]);
        command.args(&program[1..]).arg(std::env::current_exe().unwrap()).stdin(stdin);
        Self::start_by(command, what, None)
    }

    /// Starts it, and fills its standard error, which is not read.
    fn start_unread(what: &str) -> Self {
        let program = Command::new(std::env::current_exe().unwrap());
        let mut process = Self::start_by(program, what, Some(UnreadPipe::new().unwrap()));
        process.expect("up");
        process.unread.as_ref().unwrap().fill().unwrap();
        process
    }

    fn start_by(mut command: Command, what: &str, unread: Option<UnreadPipe>) -> Self {
        let errors = unread.as_ref().map_or_else(Stdio::piped, |unread| unread.writer().unwrap().into());
        let mut child = command
            .args(["child", "--exact", "--nocapture"])
            .env(CHILD, what)
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let errors = child.stderr.take().map(BufReader::new);
        Self { child, output, errors, unread, said: String::new() }
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
            let errors = self.errors.as_mut().unwrap();
            assert!(errors.read_line(&mut self.said).unwrap() > 0, "{text:?} is not in {}", self.said);
        }
    }

    /// All that it has said on its standard error.
    fn said(&mut self) -> &str {
        self.errors.as_mut().unwrap().read_to_string(&mut self.said).unwrap();
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
        if signal == "TERM" {
            // Sooner it is the same wish.
            #[expect(clippy::disallowed_methods, reason = "the time is what the test is about")]
            std::thread::sleep(Duration::from_millis(600));
        }
        process.signal(signal);
        assert_eq!(process.exit_code(), Some(code));
    }
}

#[test]
fn a_copy_of_a_signal_is_the_same_wish() {
    let mut process = Process::start("slow");
    process.expect("up");
    process.signal("INT");
    process.expect("up stopping");
    process.signal("INT");
    process.expect("up done");
    assert_eq!(process.exit_code(), Some(0));
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

#[test]
fn a_hangup_that_no_player_receives_stops_gracefully() {
    let mut process = Process::start("polite");
    process.expect("up");
    process.signal("HUP");
    process.expect("up stopping: SIGHUP");
    assert_eq!(process.exit_code(), Some(0));
}

#[test]
fn a_hangup_never_aborts() {
    let mut process = Process::start("slow");
    process.expect("up");
    process.signal("TERM");
    process.expect("up stopping");
    process.signal("HUP");
    process.expect("up done");
    assert_eq!(process.exit_code(), Some(0));
}

#[test]
fn under_nohup_a_hangup_changes_nothing() {
    for what in ["polite", "reloads"] {
        let mut process = Process::start_with(&["nohup"], Stdio::null(), what);
        process.expect("up");
        process.signal("HUP");
        if what == "reloads" {
            process.expect("reloaded");
        }
        // After the hangup, which has the lower number.
        process.signal("TERM");
        process.expect(" (SIGTERM)");
        assert_eq!(process.exit_code(), Some(0));
    }
}

#[test]
fn the_end_of_the_terminal_stops_gracefully() {
    for what in ["polite", "reloads"] {
        let (terminal, user) = process::Terminal::open().unwrap();
        let mut process = Process::start_with(&["setsid", "--ctty"], user.into(), what);
        process.expect("up");
        drop(terminal);
        process.expect(" (SIGHUP)");
        assert_eq!(process.exit_code(), Some(0), "{what}");
    }
}

#[test]
fn every_signal_can_stop() {
    for signal in ["HUP", "USR1"] {
        let mut process = Process::start("stops by");
        process.expect("up");
        process.signal(signal);
        process.expect(&format!("up stopping: SIG{signal}"));
        assert_eq!(process.exit_code(), Some(0));
    }
}

#[test]
fn a_signal_that_cannot_be_caught_is_an_error_before_anything_starts() {
    let mut process = Process::start("stops by KILL");
    process.expect("no signals: SIGKILL cannot be caught");
    assert_eq!(process.exit_code(), Some(1));
}

#[test]
fn a_process_ends_whatever_becomes_of_standard_error() {
    // With a dump and an event before it, and with a report as the result of `main`.
    for what in ["polite briefly, logs", "polite briefly", "fails briefly, logs", "fails briefly", "hung briefly"] {
        for earlier in [&[][..], &["USR1", "USR1", "HUP"]] {
            let mut process = Process::start_unread(what);
            for signal in earlier {
                process.signal(signal);
            }
            process.signal("TERM");
            let code = process.exit_code();
            // The hangup stops too, and a signal after the end exits at once.
            assert!([Some(0), Some(1), Some(124), Some(143)].contains(&code), "{what} {earlier:?}: {code:?}");
        }
    }
}

#[test]
fn the_second_and_the_third_signal_work_whatever_becomes_of_standard_error() {
    for (what, third) in [("deaf, logs", false), ("hung, logs", true), ("hung", false)] {
        let mut process = Process::start_unread(what);
        process.signal("TERM");
        process.signal("INT");
        if third {
            process.signal("QUIT");
        }
        let code = process.exit_code();
        assert!([Some(130), Some(143), Some(131)].contains(&code), "{what}: {code:?}");
    }
}

#[test]
fn a_log_layer_that_blocks_the_control_loop_does_not_keep_the_process() {
    for signals in [&["TERM"][..], &["HUP"], &["TERM", "INT"]] {
        let mut process = Process::start("polite briefly, log layer that blocks");
        process.expect("blocked");
        for signal in signals {
            process.signal(signal);
        }
        let code = process.exit_code();
        assert!([Some(124), Some(130), Some(143)].contains(&code), "{code:?}");
    }
}

#[test]
fn a_process_that_stood_still_restarts_no_player() {
    let mut process = Process::start("stands still");
    process.expect("up");
    for _ in 0..3 {
        process::stand_still(&process.child, Duration::from_millis(1500)).unwrap();
    }
    process.signal("TERM");
    let mut rest = String::new();
    process.output.read_to_string(&mut rest).unwrap();
    assert!(!rest.contains("again") && rest.contains("(SIGTERM)"), "{rest}");
    assert_eq!(process.exit_code(), Some(0));
}
