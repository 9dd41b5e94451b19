//! The probe of a watched future.

use std::{
    fmt,
    sync::Arc,
    task::{Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use crate::{
    answer::Answer,
    requests::{Request, TraceRequests},
    watchpoint::Watchpoint,
};

/// A handle that asks one watched future where it is waiting. A cheap clone, from
/// [`watch`](crate::watch).
///
/// It may be asked from many threads at once. One traced poll answers all of them.
///
/// # Not guaranteed
///
/// The answer describes the moment of the traced poll. The future may have moved on when it
/// arrives. A probe does not keep the future alive. It neither stops nor changes the future, but
/// asking polls the future once more.
#[derive(Clone)]
pub struct Probe {
    point: Arc<dyn AsRef<Watchpoint> + Send + Sync>,
}

impl Probe {
    /// Creates the probe of a future that is polled through a [`Watchpoint`] inside a shared value.
    pub fn of(point: Arc<impl AsRef<Watchpoint> + Send + Sync + 'static>) -> Self {
        Self { point }
    }

    fn requests(&self) -> &TraceRequests {
        &(*self.point).as_ref().requests
    }

    /// Returns where the future is waiting.
    ///
    /// It waits until the future's executor polls the future, and at most for `timeout`. After the
    /// timeout the answer is [`Busy`](Answer::Busy), [`Silent`](Answer::Silent) or
    /// [`NotPolledYet`](Answer::NotPolledYet). It may be called within the watched future.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use upbeat_probe::{Answer, watch};
    /// # #[tokio::main]
    /// # async fn main() {
    /// let (watched, probe) = watch(tokio::time::sleep(Duration::from_secs(60)));
    /// tokio::spawn(watched);
    /// assert!(matches!(probe.ask(Duration::from_secs(1)).await, Answer::Waiting { .. }));
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping the future withdraws the request. At most, one poll is traced in vain.
    ///
    /// # Panics
    ///
    /// If it has to wait outside a tokio runtime with timers. [`ask_blocking`](Probe::ask_blocking)
    /// needs no runtime.
    pub async fn ask(&self, timeout: Duration) -> Answer {
        let request = match Request::new(self.requests()) {
            Ok(request) => request,
            Err(answer) => return answer,
        };
        let answer = std::future::poll_fn(|cx| request.poll(cx.waker()));
        match tokio::time::timeout(timeout, answer).await {
            Ok(answer) => answer,
            Err(_) => request.give_up(),
        }
    }

    /// Returns where the future is waiting, as [`ask`](Probe::ask), from a plain thread. It needs
    /// no runtime, and works while every worker of the runtime is blocked.
    ///
    /// It blocks the thread for up to `timeout`. On a worker of the runtime that polls the future,
    /// it may keep the future from being polled. The answer is then [`Silent`](Answer::Silent), or
    /// [`Busy`](Answer::Busy) for the poll that asks.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use upbeat_probe::{Answer, watch};
    /// let (watched, probe) = watch(std::future::pending::<()>());
    /// let runtime = tokio::runtime::Runtime::new()?;
    /// runtime.spawn(watched);
    /// assert!(matches!(probe.ask_blocking(Duration::from_secs(1)), Answer::Nothing));
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn ask_blocking(&self, timeout: Duration) -> Answer {
        // A timeout that the clock cannot represent never ends.
        let deadline = Instant::now().checked_add(timeout);
        match Request::new(self.requests()) {
            Ok(request) => wait(request, deadline),
            Err(answer) => answer,
        }
    }

    /// Returns where many futures are waiting, as [`ask_blocking`](Probe::ask_blocking). The
    /// answers are in the order of the probes.
    ///
    /// All futures are woken first, and `timeout` bounds all of them together. From a runtime, call
    /// it in `spawn_blocking` or on a plain thread.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use upbeat_probe::{Answer, Probe, watch};
    /// let (_first, one) = watch(async {});
    /// let (second, other) = watch(async {});
    /// drop(second);
    /// let answers = Probe::ask_all_blocking(&[one, other], Duration::ZERO);
    /// assert!(matches!(answers[..], [Answer::NotPolledYet, Answer::Dropped]));
    /// ```
    pub fn ask_all_blocking(probes: &[Self], timeout: Duration) -> Vec<Answer> {
        let deadline = Instant::now().checked_add(timeout);
        let requests: Vec<_> = probes.iter().map(|probe| Request::new(probe.requests())).collect();
        requests
            .into_iter()
            .map(|request| request.map_or_else(|answer| answer, |request| wait(request, deadline)))
            .collect()
    }

    /// Returns where many futures are waiting, as [`ask`](Probe::ask). The answers are in the order
    /// of the probes.
    ///
    /// All futures are woken first, and `timeout` bounds all of them together.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use upbeat_probe::{Answer, Probe, watch};
    /// # #[tokio::main]
    /// # async fn main() {
    /// let (first, one) = watch(std::future::pending::<()>());
    /// let (_second, other) = watch(async {});
    /// tokio::spawn(first);
    /// let answers = Probe::ask_all(&[one, other], Duration::from_millis(50)).await;
    /// assert!(matches!(answers[..], [Answer::Nothing, Answer::NotPolledYet]));
    /// # }
    /// ```
    pub async fn ask_all(probes: &[Self], timeout: Duration) -> Vec<Answer> {
        let mut requests: Vec<_> = probes.iter().map(|probe| Request::new(probe.requests())).collect();
        let answered = async {
            for slot in &mut requests {
                if let Ok(request) = slot {
                    let answer = std::future::poll_fn(|cx| request.poll(cx.waker())).await;
                    *slot = Err(answer);
                }
            }
        };
        // Requests without an answer in time give up below.
        let _ = tokio::time::timeout(timeout, answered).await;
        requests.into_iter().map(|request| request.map_or_else(|answer| answer, Request::give_up)).collect()
    }

    /// Returns where the future is waiting, without a timeout. For the loom model, which has no
    /// clock.
    #[cfg(upbeat_loom)]
    pub async fn ask_without_timeout(&self) -> Answer {
        match Request::new(self.requests()) {
            Ok(request) => std::future::poll_fn(|cx| request.poll(cx.waker())).await,
            Err(answer) => answer,
        }
    }

    /// Returns a lower bound of the time that the future has spent in the running poll. `None` if
    /// no poll is running.
    ///
    /// The time counts from the first look during this poll, by this method or by asking. It is
    /// zero at the first look. With a look every second it is at most one second short. It does not
    /// disturb the future.
    ///
    /// ```
    /// # use upbeat_probe::watch;
    /// let (_watched, probe) = watch(async {});
    /// assert_eq!(probe.busy(), None);
    /// ```
    pub fn busy(&self) -> Option<Duration> {
        self.requests().busy()
    }

    /// Returns the number of polls of the future, including a running one.
    ///
    /// If it does not grow over time, nothing has woken the future.
    pub fn polls(&self) -> u64 {
        self.requests().polls()
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe")
            .field("polls", &self.polls())
            .field("requested", &self.requests().is_requested())
            .finish()
    }
}

/// Blocks the thread until there is an answer, or until the deadline if there is one.
fn wait(request: Request<'_>, deadline: Option<Instant>) -> Answer {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        if let Poll::Ready(answer) = request.poll(&waker) {
            return answer;
        }
        match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
            Some(Duration::ZERO) => return request.give_up(),
            Some(left) => thread::park_timeout(left),
            None => thread::park(),
        }
    }
}

/// A waker for a thread that blocks in [`Probe::ask_blocking`].
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
