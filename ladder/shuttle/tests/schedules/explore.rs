//! Runs a scenario under many schedules, or once more under the one that failed.

use std::{cell::Cell, env, fmt, fs, future::Future, str::FromStr, time::Duration};

use shuttle::{
    Config, MaxSteps, Runner,
    rand::{Rng as _, thread_rng},
    scheduler::{PctScheduler, RandomScheduler, ReplayScheduler, Schedule, Scheduler, Task, TaskId},
};

/// The task that moves the clock: the first that an execution spawns.
const CLOCK: usize = 1;

pub(crate) const MS: Duration = Duration::from_millis(1);

/// The seed of the random schedules of a scenario, unless `UPBEAT_SEED` is set. Every run explores
/// the same ones.
pub(crate) const SEED: u64 = 1;

/// The number of runs of each scenario under each of the two schedulers, unless
/// `UPBEAT_SHUTTLE_RUNS` is set.
pub(crate) const RUNS: usize = 500;

/// The number of priority changes of a PCT schedule, less one.
const DEPTH: usize = 3;

/// When time moves on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Time {
    /// Only when no task can run. Nothing is ever late, so a deadline that passes is a lost
    /// wake-up.
    WhenIdle,
    /// At any moment: every deadline may pass at any point, however long it is.
    AtAnyMoment,
}

thread_local! {
    // A test's executions, with all their tasks and the scheduler, share its thread.
    static TIME: Cell<Time> = const { Cell::new(Time::WhenIdle) };
}

/// Waits until no task can run any more.
pub(crate) async fn settle() {
    TIME.set(Time::WhenIdle);
    tokio::time::sleep(Duration::from_hours(24)).await;
}

/// Lets others go first, a few times.
pub(crate) fn pause(most: u32) -> impl Future<Output = ()> + Send {
    let times = thread_rng().gen_range(0..=most);
    async move {
        for _ in 0..times {
            tokio::task::yield_now().await;
        }
    }
}

/// Plays `scenario` under thousands of schedules, the same ones in every run. The first that fails
/// is printed, and can be replayed: `UPBEAT_SHUTTLE_REPLAY=<the string, or a file with it>`, with
/// the name of the test.
pub(crate) fn explore<F: Future<Output = ()> + 'static>(
    time: Time,
    scenario: impl Fn() -> F + Send + Sync + Copy + 'static,
) {
    let execution = move || {
        // The jitter of a backoff is the only chance outside of the schedule.
        fastrand::seed(1);
        tokio::reset();
        shuttled_std::reset();
        drop(tokio::spawn(tokio::time::clock()));
        // PCT takes an execution in which there never was a choice for a mistake; a stop that comes
        // first is none.
        drop(tokio::spawn(tokio::task::yield_now()));
        TIME.set(time);
        shuttle::future::block_on(async {
            scenario().await;
            // A task that is cut off while it holds a lock would have to be unwound there.
            settle().await;
        });
    };
    let mut config = Config::new();
    config.stack_size = 0x8_0000;
    config.max_steps = MaxSteps::FailAfter(100_000);
    // That orderings weaker than sequential consistency are not modelled is said in
    // ARCHITECTURE.md.
    config.silence_warnings = true;

    if let Ok(replay) = env::var("UPBEAT_SHUTTLE_REPLAY") {
        let schedule = fs::read_to_string(&replay).unwrap_or(replay);
        let scheduler = ReplayScheduler::new_from_encoded(schedule.trim());
        Runner::new(scheduler, config).run(execution);
        return;
    }
    let (seed, runs) = (number("UPBEAT_SEED").unwrap_or(SEED), number("UPBEAT_SHUTTLE_RUNS").unwrap_or(RUNS));
    Runner::new(Clocked(RandomScheduler::new_from_seed(seed, runs)), config.clone()).run(execution);
    Runner::new(Clocked(PctScheduler::new_from_seed(seed, DEPTH, runs)), config).run(execution);
}

pub(crate) fn number<T: FromStr<Err: fmt::Debug>>(variable: &str) -> Option<T> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{variable} is no number: {error:?}")))
}

/// A scheduler that knows when the clock may run.
#[derive(Debug)]
struct Clocked<S>(S);

impl<S: Scheduler> Scheduler for Clocked<S> {
    fn new_execution(&mut self) -> Option<Schedule> {
        self.0.new_execution()
    }

    fn next_task(&mut self, runnable: &[&Task], current: Option<TaskId>, is_yielding: bool) -> Option<TaskId> {
        if matches!(TIME.get(), Time::WhenIdle) && runnable.len() > 1 {
            let others: Vec<&Task> = runnable.iter().copied().filter(|task| task.id() != CLOCK.into()).collect();
            return self.0.next_task(&others, current, is_yielding);
        }
        self.0.next_task(runnable, current, is_yielding)
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }
}
