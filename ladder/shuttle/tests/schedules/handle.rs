//! Requests by hand, while the conductor starts, plays and stops.

use upbeat::{Conductor, HandleError, Part, report::Outcome};

use crate::{
    explore::{Time, explore, pause},
    players::{Log, accounted, idle, polite},
};

#[test]
fn what_is_added_is_refused_or_played_and_accounted_for() {
    explore(Time::WhenIdle, || async {
        let log = Log::default();
        let conductor = Conductor::new("shop").part(Part::new("a", polite(&log, "a")).signals_ready());
        let handle = conductor.handle();
        let late = Part::new("late", polite(&log, "late")).signals_ready().after("a");
        let adding = tokio::spawn(async move {
            pause(6).await;
            handle.add(late).await
        });
        let report = conductor.play_until(pause(12)).await;
        match adding.await.unwrap() {
            Ok(()) => accounted(&report, &["shop/a", "shop/late"]),
            Err(error) => {
                assert!(matches!(error, HandleError::Stopping { .. } | HandleError::NotPlaying { .. }), "{error}");
                accounted(&report, &["shop/a"]);
            }
        }
        log.ordered("a ready", "late up");
        log.never_after("late down", "a told");
        assert!(report.is_clean(), "{report}");
    });
}

#[test]
fn every_request_is_answered() {
    explore(Time::WhenIdle, || async {
        let log = Log::default();
        let conductor = Conductor::new("shop")
            .player("a", idle)
            .part(Part::new("b", polite(&log, "b")).signals_ready().after("a"))
            .part(Part::new("c", idle).after("b"));
        let (one, two, three) = (conductor.handle(), conductor.handle(), conductor.handle());
        let stopping = tokio::spawn(async move { one.part("shop/c").stop().await });
        let removing = tokio::spawn(async move {
            pause(6).await;
            two.part("shop/c").remove().await
        });
        let restarting = tokio::spawn(async move {
            pause(6).await;
            three.part("shop/a").restart().await
        });
        let report = conductor.play_until(pause(16)).await;
        // None of them waits for ever; shuttle would say so.
        if let Ok(ended) = stopping.await.unwrap() {
            assert!(ended.outcome.is_clean(), "{ended:?}");
        }
        let removed = removing.await.unwrap();
        let _ = restarting.await.unwrap();
        if let Ok(ended) = &removed {
            assert!(ended.outcome.is_clean(), "{ended:?}");
        }
        assert!(report.is_clean(), "{report}");
        for player in &report.players {
            assert!(matches!(player.outcome, Outcome::Stopped | Outcome::NeverStarted { because: None }), "{report}");
        }
    });
}
