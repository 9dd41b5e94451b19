//! Pools as players.

use upbeat::{BoxError, Conductor, Context, Part, report::Outcome, with};
use upbeat_work::Pool;

use super::jobs::{Books, Job, adds_up};
use crate::explore::{MS, Time, explore, pause, settle};

/// Where jobs go.
type Web = (Pool<Job, u32>, Books);

async fn web((pool, books): Web, cx: Context) -> Result<(), BoxError> {
    let mut id = 0;
    while id < 5 && cx.unless_stopping(pause(1)).await.is_some() {
        // It stops before the pool does, so it is refused only past its deadline. The error does not keep the job.
        let ticket = pool.submit(books.job(id)).await.map_err(|closed| closed.to_string())?;
        ticket.detach();
        id += 1;
    }
    cx.stopping().await;
    Ok(())
}

#[test]
fn all_that_was_accepted_is_done_before_the_end() {
    explore(Time::WhenIdle, || async {
        let books = Books::default();
        let pool = books.pool(Pool::builder("pool").workers(2).queue(2));
        let report = Conductor::new("shop")
            .player("pool", pool.clone())
            .part(Part::new("web", with((pool.clone(), books.clone()), web)).after("pool"))
            .play_until(pause(12))
            .await;
        assert!(report.is_clean(), "{report}");
        assert_eq!(books.begun(), books.done(), "{report}");
        let counts = pool.counts();
        adds_up(&counts);
        assert_eq!(counts.finished, counts.accepted, "{counts:?}");
        books.are_right();
    });
}

#[test]
fn what_its_deadline_cuts_is_in_the_report() {
    explore(Time::AtAnyMoment, || async {
        let books = Books::default();
        let pool = books.pool(Pool::builder("pool").workers(2).queue(2));
        let report = Conductor::new("shop")
            .part(Part::new("pool", pool.clone()).stop_timeout(20 * MS))
            .part(Part::new("web", with((pool.clone(), books.clone()), web)).after("pool"))
            .stop_timeout(60 * MS)
            .play_until(pause(12))
            .await;
        settle().await;
        let counts = pool.counts();
        adds_up(&counts);
        let player = report.player("shop/pool").unwrap_or_else(|| panic!("no pool in {report}"));
        // A pool that is aborted before it can say what was lost has ended all the same.
        if player.outcome == Outcome::Stopped {
            assert_eq!(player.lost.len() as u64, counts.lost, "{report}");
        }
        books.are_right();
    });
}
