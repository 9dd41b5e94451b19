use std::{collections::VecDeque, convert::Infallible, time::Duration};

use anyhow::{Context as _, Result, bail};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::Instant,
};
use upbeat::Context;
use upbeat_work::{Pool, pool::Worker};

use super::load::{Job, Load};

/// The maximum number of jobs in flight.
const WINDOW: usize = 1024;
/// The maximum number of messages that a worker receives at once.
const MANY: usize = 64;

/// Runs a contender, and returns the sum of all replies.
pub(super) async fn run(name: String, load: Load, workers: usize) -> Result<u64> {
    match name.as_str() {
        "spawn, a window" if load.single => spawn_one_by_one(load).await,
        "spawn, a window" => spawn(load).await,
        "JoinSet" => join_set(load).await,
        "channels + oneshot" => channels(load, workers).await,
        "pool, submit" => submit(load, workers).await,
        "pool, submit_all" => submit_all(load, workers).await,
        _ => bail!("there is no contender {name:?}"),
    }
}

async fn spawn_one_by_one(load: Load) -> Result<u64> {
    let mut sum = 0;
    for job in load.iter() {
        sum += tokio::spawn(async move { job.run() }).await?;
    }
    Ok(sum)
}

async fn spawn(load: Load) -> Result<u64> {
    let (mut sum, mut window) = (0, VecDeque::with_capacity(WINDOW));
    for job in load.iter() {
        if window.len() == WINDOW
            && let Some(first) = window.pop_front()
        {
            sum += first.await?;
        }
        window.push_back(tokio::spawn(async move { job.run() }));
    }
    for task in window {
        sum += task.await?;
    }
    Ok(sum)
}

async fn join_set(load: Load) -> Result<u64> {
    let (mut sum, mut tasks) = (0, JoinSet::new());
    for job in load.iter() {
        if tasks.len() == WINDOW
            && let Some(reply) = tasks.join_next().await
        {
            sum += reply?;
        }
        tasks.spawn(async move { job.run() });
    }
    while let Some(reply) = tasks.join_next().await {
        sum += reply?;
    }
    Ok(sum)
}

/// Sends jobs to one channel per worker, in turn. This is faster than one channel for all workers,
/// whose receivers would wait for each other.
async fn channels(load: Load, workers: usize) -> Result<u64> {
    let senders: Vec<_> = (0..workers)
        .map(|_| {
            let (sender, mut jobs) = mpsc::channel::<(Job, oneshot::Sender<u64>)>(WINDOW);
            tokio::spawn(async move {
                let mut some = Vec::with_capacity(MANY);
                while jobs.recv_many(&mut some, MANY).await > 0 {
                    for (job, reply) in some.drain(..) {
                        // Each submitter waits for the reply.
                        let _ = reply.send(job.run());
                    }
                }
            });
            sender
        })
        .collect();
    let (mut sum, mut window) = (0, VecDeque::with_capacity(WINDOW));
    for (job, sender) in load.iter().zip(senders.iter().cycle()) {
        if window.len() == WINDOW
            && let Some(first) = window.pop_front()
        {
            sum += first.await?;
        }
        let (reply, replied) = oneshot::channel();
        sender.send((job, reply)).await.ok().context("the worker is there")?;
        window.push_back(replied);
    }
    for reply in window {
        sum += reply.await?;
    }
    Ok(sum)
}

fn pool(workers: usize) -> Result<Pool<Job, u64>> {
    let make = async |_: Worker| Ok::<_, Infallible>(());
    let pool = Pool::builder("bench")
        .workers(workers)
        .queue_capacity(WINDOW)
        .build(make, async |(): &mut (), job: Job| job.run());
    pool.start(&Context::background())?;
    Ok(pool)
}

async fn end(pool: Pool<Job, u64>) {
    pool.shutdown(Instant::now() + Duration::from_secs(1)).await;
}

async fn submit(load: Load, workers: usize) -> Result<u64> {
    let pool = pool(workers)?;
    let (mut sum, mut window) = (0, VecDeque::with_capacity(WINDOW));
    let most = if load.single { 0 } else { WINDOW - 1 };
    for job in load.iter() {
        window.push_back(pool.submit(job).await.context("the pool is open")?);
        if window.len() > most
            && let Some(first) = window.pop_front()
        {
            sum += first.await?;
        }
    }
    for ticket in window {
        sum += ticket.await?;
    }
    end(pool).await;
    Ok(sum)
}

async fn submit_all(load: Load, workers: usize) -> Result<u64> {
    let pool = pool(workers)?;
    let (mut sum, mut replies) = (0, pool.submit_all(load.iter()));
    while let Some(reply) = replies.next().await {
        sum += reply?;
    }
    end(pool).await;
    Ok(sum)
}
