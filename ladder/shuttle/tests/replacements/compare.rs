//! Runs a script on the original and on its replacement.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    thread,
};

use proptest::{
    collection::vec,
    prelude::any,
    test_runner::{Config as ProptestConfig, RngSeed, TestCaseError, TestRunner},
};
use shuttle::{
    Config, Runner,
    rand::{Rng as _, thread_rng},
    scheduler::RandomScheduler,
};

use crate::explore::{RUNS, SEED, Time, explore, number};

/// The number of an operation, and its argument.
pub(crate) type Step = (u8, u8);

type InTime = Pin<Box<dyn Future<Output = Vec<String>>>>;

/// The number of scripts for each schedule of a scenario.
const SCRIPTS: u32 = 4;

/// Compares scripts of a single task, which polls by hand. A script that fails is made shorter.
pub(crate) fn compare(real: fn(&[Step]) -> Vec<String>, replaced: fn(&[Step]) -> Vec<String>) {
    let runs = number("UPBEAT_SHUTTLE_RUNS").unwrap_or(RUNS);
    let config = ProptestConfig {
        cases: u32::try_from(runs).unwrap_or(u32::MAX).saturating_mul(SCRIPTS),
        failure_persistence: None,
        max_shrink_iters: 20_000,
        rng_seed: RngSeed::Fixed(number("UPBEAT_SEED").unwrap_or(SEED)),
        ..ProptestConfig::default()
    };
    let outcome = TestRunner::new(config).run(&vec(any::<Step>(), 0..50), |script| {
        let expected = real(&script);
        same(&expected, &in_execution(script, replaced)).map_err(TestCaseError::fail)
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// Compares scripts that need a runtime with a clock, which moves only when nothing else can. The
/// replacement runs under many schedules.
pub(crate) fn compare_in_time(real: fn(Vec<Step>) -> InTime, replaced: fn(Vec<Step>) -> InTime) {
    explore(Time::WhenIdle, move || async move {
        let length = thread_rng().gen_range(0..30);
        let script: Vec<Step> = (0..length).map(|_| thread_rng().r#gen()).collect();
        let copy = script.clone();
        // A thread of its own, because a runtime would not fit on the stack of a task of shuttle's.
        let expected = thread::spawn(move || {
            let runtime = real_tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
            runtime.unwrap().block_on(real(copy))
        });
        let expected = expected.join().unwrap();
        if let Err(difference) = same(&expected, &replaced(script).await) {
            panic!("{difference}");
        }
    });
}

/// Runs a script in an execution, the only place where shuttle's objects work.
fn in_execution(script: Vec<Step>, run: fn(&[Step]) -> Vec<String>) -> Vec<String> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let (result, mut config) = (lines.clone(), Config::new());
    config.stack_size = 0x8_0000;
    config.silence_warnings = true;
    Runner::new(RandomScheduler::new_from_seed(SEED, 1), config).run(move || {
        *lines.lock().unwrap() = run(&script);
    });
    result.lock().unwrap().split_off(0)
}

fn same(real: &[String], replaced: &[String]) -> Result<(), String> {
    let agree = real.iter().zip(replaced).take_while(|(real, replaced)| real == replaced).count();
    if agree == real.len() && agree == replaced.len() {
        return Ok(());
    }
    let before = real[..agree].join("\n");
    let line = |lines: &[String]| lines.get(agree).cloned().unwrap_or_else(|| "nothing".to_owned());
    Err(format!("both:\n{before}\nthe original: {}\nthe replacement: {}", line(real), line(replaced)))
}
