//! The tests of thejerf/suture v4: `suture_test.go`, `complete_test.go`, `suture_simple_test.go`.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use peers::{
    Command, MS, S, Scripted, block_thread,
    child::{self, ChildProcess},
    clean_report, idle, is_running, paused, playing, real, settle, stop, stop_cleanly, threads, unclean, until,
};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use upbeat::{
    BoxError, Conductor, Context, ContextError, HandleError, Part, Player,
    report::{Cause, Outcome},
    restart::{Backoff, Restart},
    score::{Fault, OnFailure},
    with,
};

/// A service that is restarted after every end, as in suture.
fn service(name: &'static str, scripted: &Scripted) -> Part {
    let backoff = Backoff::exponential(Duration::ZERO, 15 * S).jitter(0.0);
    Part::new(name, scripted.player()).signals_ready().restart(Restart::on_failure(backoff))
}

fn conductor() -> Conductor {
    Conductor::new("main").player("keeper", idle)
}

/// Same as `TestTheHappyCase`.
#[test]
fn a_service_that_returns_is_restarted_and_stops_with_its_conductor() {
    paused(async || {
        let b = Scripted::new();
        let (handle, playing) = playing(Conductor::new("A").part(service("B", &b)));
        b.started(1).await;
        assert_eq!(&*handle.overview().snapshot().name, "A");
        b.send(Command::Return);
        b.started(2).await;
        stop_cleanly(&handle, playing).await;
        assert_eq!(b.live(), 0);
    });
}

/// Same as `TestAddingToRunningSupervisor`.
#[test]
fn a_service_that_is_added_starts() {
    paused(async || {
        let (handle, playing) = playing(conductor());
        handle.overview().wait_ready().await;
        let b1 = Scripted::new();
        handle.add(service("B1", &b1)).await.unwrap();
        b1.started(1).await;
        let names: Vec<_> = handle.overview().snapshot().players.iter().map(|player| player.path.to_string()).collect();
        assert_eq!(names, ["main/keeper", "main/B1"]);
        stop_cleanly(&handle, playing).await;
    });
}

/// Differs from `TestFailures`: each part has its own backoff. There all services wait after too
/// many failures of any.
#[test]
fn the_delay_of_a_restart_grows_and_is_reset_after_a_healthy_run() {
    paused(async || {
        let (b2, c2) = (Scripted::new(), Scripted::new());
        let backoff = Backoff::exponential(S, 15 * S).jitter(0.0);
        let policy = Restart::on_failure(backoff).reset_after(30 * S);
        let (handle, playing) =
            playing(Conductor::new("A2").part(service("B2", &b2).restart(policy)).part(service("C2", &c2)));
        handle.overview().wait_ready().await;
        let fails = async |end: Command, waits: u32| {
            let n = b2.starts();
            b2.send(end);
            b2.gone().await;
            let start = tokio::time::Instant::now();
            b2.started(n + 1).await;
            assert_eq!(start.elapsed().as_secs(), u64::from(waits));
        };
        for waits in [1, 2, 4] {
            fails(Command::Return, waits).await;
        }
        fails(Command::Panic("Panic!"), 8).await;
        fails(Command::Fail("again"), 15).await;
        // The other service is restarted at once.
        c2.send(Command::Return);
        timeout(MS * 100, c2.started(2)).await.unwrap();
        // It does not start before its time.
        b2.send(Command::Return);
        b2.gone().await;
        sleep(14 * S).await;
        assert_eq!((b2.live(), c2.live()), (0, 1));
        until(&handle, "B2", "ready").await;
        sleep(30 * S).await;
        fails(Command::Return, 1).await;
        assert_eq!(b2.max_live(), 1);
        stop_cleanly(&handle, playing).await;
    });
}

/// Same as `TestRunningAlreadyRunning`: it is a fault. There it is a panic.
#[test]
fn a_shared_conductor_cannot_be_two_parts_of_one_conductor() {
    paused(async || {
        // `play_until` consumes a conductor. A shared one can be the player of one part.
        let shared = Arc::new(Conductor::new("inner").player("service", idle));
        let twice = conductor().player("one", shared.clone()).player("two", shared.clone());
        assert!(matches!(twice.check().unwrap_err().faults[..], [Fault::DuplicateInstance { .. }]));
        let (handle, playing) = playing(conductor().player("one", shared.clone()));
        handle.overview().wait_ready().await;
        assert!(matches!(handle.add(Part::new("two", shared)).await, Err(HandleError::DuplicateInstance { .. })));
        stop_cleanly(&handle, playing).await;
    });
}

/// Same as `TestRunningAlreadyRunning`: it is a fault, wherever in the tree the two places are.
#[test]
fn a_shared_conductor_is_not_played_twice_in_a_tree() {
    paused(async || {
        let service = Scripted::new();
        let shared = Arc::new(Conductor::new("inner").player("service", service.player()));
        let other = Conductor::new("other").player("two", shared.clone());
        let report = conductor().player("one", shared).player("other", other).play_until(pending()).await;
        assert_eq!((report.exit_code(), service.starts()), (78, 0), "{report}");
    });
}

/// Same as `TestFullConstruction`.
#[test]
fn all_settings_are_accepted() {
    let policy =
        Restart::on_failure(Backoff::exponential(S, 3 * S).jitter(0.5)).max_restarts(2).within(60 * S).reset_after(S);
    let part = Part::new("Moo", idle).restart(policy).stop_timeout(29 * S);
    let conductor = Conductor::new("Moo").stop_timeout(29 * S).part(part);
    assert!(conductor.check().unwrap().warnings.is_empty());
}

/// Not a test: the scenario of the started process. No other test has its log events.
#[test]
#[ignore = "other tests start it as a process"]
fn child() {
    if child::scenario().is_none() {
        return;
    }
    paused(async || {
        let subscriber = tracing_subscriber::fmt().with_writer(std::io::stdout).with_ansi(false).finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
        let (b4, deep) = (Scripted::new(), Scripted::new());
        let nested = Conductor::new("Nested5").part(service("deep", &deep));
        let (handle, playing) =
            playing(Conductor::new("A4").stop_timeout(S).part(service("B4", &b4)).player("Nested5", nested));
        handle.overview().wait_ready().await;
        b4.send(Command::Panic("test error"));
        b4.started(2).await;
        deep.send(Command::Fail("deep error"));
        deep.started(2).await;
        settle().await;
        b4.send(Command::Hang);
        settle().await;
        handle.stop();
        drop(playing.await.unwrap());
    });
}

/// Same as `TestDefaultLogging`, `TestNestedSupervisors`: events of `tracing` replace the hook.
/// They reach nested conductors.
#[test]
fn panics_restarts_and_aborts_are_logged_with_paths() {
    threads(|| {
        let (_, text) = ChildProcess::start("suture::child", "logs").end();
        let says = |needed: &[&str]| text.lines().any(|line| needed.iter().all(|needed| line.contains(needed)));
        assert!(says(&["WARN", "A4/B4", "restarting", "test error"]), "{text}");
        assert!(says(&["WARN", "A4/Nested5/deep", "restarting", "deep error"]), "{text}");
        assert!(says(&["WARN", "A4/B4", "abort"]), "{text}");
    });
}

/// Same as `TestNestedSupervisors`.
#[test]
fn services_of_a_nested_conductor_play() {
    paused(async || {
        let five = Scripted::new();
        let nested = Conductor::new("Nested5").part(service("Service5", &five));
        let (handle, playing) = playing(Conductor::new("Top5").player("Nested5", nested));
        five.started(1).await;
        stop_cleanly(&handle, playing).await;
        assert_eq!(five.live(), 0);
    });
}

/// Same as `TestStoppingSupervisorStopsServices`.
#[test]
fn an_ended_conductor_has_no_services_and_refuses_requests() {
    paused(async || {
        let six = Scripted::new();
        let (handle, playing) = playing(Conductor::new("Top6").part(service("Service6", &six)));
        six.started(1).await;
        stop_cleanly(&handle, playing).await;
        assert_eq!(six.live(), 0);
        assert!(matches!(handle.part("Service6").restart().await, Err(HandleError::NotPlaying { .. })));
        assert!(handle.overview().snapshot().players.is_empty());
    });
}

/// Same as `TestStoppingStillWorksWithHungServices`, `TestServiceReport`.
#[test]
fn a_conductor_with_a_hung_service_stops_and_names_it() {
    paused(async || {
        let hung = Scripted::new();
        let (handle, playing) = playing(conductor().stop_timeout(S).part(service("hung", &hung)));
        hung.started(1).await;
        hung.send(Command::Hang);
        settle().await;
        let report = timeout(3 * S, stop(&handle, playing)).await.expect("it stops");
        assert_eq!(unclean(&report), ["main/hung: overran"]);
        assert!(report.player("main/hung").unwrap().stuck.is_some(), "and where it was");
    });
}

/// Same as `TestRemovingHungService`.
#[test]
fn a_hung_service_can_be_removed() {
    paused(async || {
        let hung = Scripted::new();
        let (handle, playing) = playing(conductor().part(service("hung", &hung).stop_timeout(S)));
        hung.started(1).await;
        hung.send(Command::Hang);
        settle().await;
        let removed = timeout(2 * S, handle.part("hung").remove()).await.expect("it is removed").unwrap();
        assert_eq!((removed.outcome, hung.live()), (Outcome::Overran, 0));
        stop_cleanly(&handle, playing).await;
    });
}

/// Same as `TestRemoveService`: a path replaces the token.
#[test]
fn a_service_is_removed_and_an_unknown_one_is_an_error() {
    paused(async || {
        let eight = Scripted::new();
        let (handle, playing) = playing(conductor().part(service("ServiceToRemove8", &eight)));
        eight.started(1).await;
        assert!(handle.part("ServiceToRemove8").remove().await.unwrap().is_clean());
        assert_eq!(eight.live(), 0);
        assert!(matches!(handle.part("elsewhere/ServiceToRemove8").remove().await, Err(HandleError::Unknown { .. })));
        stop_cleanly(&handle, playing).await;
    });
}

/// Same as `TestIssue11`.
#[test]
fn an_added_conductor_plays_its_score_and_accepts_services() {
    real(2, async || {
        let (handle, playing) = playing(conductor());
        handle.overview().wait_ready().await;
        let (one, two) = (Scripted::new(), Scripted::new());
        handle.add(Part::new("sub", Conductor::new("sub").part(service("one", &one)))).await.unwrap();
        // `add` returns when the part is accepted. The conductor is unknown until it plays.
        let early = handle.add_to("sub", service("two", &two)).await;
        assert!(matches!(early, Ok(()) | Err(HandleError::Unknown { .. })), "{early:?}");
        if early.is_err() {
            handle.overview().wait_ready().await;
            handle.add_to("sub", service("two", &two)).await.unwrap();
        }
        one.started(1).await;
        two.started(1).await;
        stop_cleanly(&handle, playing).await;
    });
}

/// Differs from `TestRemoveAndWait`: a service that is gone is unknown. There its removal succeeds.
#[test]
fn a_removal_can_be_awaited_with_a_timeout() {
    paused(async || {
        let (handle, playing) = playing(conductor().stop_timeout(S));
        handle.overview().wait_ready().await;
        let [a1, a2, a3] = [Scripted::new(), Scripted::new(), Scripted::new()];
        // A service that stops at once.
        handle.add(service("A1", &a1)).await.unwrap();
        a1.started(1).await;
        assert!(timeout(S, handle.part("A1").remove()).await.unwrap().unwrap().is_clean());
        // The service is unknown now.
        assert!(matches!(handle.part("A1").remove().await, Err(HandleError::Unknown { .. })));
        // A service that ignores the stop.
        handle.add(service("A2", &a2)).await.unwrap();
        a2.started(1).await;
        a2.send(Command::Hang);
        settle().await;
        assert!(timeout(MS, handle.part("A2").remove()).await.is_err());
        // The request remains in effect.
        timeout(2 * S, a2.gone()).await.unwrap();
        settle().await;
        assert_eq!(handle.part("A2").state(), None);
        // A service that stops slowly.
        handle.add(service("A3", &a3)).await.unwrap();
        a3.started(1).await;
        a3.send(Command::Hang);
        let releases = a3.clone();
        tokio::spawn(async move {
            sleep(10 * MS).await;
            releases.release();
        });
        assert!(handle.part("A3").remove().await.unwrap().is_clean());
        stop_cleanly(&handle, playing).await;
    });
}

/// Same as the third case of `TestRemoveAndWait`.
#[test]
fn a_removal_is_answered_during_a_stop() {
    paused(async || {
        let a3 = Scripted::new();
        let (handle, playing) = playing(conductor().stop_timeout(S).part(service("A3", &a3)));
        a3.started(1).await;
        a3.send(Command::Hang);
        settle().await;
        let asks = handle.clone();
        let removal = tokio::spawn(async move { asks.part("A3").remove().await });
        settle().await;
        handle.stop();
        let answer = timeout(10 * S, removal).await.expect("it is answered").unwrap();
        assert!(matches!(&answer, Ok(report) if report.outcome == Outcome::Overran), "{answer:?}");
        // A request after the end.
        drop(playing.await.unwrap());
        assert!(matches!(handle.part("A3").remove().await, Err(HandleError::NotPlaying { .. })));
    });
}

/// Same as `TestSupervisorManagementIssue35`.
#[test]
fn a_hundred_nested_conductors_are_stopped_while_they_start() {
    real(2, async || {
        let conductor = (0..100).fold(Conductor::new("issue35"), |conductor, i| {
            conductor.player(format!("test{i}"), Conductor::new("test").player("service", idle))
        });
        let (handle, playing) = playing(conductor);
        handle.stop();
        stop_cleanly(&handle, playing).await;
    });
}

/// Same as `TestStopAfterRemoveAndWait`.
#[test]
fn a_stop_after_a_removal_takes_no_time() {
    paused(async || {
        let a1 = Scripted::new();
        let (handle, playing) = playing(conductor().part(service("A1", &a1)));
        a1.started(1).await;
        handle.part("A1").remove().await.unwrap();
        let report = clean_report(&handle, playing).await;
        assert_eq!(report.stop_took, Some(Duration::ZERO));
    });
}

/// Same as `TestServiceAndTreeTermination`: a completed job, and `stops_all` on each level.
#[test]
fn a_job_ends_alone_and_another_one_stops_the_tree() {
    paused(async || {
        let [one, two, three] = [Scripted::new(), Scripted::new(), Scripted::new()];
        let s2 = Conductor::new("s2")
            .part(service("one", &one).stops_all())
            .part(service("two", &two))
            .part(service("three", &three).job());
        let (handle, playing) = playing(conductor().part(Part::new("s2", s2).stops_all()));
        handle.overview().wait_ready().await;
        three.send(Command::Return);
        sleep(S * 100).await;
        assert_eq!(three.starts(), 1, "it is not restarted");
        one.send(Command::Return);
        let report = timeout(S, playing).await.expect("it ends").unwrap();
        assert!(report.is_clean(), "{report}");
        assert_eq!([&one, &two, &three].map(Scripted::live), [0; 3]);
    });
}

/// Differs from `TestServiceAndTreeTermination`: an error with a restart policy is retried.
#[test]
fn an_error_is_retried_until_the_limit() {
    paused(async || {
        let tries = Arc::new(AtomicU32::new(0));
        let fails = with(tries.clone(), async |tries: Arc<AtomicU32>, _: Context| {
            tries.fetch_add(1, SeqCst);
            Err::<(), _>(BoxError::from("the password is wrong"))
        });
        let part = Part::new("service", fails).restart(Restart::on_failure(Backoff::constant(S)).max_restarts(5));
        let report = conductor().part(part).play_until(pending()).await;
        assert_eq!(tries.load(SeqCst), 6);
        assert!(matches!(report.cause, Cause::Failed { .. }));
    });
}

/// Same as `TestDoNotPropagate`.
#[test]
fn the_end_of_a_nested_conductor_can_be_ignored() {
    paused(async || {
        for end in [Command::Return, Command::Fail("terminates")] {
            let (stays, ends) = (Scripted::new(), Scripted::new());
            let child = Conductor::new("child").part(Part::new("service2", ends.player()).signals_ready().stops_all());
            let part = Part::new("child", child).job().on_failure(OnFailure::Ignore);
            let (handle, playing) = playing(Conductor::new("parent").part(part).part(service("service1", &stays)));
            handle.overview().wait_ready().await;
            ends.send(end);
            ends.gone().await;
            sleep(S).await;
            assert_eq!((stays.live(), ends.live()), (1, 0));
            assert!(is_running(&handle));
            stop_cleanly(&handle, playing).await;
        }
    });
}

/// Composed, after `TestShim`: a function that blocks and one that ends it are a player of a few
/// lines.
#[test]
fn a_pair_of_blocking_functions_becomes_a_player() {
    struct Old {
        done: AtomicBool,
        served: AtomicU32,
    }
    impl Old {
        fn serve(&self) {
            self.served.fetch_add(1, SeqCst);
            while !self.done.load(SeqCst) {
                block_thread(5 * MS);
            }
        }

        fn stop(&self) {
            self.done.store(true, SeqCst);
        }
    }
    struct Shim(Arc<Old>);
    impl Player for Shim {
        type Error = BoxError;

        async fn play(&self, cx: Context) -> Result<(), BoxError> {
            let old = self.0.clone();
            let mut serving = tokio::task::spawn_blocking(move || old.serve());
            tokio::select! {
                () = cx.stopping() => self.0.stop(),
                ended = &mut serving => return Ok(ended?),
            }
            Ok(serving.await?)
        }
    }
    real(2, async || {
        let old = Arc::new(Old { done: false.into(), served: 0.into() });
        let (handle, playing) = playing(conductor().player("old", Shim(old.clone())));
        handle.overview().wait_ready().await;
        stop_cleanly(&handle, playing).await;
        assert_eq!(old.served.load(SeqCst), 1);
    });
}

/// Same as `TestAddAfterStopping`.
#[test]
fn adding_to_an_ended_conductor_is_refused() {
    paused(async || {
        let (handle, playing) = playing(conductor());
        handle.overview().wait_ready().await;
        stop_cleanly(&handle, playing).await;
        let refused = timeout(S, handle.add(service("A1", &Scripted::new()))).await.expect("it is answered");
        assert!(matches!(refused, Err(HandleError::NotPlaying { .. })));
    });
}

/// Same as `TestIssue77`.
#[test]
fn the_cancellation_of_another_context_is_a_failure() {
    paused(async || {
        let runs = Arc::new(AtomicU32::new(0));
        let fails = with(runs.clone(), async |runs: Arc<AtomicU32>, cx: Context| {
            if runs.fetch_add(1, SeqCst) == 0 {
                let other = cx.child();
                other.cancel("another context");
                return Err(BoxError::from(other.done().await));
            }
            cx.stopping().await;
            Ok(())
        });
        let part = Part::new("cancelling", fails).restart(Restart::on_failure(Backoff::constant(Duration::ZERO)));
        let (handle, playing) = playing(conductor().part(part));
        sleep(S).await;
        assert_eq!(runs.load(SeqCst), 2);
        stop_cleanly(&handle, playing).await;
    });
}

/// Same as every service of its tests: it is a clean stop, also as the source of another error.
#[test]
fn the_cancellation_of_the_own_context_is_a_clean_stop() {
    paused(async || {
        let usual = async |cx: Context| -> Result<(), ContextError> {
            // The shortest way to write it.
            cx.unless_done(pending::<()>()).await?;
            Ok(())
        };
        let wrapped = async |cx: Context| {
            let error = cx.done().await;
            Err::<(), _>(BoxError::from(std::io::Error::other(error)))
        };
        let services = conductor().player("service", usual).player("wrapped", wrapped);
        let report = services.play_until(sleep(S)).await;
        assert!(report.is_clean(), "{report}");
        assert_eq!(report.player("main/wrapped").unwrap().outcome, Outcome::Stopped);
    });
}

/// Same as `TestCompleteJob`, `ExampleNew_simple`.
#[test]
fn a_completed_job_is_not_restarted() {
    paused(async || {
        let (give, mut take) = mpsc::channel(1);
        let counts = with(give, async |give: mpsc::Sender<u32>, cx: Context| {
            for i in 0..3 {
                if cx.unless_stopping(give.send(i)).await.is_none() {
                    break;
                }
            }
            Ok::<_, BoxError>(())
        });
        let part = Part::new("incrementor", counts).job().restart(Restart::on_failure(Backoff::constant(S)));
        let (handle, playing) = playing(conductor().part(part));
        assert_eq!([take.recv().await, take.recv().await, take.recv().await], [Some(0), Some(1), Some(2)]);
        until(&handle, "incrementor", "completed").await;
        let report = clean_report(&handle, playing).await;
        assert_eq!(report.player("main/incrementor").unwrap().runs, 1);
    });
}
