//! One worker: builds its state, runs jobs with it, and builds it anew after a panic.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::{Poll, Waker},
};

use tokio::{
    task::{
        AbortHandle,
        coop::{consume_budget, has_budget_remaining},
    },
    time::{Instant, sleep, timeout},
};
use upbeat::{BoxError, Context, Panic};

use super::{
    call::Work,
    hand::Hand,
    outcome::{Outcome, discard},
    pace::Pace,
    queue::Phase,
    shared::{Look, Shared},
};

/// Starts the task of a worker: where the types of state and functions are forgotten.
pub(super) type Crew<J, R> = Arc<dyn Fn(&Context, Arc<Shared<J, R>>, Arc<Hand<J, R>>) -> AbortHandle + Send + Sync>;

/// For which worker a state is built, as its factory is told.
#[derive(Clone, Debug)]
pub struct Worker {
    pub(super) number: usize,
    pub(super) cx: Context,
}

impl Worker {
    /// Its number in this run of the pool. Numbers begin with 0, and none is used again.
    pub fn number(&self) -> usize {
        self.number
    }

    /// The context that the pool plays in.
    pub fn context(&self) -> &Context {
        &self.cx
    }
}

/// Sees to it that a worker's end is noticed, whatever ends it.
struct Leaving<J, R> {
    shared: Arc<Shared<J, R>>,
    hand: Arc<Hand<J, R>>,
}

impl<J, R> Drop for Leaving<J, R> {
    fn drop(&mut self) {
        self.shared.leave(&self.hand);
    }
}

/// The task of a worker.
pub(super) async fn run<S, J, R, E, M, MFut, W>(
    shared: Arc<Shared<J, R>>,
    hand: Arc<Hand<J, R>>,
    cx: Context,
    make: Arc<M>,
    work: Arc<W>,
) where
    S: Send + 'static,
    E: Into<BoxError>,
    M: Fn(Worker) -> MFut,
    MFut: Future<Output = Result<S, E>> + Send,
    W: for<'a> Work<'a, S, J, Reply = R>,
{
    let leaving = Leaving { shared, hand };
    let (shared, hand) = (&*leaving.shared, &*leaving.hand);
    let worker = Worker { number: hand.number, cx };
    let mut pace = Pace::default();
    let mut wake = Vec::new();
    let mut first = true;
    while let Some(mut state) = build(shared, &worker, &*make).await {
        if std::mem::take(&mut first) {
            shared.queue.lock().built += 1;
            shared.changed.notify_waiters();
        }
        let mut over = None;
        loop {
            let Some(job) = next(shared, hand, over.take(), &mut pace, &mut wake).await else {
                discard(state);
                return;
            };
            match attend(shared, hand, &*work, &mut state, job, &mut pace, &mut wake).await {
                Ok(reply) => over = Some(reply),
                Err(panic) => {
                    tracing::error!(pool = &*shared.name, "a job {panic}");
                    let job = hand.end(true);
                    wake.extend(job.and_then(|job| job.finish(Outcome::Panicked(Box::new(panic)))));
                    break;
                }
            }
        }
        // The others need not wait for the new state.
        shared.wait_in(hand);
        wake.drain(..).for_each(Waker::wake);
        discard(state);
    }
}

/// Hands over the reply to the last job, and waits for the next one. `None`: the worker is to leave.
async fn next<J, R>(
    shared: &Shared<J, R>,
    hand: &Hand<J, R>,
    mut over: Option<R>,
    pace: &mut Pace,
    wake: &mut Vec<Waker>,
) -> Option<J> {
    loop {
        let step = hand.step(false, &shared.watched);
        // Without a job it was declared lost, and the reply comes too late.
        match (step.over, over.take()) {
            (Some(job), Some(reply)) => wake.extend(job.finish(Outcome::Done(reply))),
            (None, Some(late)) => discard(late),
            (_, None) => {}
        }
        if step.watched {
            shared.settle();
        }
        if let Some(job) = step.next {
            if let Some(name) = &shared.settings.describe {
                let name = Panic::catch(|| name(&job)).ok();
                if let Some(running) = &mut hand.state.lock().running {
                    running.name = name;
                }
            }
            if !has_budget_remaining() {
                // It is about to let other tasks run, and among them may be those that wait for these.
                wake.drain(..).for_each(Waker::wake);
            }
            consume_budget().await;
            return Some(job);
        }
        wake.drain(..).for_each(Waker::wake);
        let mut idle = false;
        let mut now = Instant::now();
        let most = pace.take(now);
        let look = poll_fn(|cx| {
            if idle {
                now = Instant::now();
            }
            let look = shared.look(hand, most, now, cx);
            idle |= look.is_pending();
            look
        });
        let look = if shared.settings.is_elastic() {
            match timeout(shared.settings.idle_after, look).await {
                Ok(look) => look,
                Err(_) if shared.retire(hand) => return None,
                Err(_) => continue,
            }
        } else {
            look.await
        };
        match look {
            Look::Run(jobs) => pace.begin(now, jobs),
            Look::Leave => return None,
        }
    }
}

/// Runs one job to its end. Whatever of it panics is a failure of the job, the drop of its future included.
async fn attend<'a, S, J, R, W>(
    shared: &Shared<J, R>,
    hand: &Hand<J, R>,
    work: &W,
    state: &'a mut S,
    job: J,
    pace: &mut Pace,
    wake: &mut Vec<Waker>,
) -> Result<R, Panic>
where
    W: Work<'a, S, J, Reply = R>,
{
    let made = Panic::catch(|| work.call(state, job))?;
    let mut made = pin!(Some(made));
    let mut waits = false;
    let reply = poll_fn(|cx| {
        let polled = Panic::catch(|| made.as_mut().as_pin_mut().map_or(Poll::Pending, |made| made.poll(cx)));
        match polled {
            Ok(Poll::Pending) => {
                if !std::mem::replace(&mut waits, true) {
                    pace.waited();
                    shared.wait_in(hand);
                    wake.drain(..).for_each(Waker::wake);
                }
                Poll::Pending
            }
            Ok(Poll::Ready(reply)) => Poll::Ready(Ok(reply)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
    .await;
    let dropped = Panic::catch(|| made.set(None));
    let reply = reply?;
    dropped?;
    Ok(reply)
}

/// Builds a worker's state, and tries again after a while if that fails. `None`: the worker is to leave.
async fn build<S, J, R, E, M, MFut>(shared: &Shared<J, R>, worker: &Worker, make: &M) -> Option<S>
where
    E: Into<BoxError>,
    M: Fn(Worker) -> MFut,
    MFut: Future<Output = Result<S, E>> + Send,
{
    let building = async {
        let mut failed = 0;
        loop {
            let error = match attempt(make, worker.clone()).await {
                Ok(state) => return Some(state),
                Err(error) => error,
            };
            failed += 1;
            if failed >= shared.settings.attempts {
                shared.fail(error);
                return None;
            }
            let delay = shared.settings.delay(failed);
            tracing::warn!(pool = &*shared.name, worker = worker.number, "no state, tried again in {delay:?}: {error}");
            sleep(delay).await;
        }
    };
    tokio::select! {
        biased;
        state = building => state,
        // A pool that ends needs no state when there is nothing left to be done with it.
        () = shared.until(|queue| (queue.phase == Phase::Ending && queue.queued == 0).then_some(())) => None,
    }
}

async fn attempt<S, E, M, MFut>(factory: &M, worker: Worker) -> Result<S, BoxError>
where
    E: Into<BoxError>,
    M: Fn(Worker) -> MFut,
    MFut: Future<Output = Result<S, E>> + Send,
{
    let made = Panic::catch(|| factory(worker))?;
    let mut made = pin!(made);
    poll_fn(|cx| match Panic::catch(|| made.as_mut().poll(cx)) {
        Ok(polled) => polled.map(|made| made.map_err(Into::into)),
        Err(panic) => Poll::Ready(Err(panic.into())),
    })
    .await
}
