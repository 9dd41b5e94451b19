//! `tokio::time` on a paused clock.

use std::{future::Future, pin::Pin, time::Duration};

use super::super::tokio::{
    spawn,
    time::{Instant, sleep, sleep_until, timeout, timeout_at},
};

/// Several tasks sleep side by side.
const TASKS: usize = 4;

pub(crate) fn run(script: Vec<(u8, u8)>) -> Pin<Box<dyn Future<Output = Vec<String>>>> {
    Box::pin(async move {
        let start = Instant::now();
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let script: Vec<_> = script.iter().copied().skip(task).step_by(TASKS).collect();
                spawn(async move {
                    let mut lines = Vec::new();
                    for (operation, n) in script {
                        let outcome = step(start, operation, n).await;
                        lines.push((start.elapsed(), task, outcome));
                    }
                    lines
                })
            })
            .collect();
        let mut lines = Vec::new();
        for task in tasks {
            lines.extend(task.await.unwrap());
        }
        lines.sort();
        lines.into_iter().map(|(at, task, line)| format!("{at:?} task {task}: {line}")).collect()
    })
}

async fn step(start: Instant, operation: u8, n: u8) -> String {
    let ms = |n: u8| Duration::from_millis(u64::from(n % 16));
    let (one, two) = (ms(n), ms(n / 16));
    match operation % 6 {
        0 => {
            sleep(one).await;
            format!("sleep {one:?}")
        }
        1 => {
            // Perhaps in the past.
            sleep_until(start + 4 * one).await;
            format!("sleep_until {:?}", 4 * one)
        }
        2 => format!("timeout {one:?} of {two:?}: {:?}", timeout(one, sleep(two)).await.is_ok()),
        3 => {
            let late = timeout_at(start + 4 * one, sleep(two)).await.is_err();
            format!("timeout_at {:?} of {two:?}: {late}", 4 * one)
        }
        4 => {
            let mut sleeping = Box::pin(sleep(one));
            let early = timeout(two, sleeping.as_mut()).await.is_ok();
            sleeping.as_mut().reset(Instant::now() + two);
            let left = sleeping.deadline().saturating_duration_since(Instant::now());
            let elapsed = sleeping.is_elapsed();
            sleeping.await;
            format!("reset {one:?} to {two:?}: {early} {left:?} {elapsed}")
        }
        _ => {
            let begun = Instant::now();
            drop(sleep(one));
            sleep(two).await;
            let now = Instant::now();
            let earlier = (now.checked_duration_since(begun), begun.checked_duration_since(now + one));
            format!("instants {:?} {earlier:?} {}", now - begun, begun + two == now)
        }
    }
}
