//! Strategies and limits of restarts.

use peers::{Command, MS, S, Scripted, is_running, paused, playing, settle, stop, stop_cleanly, unclean, until};
use tokio::time::{sleep, timeout};
use upbeat::{
    Conductor,
    report::{Cause, Outcome},
    restart::{Restart, Strategy},
};

use super::{AT_ONCE, counts, permanent, ready, sup, transient};

/// Same as `multiple_restarts`.
#[test]
fn a_part_may_fail_for_ever_below_its_restart_limit() {
    paused(async || {
        let child = Scripted::new();
        let policy = Restart::on_failure(AT_ONCE).max_restarts(1).within(S);
        let (handle, playing) = playing(sup().part(permanent("child1", &child).restart(policy)));
        ready(&handle).await;
        child.send(Command::Fail("abnormal"));
        child.started(2).await;
        for i in 0..3 {
            sleep(2100 * MS).await;
            child.send(Command::Fail("abnormal"));
            timeout(S, child.started(i + 3)).await.expect("it is started again");
        }
        assert!(is_running(&handle));
        handle.part("child1").stop().await.unwrap();
        handle.part("child1").remove().await.unwrap();
        stop_cleanly(&handle, playing).await;
    });
}

/// Plays two parts that fail in turn, `deaths` times or until the conductor has ended. Returns how
/// often each was started, and whether the conductor still plays.
async fn die_in_turn(strategy: Strategy, restarts: u32, deaths: u32) -> (u32, u32, bool) {
    let (one, two) = (Scripted::new(), Scripted::new());
    let limited = |name, scripted: &Scripted| {
        permanent(name, scripted).restart(Restart::on_failure(AT_ONCE).max_restarts(restarts))
    };
    let conductor = Conductor::new("sup").strategy(strategy);
    let (handle, playing) = playing(conductor.part(limited("child1", &one)).part(limited("child2", &two)));
    ready(&handle).await;
    for i in 0..deaths {
        let dies = if i % 2 == 0 { &one } else { &two };
        let before = dies.starts();
        dies.send(Command::Fail("abnormal"));
        if timeout(S, dies.started(before + 1)).await.is_err() {
            break;
        }
        sleep(100 * MS).await;
    }
    sleep(S).await;
    let up = is_running(&handle);
    handle.stop();
    drop(playing.await.unwrap());
    (one.starts(), two.starts(), up)
}

/// Same as the first half of `one_for_one`.
#[test]
fn one_for_one_restarts_only_the_failed_part() {
    paused(async || assert_eq!(die_in_turn(Strategy::OneForOne, 2, 1).await, (2, 1, true)));
}

/// Differs from the second halves of `one_for_one`, `simple_one_for_one`, `one_for_all` and
/// `rest_for_one`: the limit belongs to each part. There it belongs to the supervisor.
#[test]
fn a_restart_limit_counts_the_failures_of_one_part() {
    paused(async || {
        // There the third failure of any child ends everything. Here it is the third failure of one
        // part, which is the fifth of all.
        assert_eq!(die_in_turn(Strategy::OneForOne, 2, 4).await, (3, 3, true));
        assert_eq!(die_in_turn(Strategy::OneForOne, 2, 5).await, (3, 3, false));
    });
}

/// Same as `one_for_one_escalation`, `simple_one_for_one_escalation`.
#[test]
fn one_for_one_a_used_up_limit_stops_everything() {
    paused(async || {
        let (one, two) = (Scripted::new(), Scripted::new());
        let limited = permanent("child1", &one).restart(Restart::on_failure(AT_ONCE).max_restarts(4));
        let (handle, playing) = playing(sup().part(limited).part(permanent("child2", &two)));
        ready(&handle).await;
        one.fail_at_start(true);
        one.send(Command::Fail("abnormal"));
        let report = timeout(S * 3600, playing).await.expect("it ends").unwrap();
        assert_eq!((one.starts(), two.starts(), two.live()), (5, 1, 0));
        assert!(matches!(&report.cause, Cause::Failed { path } if &**path == "sup/child1"));
        assert_eq!(report.player("sup/child2").unwrap().outcome, Outcome::Stopped);
    });
}

/// Same as `one_for_all`.
#[test]
fn one_for_all_restarts_all_and_no_old_run_is_left() {
    paused(async || {
        assert_eq!(die_in_turn(Strategy::OneForAll, 2, 1).await, (2, 2, true));
        assert_eq!(die_in_turn(Strategy::OneForAll, 2, 2).await, (3, 3, true));
    });
}

/// Same as `one_for_all_escalation`.
#[test]
fn one_for_all_a_used_up_limit_stops_everything() {
    paused(async || {
        let (one, two) = (Scripted::new(), Scripted::new());
        let limited =
            |name, scripted: &Scripted| permanent(name, scripted).restart(Restart::on_failure(AT_ONCE).max_restarts(4));
        let conductor = Conductor::new("sup").strategy(Strategy::OneForAll);
        let (handle, playing) = playing(conductor.part(limited("child1", &one)).part(limited("child2", &two)));
        ready(&handle).await;
        two.fail_at_start(true);
        one.send(Command::Fail("abnormal"));
        let report = timeout(S * 3600, playing).await.expect("it ends").unwrap();
        assert!(matches!(&report.cause, Cause::Failed { path } if &**path == "sup/child2"), "{report}");
        assert_eq!((one.live(), two.live()), (0, 0));
        assert_eq!(two.starts(), 6);
    });
}

/// Plays two parts. When the first fails both are restarted, and the second fails to start at
/// first. Returns how often each was started.
async fn the_other_fails_to_restart(strategy: Strategy) -> (u32, u32) {
    let (one, two) = (Scripted::new(), Scripted::new());
    let conductor = Conductor::new("sup").strategy(strategy);
    let (handle, playing) =
        playing(conductor.part(permanent("child1", &one)).part(permanent("child2", &two).after("child1")));
    ready(&handle).await;
    two.fail_at_start(true);
    one.send(Command::Fail("die"));
    two.started(2).await;
    two.fail_at_start(false);
    two.started(3).await;
    ready(&handle).await;
    sleep(S).await;
    assert_eq!((one.live(), two.live(), one.max_live(), two.max_live()), (1, 1, 1, 1));
    let seen = (one.starts(), two.starts());
    stop_cleanly(&handle, playing).await;
    seen
}

/// Same as `one_for_all_other_child_fails_restart`: the first part is started a third time, with
/// the second one.
#[test]
fn one_for_all_restarts_the_first_part_again_if_the_second_one_fails_to_start() {
    paused(async || assert_eq!(the_other_fails_to_restart(Strategy::OneForAll).await, (3, 3)));
}

/// Same as `rest_for_one_other_child_fails_restart`: the first part does not depend on the second
/// one.
#[test]
fn rest_for_one_keeps_the_first_part_if_the_second_one_fails_to_start() {
    paused(async || assert_eq!(the_other_fails_to_restart(Strategy::RestForOne).await, (2, 3)));
}

/// Same as `rest_for_one`.
#[test]
fn rest_for_one_restarts_the_dependents_of_the_failed_part() {
    paused(async || {
        let [one, two, three] = [Scripted::new(), Scripted::new(), Scripted::new()];
        let conductor = Conductor::new("sup")
            .strategy(Strategy::RestForOne)
            .part(permanent("child1", &one))
            .part(permanent("child2", &two).after("child1"))
            .part(permanent("child3", &three).after("child2"));
        let (handle, playing) = playing(conductor);
        ready(&handle).await;
        two.send(Command::Fail("abnormal"));
        three.started(2).await;
        ready(&handle).await;
        assert_eq!([&one, &two, &three].map(Scripted::starts), [1, 2, 2]);
        three.send(Command::Fail("abnormal"));
        three.started(3).await;
        ready(&handle).await;
        assert_eq!([&one, &two, &three].map(Scripted::starts), [1, 2, 3]);
        assert_eq!(counts(&handle), (3, 3));
        stop_cleanly(&handle, playing).await;
    });
}

/// Same as `rest_for_one_escalation`.
#[test]
fn rest_for_one_a_used_up_limit_stops_everything() {
    paused(async || {
        let (one, two) = (Scripted::new(), Scripted::new());
        let limited = permanent("child2", &two).restart(Restart::on_failure(AT_ONCE).max_restarts(4)).after("child1");
        let conductor = Conductor::new("sup").strategy(Strategy::RestForOne);
        let (handle, playing) = playing(conductor.part(permanent("child1", &one)).part(limited));
        ready(&handle).await;
        two.fail_at_start(true);
        one.send(Command::Fail("abnormal"));
        let report = timeout(S * 3600, playing).await.expect("it ends").unwrap();
        assert!(matches!(&report.cause, Cause::Failed { path } if &**path == "sup/child2"), "{report}");
        assert_eq!((one.live(), two.live(), one.starts()), (0, 0, 2));
    });
}

/// Same as the first half of `simple_one_for_one`.
#[test]
fn only_the_failed_one_of_added_parts_is_restarted() {
    paused(async || {
        let (handle, playing) = playing(sup());
        ready(&handle).await;
        let (one, two) = (Scripted::new(), Scripted::new());
        for (name, scripted) in [("one", &one), ("two", &two)] {
            handle.add(permanent(name, scripted)).await.unwrap();
        }
        ready(&handle).await;
        one.send(Command::Fail("abnormal"));
        one.started(2).await;
        settle().await;
        assert_eq!((counts(&handle), two.starts()), ((2, 2), 1));
        stop_cleanly(&handle, playing).await;
    });
}

/// Same as `simple_one_for_one_restart_ignore`.
#[test]
fn a_job_that_returns_after_restarts_is_completed() {
    paused(async || {
        let child = Scripted::new();
        let (handle, playing) = playing(sup());
        ready(&handle).await;
        handle.add(transient("child", &child)).await.unwrap();
        for n in 1..3 {
            child.started(n).await;
            child.send(Command::Panic("killed"));
        }
        child.started(3).await;
        child.send(Command::Return);
        until(&handle, "child", "completed").await;
        assert_eq!(counts(&handle), (1, 0));
        handle.part("child").remove().await.unwrap();
        stop_cleanly(&handle, playing).await;
    });
}

/// Same as `simple_one_for_one_shutdown`.
#[test]
fn added_parts_stop_at_the_same_time_and_the_slow_one_is_aborted() {
    paused(async || {
        let (quick, slow) = (Scripted::stops_after(S), Scripted::stops_after(5 * S));
        let (handle, playing) = playing(sup());
        ready(&handle).await;
        for (name, scripted) in [("one", &quick), ("two", &quick), ("three", &slow)] {
            handle.add(permanent(name, scripted).stop_timeout(2 * S)).await.unwrap();
        }
        ready(&handle).await;
        let report = stop(&handle, playing).await;
        let took = report.stop_took.unwrap();
        assert!(took >= S && took < 3 * S, "{report}");
        assert_eq!(unclean(&report), ["sup/three: overran"]);
    });
}
