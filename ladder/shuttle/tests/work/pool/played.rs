//! Pools as players.

use upbeat::{BoxError, Conductor, Context, Part, report::Outcome, with};
use upbeat_work::Pool;

use super::log::{Job, JobLog, assert_adds_up};
use crate::explore::{MS, Time, explore, pause, settle};

/// The pool to submit to, and the record of its jobs.
type Web = (Pool<Job, u32>, JobLog);

async fn web((pool, log): Web, cx: Context) -> Result<(), BoxError> {
    let mut id = 0;
    while id < 5 && cx.unless_stopping(pause(1)).await.is_some() {
        // It stops before the pool, so it is refused only past its deadline. The error drops the
        // job.
        let ticket = pool.submit(log.job(id)).await.map_err(|closed| closed.to_string())?;
        ticket.detach();
        id += 1;
    }
    cx.stopping().await;
    Ok(())
}

#[test]
fn accepted_jobs_finish_before_the_end() {
    explore(Time::WhenIdle, || async {
        let log = JobLog::default();
        let pool = log.pool(Pool::builder("pool").workers(2).queue_capacity(2));
        let report = Conductor::new("shop")
            .player("pool", pool.clone())
            .part(Part::new("web", with((pool.clone(), log.clone()), web)).after("pool"))
            .play_until(pause(12))
            .await;
        assert!(report.is_clean(), "{report}");
        assert_eq!(log.begun(), log.done(), "{report}");
        let counts = pool.counts();
        assert_adds_up(&counts);
        assert_eq!(counts.finished, counts.accepted, "{counts:?}");
        log.check();
    });
}

#[test]
fn jobs_lost_at_the_deadline_are_in_the_report() {
    explore(Time::AtAnyMoment, || async {
        let log = JobLog::default();
        let pool = log.pool(Pool::builder("pool").workers(2).queue_capacity(2));
        let report = Conductor::new("shop")
            .part(Part::new("pool", pool.clone()).stop_timeout(20 * MS))
            .part(Part::new("web", with((pool.clone(), log.clone()), web)).after("pool"))
            .stop_timeout(60 * MS)
            .play_until(pause(12))
            .await;
        settle().await;
        let counts = pool.counts();
        assert_adds_up(&counts);
        let player = report.player("shop/pool").unwrap_or_else(|| panic!("no pool in {report}"));
        // A pool that is aborted reports no lost jobs, but has ended all the same.
        if player.outcome == Outcome::Stopped {
            assert_eq!(player.lost.len() as u64, counts.lost, "{report}");
        }
        log.check();
    });
}
