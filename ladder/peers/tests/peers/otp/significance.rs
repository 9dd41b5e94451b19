//! Significant children, whose end stops the supervisor.

use peers::{Command, S, Scripted, is_running, paused, playing, settle, state, stop_cleanly};
use tokio::time::{sleep, timeout};
use upbeat::{BoxError, Conductor, Part, restart::Strategy, score::Condition};

use super::{ready, sup, temporary, transient};

/// Ends a part in every way. Each time the conductor still plays.
async fn nonsignificant(kind: fn(&'static str, &Scripted) -> Part) {
    let child = Scripted::new();
    let (handle, playing) = playing(sup().part(kind("child", &child)));
    ready(&handle).await;
    handle.part("child").stop().await.unwrap();
    sleep(S).await;
    for end in [Command::Panic("killed"), Command::Fail("abnormal"), Command::Return] {
        assert!(is_running(&handle));
        if child.live() == 0 {
            handle.part("child").restart().await.unwrap();
        }
        let before = child.starts();
        settle().await;
        child.send(end);
        sleep(S).await;
        assert!(child.starts() >= before);
    }
    assert!(is_running(&handle));
    handle.stop();
    drop(playing.await.unwrap());
}

/// Same as `nonsignificant_temporary`.
#[test]
fn the_end_of_a_temporary_child_stops_nothing() {
    paused(async || nonsignificant(temporary).await);
}

/// Same as `nonsignificant_transient`.
#[test]
fn the_end_of_a_transient_child_stops_nothing() {
    paused(async || nonsignificant(transient).await);
}

/// Same as `significant_transient` with `any_significant`: its restarted failures stop nothing.
/// `Part::stops_all` is significant.
#[test]
fn the_normal_end_of_a_significant_child_stops_everything() {
    paused(async || {
        let [one, two, three] = [Scripted::new(), Scripted::new(), Scripted::new()];
        let conductor = sup()
            .part(transient("one", &one).stops_all())
            .part(transient("two", &two).stops_all())
            .part(transient("three", &three));
        let (handle, playing) = playing(conductor);
        ready(&handle).await;
        // Its stop by request stops nothing else.
        handle.part("one").stop().await.unwrap();
        sleep(S).await;
        assert!(is_running(&handle));
        handle.part("one").restart().await.unwrap();
        one.started(2).await;
        for (n, end) in [(3, Command::Panic("killed")), (4, Command::Fail("abnormal"))] {
            one.send(end);
            one.started(n).await;
            sleep(S).await;
            assert!(is_running(&handle));
        }
        one.send(Command::Return);
        let report = timeout(S, playing).await.expect("it ends").unwrap();
        assert!(report.is_clean(), "{report}");
        assert_eq!([&one, &two, &three].map(Scripted::live), [0; 3]);
    });
}

/// Same as `significant_temporary` with `any_significant`: a failure is also reported as one.
#[test]
fn every_end_of_a_significant_child_without_a_policy_stops_everything() {
    paused(async || {
        for (end, code) in [(Command::Return, 0), (Command::Fail("abnormal"), 1), (Command::Panic("killed"), 1)] {
            let (one, two) = (Scripted::new(), Scripted::new());
            let significant = Part::new("one", one.player()).signals_ready().stops_all();
            let (handle, playing) = playing(sup().part(significant).part(temporary("two", &two)));
            ready(&handle).await;
            handle.part("one").stop().await.unwrap();
            sleep(S).await;
            assert!(is_running(&handle));
            handle.part("one").restart().await.unwrap();
            one.started(2).await;
            one.send(end);
            let report = timeout(S, playing).await.expect("it ends").unwrap();
            assert_eq!((report.exit_code(), two.live()), (code, 0), "{report}");
        }
    });
}

/// Composed, after `significant_transient` and `significant_temporary` with `all_significant`: a
/// job starts after all of them have finished, and stops all.
#[test]
fn a_job_after_all_significant_children_stops_everything() {
    paused(async || {
        let [one, two, three] = [Scripted::new(), Scripted::new(), Scripted::new()];
        let end = Part::new("end", async |_| Ok::<_, BoxError>(()))
            .after_when("one", Condition::Finished)
            .after_when("two", Condition::Finished)
            .stops_all();
        let conductor =
            sup().part(transient("one", &one)).part(transient("two", &two)).part(transient("three", &three)).part(end);
        let (handle, playing) = playing(conductor);
        one.started(1).await;
        two.started(1).await;
        three.started(1).await;
        one.send(Command::Return);
        sleep(S).await;
        assert!(is_running(&handle));
        two.send(Command::Return);
        let report = timeout(S, playing).await.expect("it ends").unwrap();
        assert!(report.is_clean() && three.live() == 0, "{report}");
    });
}

/// Same as `significant_bystander`.
#[test]
fn a_significant_child_that_the_strategy_restarts_stops_nothing() {
    paused(async || {
        for (strategy, wanted) in
            [(Strategy::OneForOne, [1, 2, 1]), (Strategy::OneForAll, [2, 2, 2]), (Strategy::RestForOne, [1, 2, 2])]
        {
            let [one, two, three] = [Scripted::new(), Scripted::new(), Scripted::new()];
            let conductor = Conductor::new("sup")
                .strategy(strategy)
                .part(transient("one", &one).stops_all())
                .part(transient("two", &two).after_when("one", Condition::Ready))
                .part(transient("three", &three).after_when("two", Condition::Ready).stops_all());
            let (handle, playing) = playing(conductor);
            ready(&handle).await;
            two.send(Command::Panic("killed"));
            sleep(S).await;
            assert!(is_running(&handle));
            assert_eq!([&one, &two, &three].map(Scripted::starts), wanted, "{strategy:?}");
            stop_cleanly(&handle, playing).await;
        }
    });
}

/// Same as `significant_escalation`.
#[test]
fn the_end_of_a_significant_nested_conductor_stops_the_outer_one() {
    paused(async || {
        for significant in [true, false] {
            let child = Scripted::new();
            let inner = Conductor::new("sup1").part(transient("child", &child).stops_all());
            let part = Part::new("sup1", inner).job();
            let part = if significant { part.stops_all() } else { part };
            let (handle, playing) = playing(sup().part(part));
            ready(&handle).await;
            child.send(Command::Return);
            if significant {
                assert!(timeout(S, playing).await.expect("it ends").unwrap().is_clean());
            } else {
                sleep(S).await;
                assert_eq!(state(&handle, "sup1"), "completed");
                assert!(is_running(&handle));
                stop_cleanly(&handle, playing).await;
            }
        }
    });
}
