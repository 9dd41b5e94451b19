//! Many tasks count with one counter: the way that loses counts, and four that do not.
//!
//! ```console
//! $ cargo run --example counter
//! $ cargo run --example counter -- --how owner --tasks 100
//! ```

#![expect(clippy::print_stdout, reason = "a program talks to whoever runs it")]

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

/// Many tasks count with one counter. Prints what came out for each way to do it, and what was lost.
#[derive(Clone, Copy, Parser)]
#[command(after_help = "\
Examples:
  cargo run --example counter                      All ways, one after the other
  cargo run --example counter -- --how owner       Only that one
  cargo run --example counter -- --tasks 1         Alone, even the wrong way is right")]
struct Args {
    /// Only this way of counting; all of them if not given
    #[arg(long, value_enum)]
    how: Option<How>,
    /// How many tasks count at the same time
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    tasks: u16,
    /// How often each of them counts
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    steps: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum How {
    /// Wrong: reads, then writes one more than it read; each step is atomic, the two together are not
    ReadThenWrite,
    /// One atomic step
    FetchAdd,
    /// Two steps under a lock
    Mutex,
    /// A counter for each task, added up by whoever asks
    Sharded,
    /// A task that owns the counter, and messages to it
    Owner,
}

/// A cache line of its own, so that tasks do not slow each other down.
#[repr(align(128))]
#[derive(Default)]
struct Shard(AtomicU64);

/// Runs `work` in so many tasks at the same time, and waits for them: what they did has happened before what comes next, so `Relaxed`
/// is enough for the counters.
async fn at_once<Work>(cx: &Context, tasks: u16, work: impl Fn(usize) -> Work) -> Result<(), BoxError>
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
            at_once(cx, tasks, |_| {
                let counter = atomic.clone();
                async move {
                    for _ in 0..steps {
                        let read = counter.load(Relaxed);
                        // Whatever is awaited here, others count meanwhile. On several processors they also do without it.
                        yield_now().await;
                        counter.store(read + 1, Relaxed);
                    }
                }
            })
            .await?;
            Ok(atomic.load(Relaxed))
        }
        How::FetchAdd => {
            at_once(cx, tasks, |_| {
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
            at_once(cx, tasks, |_| {
                let counter = counter.clone();
                async move {
                    for _ in 0..steps {
                        let mut counter = counter.lock().await;
                        let read = *counter;
                        // The same as above, and harmless. Without an await in between, the lock of the standard library is the better one.
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
            at_once(cx, tasks, |task| {
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
            at_once(cx, tasks, |_| {
                let sender = sender.clone();
                async move {
                    for _ in 0..steps {
                        // It is there as long as there are senders.
                        let _ = sender.send(1).await;
                    }
                }
            })
            .await?;
            // The last one: the owner's loop ends.
            drop(sender);
            Ok(owner.await?)
        }
    }
}

async fn compare(args: Args, cx: Context) -> Result<(), BoxError> {
    let all = u64::from(args.tasks) * args.steps;
    println!("{:16} {:>9} {:>9} {:>9}", "way", "of", "counted", "lost");
    for how in args.how.map_or(How::value_variants().to_vec(), |how| vec![how]) {
        // On Ctrl-C the tasks are dropped, wherever they are.
        let Some(counted) = cx.unless_stopping(count(how, &cx, args)).await.transpose()? else { return Ok(()) };
        let name = how.to_possible_value();
        let name = name.as_ref().map(PossibleValue::get_name).unwrap_or_default();
        println!("{name:16} {all:>9} {counted:>9} {:>9}", all - counted);
    }
    println!("try: --tasks 1, and: --how owner --tasks 100");
    Ok(())
}

#[tokio::main]
async fn main() -> Report {
    upbeat_examples::log();
    let counting = Part::new("counting", with(Args::parse(), compare)).job();
    Conductor::new("counter").part(counting).play_until_signal().await
}
