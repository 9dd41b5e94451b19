//! Players that run at a fixed interval, and their stop.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use crate::common::events::Events;
use crate::common::{MS, S, ZERO};
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};
use tracing::Level;
use upbeat::{
    BoxError, Conductor, Context, Player, Report, exit_code,
    time::{MissedTick, Tick, every},
    with,
};

/// A record of the times at which ticks begin, since the start, and the time that each one takes.
#[derive(Clone)]
struct Ticks {
    start: Instant,
    begun: Arc<Mutex<Vec<Duration>>>,
    takes: Arc<[Duration]>,
}

impl Ticks {
    /// Returns ticks that take these times. The last one applies to all further ticks.
    fn taking(takes: &[Duration]) -> Self {
        Self { start: Instant::now(), begun: Arc::default(), takes: takes.into() }
    }

    fn begun(&self) -> Vec<Duration> {
        self.begun.lock().unwrap().clone()
    }

    fn seconds(&self) -> Vec<u64> {
        self.begun().iter().map(Duration::as_secs).collect()
    }

    fn tick(&self) -> impl Player {
        with(self.clone(), async |ticks: Self, _: Context| {
            let takes = {
                let mut begun = ticks.begun.lock().unwrap();
                begun.push(ticks.start.elapsed());
                *ticks.takes.get(begun.len() - 1).or(ticks.takes.last()).unwrap()
            };
            sleep(takes).await;
            Ok::<_, BoxError>(())
        })
    }
}

async fn play(player: impl Player, until: impl Future<Output = ()>) -> Report {
    Conductor::new("shop").player("ticks", player).stop_timeout(100 * S).play_until(until).await
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_ticks_do_not_drift() {
    // Each tick takes between none and nearly all of its period. Timers fire on whole milliseconds,
    // so most are late.
    let takes: Vec<_> = (0..100_000).map(|number| (number * 7 % 10) * MS).collect();
    let (ticks, period) = (Ticks::taking(&takes), Duration::from_micros(10_300));
    let report = play(every(period, ticks.tick()), sleep(1_029_995 * MS)).await;
    assert!(report.is_clean(), "{report}");
    let begun = ticks.begun();
    assert_eq!(begun.len(), 100_000);
    for (at, number) in begun.into_iter().zip(0..) {
        let late = at.checked_sub(number * period).expect("never early");
        assert!(late <= 2 * MS, "tick {number} is {late:?} late");
    }
}

/// Returns when ticks begin with a period of 10 s, if the third one, due at 20 s, takes 27 s.
async fn with_a_long_tick(missed: MissedTick, max_running: usize) -> Vec<u64> {
    let ticks = Ticks::taking(&[MS, MS, 27 * S, MS]);
    let player = every(10 * S, ticks.tick()).missed(missed).max_running(max_running);
    assert!(play(player, sleep(79 * S)).await.is_clean());
    ticks.seconds()
}

#[tokio::test(start_paused = true)]
async fn missed_ticks_are_skipped_played_at_once_or_delayed() {
    assert_eq!(with_a_long_tick(MissedTick::Skip, 1).await, [0, 10, 20, 47, 50, 60, 70]);
    assert_eq!(with_a_long_tick(MissedTick::Burst, 1).await, [0, 10, 20, 47, 47, 50, 60, 70]);
    assert_eq!(with_a_long_tick(MissedTick::Delay, 1).await, [0, 10, 20, 47, 57, 67, 77]);
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_ticks_lets_other_tasks_run() {
    // A million ticks are due when the first one ends. The second requests the stop.
    let (stop, last) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let tick = with((stop.clone(), last.clone()), async |(stop, last): (Arc<Notify>, Arc<AtomicUsize>), _| {
        match last.fetch_add(1, SeqCst) {
            0 => sleep(1000 * S).await,
            1 => stop.notify_one(),
            _ => {}
        }
        Ok::<_, BoxError>(())
    });
    assert!(play(every(MS, tick).missed(MissedTick::Burst), stop.notified()).await.is_clean());
    assert!(last.load(SeqCst) < 1000, "{last:?}");
}

#[tokio::test(start_paused = true)]
async fn an_overlapping_tick_delays_no_other() {
    assert_eq!(with_a_long_tick(MissedTick::Skip, 2).await, [0, 10, 20, 30, 40, 50, 60, 70]);
}

#[tokio::test(start_paused = true)]
async fn max_running_bounds_overlapping_ticks() {
    for max_running in [1, 2, 5] {
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let tick = with((running, most.clone()), async |(running, most): (Arc<AtomicUsize>, Arc<AtomicUsize>), _| {
            most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
            sleep(100 * S).await;
            running.fetch_sub(1, SeqCst);
            Ok::<_, BoxError>(())
        });
        assert!(play(every(S, tick).max_running(max_running), sleep(1000 * S)).await.is_clean());
        assert_eq!(most.load(SeqCst), max_running);
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_tick_begins_after_first_after() {
    for (first, begun) in [(ZERO, [0, 10, 20]), (10 * S, [10, 20, 30]), (3 * S, [3, 13, 23])] {
        let ticks = Ticks::taking(&[ZERO]);
        let player = every(10 * S, ticks.tick()).first_after(first);
        assert!(play(player, sleep(Duration::from_secs(begun[2] + 1))).await.is_clean());
        assert_eq!(ticks.seconds(), begun);
    }
}

#[tokio::test(start_paused = true)]
async fn a_player_whose_first_tick_never_comes_can_be_stopped() {
    let ticks = Ticks::taking(&[ZERO]);
    let report = play(every(Duration::MAX, ticks.tick()).first_after(Duration::MAX), sleep(S)).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(ticks.seconds(), [0; 0]);
}

#[tokio::test(start_paused = true)]
async fn jitter_delays_ticks_within_its_bound_and_shifts_none() {
    let play = async |seed| {
        let ticks = Ticks::taking(&[ZERO]);
        let player = every(S, ticks.tick()).jitter(100 * MS).seed(seed);
        assert!(play(player, sleep(999_999 * MS)).await.is_clean());
        ticks.begun()
    };
    let begun = play(7).await;
    assert_eq!(begun.len(), 1000);
    let off: Vec<_> = begun.iter().zip(0..).map(|(&at, number)| at.checked_sub(number * S).unwrap()).collect();
    // A timer may fire up to a millisecond late.
    assert!(off.iter().all(|off| *off <= 101 * MS), "{:?}", off.iter().max());
    assert!(off.iter().any(|off| *off < 10 * MS) && off.iter().any(|off| *off > 90 * MS));
    assert_eq!(play(7).await, begun, "the same seed");
    assert_ne!(play(8).await, begun, "another seed");
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_a_running_tick_only() {
    let ticks = Ticks::taking(&[ZERO]);
    let begun = Instant::now();
    assert!(play(every(100 * S, ticks.tick()), sleep(30 * S)).await.is_clean());
    assert_eq!(begun.elapsed(), 30 * S);

    for max_running in [1, 3] {
        let finished = Arc::new(AtomicUsize::new(0));
        let tick = with(finished.clone(), async |finished: Arc<AtomicUsize>, cx: Context| {
            // The context of the tick is not done by the stop, so that the tick can finish.
            assert!(cx.unless_done(sleep(50 * S)).await.is_ok());
            finished.fetch_add(1, SeqCst);
            Ok::<_, BoxError>(())
        });
        let begun = Instant::now();
        let report = play(every(10 * S, tick).max_running(max_running), sleep(25 * S)).await;
        assert!(report.is_clean(), "{report}");
        assert_eq!(finished.load(SeqCst), max_running);
        assert_eq!(begun.elapsed(), if max_running == 1 { 50 * S } else { 70 * S }, "the last one begins at 20 s");
    }
}

#[tokio::test(start_paused = true)]
async fn cancel_on_stop_cancels_the_context_of_a_tick() {
    let tick = async |cx: Context| -> Result<(), BoxError> {
        assert!(cx.unless_done(sleep(50 * S)).await.is_err());
        Ok(())
    };
    for max_running in [1, 3] {
        let begun = Instant::now();
        let report = play(every(10 * S, tick).max_running(max_running).cancel_on_stop(), sleep(25 * S)).await;
        assert!(report.is_clean(), "{report}");
        assert_eq!(begun.elapsed(), 25 * S);
    }
}

#[tokio::test(start_paused = true)]
async fn a_tick_that_does_not_end_is_aborted_with_its_player() {
    let tick = async |_: Context| std::future::pending::<Result<(), BoxError>>().await;
    for max_running in [1, 3] {
        let report = play(every(S, tick).max_running(max_running), sleep(5 * S)).await;
        assert_eq!(report.exit_code(), exit_code::OVERRAN, "{report}");
    }
}

/// Returns a player of which the tick of this number fails.
fn failing(number: u64) -> impl Player {
    move |cx: Context| async move {
        match *cx.value::<Tick>().unwrap() {
            tick if tick.number == number => Err(BoxError::from("the disk is full")),
            _ => Ok(()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_fails_the_player_or_is_logged_and_counted() {
    for max_running in [1, 3] {
        let begun = Instant::now();
        let report = play(every(S, failing(3)).max_running(max_running), sleep(100 * S)).await;
        assert_eq!(begun.elapsed(), 3 * S);
        assert!(report.to_string().contains("the disk is full"), "{report}");
        assert_eq!(report.exit_code(), exit_code::FAILED);

        let (events, _recording) = Events::record();
        let report = play(every(S, failing(3)).max_running(max_running).log_errors(), sleep(9 * S + MS)).await;
        assert!(report.is_clean(), "{report}");
        assert!(report.to_string().contains("1 of 10 ticks failed, last: the disk is full"), "{report}");
        assert_eq!(events.with(Level::ERROR, "tick failed").len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_fails_the_player_even_with_log_errors() {
    let tick = async |_: Context| -> Result<(), BoxError> { panic!("no luck") };
    for max_running in [1, 3] {
        let report = play(every(S, tick).max_running(max_running).log_errors(), sleep(100 * S)).await;
        assert_eq!(report.exit_code(), exit_code::FAILED);
        assert!(report.to_string().contains("panicked: no luck"), "{report}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tick_has_its_number_and_due_time() {
    let start = Instant::now();
    let tick = with(start, async |start: Instant, cx: Context| {
        let tick = *cx.value::<Tick>().unwrap();
        assert_eq!(tick.due.duration_since(start), Duration::from_secs(tick.number));
        Ok::<_, BoxError>(())
    });
    let report = play(every(S, tick).jitter(S / 2).seed(1), sleep(9 * S)).await;
    assert!(report.is_clean(), "{report}");
}
