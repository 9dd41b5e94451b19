//! The order of items, and the bound on items in flight.

use std::collections::BTreeSet;

use shuttle::sync::mpsc;
use upbeat_work::Pipeline;

use super::items::{Item, Living, stumble};
use crate::explore::{Time, explore, settle};

const ITEMS: u32 = 14;

#[test]
fn every_item_comes_out_once_and_in_order() {
    explore(Time::WhenIdle, || async {
        let living = Living::default();
        let mut next = 0;
        let report = Pipeline::from_iter(living.items(0..ITEMS))
            .inspect(|_| stumble(2))
            .filter(|item| item.number % 5 != 3)
            .for_each(|item| {
                next += u32::from(next % 5 == 3);
                assert_eq!(item.number, next, "an item is lost, doubled or too early");
                next += 1;
                stumble(1);
            })
            .workers(3)
            .window(4)
            .max_batch(3)
            .run()
            .unwrap();
        assert_eq!((report.taken, report.emitted), (14, 11), "{report}");
        assert!(report.is_clean(), "{report}");
        assert_eq!(living.now(), 0);
        assert!(living.at_most() <= 4 * 3, "{} items at once", living.at_most());
    });
}

#[test]
fn every_item_of_an_unordered_pipeline_comes_out_once() {
    explore(Time::WhenIdle, || async {
        let living = Living::default();
        let report = Pipeline::from_iter(living.items(0..ITEMS))
            .inspect(|_| stumble(2))
            .map(|item| item.number)
            .collect()
            .workers(3)
            .window(3)
            .max_batch(2)
            .unordered()
            .run()
            .unwrap();
        let output: BTreeSet<u32> = report.output.iter().copied().collect();
        assert!(report.output.len() == 14 && output == (0..ITEMS).collect(), "{:?}", report.output);
        assert!(report.is_clean(), "{report}");
        assert!(living.at_most() <= 3 * 2, "{} items at once", living.at_most());
    });
}

#[test]
fn a_stalled_sink_lets_the_window_fill_and_no_more() {
    const WINDOW: usize = 3;
    explore(Time::WhenIdle, || async {
        let living = Living::default();
        let (feed, incoming) = mpsc::channel();
        (0..ITEMS).for_each(|number| feed.send(number).unwrap());
        drop(feed);
        let (go, gate) = mpsc::channel::<()>();
        let counted = living.clone();
        let running = tokio::task::spawn_blocking(move || {
            let mut next = 0;
            let sink = move |item: Item| {
                assert_eq!(item.number, next);
                next += 1;
                if next == 4 {
                    let _ = gate.recv();
                }
            };
            let pipeline = Pipeline::from_receiver(incoming).map(|number| counted.item(number)).for_each(sink);
            pipeline.workers(3).window(WINDOW).max_batch(1).run().unwrap()
        });
        settle().await;
        // Each item is a batch, and the sink holds one of them.
        assert_eq!((living.now(), living.at_most()), (WINDOW, WINDOW), "the window is not filled, or exceeded");
        drop(go);
        let report = running.await.unwrap();
        assert_eq!((report.taken, report.emitted), (14, 14), "{report}");
    });
}
