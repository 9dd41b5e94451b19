//! Locations of players: in a dump, while stopping, and in the report of parts that overran.

use std::{future::pending, sync::Arc, time::Duration};

use crate::common::events::Events;
use crate::common::{MS, S, idle};
use tokio::time::{Instant, sleep};
use tracing::Level;
use upbeat::{BoxError, Conductor, Context, Part, Report, diagnostics::Snapshot, exit_code, report::Outcome};
use upbeat_probe::{Answer, watch};

/// The line on which [`waits`] waits.
const WAITS: u32 = line!() + 3;

async fn waits() {
    sleep(Duration::from_hours(9999)).await;
}

/// Does not stop, and neither does its helper.
async fn stubborn(cx: Context) -> Result<(), BoxError> {
    cx.spawn("helper", waits());
    cx.set_status("flushing");
    cx.progress(7);
    cx.blocked_on("the disk", waits()).await;
    Ok(())
}

fn shop() -> Conductor {
    let api = Conductor::new("api").player("stubborn", stubborn).player("polite", idle);
    Conductor::new("shop").part(Part::new("api", api)).stop_timeout(10 * S)
}

/// Plays until `look` is done with it.
async fn while_playing(conductor: Conductor, look: impl AsyncFnOnce(upbeat::diagnostics::Overview)) -> Report {
    let overview = conductor.handle().overview();
    let stop = async {
        overview.wait_ready().await;
        look(overview.clone()).await;
    };
    conductor.play_until(stop).await
}

fn here(line: u32) -> String {
    format!("stuck.rs:{line}")
}

#[tokio::test(start_paused = true)]
async fn a_dump_has_the_line_on_which_each_task_waits_and_what_players_say() {
    let report = while_playing(shop(), async |overview| {
        sleep(3 * S).await;
        let dump = overview.dump(S).await;
        let stubborn = dump.player("shop/api/stubborn").unwrap();
        assert!(stubborn.location.as_ref().unwrap().to_string().contains(&here(WAITS)), "{dump}");
        assert!(stubborn.location.as_ref().unwrap().line().contains("Sleep"), "{dump}");
        let at = stubborn.at.as_ref().unwrap();
        assert_eq!((&*at.text, at.age), ("flushing", 3 * S));
        assert_eq!(stubborn.blocked_on[0].to_string(), "the disk for 3.0 s");
        assert_eq!((stubborn.last_heartbeat, stubborn.progress, stubborn.remaining), (Some(3 * S), 7, None));
        let helper = &stubborn.tasks.oldest[0];
        assert_eq!((&*helper.name, helper.age), ("helper", 3 * S));
        assert!(helper.location.as_ref().unwrap().to_string().contains(&here(WAITS)), "{dump}");
        // A conductor waits for its players, and they are asked.
        assert!(dump.player("shop/api").unwrap().location.is_none());
        let polite = dump.player("shop/api/polite").unwrap().location.as_ref().unwrap().line();
        assert!(polite.contains("mod.rs:"), "{polite}");

        let seen = overview.snapshot();
        assert!(seen.player("shop/api/stubborn").unwrap().location.is_none(), "no probe was asked");
        assert_eq!(seen.player("shop/api/stubborn").unwrap().tasks.count(), 1);
    })
    .await;
    assert_eq!(report.exit_code(), exit_code::OVERRAN);
}

#[tokio::test(start_paused = true)]
async fn tasks_that_are_done_are_not_listed() {
    let spawns = async |cx: Context| {
        cx.spawn("quick", async {}).await?;
        idle(cx).await
    };
    while_playing(Conductor::new("shop").player("spawns", spawns), async |overview| {
        sleep(MS).await;
        assert!(overview.snapshot().player("shop/spawns").unwrap().tasks.is_empty());
    })
    .await
    .is_clean()
    .then_some(())
    .unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_report_has_the_location_of_parts_that_overran() {
    let begun = Instant::now();
    let report = while_playing(shop(), async |_| sleep(5 * S).await).await;
    assert!(begun.elapsed() <= 16 * S, "{:?}", begun.elapsed());
    let stubborn = report.player("shop/api/stubborn").unwrap();
    assert_eq!(stubborn.outcome, Outcome::Overran);
    let stuck = stubborn.stuck.as_ref().unwrap();
    assert!(stuck.location.as_ref().unwrap().line().contains(&here(WAITS)), "{report}");
    assert!(stuck.tasks.oldest[0].location.as_ref().unwrap().line().contains(&here(WAITS)), "{report}");
    assert_eq!(&*stuck.at.as_ref().unwrap().text, "flushing");
    assert!(report.player("shop/api/polite").unwrap().stuck.is_none());
    let text = report.to_string();
    assert_eq!(text.matches(&here(WAITS)).count(), 2, "{text}");
    assert!(text.contains("at flushing for") && text.contains("task helper for"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn parts_that_delay_the_stop_are_logged_every_two_seconds() {
    let (events, _heard) = Events::record();
    let _ = while_playing(shop(), async |_| ()).await;
    let named = events.with(Level::INFO, "still stopping");
    // At 2, 4, 6 and 8 s; a nested conductor has a little less than the 10 s.
    assert_eq!(named.len(), 4, "{named:?}");
    assert!(named.iter().all(|line| line.contains(&here(WAITS)) && line.contains("at flushing")), "{named:?}");
    assert!(named[0].contains("stopping for 2.0 s") && named[0].contains(" left"), "{named:?}");
    let aborted = events.with(Level::WARN, "stop deadline exceeded");
    assert!(aborted.len() == 1 && aborted[0].contains(&here(WAITS)), "{aborted:?}");
}

#[tokio::test(start_paused = true)]
async fn parts_that_delay_the_stop() {
    let conductor = shop();
    let overview = conductor.handle().overview();
    let holders = |seen: &Snapshot| seen.delaying_stop().map(|player| player.path.to_string()).collect::<Vec<_>>();
    let playing = tokio::spawn(conductor.play_until(sleep(S)));
    overview.wait_ready().await;
    assert!(holders(&overview.snapshot()).is_empty());
    sleep(2 * S).await;
    let seen = overview.snapshot();
    assert_eq!(holders(&seen), ["shop/api/stubborn"], "{seen}");
    assert!(seen.player("shop/api/stubborn").unwrap().remaining.is_some_and(|left| left < 9 * S));
    assert_eq!(playing.await.unwrap().exit_code(), exit_code::OVERRAN);
}

#[tokio::test(start_paused = true)]
async fn nothing_will_wake_it_is_an_answer_too() {
    let lost = async |_: Context| pending::<Result<(), BoxError>>().await;
    let conductor = Conductor::new("shop").player("lost", lost).stop_timeout(S);
    let report = while_playing(conductor, async |_| ()).await;
    let stuck = report.player("shop/lost").unwrap().stuck.as_ref().unwrap();
    assert!(matches!(stuck.location.as_ref().unwrap().answer(), Some(Answer::Nothing)), "{report}");
}

// On two real threads, because this is about a thread that is not given back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inside_one_poll_is_an_answer_too() {
    let (release, blocked) = std::sync::mpsc::channel::<()>();
    let (inside, is_inside) = tokio::sync::oneshot::channel();
    let spins = upbeat::once(async move |_: Context| {
        tokio::task::yield_now().await;
        inside.send(()).unwrap();
        let _ = blocked.recv();
        Ok::<_, BoxError>(())
    });
    let conductor = Conductor::new("shop").player("spins", spins).stop_timeout(300 * MS);
    let report = while_playing(conductor, async |_| is_inside.await.unwrap()).await;
    let spins = report.player("shop/spins").unwrap();
    assert_eq!(spins.outcome, Outcome::Leaked, "{report}");
    let location = spins.stuck.as_ref().unwrap().location.as_ref().unwrap();
    // Counted from the stop on, not from the question at the deadline.
    assert!(location.busy_for().is_some_and(|time| time >= 300 * MS), "{report}");
    drop(release);
}

#[tokio::test(start_paused = true)]
async fn registered_work_is_listed_and_probed() {
    let courier = async |cx: Context| -> Result<(), BoxError> {
        let (parcel, probe) = watch(waits());
        tokio::spawn(parcel);
        let since = Instant::now();
        let list = Arc::new((since, probe));
        let open = Arc::downgrade(&list);
        cx.register_work(move |work| {
            if let Some(list) = open.upgrade() {
                work.add(list.0, || "a lamp".to_owned(), Some(list.1.clone()));
            }
        });
        cx.stopping().await;
        drop(list);
        Ok(())
    };
    let report = while_playing(Conductor::new("shop").player("courier", courier), async |overview| {
        sleep(2 * S).await;
        let dump = overview.dump(S).await;
        let lamp = &dump.player("shop/courier").unwrap().open.oldest[0];
        assert_eq!(lamp.to_string(), "a lamp for 2.0 s");
        assert!(lamp.location.as_ref().unwrap().line().contains(&here(WAITS)), "{dump}");
    })
    .await;
    assert!(report.is_clean(), "{report}");
}
