//! One counter for many tasks: a way that loses counts, and four that do not.
//!
//! ```console
//! $ cargo run --example counter
//! $ cargo run --example counter -- --how owner --tasks 100
//! ```

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use clap::{Parser, ValueEnum, builder::PossibleValue};
use tokio::{
    sync::{Mutex, mpsc},
    task::yield_now,
};
use upbeat::{BoxError, Conductor, Context, Part, Report, task::Group, with};

/// One counter for many tasks. Prints the result of each way to count, and the counts that it loses
#[derive(Clone, Copy, Parser)]
#[command(after_help = "\
Examples:
  cargo run --example counter                      All ways, one after the other
  cargo run --example counter -- --how owner       Only this way
  cargo run --example counter -- --tasks 1         With one task, even the wrong way is right")]
struct Args {
    /// The way to count; by default all ways
    #[arg(long, value_enum)]
    how: Option<How>,
    /// Number of concurrent tasks
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    tasks: u16,
    /// Number of counts of each task
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    steps: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum How {
    /// Wrong: a read, then a write; each of them is atomic, but not both together
    ReadThenWrite,
    /// One atomic operation
    FetchAdd,
    /// A read and a write under a lock
    Mutex,
    /// One counter per task; a read adds them up
    Sharded,
    /// A task that owns the counter and receives messages
    Owner,
}

/// A counter in its own cache line, so that tasks do not slow each other down.
#[repr(align(128))]
#[derive(Default)]
struct Shard(AtomicU64);

/// Runs `work` in a number of concurrent tasks, and waits for all of them. Their operations happen
/// before the return, so `Relaxed` suffices for the counters.
async fn run_tasks<Work>(cx: &Context, tasks: u16, work: impl Fn(usize) -> Work) -> Result<(), BoxError>
where
    Work: Future<Output = ()> + Send + 'static,
{
    let group = Group::new(cx);
    for task in 0..usize::from(tasks) {
        let work = work(task);
        group.spawn(format!("task {task}"), async move |_| {
            work.await;
            Ok::<_, Infallible>(())
        });
    }
    group.wait().await?;
    Ok(())
}

async fn count(how: How, cx: &Context, Args { tasks, steps, .. }: Args) -> Result<u64, BoxError> {
    let atomic = Arc::new(AtomicU64::new(0));
    match how {
        How::ReadThenWrite => {
            run_tasks(cx, tasks, |_| {
                let counter = atomic.clone();
                async move {
                    for _ in 0..steps {
                        let read = counter.load(Relaxed);
                        // Other tasks count during each await. On several processors they do so
                        // even without one.
                        yield_now().await;
                        counter.store(read + 1, Relaxed);
                    }
                }
            })
            .await?;
            Ok(atomic.load(Relaxed))
        }
        How::FetchAdd => {
            run_tasks(cx, tasks, |_| {
                let counter = atomic.clone();
                async move {
                    for _ in 0..steps {
                        counter.fetch_add(1, Relaxed);
                    }
                }
            })
            .await?;
            Ok(atomic.load(Relaxed))
        }
        How::Mutex => {
            let counter = Arc::new(Mutex::new(0));
            run_tasks(cx, tasks, |_| {
                let counter = counter.clone();
                async move {
                    for _ in 0..steps {
                        let mut counter = counter.lock().await;
                        let read = *counter;
                        // This await is harmless because of the lock. Without an await, the lock
                        // of the standard library is faster.
                        yield_now().await;
                        *counter = read + 1;
                    }
                }
            })
            .await?;
            Ok(*counter.lock().await)
        }
        How::Sharded => {
            let shards: Arc<[_]> = (0..tasks).map(|_| Shard::default()).collect();
            run_tasks(cx, tasks, |task| {
                let shards = shards.clone();
                async move {
                    for _ in 0..steps {
                        shards[task].0.fetch_add(1, Relaxed);
                    }
                }
            })
            .await?;
            Ok(shards.iter().map(|Shard(shard)| shard.load(Relaxed)).sum())
        }
        How::Owner => {
            let (sender, mut receiver) = mpsc::channel(64);
            let owner = cx.spawn("owner", async move {
                let mut counter = 0;
                while let Some(n) = receiver.recv().await {
                    counter += n;
                }
                counter
            });
            run_tasks(cx, tasks, |_| {
                let sender = sender.clone();
                async move {
                    for _ in 0..steps {
                        // The owner receives as long as there are senders.
                        let _ = sender.send(1).await;
                    }
                }
            })
            .await?;
            // Without a sender the owner's loop ends.
            drop(sender);
            Ok(owner.await?)
        }
    }
}

async fn compare(args: Args, cx: Context) -> Result<(), BoxError> {
    let all = u64::from(args.tasks) * args.steps;
    upbeat_examples::print(format_args!("{:16} {:>9} {:>9} {:>9}", "way", "counts", "counted", "lost"));
    for how in args.how.map_or(How::value_variants().to_vec(), |how| vec![how]) {
        // A stop drops the tasks.
        let Some(counted) = cx.unless_stopping(count(how, &cx, args)).await.transpose()? else { return Ok(()) };
        let name = how.to_possible_value();
        let name = name.as_ref().map(PossibleValue::get_name).unwrap_or_default();
        upbeat_examples::print(format_args!("{name:16} {all:>9} {counted:>9} {:>9}", all - counted));
    }
    upbeat_examples::print(format_args!("try: --tasks 1, or: --how owner --tasks 100"));
    Ok(())
}

#[tokio::main]
async fn main() -> Report {
    let _log = upbeat_examples::log();
    let counting = Part::new("counting", with(Args::parse(), compare)).job();
    Conductor::new("counter").part(counting).play_until_signal().await
}
