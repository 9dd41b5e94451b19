//! Sources that are slower than their workers.

use shuttle::{sync::mpsc, thread};
use upbeat_work::Pipeline;

use super::items::stumble;
use crate::explore::{Time, explore};

#[test]
fn items_at_hand_do_not_wait_for_later_ones() {
    explore(Time::WhenIdle, || async {
        let (feed, incoming) = mpsc::channel();
        let (out, emitted) = mpsc::channel();
        let running = thread::spawn(move || {
            let sink = move |item| out.send(item).unwrap();
            Pipeline::from_receiver(incoming).inspect(|_| stumble(1)).for_each(sink).workers(3).window(2).run().unwrap()
        });
        let mut sent = 0;
        for burst in [1, 3, 1, 2] {
            for _ in 0..burst {
                feed.send(sent).unwrap();
                sent += 1;
            }
            // The next burst comes after this one has come out.
            for item in sent - burst..sent {
                assert_eq!(emitted.recv().unwrap(), item);
            }
        }
        drop(feed);
        let report = running.join().unwrap();
        assert_eq!((report.taken, report.emitted), (7, 7), "{report}");
    });
}

#[test]
fn followers_of_a_slow_source_are_called_or_ended() {
    explore(Time::WhenIdle, || async {
        let (feed, incoming) = mpsc::channel();
        let feeder = thread::spawn(move || {
            for item in 0..10_u32 {
                stumble(3);
                feed.send(item).unwrap();
            }
        });
        let pipeline = Pipeline::from_receiver(incoming).inspect(|_| stumble(3)).collect().workers(4).window(3);
        let report = pipeline.max_batch(2).run().unwrap();
        assert!(report.output.iter().copied().eq(0..10), "{:?}", report.output);
        feeder.join().unwrap();
    });
}
