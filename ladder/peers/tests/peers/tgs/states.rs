//! States of players: `tests/integration_test.rs` and `tests/integration_test_2.rs`.

use std::{future::pending, time::Duration};

use peers::{Log, MS, S, idle, logs, paused, playing, state, stop, until};
use tokio::time::sleep;
use upbeat::{BoxError, Conductor, Context, Handle, Part, with};

/// Same as `access_name_from_within_subsystem`.
#[test]
fn a_player_reads_its_path() {
    paused(async || {
        let nested = async |cx: Context| {
            assert_eq!((cx.path(), cx.name()), ("top/above/nested", "nested"));
            Ok::<_, BoxError>(())
        };
        let above = Conductor::new("anything").part(Part::new("nested", nested).job());
        let report = Conductor::new("top").part(Part::new("above", above).job()).play_until(pending()).await;
        assert!(report.is_clean(), "{report}");
    });
}

/// Same as `query_subsystem_alive`.
#[test]
fn the_state_of_a_player_is_visible() {
    paused(async || {
        let nested = async |_: Context| {
            sleep(S).await;
            Ok::<_, BoxError>(())
        };
        let (handle, playing) =
            playing(Conductor::new("top").part(Part::new("nested", nested).job()).player("other", idle));
        until(&handle, "nested", "ready").await;
        sleep(500 * MS).await;
        assert_eq!(state(&handle, "nested"), "ready");
        sleep(2 * S).await;
        assert_eq!(state(&handle, "nested"), "completed");
        assert!(stop(&handle, playing).await.is_clean());
    });
}

/// Same as `query_multidepth_subsystem_alive`.
#[test]
fn a_run_lasts_until_its_last_task_has_ended() {
    paused(async || {
        let d1 = async |cx: Context| {
            cx.spawn("d2", sleep(2 * S));
            sleep(S).await;
            Ok::<_, BoxError>(())
        };
        let (handle, playing) = playing(Conductor::new("top").part(Part::new("d1", d1).job()).player("other", idle));
        until(&handle, "d1", "ready").await;
        sleep(1100 * MS).await;
        assert_eq!(state(&handle, "d1"), "stopping", "it has returned, and its task is there");
        sleep(1100 * MS).await;
        assert_eq!(state(&handle, "d1"), "completed");
        assert!(stop(&handle, playing).await.is_clean());
    });
}

/// Same as `wait_for_children`: by an edge.
#[test]
fn a_part_stops_after_its_dependents() {
    paused(async || {
        let log = Log::default();
        let top = Conductor::new("top")
            .stop_timeout(500 * MS)
            .player("subsys", logs(&log, "subsys", 100 * MS))
            .part(Part::new("nested1", logs(&log, "nested1", 100 * MS)).after("subsys"))
            .part(Part::new("nested2", logs(&log, "nested2", 100 * MS)).after("subsys"));
        let report = top.play_until(sleep(100 * MS)).await;
        assert!(report.is_clean(), "{report}");
        let told = log.at("subsys stopping");
        assert!(told > log.at("nested1 stopped") && told > log.at("nested2 stopped"), "{:?}", log.lines());
    });
}

/// Same as `request_local_shutdown`.
#[test]
fn a_player_can_stop_its_own_branch() {
    paused(async || {
        let top = Conductor::new("top");
        let log = Log::default();
        let local = with((top.handle(), log.clone()), async |(handle, log): (Handle, Log), cx: Context| {
            sleep(100 * MS).await;
            assert!(!cx.is_stopping());
            // It is in the branch that it stops, so it must not wait for the end of that.
            let asks = handle.clone();
            tokio::spawn(async move { asks.part("local").stop().await });
            cx.stopping().await;
            log.add("itself");
            Ok::<_, BoxError>(())
        });
        let inner =
            Conductor::new("local").player("asks", local).player("nested", logs(&log, "nested", Duration::ZERO));
        let (handle, playing) =
            playing(top.player("local", inner).player("other", logs(&log, "other", Duration::ZERO)));
        sleep(300 * MS).await;
        assert!(log.has("itself") && log.has("nested stopped") && !log.has("other stopping"), "{:?}", log.lines());
        assert_eq!(state(&handle, "local"), "stopped");
        assert!(stop(&handle, playing).await.is_clean());
        assert!(log.has("other stopped"));
    });
}
