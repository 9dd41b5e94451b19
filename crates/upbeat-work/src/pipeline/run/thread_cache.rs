//! Threads that are used again.

use std::{collections::VecDeque, io, sync::LazyLock, thread, time::Duration};

use parking_lot::{Condvar, Mutex};
use upbeat::panic::Panic;

/// The time that a thread waits for more work. Longer pauses do not need what it saves.
const KEEP: Duration = Duration::from_secs(1);

/// Lazy, so that each execution of a schedule has its own.
static SHARED: LazyLock<ThreadCache> = LazyLock::new(ThreadCache::default);

type Job = Box<dyn FnOnce() + Send>;

/// Threads that are kept for a moment after their work, because to start one takes longer than a
/// small pipeline. Their number is not bounded: no job waits for another one.
#[derive(Default)]
pub(super) struct ThreadCache {
    state: Mutex<CacheState>,
    added: Condvar,
}

#[derive(Default)]
struct CacheState {
    /// The jobs that idle threads are about to take. There are never more than idle threads.
    jobs: VecDeque<Job>,
    idle: usize,
    /// The number of threads that were ever started.
    started: u64,
}

impl ThreadCache {
    /// Returns the threads of the process.
    pub(super) fn shared() -> &'static Self {
        &SHARED
    }

    /// Runs a job on an idle thread, or on a new one.
    ///
    /// # Errors
    ///
    /// If there is none, and the system starts none. The job is dropped.
    pub(super) fn run(&'static self, job: Job) -> io::Result<()> {
        let mut state = self.state.lock();
        if state.idle > state.jobs.len() {
            state.jobs.push_back(job);
            drop(state);
            self.added.notify_one();
            return Ok(());
        }
        let name = format!("upbeat-work {}", state.started);
        state.started += 1;
        drop(state);
        thread::Builder::new().name(name).spawn(move || self.work(job)).map(drop)
    }

    fn work(&self, first: Job) {
        let mut next = Some(first);
        while let Some(job) = next {
            // It was printed, and its run finds its job dropped.
            let _ = Panic::catch(job);
            next = self.next();
        }
    }

    /// Waits for a job, for a moment.
    fn next(&self) -> Option<Job> {
        let mut state = self.state.lock();
        state.idle += 1;
        let mut is_late = false;
        while state.jobs.is_empty() && !is_late {
            is_late = self.added.wait_for(&mut state, KEEP).timed_out();
        }
        state.idle -= 1;
        state.jobs.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, sync::mpsc::channel, thread::ThreadId};

    use super::*;

    /// Runs jobs one after another, and returns the threads that they ran on.
    fn threads_of(cache: &'static ThreadCache, jobs: usize) -> HashSet<ThreadId> {
        let (ran, threads) = channel();
        (0..jobs)
            .map(|_| {
                let ran = ran.clone();
                cache.run(Box::new(move || ran.send(thread::current().id()).unwrap())).unwrap();
                let thread = threads.recv().unwrap();
                // It is idle a little later.
                while cache.state.lock().idle == 0 {
                    thread::yield_now();
                }
                thread
            })
            .collect()
    }

    #[test]
    fn a_thread_is_used_again_and_ends_when_idle() {
        let cache: &'static _ = Box::leak(Box::<ThreadCache>::default());
        // A machine that is suspended in between may start a few more.
        assert!(threads_of(cache, 100).len() < 50);
        while cache.state.lock().idle > 0 {
            thread::yield_now();
        }
        assert_eq!(threads_of(cache, 1).len(), 1);
    }

    #[test]
    fn no_job_waits_for_another_one() {
        let cache: &'static _ = Box::leak(Box::<ThreadCache>::default());
        let (go, gate) = channel::<()>();
        cache.run(Box::new(move || _ = gate.recv())).unwrap();
        assert!(!threads_of(cache, 3).is_empty());
        // Each of these waits for all others.
        let all = std::sync::Arc::new(std::sync::Barrier::new(21));
        for _ in 0..20 {
            let all = all.clone();
            cache.run(Box::new(move || _ = all.wait())).unwrap();
        }
        all.wait();
        drop(go);
    }

    #[test]
    fn a_panic_does_not_end_the_thread() {
        let cache: &'static _ = Box::leak(Box::<ThreadCache>::default());
        cache.run(Box::new(|| std::panic::resume_unwind(Box::new(())))).unwrap();
        while cache.state.lock().idle == 0 {
            thread::yield_now();
        }
        assert!(!threads_of(cache, 1).is_empty());
    }
}
