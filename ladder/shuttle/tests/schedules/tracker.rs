//! Accepted work is finished, or reported as lost.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use tokio::time::Instant;
use upbeat::{BoxError, Conductor, Context, Part, report::Outcome, task::Tracker, with};

use crate::{
    explore::{MS, Time, explore, pause, settle},
    players::outcome,
};

/// The numbers of accepted work, and of finished work.
#[derive(Clone, Default)]
struct Numbers {
    accepted: Arc<Mutex<BTreeSet<u32>>>,
    ended: Arc<Mutex<BTreeSet<u32>>>,
}

impl Numbers {
    /// Tracks one piece of work. Returns whether it was accepted.
    fn track(&self, tracker: &Tracker, number: u32) -> bool {
        let numbers = self.clone();
        let accepted = tracker.track(number.to_string(), async move {
            pause(3).await;
            numbers.ended.lock().unwrap().insert(number);
        });
        if accepted.is_ok() {
            self.accepted.lock().unwrap().insert(number);
        }
        accepted.is_ok()
    }

    fn accepted(&self) -> BTreeSet<u32> {
        self.accepted.lock().unwrap().clone()
    }

    fn ended(&self) -> BTreeSet<u32> {
        self.ended.lock().unwrap().clone()
    }
}

#[test]
fn all_accepted_work_is_finished_before_the_end() {
    explore(Time::WhenIdle, || async {
        let (tracker, numbers) = (Tracker::new(), Numbers::default());
        let state = (tracker.clone(), numbers.clone());
        let web = with(state, |(tracker, numbers): (Tracker, Numbers), cx: Context| async move {
            let mut number = 0;
            while number < 5 && cx.unless_stopping(pause(1)).await.is_some() {
                // This part stops before the tracker, so work is never rejected.
                assert!(numbers.track(&tracker, number));
                number += 1;
            }
            cx.stopping().await;
            Ok::<_, BoxError>(())
        });
        let report = Conductor::new("shop")
            .player("tracker", tracker.clone())
            .part(Part::new("web", web).after("tracker"))
            .play_until(pause(12))
            .await;
        assert!(report.is_clean(), "{report}");
        assert_eq!(numbers.accepted(), numbers.ended(), "{report}");
        assert_eq!(tracker.open(), 0, "{report}");
    });
}

#[test]
fn a_close_at_any_moment_splits_work_into_accepted_and_rejected() {
    explore(Time::WhenIdle, || async {
        let (tracker, numbers) = (Tracker::new(), Numbers::default());
        let producers: Vec<_> = (0..3)
            .map(|producer| {
                let (tracker, numbers) = (tracker.clone(), numbers.clone());
                tokio::spawn(async move {
                    let mut rejected = false;
                    for number in producer * 10..producer * 10 + 3 {
                        let accepted = numbers.track(&tracker, number);
                        assert!(!(accepted && rejected), "accepted after it was closed");
                        rejected |= !accepted;
                        pause(1).await;
                    }
                })
            })
            .collect();
        pause(6).await;
        let begun = Instant::now();
        let report = tracker.shutdown(begun + MS).await;
        assert!(begun.elapsed().is_zero(), "the shutdown has missed the end of the work: {report}");
        let accepted = numbers.accepted();
        // The producer may record an acceptance after the shutdown has counted it.
        for producer in producers {
            producer.await.unwrap();
        }
        assert!(report.lost.is_empty(), "{report}");
        assert!(numbers.accepted().is_superset(&accepted));
        assert_eq!(numbers.accepted(), numbers.ended(), "{report}");
        assert_eq!(report.finished, numbers.ended().len() as u64, "{report}");
    });
}

#[test]
fn work_past_the_deadline_is_reported_and_does_not_continue() {
    explore(Time::AtAnyMoment, || async {
        let (tracker, numbers) = (Tracker::new(), Numbers::default());
        let producer = {
            let (tracker, numbers) = (tracker.clone(), numbers.clone());
            tokio::spawn(async move {
                for number in 0..4 {
                    numbers.track(&tracker, number);
                }
            })
        };
        pause(6).await;
        let report = tracker.shutdown(Instant::now() + MS).await;
        producer.await.unwrap();
        let lost: BTreeSet<u32> = report.lost.iter().map(|(name, _)| name.parse().unwrap()).collect();
        assert_eq!(lost.len(), report.lost.len(), "{report}");
        assert_eq!(report.finished + lost.len() as u64, numbers.accepted().len() as u64, "{report}");
        assert_eq!(&(&numbers.ended() | &lost), &numbers.accepted(), "{report}");
        assert_eq!(tracker.open(), 0);
    });
}

#[test]
fn reported_lost_work_has_ended() {
    explore(Time::AtAnyMoment, || async {
        let tracker = Tracker::new();
        let here = Arc::new(());
        let producer = {
            let (tracker, here) = (tracker.clone(), here.clone());
            tokio::spawn(async move {
                for number in 0..3 {
                    let here = here.clone();
                    let _ = tracker.track(number.to_string(), async move {
                        std::future::pending::<()>().await;
                        drop(here);
                    });
                }
            })
        };
        let report = tracker.shutdown(Instant::now() + MS).await;
        producer.await.unwrap();
        assert_eq!(tracker.open(), 0);
        settle().await;
        assert_eq!(Arc::strong_count(&here), 1, "lost work is still there: {report}");
    });
}

/// The tracker, how much work runs, and how much is finished.
type Counted = (Tracker, Arc<AtomicU32>, Arc<AtomicU32>);

#[test]
fn max_running_bounds_running_work() {
    explore(Time::WhenIdle, || async {
        const MAX: u32 = 2;
        let tracker = Tracker::builder().max_running(MAX as usize).build();
        let (running, done) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let state = (tracker.clone(), running, done.clone());
        let web = with(state, |(tracker, running, done): Counted, cx: Context| async move {
            let work = || {
                let (running, done) = (running.clone(), done.clone());
                async move {
                    assert!(running.fetch_add(1, Ordering::SeqCst) < MAX, "too many at once");
                    pause(3).await;
                    running.fetch_sub(1, Ordering::SeqCst);
                    done.fetch_add(1, Ordering::SeqCst);
                }
            };
            for _ in 0..2 {
                tracker.track("tracked", work())?;
            }
            for _ in 0..2 {
                tracker.reserve().await.track("reserved", work())?;
            }
            cx.stopping().await;
            Ok::<_, BoxError>(())
        });
        let report = Conductor::new("shop")
            .player("tracker", tracker)
            .part(Part::new("web", web).after("tracker"))
            .play_until(pause(16))
            .await;
        assert!(report.is_clean(), "{report}");
        let expected = if *outcome(&report, "shop/web") == Outcome::Stopped { 4 } else { 0 };
        assert_eq!(done.load(Ordering::SeqCst), expected, "{report}");
    });
}
