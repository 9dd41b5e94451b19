//! Heartbeats: what counts as a sign of life, and what follows when there is none.

use std::{future::Future, time::Duration};

use crate::common::events::Events;
use crate::common::{Log, MS, S, idle};
use tokio::time::{Instant, sleep};
use tracing::Level;
use upbeat::{
    BoxError, Conductor, Context, Part, Player, Report, exit_code,
    report::{Cause, Outcome},
    restart::{Backoff, Restart},
    score::OnUnresponsive,
    with,
};

const FOR_EVER: Duration = Duration::from_hours(9999);

/// Sends heartbeats for one second in its first run, and without end in later runs. Logs its start
/// and its end.
fn falls_silent(log: &Log, deaf: bool) -> impl Player {
    with(log.clone(), move |log: Log, cx: Context| async move {
        log.add(format!("up {}", cx.attempt()));
        let _down = Down(log.clone(), cx.attempt());
        loop {
            cx.heartbeat();
            let silent = cx.attempt() == 0;
            let pause = sleep(if silent { FOR_EVER } else { S });
            if silent && deaf {
                pause.await;
            } else if cx.unless_stopping(pause).await.is_none() {
                return Ok::<_, BoxError>(());
            }
        }
    })
}

struct Down(Log, u32);

impl Drop for Down {
    fn drop(&mut self) {
        self.0.add(format!("down {}", self.1));
    }
}

async fn play(part: Part, for_so_long: Duration) -> Report {
    Conductor::new("shop").part(part).player("other", idle).stop_timeout(10 * S).play_until(sleep(for_so_long)).await
}

#[tokio::test(start_paused = true)]
async fn a_part_with_heartbeats_is_left_alone() {
    let (events, _heard) = Events::record();
    let beats = async |cx: Context| -> Result<(), BoxError> {
        while cx.unless_stopping(sleep(4 * S)).await.is_some() {
            if cx.stop_cause().is_none() {
                cx.progress(3);
            }
        }
        Ok(())
    };
    let report = play(Part::new("beats", beats).watchdog(5 * S, OnUnresponsive::Fail), 3600 * S).await;
    assert!(report.is_clean(), "{report}");
    assert!(events.with(Level::ERROR, "").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_silent_player_is_replaced_by_a_fresh_instance_when_the_old_one_is_gone() {
    let (events, _heard) = Events::record();
    for deaf in [false, true] {
        let log = Log::default();
        let part =
            Part::new("silent", falls_silent(&log, deaf)).stop_timeout(2 * S).watchdog(5 * S, OnUnresponsive::Restart);
        let report = play(part, 60 * S).await;
        assert!(report.is_clean() || deaf, "{report}");
        assert_eq!(log.lines(), ["up 0", "down 0", "up 1", "down 1"], "one replaces the other");
        let silent = report.player("shop/silent").unwrap();
        assert_eq!((&silent.outcome, silent.runs), (&Outcome::Stopped, 2), "{report}");
        let why = silent.failures[0].to_string();
        assert!(why.contains("no heartbeat for 5.0 s") && why.contains("watchdog.rs:"), "{why}");
        let events = events.with(Level::ERROR, "missed heartbeat");
        assert!(events.last().unwrap().contains("watchdog.rs:"), "{events:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_policy_a_restart_has_default_limits_and_fail_is_final() {
    let silent = async |_: Context| {
        sleep(FOR_EVER).await;
        Ok::<_, BoxError>(())
    };
    let part = |action| Part::new("silent", silent).stop_timeout(MS).watchdog(S, action);
    for (action, runs) in [(OnUnresponsive::Restart, 6), (OnUnresponsive::Fail, 1)] {
        let report = play(part(action), FOR_EVER).await;
        let player = report.player("shop/silent").unwrap();
        assert_eq!((&player.outcome, player.runs), (&Outcome::Unresponsive, runs), "{report}");
        assert!(matches!(&report.cause, Cause::Failed { path } if &**path == "shop/silent"), "{report}");
        assert_eq!(report.exit_code(), exit_code::OVERRAN, "it had to be aborted");
    }
    let policy = Restart::on_failure(Backoff::constant(S)).max_restarts(2);
    let report = play(part(OnUnresponsive::Fail).restart(policy), FOR_EVER).await;
    assert_eq!(report.player("shop/silent").unwrap().runs, 3, "{report}");
}

#[tokio::test(start_paused = true)]
async fn not_ready_while_silent_and_ready_again_afterwards() {
    let naps = async |cx: Context| -> Result<(), BoxError> {
        sleep(10 * S).await;
        cx.heartbeat();
        idle(cx).await
    };
    let conductor = Conductor::new("shop")
        .part(Part::new("naps", naps).watchdog(4 * S, OnUnresponsive::NotReady))
        .player("other", idle);
    let overview = conductor.handle().overview();
    let report = conductor
        .play_until(async {
            overview.wait_ready().await;
            sleep(3 * S).await;
            assert!(overview.is_ready());
            sleep(2 * S).await;
            assert!(!overview.is_ready());
            let seen = overview.snapshot();
            assert_eq!(seen.summary(), "not ready: shop/naps is unresponsive");
            assert_eq!(seen.not_ready().len(), 1);
            // Looked at every two seconds, so at 12 s at the latest; silent again from 14 s on.
            sleep(Duration::from_millis(7500)).await;
            assert!(overview.is_ready(), "{}", overview.snapshot());
            sleep(3 * S).await;
            assert!(!overview.is_ready());
        })
        .await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.player("shop/naps").unwrap().runs, 1);
}

#[tokio::test(start_paused = true)]
async fn it_is_said_once_for_each_silence() {
    let (events, _heard) = Events::record();
    let naps = async |cx: Context| -> Result<(), BoxError> {
        for _ in 0..2 {
            sleep(60 * S).await;
            cx.heartbeat();
        }
        cx.unless_stopping(sleep(FOR_EVER)).await;
        Ok(())
    };
    let report = play(Part::new("naps", naps).watchdog(S * 45, OnUnresponsive::Log), 150 * S).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(events.with(Level::ERROR, "missed heartbeat").len(), 2);
    assert_eq!(events.with(Level::INFO, "heartbeat resumed").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_blocked_part_is_not_unresponsive() {
    let (events, _heard) = Events::record();
    let waits = async |cx: Context| -> Result<(), BoxError> {
        cx.blocked_on("the queue", sleep(100 * S)).await;
        // All of the time again.
        sleep(4 * S).await;
        cx.heartbeat();
        idle(cx).await
    };
    let report = play(Part::new("waits", waits).watchdog(5 * S, OnUnresponsive::Log), 108 * S).await;
    assert!(report.is_clean(), "{report}");
    assert!(events.with(Level::ERROR, "").is_empty(), "{:?}", events.with(Level::ERROR, ""));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_expected_before_it_is_ready_nor_while_it_stops() {
    let (events, _heard) = Events::record();
    let slow = async |cx: Context| -> Result<(), BoxError> {
        sleep(20 * S).await;
        cx.ready();
        cx.stopping().await;
        sleep(8 * S).await;
        Ok(())
    };
    let part = Part::new("slow", slow).signals_ready().watchdog(5 * S, OnUnresponsive::Fail);
    let report = play(part, 23 * S).await;
    assert!(report.is_clean(), "{report}");
    assert!(events.with(Level::ERROR, "").is_empty());
}

#[tokio::test]
async fn a_watchdog_without_any_time_is_a_fault() {
    let report = play(Part::new("dog", idle).watchdog(Duration::ZERO, OnUnresponsive::Log), S).await;
    assert!(report.to_string().contains("its watchdog timeout is zero"), "{report}");
}

// On two real threads: the watchdog is a task of its own, so it notices a player that never yields.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_player_that_never_yields_is_noticed_and_cannot_be_replaced() {
    let (release, blocked) = std::sync::mpsc::channel::<()>();
    let blocks = upbeat::once(async move |_: Context| {
        tokio::task::yield_now().await;
        let _ = blocked.recv();
        Ok::<_, BoxError>(())
    });
    let part = Part::new("blocks", blocks).watchdog(100 * MS, OnUnresponsive::Fail).stop_timeout(50 * MS);
    let begun = Instant::now();
    let report = within(20 * S, play(part, FOR_EVER)).await;
    assert!(begun.elapsed() >= 100 * MS);
    let blocks = report.player("shop/blocks").unwrap();
    assert_eq!(blocks.outcome, Outcome::Leaked, "{report}");
    assert!(blocks.failures[0].to_string().contains("inside one poll"), "{report}");
    drop(release);
}

async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(limit, work).await.expect("it comes to an end")
}

#[tokio::test(start_paused = true)]
async fn a_standstill_of_the_process_is_no_silence() {
    let beats = async |cx: Context| -> Result<(), BoxError> {
        while cx.unless_stopping(sleep(300 * MS)).await.is_some() {
            // Some time passes before the heartbeat, as in a player that works.
            sleep(100 * MS).await;
            cx.heartbeat();
        }
        Ok(())
    };
    let part = |i| {
        let part = Part::new(format!("beats{i}"), beats).restart(Restart::on_failure(Backoff::constant(MS)));
        part.watchdog(S, OnUnresponsive::Restart)
    };
    let shop = (0..3).fold(Conductor::new("shop"), |shop, i| shop.part(part(i)));
    let report = shop
        .play_until(async {
            for i in 0..50 {
                sleep(MS * 37 * (i % 9)).await;
                // As after SIGSTOP: all timers are due at once.
                tokio::time::advance(S * (i + 2) / 2).await;
            }
        })
        .await;
    assert!(report.is_clean() && report.players.iter().all(|player| player.runs == 1), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_player_that_is_silent_after_a_standstill_is_noticed() {
    let silent = async |cx: Context| -> Result<(), BoxError> {
        cx.unless_stopping(sleep(FOR_EVER)).await;
        Ok(())
    };
    let part = Part::new("silent", silent).watchdog(S, OnUnresponsive::Fail);
    let report = Conductor::new("shop")
        .part(part)
        .play_until(async {
            sleep(500 * MS).await;
            tokio::time::advance(10 * S).await;
            sleep(2 * S).await;
        })
        .await;
    assert_eq!(report.player("shop/silent").unwrap().outcome, Outcome::Unresponsive, "{report}");
}
