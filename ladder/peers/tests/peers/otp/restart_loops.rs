//! Children that fail again and again.

use peers::{Command, MS, S, Scripted, paused, playing, settle, state, stop_cleanly, until};
use tokio::time::{sleep, timeout};
use upbeat::{
    Conductor, HandleError,
    report::Cause,
    restart::{Backoff, Restart, Strategy},
};

use super::{counts, permanent, ready, sup};

/// Plays a part that fails at each restart. Requests about it take effect at once, and so does the
/// stop of everything.
async fn hangs_in_a_restart_loop(strategy: Strategy) {
    let [one, two, three] = [Scripted::new(), Scripted::new(), Scripted::new()];
    let loops = permanent("child2", &two).restart(Restart::on_failure(Backoff::constant(S)));
    let conductor = Conductor::new("sup")
        .strategy(strategy)
        .part(permanent("child1", &one))
        .part(loops.after("child1"))
        .part(permanent("child3", &three).after("child2"));
    let (handle, playing) = playing(conductor);
    ready(&handle).await;
    two.fail_at_start(true);
    two.send(Command::Fail("error"));
    sleep(10 * S).await;
    settle().await;
    let early = two.starts();
    assert!(early > 5);
    assert_eq!(state(&handle, "child2"), "restarting");
    assert!(matches!(handle.add(permanent("child2", &two)).await, Err(HandleError::Refused { .. })));
    timeout(100 * MS, handle.part("child2").stop()).await.expect("at once").unwrap();
    sleep(10 * S).await;
    assert_eq!((two.starts(), two.live()), (early, 0), "it is stopped for good");
    two.fail_at_start(false);
    handle.part("child2").restart().await.unwrap();
    ready(&handle).await;
    assert_eq!((one.live(), two.live(), three.live()), (1, 1, 1));

    two.fail_at_start(true);
    two.send(Command::Fail("error"));
    sleep(10 * S).await;
    handle.stop();
    let report = timeout(100 * MS, playing).await.expect("at once").unwrap();
    assert!(matches!(report.cause, Cause::Stopped(_)), "{report}");
    assert_eq!([&one, &two, &three].map(Scripted::live), [0; 3]);
}

/// Same as `hanging_restart_loop`, `hanging_restart_loop_simple`.
#[test]
fn one_for_one_a_restart_loop_can_be_stopped() {
    paused(async || hangs_in_a_restart_loop(Strategy::OneForOne).await);
}

/// Same as `hanging_restart_loop_rest_for_one`.
#[test]
fn rest_for_one_a_restart_loop_can_be_stopped() {
    paused(async || hangs_in_a_restart_loop(Strategy::RestForOne).await);
}

/// Same: `hanging_restart_loop` leaves this strategy out.
#[test]
fn one_for_all_a_restart_loop_can_be_stopped() {
    paused(async || hangs_in_a_restart_loop(Strategy::OneForAll).await);
}

/// Differs from `hanging_restart_loop`: both take effect at once. There both are refused.
#[test]
fn a_part_that_waits_for_a_restart_can_be_restarted_or_removed() {
    paused(async || {
        let child = Scripted::new();
        let part = permanent("child", &child).restart(Restart::on_failure(Backoff::constant(S * 3600)));
        let (handle, playing) = playing(sup().part(part));
        ready(&handle).await;
        child.send(Command::Fail("error"));
        until(&handle, "child", "restarting").await;
        handle.part("child").restart().await.unwrap();
        timeout(S, child.started(2)).await.expect("now");
        child.send(Command::Fail("error"));
        until(&handle, "child", "restarting").await;
        timeout(S, handle.part("child").remove()).await.expect("now").unwrap();
        assert_eq!(counts(&handle), (0, 0));
        stop_cleanly(&handle, playing).await;
    });
}
