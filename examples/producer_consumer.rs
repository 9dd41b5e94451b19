//! Producers, a bounded queue and consumers, with a stop that loses no item: producers stop first,
//! then the queue drains, then consumers stop.
//!
//! ```console
//! $ cargo run --example producer_consumer
//! ```
//!
//! Producers are faster, so the queue is soon full and they wait. Press Ctrl-C at any time: all
//! produced items are consumed. With a stop timeout that is too short,
//! `cargo run --example producer_consumer -- 50` (milliseconds), the counts differ, and the exit
//! code is 124.

use std::{
    convert::Infallible,
    sync::{
        Arc, Once,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    sync::{Mutex, mpsc},
    time::sleep,
};
use upbeat::{Conductor, Context, Part, Report, with};

const PRODUCERS: usize = 3;
const CONSUMERS: usize = 2;
const QUEUE: usize = 100;
const TO_PRODUCE: Duration = Duration::from_millis(1);
const TO_CONSUME: Duration = Duration::from_millis(2);

#[derive(Clone)]
struct Shop {
    orders: mpsc::Sender<u64>,
    /// The queue. One consumer at a time waits for the next item.
    queue: Arc<Mutex<mpsc::Receiver<u64>>>,
    produced: Arc<AtomicU64>,
    consumed: Arc<AtomicU64>,
    full: Arc<Once>,
}

/// Produces items until a stop is requested. The last item is still queued, as consumers stop after
/// all producers.
async fn produce(shop: Shop, cx: Context) -> Result<(), mpsc::error::SendError<()>> {
    let mut made = 0;
    while !cx.is_stopping() {
        sleep(TO_PRODUCE).await;
        if shop.orders.capacity() == 0 {
            shop.full.call_once(|| upbeat_examples::print_error(format_args!("the queue is full: producers wait")));
        }
        shop.orders.reserve().await?.send(shop.produced.fetch_add(1, Relaxed));
        made += 1;
    }
    cx.note(format_args!("produced {made}"));
    Ok(())
}

/// Consumes items. The stop request comes after all producers have ended, so the consumer then
/// drains the queue and returns.
async fn consume(shop: Shop, cx: Context) -> Result<(), Infallible> {
    let (mut used, mut late) = (0, 0);
    loop {
        let mut queue = shop.queue.lock().await;
        let next = if let Some(next) = cx.unless_stopping(queue.recv()).await {
            next
        } else {
            queue.close();
            queue.recv().await
        };
        drop(queue);
        if next.is_none() {
            break;
        }
        sleep(TO_CONSUME).await;
        shop.consumed.fetch_add(1, Relaxed);
        used += 1;
        late += u64::from(cx.is_stopping());
    }
    cx.note(format_args!("consumed {used}, {late} of them after the last producer ended"));
    Ok(())
}

#[tokio::main]
async fn main() -> Report {
    let _log = upbeat_examples::log();
    upbeat_examples::print(format_args!("playing; now press Ctrl-C, or: kill -TERM {}", std::process::id()));
    let grace = std::env::args().nth(1).and_then(|grace| grace.parse().ok()).unwrap_or(10_000);
    let (orders, queue) = mpsc::channel(QUEUE);
    let queue = Arc::new(Mutex::new(queue));
    let shop = Shop { orders, queue, produced: Arc::default(), consumed: Arc::default(), full: Arc::new(Once::new()) };
    let producers = (1..=PRODUCERS).fold(Conductor::new("producers"), |all, number| {
        all.player(format!("producer-{number}"), with(shop.clone(), produce))
    });
    let consumers = (1..=CONSUMERS).fold(Conductor::new("consumers"), |all, number| {
        all.player(format!("consumer-{number}"), with(shop.clone(), consume))
    });
    let report = Conductor::new("shop")
        .part(Part::new("consumers", consumers))
        .part(Part::new("producers", producers).after("consumers"))
        .stop_timeout(Duration::from_millis(grace))
        .play_until_signal()
        .await;
    upbeat_examples::print(format_args!(
        "{} produced, {} consumed",
        shop.produced.load(Relaxed),
        shop.consumed.load(Relaxed)
    ));
    report
}
