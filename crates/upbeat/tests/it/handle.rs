//! Operating a conductor while it plays.

use std::sync::Arc;

use crate::common::{Log, MS, S, ZERO, idle, polite};
use upbeat::{
    BoxError, Conductor, Context, Handle, HandleError, Part, Report,
    diagnostics::PlayerState,
    report::Outcome,
    restart::{Backoff, Restart},
    score::AddError,
};

async fn playing(shop: Conductor) -> (Handle, tokio::task::JoinHandle<Report>) {
    let handle = shop.handle();
    let playing = tokio::spawn(shop.play_until(std::future::pending()));
    handle.overview().wait_ready().await;
    (handle, playing)
}

// 7: an addition while stopping is refused, a removed name can be used again, and the same instance
// twice is refused.
#[tokio::test(start_paused = true)]
async fn parts_come_and_go_while_it_plays() {
    let log = Log::default();
    let shared = Arc::new(idle);
    let shop = Conductor::new("shop").player("base", idle).player("shared", shared.clone());
    let (handle, playing) = playing(shop).await;

    handle.add(Part::new("guest", polite(&log, "guest", ZERO, S)).after("base")).await.unwrap();
    handle.overview().wait_ready().await;
    let twice = handle.add(Part::new("guest", idle)).await.unwrap_err();
    assert!(matches!(&twice, HandleError::Refused { source: AddError::Faults { .. }, .. }), "{twice}");
    let same = handle.add(Part::new("again", shared)).await.unwrap_err();
    assert!(matches!(same, HandleError::DuplicateInstance { .. }), "{same}");
    let needed = handle.part("base").remove().await.unwrap_err();
    assert!(matches!(needed, HandleError::Needed { .. }), "{needed}");

    let guest = handle.part("shop/guest").remove().await.unwrap();
    assert_eq!((guest.outcome, log.lines().last().unwrap().as_str()), (Outcome::Stopped, "guest down"));
    handle.add(Part::new("guest", polite(&log, "second", ZERO, S))).await.unwrap();
    handle
        .overview()
        .wait_for(|now| now.player("shop/guest").is_some_and(|guest| guest.state == PlayerState::Ready))
        .await;

    handle.stop();
    let late = handle.add(Part::new("late", idle)).await.unwrap_err();
    assert!(matches!(late, HandleError::Stopping { .. }), "{late}");
    let report = playing.await.unwrap();
    assert!(report.is_clean(), "{report}");
    assert!(log.lines().contains(&"second down".to_owned()));
    assert!(matches!(handle.add(Part::new("later", idle)).await, Err(HandleError::NotPlaying { .. })));
}

#[tokio::test(start_paused = true)]
async fn parts_are_restarted_and_stopped_by_hand_at_any_depth() {
    let log = Log::default();
    let policy = Restart::always(Backoff::constant(MS));
    let inner = Conductor::new("x")
        .part(Part::new("deep", polite(&log, "deep", ZERO, S)).restart(policy))
        .player("other", idle);
    let (handle, playing) = playing(Conductor::new("shop").player("inner", inner)).await;

    handle.part("inner/deep").restart().await.unwrap();
    handle.overview().wait_for(|now| now.player("shop/inner/deep").is_some_and(|deep| deep.runs == 2)).await;
    handle.overview().wait_ready().await;

    let stopped = handle.part("inner/deep").stop().await.unwrap();
    assert_eq!((stopped.outcome, stopped.runs), (Outcome::Stopped, 2), "an explicit stop beats the policy");
    tokio::time::sleep(10 * S).await;
    assert_eq!(log.count("deep up"), 2);

    handle.part("inner/deep").restart().await.unwrap();
    handle
        .overview()
        .wait_for(|now| now.player("shop/inner/deep").is_some_and(|deep| deep.state == PlayerState::Ready))
        .await;
    assert_eq!(log.count("deep up"), 3);
    assert!(matches!(handle.part("inner/missing").restart().await, Err(HandleError::Unknown { .. })));
    assert!(matches!(handle.part("nowhere/deep").restart().await, Err(HandleError::Unknown { .. })));
    handle.stop();
    assert!(playing.await.unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_player_that_can_play_only_once_is_not_restarted() {
    let player = upbeat::once(async |cx: Context| {
        cx.stopping().await;
        Ok::<_, BoxError>(())
    });
    let (handle, playing) = playing(Conductor::new("shop").player("once", player)).await;
    assert!(matches!(handle.part("once").restart().await, Err(HandleError::NotRestartable { .. })));
    handle.stop();
    assert!(playing.await.unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn reload_requests_reach_their_subscribers() {
    let log = Log::default();
    let reloads = upbeat::with(log.clone(), async |log: Log, cx: Context| {
        let mut reloads = cx.reloads();
        while cx.unless_stopping(reloads.recv()).await.is_some() {
            log.add("reloaded");
        }
        Ok::<_, BoxError>(())
    });
    let (handle, playing) = playing(Conductor::new("shop").player("a", reloads)).await;
    for _ in 0..3 {
        handle.reload();
        tokio::time::sleep(S).await;
    }
    handle.stop();
    assert!(playing.await.unwrap().is_clean());
    assert_eq!(log.lines(), ["reloaded"; 3]);
}

#[tokio::test(start_paused = true)]
async fn an_abort_ends_everything_at_once() {
    let (handle, playing) = playing(Conductor::new("shop").player("deaf", crate::common::deaf)).await;
    handle.stop();
    let begun = tokio::time::Instant::now();
    handle.abort();
    let report = playing.await.unwrap();
    assert_eq!(begun.elapsed(), ZERO);
    assert_eq!(report.player("shop/deaf").unwrap().outcome, Outcome::Aborted);
    assert_eq!(report.exit_code(), upbeat::exit_code::OVERRAN);
}

#[tokio::test(start_paused = true)]
async fn the_overview_shows_nested_players_with_their_details() {
    let says = async |cx: Context| {
        cx.detail("listening", "127.0.0.1:80");
        cx.ready();
        cx.stopping().await;
        Ok::<_, BoxError>(())
    };
    let inner = Conductor::new("x").part(Part::new("web", says).signals_ready());
    let shop = Conductor::new("shop").player("inner", inner).part(Part::new("after", idle).after("inner"));
    let (handle, playing) = playing(shop).await;
    let now = handle.overview().snapshot();
    let paths: Vec<&str> = now.players.iter().map(|player| &*player.path).collect();
    assert_eq!(paths, ["shop/inner", "shop/inner/web", "shop/after"]);
    assert_eq!(now.player("shop/inner/web").unwrap().details, [("listening", "127.0.0.1:80".to_owned())]);
    assert!(now.ready && now.started && now.not_ready().is_empty());
    handle.stop();
    assert!(playing.await.unwrap().is_clean());
}
