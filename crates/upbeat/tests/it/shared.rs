//! A shared player is played at one place of a tree of conductors.

use std::{future::pending, sync::Arc};

use crate::common::{S, failing, idle};
use tokio::time::{sleep, timeout};
use upbeat::{
    Conductor, Context, Handle, HandleError, Part, Player, Report,
    player::PlayerId,
    report::{Cause, PlayerReport},
    restart::{Backoff, Restart},
    score::Fault,
    task::Tracker,
};

fn duplicate(part: &str, other: &str) -> Fault {
    Fault::DuplicateInstance { part: part.into(), other: other.into() }
}

fn inner(name: &'static str, player: impl Player) -> Conductor {
    Conductor::new(name).player(name, player)
}

async fn playing(shop: Conductor) -> (Handle, tokio::task::JoinHandle<Report>) {
    let handle = shop.handle();
    let playing = tokio::spawn(shop.play_until(pending()));
    handle.overview().wait_ready().await;
    (handle, playing)
}

#[tokio::test(start_paused = true)]
async fn two_places_of_a_tree_are_a_fault_before_anything_starts() {
    let (player, tracker, conductor) = (Arc::new(idle), Tracker::new(), Arc::new(inner("x", Arc::new(idle))));
    for (shop, fault) in [
        (
            Conductor::new("shop").player("a", player.clone()).player("b", inner("x", player.clone())),
            duplicate("b/x", "a"),
        ),
        (
            Conductor::new("shop").player("a", inner("x", player.clone())).player("b", inner("y", inner("z", player))),
            duplicate("b/y/z", "a/x"),
        ),
        (
            Conductor::new("shop").player("a", tracker.clone()).player("b", Arc::new(inner("x", tracker))),
            duplicate("b/x", "a"),
        ),
        (
            Conductor::new("shop").player("a", conductor.clone()).player("b", inner("x", conductor)),
            duplicate("b/x", "a"),
        ),
    ] {
        assert_eq!(shop.check().expect_err("it is refused").faults, std::slice::from_ref(&fault));
        let report = shop.play_until(pending()).await;
        assert!(matches!(&report.cause, Cause::BadScore(error) if error.faults == [fault]), "{report}");
    }
    // A clone beside a pointer to another clone.
    let tracker = Tracker::new();
    let shop = Conductor::new("shop").player("a", Arc::new(tracker.clone())).player("b", inner("x", tracker));
    assert_eq!(shop.check().expect_err("it is refused").faults, [duplicate("b/x", "a")]);
    let shop = Conductor::new("shop").player("a", Tracker::new()).player("b", inner("x", Tracker::new()));
    assert!(shop.check().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_player_that_plays_elsewhere_in_the_tree_is_not_added() {
    let (tracker, player) = (Tracker::new(), Arc::new(idle));
    let shop = Conductor::new("shop")
        .player("base", idle)
        .player("inner", inner("x", tracker.clone()).player("other", idle))
        .player("player", player.clone());
    let (handle, playing) = playing(shop).await;
    let refused = |answer: Result<(), HandleError>, fault: Fault| {
        assert!(
            matches!(&answer, Err(HandleError::DuplicateInstance { fault: found, .. }) if *found == fault),
            "{answer:?}"
        );
    };
    let fault = duplicate("shop/late", "shop/inner/x");
    refused(handle.add(Part::new("late", tracker.clone())).await, fault);
    let fault = duplicate("shop/inner/late", "shop/player");
    refused(handle.add_to("inner", Part::new("late", player.clone())).await, fault);
    let fault = duplicate("shop/late/y", "shop/player");
    refused(handle.add(Part::new("late", inner("y", player.clone()))).await, fault);
    // A part that is refused for another reason enters nothing.
    let unknown = Part::new("late", Arc::new(inner("y", idle))).after("nowhere");
    assert!(matches!(handle.add(unknown).await, Err(HandleError::Refused { .. })));

    // Removed, it may be played elsewhere; and no longer at its old place.
    assert!(handle.part("player").remove().await.expect("it plays").is_clean());
    handle.add_to("inner", Part::new("late", player.clone())).await.expect("it is free");
    let fault = duplicate("shop/player", "shop/inner/late");
    refused(handle.add(Part::new("player", player.clone())).await, fault);
    // What was added to a conductor is free when that conductor ends.
    assert!(handle.part("inner").stop().await.expect("it plays").is_clean());
    handle.add(Part::new("player", player)).await.expect("it is free");
    handle.stop();
    assert!(playing.await.expect("no panic").is_clean());
}

/// A conductor that is wrapped is seen only when it begins to play.
struct Wrapped(Conductor);

impl Player for Wrapped {
    type Error = upbeat::ConductorError;

    async fn play(&self, cx: Context) -> Result<(), Self::Error> {
        self.0.play(cx).await
    }

    fn readiness(&self) -> upbeat::score::Readiness {
        self.0.readiness()
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrapped_conductor_is_refused_when_it_begins() {
    let tracker = Tracker::new();
    let shop = Conductor::new("shop")
        .player("tracker", tracker.clone())
        .part(Part::new("wrapped", Wrapped(inner("x", tracker.clone()))).after("tracker"));
    let report = timeout(S, shop.play_until(pending())).await.expect("it fails");
    assert!(matches!(&report.cause, Cause::Failed { path } if &**path == "shop/wrapped"), "{report}");
    assert!(report.to_string().contains("plays the same player instance as `shop/tracker`"), "{report}");
    // After the end it is free, also for another tree.
    let report = Conductor::new("next").player("tracker", tracker).play_until(sleep(S)).await;
    assert!(report.is_clean(), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_nested_conductor_keeps_its_players_over_its_restarts() {
    let tracker = Tracker::new();
    let restart = Restart::on_failure(Backoff::constant(S));
    let nested = Conductor::new("x").player("tracker", tracker.clone()).player("fails", failing(S, "again"));
    let shop = Conductor::new("shop").player("base", idle).part(Part::new("inner", nested).restart(restart));
    let (handle, playing) = playing(shop).await;
    for _ in 0..40 {
        sleep(S / 4).await;
        let answer = handle.add(Part::new("late", tracker.clone())).await;
        assert!(matches!(answer, Err(HandleError::DuplicateInstance { .. })), "{answer:?}");
    }
    assert!(handle.overview().snapshot().player("shop/inner").is_some_and(|inner| inner.runs > 3));
    handle.stop();
    assert!(playing.await.expect("no panic").player("shop/base").is_some_and(PlayerReport::is_clean));
}

/// A player of another crate whose clones share their state.
#[derive(Clone)]
struct Foreign(Arc<()>);

impl Player for Foreign {
    type Error = upbeat::BoxError;

    async fn play(&self, cx: Context) -> Result<(), Self::Error> {
        cx.stopping().await;
        Ok(())
    }

    fn identity(&self) -> Option<PlayerId> {
        Some(PlayerId::of(&self.0))
    }
}

#[tokio::test(start_paused = true)]
async fn the_identity_counts_through_wrappers_of_players() {
    let foreign = Foreign(Arc::new(()));
    let delayed = upbeat::time::delayed(S, foreign.clone());
    let shop = Conductor::new("shop").player("a", foreign).player("b", inner("x", delayed));
    assert_eq!(shop.check().expect_err("it is refused").faults, [duplicate("b/x", "a")]);
}
