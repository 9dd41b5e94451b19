//! Players that can be played only once, beside strategies that restart parts together.

use std::future::pending;

use crate::common::{MS, S, failing, fails_once, idle};
use tokio::time::sleep;
use upbeat::{
    BoxError, Conductor, Context, HandleError, Part, Player,
    report::Cause,
    restart::{Backoff, Restart, RestartRequested, Strategy},
    score::{AddError, Fault, OnUnresponsive},
};

fn once() -> impl Player {
    upbeat::once(async |cx: Context| {
        cx.stopping().await;
        Ok::<_, BoxError>(())
    })
}

fn restarts() -> Restart {
    Restart::on_failure(Backoff::constant(MS))
}

fn together(part: &str, other: &str) -> Fault {
    Fault::NotRestartableTogether { part: part.into(), other: other.into() }
}

#[tokio::test(start_paused = true)]
async fn a_strategy_that_would_restart_it_is_a_fault() {
    for (strategy, restarting) in [
        (Strategy::OneForAll, Part::new("fails", idle).restart(restarts())),
        (Strategy::OneForAll, Part::new("fails", idle).watchdog(S, OnUnresponsive::Restart)),
        (Strategy::RestForOne, Part::new("fails", idle).restart(restarts())),
    ] {
        let conductor = |name: &'static str, restarting| {
            let once = Part::new("once", once());
            let once = if strategy == Strategy::RestForOne { once.after("fails") } else { once };
            Conductor::new(name).strategy(strategy).part(restarting).part(once)
        };
        let report = conductor("shop", restarting).play_until(pending()).await;
        let Cause::BadScore(error) = &report.cause else { panic!("{report}") };
        assert_eq!(error.faults, [together("once", "fails")]);
        assert_eq!(report.exit_code(), 78);

        // In a nested conductor, which cannot be played again for that reason either.
        let inner = conductor("inner", Part::new("fails", idle));
        let outer = Conductor::new("shop")
            .strategy(strategy)
            .part(Part::new("fails", idle).restart(restarts()))
            .part(Part::new("inner", inner).after("fails"));
        assert_eq!(outer.check().expect_err("it is refused").faults, [together("inner", "fails")]);
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_refused_also_when_it_is_added() {
    let part = |name: &'static str| Part::new(name, idle).restart(restarts());
    let shop = Conductor::new("shop").strategy(Strategy::OneForAll).part(part("fails"));
    let handle = shop.handle();
    let playing = tokio::spawn(shop.play_until(pending()));
    handle.overview().wait_ready().await;
    let faults = |refused: Result<(), HandleError>| match refused {
        Err(HandleError::Refused { source: AddError::Faults { faults, .. }, .. }) => faults,
        other => panic!("{other:?}"),
    };
    assert_eq!(faults(handle.add(Part::new("once", once())).await), [together("once", "fails")]);

    // The other way round: it plays, and one that restarts all is added.
    handle.part("fails").remove().await.expect("it plays");
    drop(playing.await.expect("no panic"));
    let shop = Conductor::new("shop").strategy(Strategy::OneForAll).player("once", once());
    let handle = shop.handle();
    let playing = tokio::spawn(shop.play_until(pending()));
    handle.overview().wait_ready().await;
    assert_eq!(faults(handle.add(part("fails")).await), [together("once", "fails")]);
    assert!(handle.add(Part::new("quiet", idle)).await.is_ok());
    handle.stop();
    assert!(playing.await.expect("no panic").is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_job_that_plays_once_before_the_others_is_left_alone() {
    let migrate = upbeat::once(async |_: Context| Ok::<_, BoxError>(()));
    let shop = Conductor::new("shop")
        .strategy(Strategy::OneForAll)
        .part(Part::new("migrate", migrate).job())
        .part(Part::new("db", fails_once).after("migrate").restart(restarts()))
        .part(Part::new("api", idle).after("db").restart(restarts()));
    let report = shop.play_until(sleep(S)).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.players.iter().map(|player| player.runs).collect::<Vec<_>>(), [1, 2, 1]);
}

/// No check knows that a player will ask for its restart.
#[tokio::test(start_paused = true)]
async fn a_requested_restart_that_would_restart_it_is_a_failure_and_plays_nothing_twice() {
    let asks = async |_: Context| {
        sleep(S).await;
        Err::<(), BoxError>(RestartRequested.into())
    };
    let shop = Conductor::new("shop").strategy(Strategy::OneForAll).player("once", once()).player("asks", asks);
    let report = shop.play_until(pending()).await;
    assert!(matches!(&report.cause, Cause::Failed { path } if &**path == "shop/asks"), "{report}");
    assert_eq!(report.players[1].failures.len(), 1, "{report}");
    assert!(report.players.iter().all(|player| player.runs == 1) && report.players[0].is_clean(), "{report}");

    let asks = upbeat::once(async |_: Context| Err::<(), BoxError>(RestartRequested.into()));
    let report = Conductor::new("shop").player("asks", asks).play_until(pending()).await;
    assert_eq!(report.players[0].runs, 1, "{report}");
    assert!(report.to_string().contains("restart requested by the player"), "{report}");
    // A limit that is used up says so too.
    let asks = async |_: Context| Err::<(), BoxError>(RestartRequested.into());
    let policy = restarts().max_restarts(1);
    let report = Conductor::new("shop").part(Part::new("asks", asks).restart(policy)).play_until(pending()).await;
    assert_eq!((report.players[0].runs, report.players[0].failures.len()), (2, 1), "{report}");
}

#[tokio::test(start_paused = true)]
async fn one_for_one_leaves_it_alone() {
    let shop = Conductor::new("shop")
        .player("once", once())
        .part(Part::new("fails", failing(MS, "again")).restart(restarts()));
    let report = shop.play_until(sleep(S)).await;
    assert!(report.player("shop/once").is_some_and(|once| once.is_clean() && once.runs == 1), "{report}");
}
