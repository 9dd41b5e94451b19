//! Asking where a future waits.

use std::{
    fmt,
    sync::Arc,
    task::{Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use crate::{
    Answer, Watchpoint,
    desk::{Desk, Question},
};

/// Asks one watched future where it is waiting. A cheap clone, from [`watch`](crate::watch).
///
/// Any number may ask at once, from any thread: one traced poll answers all of them.
///
/// # Not guaranteed
///
/// The answer is true of the moment of the traced poll; the future may have moved on when it arrives. A probe does not keep the
/// future alive, and neither stops nor changes it, except that an asked future is polled once more.
#[derive(Clone)]
pub struct Probe {
    point: Arc<dyn AsRef<Watchpoint> + Send + Sync>,
}

impl Probe {
    /// The probe of a future that is watched from a [`Watchpoint`] inside of something that is shared.
    pub fn of(point: Arc<impl AsRef<Watchpoint> + Send + Sync + 'static>) -> Self {
        Self { point }
    }

    fn desk(&self) -> &Desk {
        &(*self.point).as_ref().desk
    }

    /// Where the future is waiting now. Takes as long as the future's executor needs to poll it, and at most `timeout`, after which the answer is
    /// [`Busy`](Answer::Busy), [`Silent`](Answer::Silent) or [`NotPolledYet`](Answer::NotPolledYet).
    ///
    /// It may be asked from within the watched future.
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
    /// Dropping the future takes the question back. At most, one poll is traced for nobody.
    ///
    /// # Panics
    ///
    /// When it has to wait outside a tokio runtime with timers. [`ask_blocking`](Probe::ask_blocking) needs no runtime.
    pub async fn ask(&self, timeout: Duration) -> Answer {
        let question = match Question::new(self.desk()) {
            Ok(question) => question,
            Err(answer) => return answer,
        };
        let answer = std::future::poll_fn(|cx| question.poll(cx.waker()));
        match tokio::time::timeout(timeout, answer).await {
            Ok(answer) => answer,
            Err(_) => question.give_up(),
        }
    }

    /// [`ask`](Probe::ask) for a plain thread, such as that of a guard that runs when every worker is blocked. Needs no runtime.
    ///
    /// It blocks the thread for up to `timeout`. On a worker of the runtime that polls the future it may keep the future from
    /// being polled, and the answer is then [`Silent`](Answer::Silent), or [`Busy`](Answer::Busy) with the very poll that asks.
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
        // A timeout that the clock cannot represent is one that does not end.
        let deadline = Instant::now().checked_add(timeout);
        match Question::new(self.desk()) {
            Ok(question) => wait(question, deadline),
            Err(answer) => answer,
        }
    }

    /// Asks many futures at once, from a plain thread: all of them are woken first, then each is waited for, and `timeout` is for all of
    /// them together. The answers are in the order of the probes.
    ///
    /// As with [`ask_blocking`](Probe::ask_blocking) in all else; from a runtime, call it in `spawn_blocking` or on a thread of your own.
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
        let questions: Vec<_> = probes.iter().map(|probe| Question::new(probe.desk())).collect();
        questions
            .into_iter()
            .map(|question| question.map_or_else(|answer| answer, |asked| wait(asked, deadline)))
            .collect()
    }

    /// Asks many futures at once: all of them are woken first, then each is waited for, and `timeout` is for all of them together. The
    /// answers are in the order of the probes.
    ///
    /// As with [`ask`](Probe::ask) in all else.
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
        let mut questions: Vec<_> = probes.iter().map(|probe| Question::new(probe.desk())).collect();
        let answered = async {
            for question in &mut questions {
                if let Ok(asked) = question {
                    let answer = std::future::poll_fn(|cx| asked.poll(cx.waker())).await;
                    *question = Err(answer);
                }
            }
        };
        // What was not answered in time gives up below.
        let _ = tokio::time::timeout(timeout, answered).await;
        questions.into_iter().map(|question| question.map_or_else(|answer| answer, Question::give_up)).collect()
    }

    /// Asks without a bound in time, for the model: loom has no clock.
    #[cfg(upbeat_loom)]
    #[doc(hidden)]
    pub async fn ask_patiently(&self) -> Answer {
        match Question::new(self.desk()) {
            Ok(question) => std::future::poll_fn(|cx| question.poll(cx.waker())).await,
            Err(answer) => answer,
        }
    }

    /// For how long at least the future has been inside the poll that is running now; `None` if none is running.
    ///
    /// The time counts from when somebody first looked during this poll, through this method or by asking: zero at the first
    /// look. A monitor that looks every second has the true figure, less a second. It disturbs nobody.
    ///
    /// ```
    /// # use upbeat_probe::watch;
    /// let (_watched, probe) = watch(async {});
    /// assert_eq!(probe.busy(), None);
    /// ```
    pub fn busy(&self) -> Option<Duration> {
        self.desk().busy()
    }

    /// How many times the future has been polled, counting the poll that is running.
    ///
    /// If it does not grow over time, nothing has woken the future.
    pub fn polls(&self) -> u64 {
        self.desk().polls()
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").field("polls", &self.polls()).field("asked", &self.desk().is_asked()).finish()
    }
}

/// Blocks the thread until there is an answer, or the time is up; without a deadline, for as long as it takes.
fn wait(question: Question<'_>, deadline: Option<Instant>) -> Answer {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        if let Poll::Ready(answer) = question.poll(&waker) {
            return answer;
        }
        match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
            Some(Duration::ZERO) => return question.give_up(),
            Some(left) => thread::park_timeout(left),
            None => thread::park(),
        }
    }
}

/// Wakes a thread that blocks in [`Probe::ask_blocking`].
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
