//! One worker: builds its state, runs jobs with it, and builds it anew after a panic.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
};

use tokio::{
    task::{
        AbortHandle,
        coop::{consume_budget, has_budget_remaining},
    },
    time::{sleep, timeout},
};
use upbeat::{BoxError, Context, panic::Panic};

use super::{
    call::Work,
    entry::Tell,
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
    let mut tell = Vec::new();
    let mut first = true;
    while let Some(mut state) = build(shared, hand, &worker, &*make).await {
        if std::mem::take(&mut first) {
            shared.built(hand);
        }
        let mut over = None;
        loop {
            let Some(job) = next(shared, hand, over.take(), &mut pace, &mut tell).await else {
                discard(state);
                return;
            };
            match attend(shared, hand, &*work, &mut state, job, &mut pace, &mut tell).await {
                Ok(reply) => over = Some(Outcome::Done(reply)),
                Err(panic) => {
                    tracing::error!(pool = &*shared.name, "a job {panic}");
                    tell.extend(hand.fail(panic));
                    break;
                }
            }
        }
        // The others need not wait for the new state.
        shared.wait_in(hand);
        tell.drain(..).for_each(Tell::tell);
        discard(state);
    }
}

/// Hands over the reply to the last job, and waits for the next one. `None`: the worker is to leave.
async fn next<J, R>(
    shared: &Shared<J, R>,
    hand: &Hand<J, R>,
    mut over: Option<Outcome<R>>,
    pace: &mut Pace,
    tell: &mut Vec<Tell<J, R>>,
) -> Option<J> {
    loop {
        let step = hand.step(over.take(), &shared.watched);
        tell.extend(step.tell);
        if step.watched {
            shared.settle();
        }
        if let Some(job) = step.next {
            return Some(begun(shared, hand, job, tell).await);
        }
        tell.drain(..).for_each(Tell::tell);
        let mut idle = false;
        let look = poll_fn(|cx| {
            let look = shared.look(hand, pace.most(), idle, cx);
            if look.is_pending() && !std::mem::replace(&mut idle, true) {
                pace.idle();
            }
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
            Look::Run { first, jobs, since } => {
                pace.took(jobs, since);
                if let Some(job) = first {
                    return Some(begun(shared, hand, job, tell).await);
                }
            }
            Look::Leave => return None,
        }
    }
}

/// What is due whenever a job has begun.
async fn begun<J, R>(shared: &Shared<J, R>, hand: &Hand<J, R>, job: J, tell: &mut Vec<Tell<J, R>>) -> J {
    if let Some(name) = &shared.settings.describe {
        let name = Panic::catch(|| name(&job)).ok();
        if let Some(running) = &mut hand.state.lock().running {
            running.name = name;
        }
    }
    if !has_budget_remaining() {
        // It is about to let other tasks run, and among them may be those that wait for this.
        tell.drain(..).for_each(Tell::tell);
    }
    consume_budget().await;
    job
}

/// Runs one job to its end. Whatever of it panics is a failure of the job, the drop of its future included.
async fn attend<'a, S, J, R, W>(
    shared: &Shared<J, R>,
    hand: &Hand<J, R>,
    work: &W,
    state: &'a mut S,
    job: J,
    pace: &mut Pace,
    tell: &mut Vec<Tell<J, R>>,
) -> Result<R, Panic>
where
    W: Work<'a, S, J, Reply = R>,
{
    let mut start = Some((state, job));
    let mut running = pin!(None);
    poll_fn(|cx| {
        let waited = start.is_none();
        let mut reply = None;
        let polled = Panic::catch(|| {
            if let Some((state, job)) = start.take() {
                running.set(Some(work.call(state, job)));
            }
            if let Some(Poll::Ready(done)) = running.as_mut().as_pin_mut().map(|running| running.poll(cx)) {
                reply = Some(done);
                running.set(None);
            }
        });
        match (polled, reply) {
            (Ok(()), Some(reply)) => Poll::Ready(Ok(reply)),
            (Ok(()), None) => {
                if !waited {
                    pace.waited();
                    shared.wait_in(hand);
                    tell.drain(..).for_each(Tell::tell);
                }
                Poll::Pending
            }
            (Err(panic), reply) => {
                discard(reply);
                // The first panic is the one to be told; what is left of the job is out of here in any case.
                let _ = Panic::catch(|| running.set(None));
                Poll::Ready(Err(panic))
            }
        }
    })
    .await
}

/// Builds a worker's state, and tries again after a while if that fails. `None`: the worker is to leave.
async fn build<S, J, R, E, M, MFut>(shared: &Shared<J, R>, hand: &Hand<J, R>, worker: &Worker, make: &M) -> Option<S>
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
                shared.fail(hand, error);
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
