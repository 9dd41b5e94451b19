//! Items that are counted while they exist, and pipelines of them.

use std::sync::{Arc, Mutex};

use shuttle::rand::{Rng as _, thread_rng};
use tokio::sync::mpsc::Sender;
use upbeat_work::Section;

use crate::explore::pause;

/// The number of items that exist, and the highest number so far. The lock is an ordinary one:
/// counting is no point of the schedule.
#[derive(Clone, Debug, Default)]
pub(super) struct Living(Arc<Mutex<(usize, usize)>>);

/// A number that is counted while it exists.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) number: u32,
    living: Living,
}

impl Living {
    pub(super) fn items(&self, numbers: std::ops::Range<u32>) -> impl Iterator<Item = Item> + Send + use<> {
        let living = self.clone();
        numbers.map(move |number| {
            stumble(1);
            living.item(number)
        })
    }

    pub(super) fn item(&self, number: u32) -> Item {
        let mut counts = self.0.lock().unwrap();
        counts.0 += 1;
        counts.1 = counts.1.max(counts.0);
        Item { number, living: self.clone() }
    }

    pub(super) fn now(&self) -> usize {
        self.0.lock().unwrap().0
    }

    pub(super) fn at_most(&self) -> usize {
        self.0.lock().unwrap().1
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        self.living.0.lock().unwrap().0 -= 1;
    }
}

/// Yields to other threads, a few times.
pub(super) fn stumble(most: u32) {
    for _ in 0..thread_rng().gen_range(0..=most) {
        shuttle::thread::yield_now();
    }
}

/// Returns a section with one to three workers, and small bounds.
pub(super) fn small() -> Section {
    Section::new().workers(some()).window(2).max_batch(2).buffer(1)
}

/// Returns the number of workers of a section: one to three.
pub(super) fn some() -> usize {
    thread_rng().gen_range(1..=3)
}

/// Sends at most `most` numbered items, until the channel is closed. Then waits for its receiver to
/// be dropped, and returns how many items were accepted.
pub(super) async fn feed(living: Living, to: Sender<Item>, most: u32) -> u32 {
    let mut accepted = 0;
    while accepted < most && to.send(living.item(accepted)).await.is_ok() {
        accepted += 1;
        pause(2).await;
    }
    to.closed().await;
    accepted
}
