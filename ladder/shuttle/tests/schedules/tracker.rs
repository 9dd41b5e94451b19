//! Accepted work is finished, or named as lost.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use tokio::time::Instant;
use upbeat::{BoxError, Conductor, Context, Outcome, Part, task::Tracker, with};

use crate::{
    explore::{MS, Time, explore, pause, settle},
    players::outcome,
};

/// The numbers of what was accepted, and of what came to its end.
#[derive(Clone, Default)]
struct Books {
    accepted: Arc<Mutex<BTreeSet<u32>>>,
    ended: Arc<Mutex<BTreeSet<u32>>>,
}

impl Books {
    /// Gives one piece of work to the tracker.
    fn give(&self, tracker: &Tracker, number: u32) -> bool {
        let books = self.clone();
        let accepted = tracker.track(number.to_string(), async move {
            pause(3).await;
            books.ended.lock().unwrap().insert(number);
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
fn all_that_was_accepted_is_done_before_the_end() {
    explore(Time::WhenIdle, || async {
        let (tracker, books) = (Tracker::new(), Books::default());
        let state = (tracker.clone(), books.clone());
        let web = with(state, |(tracker, books): (Tracker, Books), cx: Context| async move {
            let mut number = 0;
            while number < 5 && cx.unless_stopping(pause(1)).await.is_some() {
                // It stops before the tracker does, so it is never refused.
                assert!(books.give(&tracker, number));
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
        assert_eq!(books.accepted(), books.ended(), "{report}");
        assert_eq!(tracker.open(), 0, "{report}");
    });
}

#[test]
fn a_close_at_any_moment_splits_the_work_in_accepted_and_refused() {
    explore(Time::WhenIdle, || async {
        let (tracker, books) = (Tracker::new(), Books::default());
        let givers: Vec<_> = (0..3)
            .map(|giver| {
                let (tracker, books) = (tracker.clone(), books.clone());
                tokio::spawn(async move {
                    let mut refused = false;
                    for number in giver * 10..giver * 10 + 3 {
                        let accepted = books.give(&tracker, number);
                        assert!(!(accepted && refused), "accepted after it was closed");
                        refused |= !accepted;
                        pause(1).await;
                    }
                })
            })
            .collect();
        pause(6).await;
        let begun = Instant::now();
        let sum = tracker.shutdown(begun + MS).await;
        assert!(begun.elapsed().is_zero(), "it has slept through the end of the work: {sum}");
        let accepted = books.accepted();
        // An acceptance may be told just after the shutdown has counted it, so who gives is waited for.
        for giver in givers {
            giver.await.unwrap();
        }
        assert!(sum.lost.is_empty(), "{sum}");
        assert!(books.accepted().is_superset(&accepted));
        assert_eq!(books.accepted(), books.ended(), "{sum}");
        assert_eq!(sum.finished, books.ended().len() as u64, "{sum}");
    });
}

#[test]
fn what_a_deadline_cuts_is_named_and_does_not_go_on() {
    explore(Time::AtAnyMoment, || async {
        let (tracker, books) = (Tracker::new(), Books::default());
        let giver = {
            let (tracker, books) = (tracker.clone(), books.clone());
            tokio::spawn(async move {
                for number in 0..4 {
                    books.give(&tracker, number);
                }
            })
        };
        pause(6).await;
        let sum = tracker.shutdown(Instant::now() + MS).await;
        giver.await.unwrap();
        let lost: BTreeSet<u32> = sum.lost.iter().map(|(name, _)| name.parse().unwrap()).collect();
        assert_eq!(lost.len(), sum.lost.len(), "{sum}");
        assert_eq!(sum.finished + lost.len() as u64, books.accepted().len() as u64, "{sum}");
        assert_eq!(&(&books.ended() | &lost), &books.accepted(), "{sum}");
        assert_eq!(tracker.open(), 0);
    });
}

#[test]
fn lost_work_is_over_when_it_is_reported() {
    explore(Time::AtAnyMoment, || async {
        let tracker = Tracker::new();
        let here = Arc::new(());
        let giver = {
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
        let sum = tracker.shutdown(Instant::now() + MS).await;
        giver.await.unwrap();
        assert_eq!(tracker.open(), 0);
        settle().await;
        assert_eq!(Arc::strong_count(&here), 1, "lost work is still there: {sum}");
    });
}

/// Where work goes, how much of it runs, and how much is done.
type State = (Tracker, Arc<AtomicU32>, Arc<AtomicU32>);

#[test]
fn no_more_run_at_once_than_there_are_places() {
    explore(Time::WhenIdle, || async {
        const MOST: u32 = 2;
        let tracker = Tracker::at_most(MOST as usize);
        let (running, done) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let state = (tracker.clone(), running, done.clone());
        let web = with(state, |(tracker, running, done): State, cx: Context| async move {
            let work = || {
                let (running, done) = (running.clone(), done.clone());
                async move {
                    assert!(running.fetch_add(1, Ordering::SeqCst) < MOST, "too many at once");
                    pause(3).await;
                    running.fetch_sub(1, Ordering::SeqCst);
                    done.fetch_add(1, Ordering::SeqCst);
                }
            };
            for _ in 0..2 {
                tracker.track("at once", work())?;
            }
            for _ in 0..2 {
                tracker.track_when_free("when free", work()).await?;
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
