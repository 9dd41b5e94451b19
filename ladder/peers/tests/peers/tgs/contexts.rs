//! Derived contexts: `tests/integration_test_2.rs` and `tests/cancel_on_shutdown.rs`.

use std::future::pending;

use peers::{Event, MS, idle, is_over, paused, playing, stop};
use tokio::time::sleep;
use upbeat::{BoxError, Conductor, Context, Handle, Part, with};

/// Same as `cancellation_token`.
#[test]
fn a_child_context_is_cancelled_by_the_stop() {
    paused(async || {
        let player = async |cx: Context| {
            let token = cx.child();
            assert!(token.error().is_none());
            cx.stopping().await;
            assert!(token.error().is_some());
            token.done().await;
            Ok::<_, BoxError>(())
        };
        assert!(Conductor::new("top").player("subsys", player).play_until(sleep(100 * MS)).await.is_clean());
    });
}

/// Same as `cancellation_token_does_not_propagate_up`.
#[test]
fn cancelling_a_child_context_does_not_stop_the_player() {
    paused(async || {
        let player = async |cx: Context| {
            let token = cx.child();
            assert!(token.cancel("enough"));
            assert!(!cx.is_stopping() && cx.error().is_none());
            Ok::<_, BoxError>(())
        };
        let top = Conductor::new("top").part(Part::new("subsys", player).job());
        assert!(top.play_until(pending()).await.is_clean());
    });
}

/// Same as `subsystem_finished_works_correctly`.
#[test]
fn the_end_of_a_player_can_be_awaited() {
    paused(async || {
        let (handle, playing) = playing(Conductor::new("top").player("subsys", idle).player("other", idle));
        handle.overview().wait_ready().await;
        let over = Event::default();
        let (waits, told) = (handle.clone(), over.clone());
        tokio::spawn(async move {
            waits
                .overview()
                .wait_for(|now| now.player("top/subsys").is_some_and(|player| is_over(&player.state)))
                .await;
            told.set();
        });
        sleep(20 * MS).await;
        assert!(!over.is_set());
        handle.part("subsys").stop().await.unwrap();
        sleep(20 * MS).await;
        assert!(over.is_set());
        assert!(stop(&handle, playing).await.is_clean());
    });
}

/// Same as `shutdown_does_not_propagate_to_detached_subsystem`: a task on `until_deadline`.
#[test]
fn a_detached_task_continues_until_its_owner_ends_it() {
    paused(async || {
        let (started, done) = (Event::default(), Event::default());
        let player = with((started.clone(), done.clone()), async |(started, done): (Event, Event), cx: Context| {
            let detached = cx.until_deadline().child();
            let (own, done_too) = (detached.clone(), done.clone());
            cx.spawn("detached", async move {
                started.set();
                own.done().await;
                done_too.set();
            });
            cx.stopping().await;
            sleep(20 * MS).await;
            assert!(!done.is_set());
            detached.cancel("now");
            sleep(20 * MS).await;
            assert!(done.is_set());
            Ok::<_, BoxError>(())
        });
        let report =
            Conductor::new("top").stop_timeout(400 * MS).player("subsys", player).play_until(sleep(100 * MS)).await;
        assert!(started.is_set() && report.is_clean(), "{report}");
    });
}

/// Same as `cancel_on_shutdown_propagates_result`.
#[test]
fn work_without_a_stop_returns_its_value() {
    paused(async || {
        let player = async |cx: Context| {
            let value = cx.unless_stopping(async {
                sleep(10 * MS).await;
                42
            });
            assert_eq!(value.await, Some(42));
            Ok::<_, BoxError>(())
        };
        let top = Conductor::new("top").part(Part::new("one", player).job()).part(Part::new("two", player).job());
        assert!(top.play_until(pending()).await.is_clean());
    });
}

/// Same as `cancel_on_shutdown_cancels_on_shutdown`.
#[test]
fn work_is_interrupted_by_a_stop_that_it_requests() {
    paused(async || {
        let top = Conductor::new("top");
        let player = with(top.handle(), async |handle: Handle, cx: Context| {
            let value = cx.unless_stopping(async {
                sleep(100 * MS).await;
                handle.stop();
                sleep(100 * MS).await;
                42
            });
            assert_eq!(value.await, None);
            Ok::<_, BoxError>(())
        });
        assert!(top.player("subsys", player).play_until(pending()).await.is_clean());
    });
}
