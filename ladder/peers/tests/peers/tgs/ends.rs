//! Ends without a request: the second part of `tests/integration_test.rs`.

use std::future::pending;

use peers::{Event, MS, paused};
use tokio::time::{sleep, timeout};
use upbeat::{BoxError, Conductor, Context, Part, Player, report::Cause, with};

/// A player that sets one event at its start and one at its end.
fn slow(started: &Event, done: &Event) -> impl Player + use<> {
    with((started.clone(), done.clone()), async |(started, done): (Event, Event), _: Context| {
        started.set();
        sleep(200 * MS).await;
        done.set();
        Ok::<_, BoxError>(())
    })
}

/// Same as `destroying_toplevel_cancels_subsystems`.
#[test]
fn dropping_a_conductor_aborts_its_players() {
    paused(async || {
        let (started, done) = (Event::default(), Event::default());
        let top = Conductor::new("top").player("subsys", slow(&started, &done));
        assert!(timeout(100 * MS, top.play_until(pending())).await.is_err());
        sleep(300 * MS).await;
        assert!(started.is_set() && !done.is_set());
    });
}

/// Same as `destroying_toplevel_cancels_nested_toplevel_subsystems`.
#[test]
fn dropping_a_conductor_aborts_the_players_of_one_inside() {
    paused(async || {
        let (started, done) = (Event::default(), Event::default());
        let inner = (started.clone(), done.clone());
        // A conductor that a player plays itself, and not as a part of the outer one.
        let plays = with(inner, async |(started, done): (Event, Event), _: Context| {
            let report = Conductor::new("inner").player("deep", slow(&started, &done)).play_until(pending()).await;
            drop(report);
            Ok::<_, BoxError>(())
        });
        let top = Conductor::new("top").player("subsys", plays);
        assert!(timeout(50 * MS, top.play_until(pending())).await.is_err());
        sleep(300 * MS).await;
        assert!(started.is_set() && !done.is_set());
    });
}

/// Same as `shutdown_triggers_if_all_tasks_ended`.
#[test]
fn a_conductor_ends_when_all_jobs_are_completed() {
    paused(async || {
        let ends = || Part::new("nested", async |_| Ok::<_, BoxError>(())).job();
        let inside = |name: &'static str| Part::new(name, Conductor::new(name).part(ends())).job();
        let top = Conductor::new("top").part(inside("one")).part(inside("two"));
        let report = timeout(100 * MS, top.play_until(pending())).await.expect("it ends");
        assert!(report.is_clean() && matches!(report.cause, Cause::AllDone), "{report}");
    });
}

/// Same as `shutdown_triggers_if_no_task_exists`.
#[test]
fn a_conductor_without_players_ends() {
    paused(async || {
        let report = timeout(100 * MS, Conductor::new("top").play_until(pending())).await.expect("it ends");
        assert!(report.is_clean() && report.players.is_empty());
    });
}
