//! The guarantees of pipelines, with one test for each.

use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use upbeat_work::{
    OnStop, Pipeline,
    pipeline::{ItemPolicy, PipelineFailure, StopHandle},
};

use super::common::{Counted, LONG, eventually, pause};

#[test]
fn one_item_of_a_million_panics_and_the_others_come_out_in_order() {
    for workers in [1, 2, 4] {
        let mut next = 0;
        let report = Pipeline::from_iter(0..1_000_000_u64)
            .map(|item| {
                assert!(item != 765_432, "this one");
                item
            })
            .name("check")
            .for_each(|item| {
                assert_eq!(item, next);
                next = if item == 765_431 { 765_433 } else { item + 1 };
            })
            .workers(workers)
            .run()
            .unwrap();
        assert_eq!((report.taken, report.emitted, report.failed, report.panicked), (1_000_000, 999_999, 1, 1));
        let failure = &report.failures[0];
        assert_eq!((failure.stage(), failure.item()), ("check", 765_432));
        assert!(failure.panic().unwrap().location().unwrap().contains("pipeline/guarantees.rs:"), "{failure:?}");
        assert_eq!(next, 1_000_000);
    }
}

#[test]
fn a_stalled_sink_bounds_the_items_in_memory() {
    const WINDOW: usize = 5;
    const BATCH: usize = 7;
    for ordered in [true, false] {
        let (live, made) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (go, gate) = mpsc::channel::<()>();
        let (stuck, is_stuck) = mpsc::channel();
        let source = {
            let (live, made) = (live.clone(), made.clone());
            move || (made.fetch_add(1, SeqCst) < 10_000).then(|| Counted::new(&live))
        };
        let mut sunk = 0;
        let run = Pipeline::generate(source)
            .for_each(move |item| {
                sunk += 1;
                if sunk == 5_000 {
                    let _ = stuck.send(());
                    let _ = gate.recv();
                }
                drop(item);
            })
            .workers(3)
            .window(WINDOW)
            .max_batch(BATCH);
        let run = if ordered { run } else { run.unordered() };
        let running = thread::spawn(move || run.run().unwrap());
        is_stuck.recv_timeout(LONG).unwrap();
        // The window fills up, and then nothing moves.
        let mut before = 0;
        let mut since = Instant::now();
        eventually("still", || {
            let now = made.load(SeqCst);
            if now != before {
                (before, since) = (now, Instant::now());
            }
            since.elapsed() > Duration::from_millis(100)
        });
        let stalled = live.load(SeqCst);
        assert!(stalled <= WINDOW * BATCH, "{stalled} live items");
        assert!(stalled > BATCH, "{stalled} live items: the other workers did not go on");
        drop(go);
        let report = running.join().unwrap();
        assert_eq!((report.taken, report.emitted, live.load(SeqCst)), (10_000, 10_000, 0));
    }
}

#[test]
fn items_of_a_channel_never_wait_for_more() {
    for workers in [1, 2, 4] {
        let (feed, items) = mpsc::channel();
        let (out, emitted) = mpsc::channel();
        let running = thread::spawn(move || {
            Pipeline::from_receiver(items).for_each(move |item| out.send(item).unwrap()).workers(workers).run().unwrap()
        });
        // Bursts of any length, each after the last one has come out.
        let mut sent = 0_u64;
        for burst in (0..100).map(|n| n * n % 83 + 1) {
            for _ in 0..burst {
                feed.send(sent).unwrap();
                sent += 1;
            }
            for item in sent - burst..sent {
                assert_eq!(emitted.recv_timeout(LONG).unwrap(), item);
            }
        }
        drop(feed);
        assert_eq!(running.join().unwrap().emitted, sent);
    }
}

#[test]
fn a_slow_iterator_is_not_held_back() {
    for workers in [1, 2, 4] {
        let (made, emitted) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let source = || {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_micros(200) {
                std::hint::spin_loop();
            }
            // With one worker it was emitted before the next call of the iterator; with more
            // workers it is emitted meanwhile.
            eventually("the item before is out", || emitted.load(SeqCst) == made.load(SeqCst));
            (made.fetch_add(1, SeqCst) < 500).then_some(())
        };
        let run = Pipeline::generate(source).for_each(|()| _ = emitted.fetch_add(1, SeqCst)).workers(workers);
        assert_eq!(run.run().unwrap().emitted, 500);
    }
}

#[test]
fn lines_that_were_read_are_not_held_back() {
    /// A reader with one line for each call, after the line before it has come out.
    struct Dialogue(mpsc::Receiver<()>, usize);
    impl Read for Dialogue {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            if self.1 == 100 || (self.1 > 0 && self.0.recv_timeout(LONG).is_err()) {
                return Ok(0);
            }
            self.1 += 1;
            into[..3].copy_from_slice(b"ok\n");
            Ok(3)
        }
    }
    let (answer, answers) = mpsc::channel();
    let report = Pipeline::lines(Dialogue(answers, 0))
        .map(<[u8]>::len)
        .for_each(move |length| {
            assert_eq!(length, 2);
            let _ = answer.send(());
        })
        .run()
        .unwrap();
    assert_eq!((report.taken, report.emitted), (100, 100));
}

#[test]
fn all_workers_share_costly_work() {
    let most = AtomicUsize::new(0);
    let now = AtomicUsize::new(0);
    Pipeline::from_iter(0..64)
        .inspect(|_| {
            most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(2) {
                thread::yield_now();
            }
            now.fetch_sub(1, SeqCst);
        })
        .for_each(drop)
        .workers(4)
        .run()
        .unwrap();
    assert_eq!(most.into_inner(), 4);
}

#[test]
fn workers_that_sleep_beside_a_slow_source_are_woken_for_costly_work() {
    let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let slow = (0..200).inspect(|_| pause(Duration::from_millis(1)));
    let run = Pipeline::from_iter(slow).inspect(|&n| {
        // The first half is cheap, so that the other workers sleep then.
        if n >= 100 {
            most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
            pause(Duration::from_millis(10));
            now.fetch_sub(1, SeqCst);
        }
    });
    run.for_each(drop).workers(4).run().unwrap();
    assert_eq!(most.into_inner(), 4);
}

#[test]
fn a_stop_finishes_taken_items() {
    for workers in [1, 3] {
        let stop = StopHandle::default();
        let taken = AtomicUsize::new(0);
        let run = Pipeline::generate(|| Some(taken.fetch_add(1, SeqCst))).collect().workers(workers);
        let handle = run.stop_handle();
        let report = thread::scope(|scope| {
            scope.spawn(|| {
                eventually("begun", || taken.load(SeqCst) > 10_000);
                handle.stop(OnStop::Finish);
            });
            run.run().unwrap()
        });
        assert!(report.stopped && report.dropped == 0 && !report.is_clean() && !stop.is_stopping());
        assert!(report.output.iter().copied().eq(0..taken.into_inner()), "all taken items, in order");
    }
}

#[test]
fn a_stop_that_drops_drops_taken_items() {
    let live = Arc::new(AtomicUsize::new(0));
    let (taken, sunk) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let stop = Arc::new(parking_lot::Mutex::new(StopHandle::default()));
    let run = Pipeline::generate(|| {
        taken.fetch_add(1, SeqCst);
        Some(Counted::new(&live))
    })
    .for_each(|_| {
        // The sink waits until the other workers have something in flight.
        if sunk.fetch_add(1, SeqCst) == 0 {
            eventually("in flight", || taken.load(SeqCst) > 5);
            stop.lock().stop(OnStop::Drop);
        }
    })
    .workers(2)
    .max_batch(10);
    *stop.lock() = run.stop_handle();
    let report = run.run().unwrap();
    assert!(report.stopped && report.dropped > 0, "{report}");
    assert_eq!(report.taken, report.emitted + report.dropped);
    assert_eq!((usize::try_from(report.taken), live.load(SeqCst)), (Ok(taken.into_inner()), 0));
}

#[test]
fn groups_have_the_exact_length_and_order() {
    let groups =
        Pipeline::from_iter(0..10_003).batch(100).map(|group| group).collect().workers(2).run().unwrap().output;
    assert!(groups[..100].iter().all(|group| group.len() == 100) && groups[100].len() == 3);
    assert!(groups.into_iter().flatten().eq(0..10_003));
}

/// A reader that fails in the middle of a line.
struct Torn(bool);
impl Read for Torn {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if std::mem::replace(&mut self.0, true) {
            return Err(io::Error::other("torn"));
        }
        into[..11].copy_from_slice(b"one\ntwo\nthr");
        Ok(11)
    }
}

#[test]
fn a_source_that_fails_ends_the_pipeline_after_its_items() {
    let items = (0..10_000).inspect(|&item| assert!(item < 7_777, "no more"));
    let (cause, report) = Pipeline::from_iter(items).collect().workers(2).run().unwrap_err().into_parts();
    assert!(matches!(&cause, PipelineFailure::Source(error) if error.to_string().contains("no more")), "{cause:?}");
    assert!(report.unwrap().output.into_iter().eq(0..7_777));

    let (cause, report) = Pipeline::lines(Torn(false)).map(<[u8]>::len).collect().run().unwrap_err().into_parts();
    assert!(matches!(&cause, PipelineFailure::Source(error) if error.to_string() == "torn"), "{cause:?}");
    // The part of a line before the error is not a line.
    assert_eq!(report.unwrap().output, [3, 3]);
}

#[test]
fn a_failure_of_the_sink_ends_the_pipeline_and_a_panic_does_not() {
    let mut seen = Vec::new();
    let run = Pipeline::from_iter(0..10_000).try_for_each(|item| {
        seen.push(item);
        if item == 4_321 { Err("full") } else { Ok(()) }
    });
    let error = run.workers(2).run().unwrap_err();
    assert_eq!(error.to_string(), "pipeline ended early: sink failed");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "full");
    assert!(seen.into_iter().eq(0..=4_321));

    let run = Pipeline::from_iter(0..10_000).fold(Vec::new(), |list, item| {
        assert!(item != 4_321, "not this");
        list.push(item);
    });
    let report = run.name("list").workers(2).run().unwrap();
    assert!(report.output.into_iter().eq((0..10_000).filter(|&item| item != 4_321)));
    assert_eq!((report.panicked, report.failures[0].stage(), report.failures[0].item()), (1, "list", 4_321));
}

#[test]
fn a_panic_of_the_sink_ends_the_pipeline_by_policy() {
    let run = Pipeline::from_iter(0..10_000).for_each(|item| assert!(item != 17, "not this"));
    let error = run.on_failure(ItemPolicy::Stop).run().unwrap_err();
    assert!(matches!(error.cause(), PipelineFailure::Item(failure) if failure.item() == 17), "{error:?}");
}

#[test]
fn failures_have_the_context_of_their_item() {
    let orders = (0..1_000).map(|n| (format!("order {n}"), n));
    let report = Pipeline::from_iter(orders)
        .context(|(id, _)| id.clone())
        .flat_map(|(_, n)| [n, n + 1])
        .map(|n| {
            assert!(n != 500, "not this");
            n
        })
        .try_map(|n| if n == 600 { Err("nor this") } else { Ok(n) })
        .name("second")
        .collect()
        .run()
        .unwrap();
    let said: Vec<_> = report.failures.iter().map(ToString::to_string).collect();
    let line = line!() - 14;
    let first = format!("failed in map at crates/upbeat-work/tests/it/pipeline/guarantees.rs:{}", line + 4);
    assert_eq!(
        said,
        [
            format!("item 499 {first} (order 499)"),
            format!("item 500 {first} (order 500)"),
            "item 599 failed in second (order 599)".into(),
            "item 600 failed in second (order 600)".into(),
        ]
    );
    // 500 was the second value of item 499, so the first was left. As the first value of item 500
    // it ended the second one too.
    assert_eq!(report.emitted, 2_000 - 5);
}

#[test]
fn a_panic_of_a_drop_ends_the_pipeline() {
    struct Spiteful(u32);
    impl Drop for Spiteful {
        fn drop(&mut self) {
            assert!(self.0 != 500 || thread::panicking(), "spite");
        }
    }
    let run = Pipeline::from_iter((0..1_000).map(Spiteful)).try_for_each(|item| match item.0 {
        // The rest of the batch is dropped outside the processing of an item.
        499 => Err("full"),
        _ => Ok(()),
    });
    let error = run.workers(3).run().unwrap_err();
    assert!(matches!(error.cause(), PipelineFailure::Panicked(_) | PipelineFailure::Sink(_)), "{error:?}");
}

#[test]
fn a_failure_has_no_context_of_another_item() {
    // All of them are in one batch, in which contexts could be confused.
    let (feed, items) = mpsc::channel();
    (0..64).for_each(|n| feed.send(n).unwrap());
    drop(feed);
    let report = Pipeline::from_receiver(items)
        .try_map(|n| if n == 62 { Err("before its context") } else { Ok(n) })
        .context(|n| format!("number {n}"))
        .try_map(|n| if n == 63 { Err("after") } else { Ok(n) })
        .collect()
        .workers(1)
        .run()
        .unwrap();
    let said: Vec<_> = report.failures.iter().map(|failure| failure.context().map(ToString::to_string)).collect();
    assert_eq!(said, [None, Some("number 63".to_owned())]);
}

#[test]
fn a_panic_is_a_failure_of_the_stage_whose_code_panics() {
    let pieces = |n: u32| (0..3).inspect(move |piece| assert!((n, *piece) != (5, 1), "in the iterator"));
    let run = Pipeline::from_iter(0..10).flat_map(pieces).name("pieces").map(|piece| piece).name("same").collect();
    let report = run.run().unwrap();
    assert_eq!((report.failures[0].stage(), report.failures[0].item()), ("pieces", 5));
    assert_eq!(report.emitted, 30 - 2, "the pieces before the panic go on");
}

#[test]
fn a_panic_of_a_later_stage_does_not_become_an_item() {
    let report = Pipeline::from_iter(0..10)
        .try_map(|n| if n == 3 { Err("this one") } else { Ok(n) })
        .name("first")
        .failures_as_items()
        .map(|passed| match passed {
            Ok(n) => {
                assert!(n != 5, "an item");
                n
            }
            Err(failure) => panic!("a failure: {failure}"),
        })
        .name("behind")
        .collect()
        .run()
        .unwrap();
    assert_eq!(report.output, [0, 1, 2, 4, 6, 7, 8, 9]);
    let said: Vec<_> = report.failures.iter().map(|failure| (failure.stage(), failure.item())).collect();
    assert_eq!(said, [("behind", 3), ("behind", 5)]);
    assert_eq!((report.failures_as_items, report.failed, report.panicked), (1, 2, 2));
}

#[test]
fn lines_behind_skipped_ones_keep_their_numbers() {
    let text = "name\n\n1\ntwo\n3";
    let parse = |line: &[u8]| std::str::from_utf8(line).map_or(Ok(0), str::parse::<u8>);
    let report = Pipeline::lines(text.as_bytes()).skip_lines(2).try_map(parse).collect().run().unwrap();
    assert_eq!((report.output, report.taken, report.failures[0].item()), (vec![1, 3], 3, 3));
}
