//! Items that are counted while they exist, and pipelines of them.

use std::sync::{Arc, Mutex};

use shuttle::rand::{Rng as _, thread_rng};

/// How many items exist, and how many did at most. An ordinary lock: counting is no point of the schedule.
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

/// Lets others go first, a few times, as a thread does.
pub(super) fn stumble(most: u32) {
    for _ in 0..thread_rng().gen_range(0..=most) {
        shuttle::thread::yield_now();
    }
}
