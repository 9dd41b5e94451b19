//! What a pipeline promises, one test for each promise.

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

const LONG: Duration = Duration::from_secs(20);

/// Counts how many of it there are.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(live: &Arc<AtomicUsize>) -> Self {
        live.fetch_add(1, SeqCst);
        Self(live.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LONG, "never: {what}");
        thread::yield_now();
    }
}

#[test]
fn one_item_of_a_million_panics_and_the_others_come_in_order() {
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
        assert!(failure.panic().unwrap().location().unwrap().contains("tests/pipeline.rs:"), "{failure:?}");
        assert_eq!(next, 1_000_000);
    }
}

#[test]
fn a_stalled_sink_bounds_what_is_in_memory() {
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
        // It fills up to the window, and then nothing moves.
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
        assert!(stalled > BATCH, "{stalled} live items: the others did not go on");
        drop(go);
        let report = running.join().unwrap();
        assert_eq!((report.taken, report.emitted, live.load(SeqCst)), (10_000, 10_000, 0));
    }
}

#[test]
fn what_comes_out_of_a_channel_never_waits_for_more() {
    for workers in [1, 2, 4] {
        let (feed, items) = mpsc::channel();
        let (out, emitted) = mpsc::channel();
        let running = thread::spawn(move || {
            Pipeline::from_receiver(items).for_each(move |item| out.send(item).unwrap()).workers(workers).run().unwrap()
        });
        // Bursts of any length; the next one only when the last has come out.
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
            // With one worker it has been emitted before the next is asked for; with more, it is meanwhile.
            eventually("the one before is out", || emitted.load(SeqCst) == made.load(SeqCst));
            (made.fetch_add(1, SeqCst) < 500).then_some(())
        };
        let run = Pipeline::generate(source).for_each(|()| _ = emitted.fetch_add(1, SeqCst)).workers(workers);
        assert_eq!(run.run().unwrap().emitted, 500);
    }
}

#[test]
fn lines_that_were_read_are_not_held_back() {
    /// A line whenever it is asked, and none before the one before it has come out.
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
fn all_workers_help_when_the_work_is_dear() {
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

/// Leaves the processors to others.
fn pause(time: Duration) {
    let nobody = parking_lot::Mutex::new(());
    parking_lot::Condvar::new().wait_for(&mut nobody.lock(), time);
}

#[test]
fn workers_that_sleep_while_the_source_is_slow_are_woken_when_the_work_is_dear() {
    let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let slow = (0..200).inspect(|_| pause(Duration::from_millis(1)));
    let run = Pipeline::from_iter(slow).inspect(|&n| {
        // The first half is cheap, so that the others have gone to sleep.
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
fn a_stop_finishes_what_was_taken() {
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
        assert!(report.output.iter().copied().eq(0..taken.into_inner()), "in order, and all that were taken");
    }
}

#[test]
fn a_stop_drops_what_was_taken_if_told_so() {
    let live = Arc::new(AtomicUsize::new(0));
    let (taken, sunk) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let stop = Arc::new(parking_lot::Mutex::new(StopHandle::default()));
    let run = Pipeline::generate(|| {
        taken.fetch_add(1, SeqCst);
        Some(Counted::new(&live))
    })
    .for_each(|_| {
        // The sink waits until others have something in flight.
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
fn groups_are_exact_and_in_order() {
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
fn a_source_that_fails_ends_it_after_what_it_gave() {
    let items = (0..10_000).inspect(|&item| assert!(item < 7_777, "no more"));
    let (cause, report) = Pipeline::from_iter(items).collect().workers(2).run().unwrap_err().into_parts();
    assert!(matches!(&cause, PipelineFailure::Source(error) if error.to_string().contains("no more")), "{cause:?}");
    assert!(report.unwrap().output.into_iter().eq(0..7_777));

    let (cause, report) = Pipeline::lines(Torn(false)).map(<[u8]>::len).collect().run().unwrap_err().into_parts();
    assert!(matches!(&cause, PipelineFailure::Source(error) if error.to_string() == "torn"), "{cause:?}");
    // What was cut off is not a line.
    assert_eq!(report.unwrap().output, [3, 3]);
}

#[test]
fn a_sink_that_fails_ends_it_and_a_sink_that_panics_does_not() {
    let mut seen = Vec::new();
    let run = Pipeline::from_iter(0..10_000).try_for_each(|item| {
        seen.push(item);
        if item == 4_321 { Err("full") } else { Ok(()) }
    });
    let error = run.workers(2).run().unwrap_err();
    assert_eq!(error.to_string(), "the pipeline ended early: the sink failed");
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
fn a_panic_of_the_sink_can_end_it_too() {
    let run = Pipeline::from_iter(0..10_000).for_each(|item| assert!(item != 17, "not this"));
    let error = run.on_failure(ItemPolicy::Stop).run().unwrap_err();
    assert!(matches!(error.cause(), PipelineFailure::Failed(failure) if failure.item() == 17), "{error:?}");
}

#[test]
fn failures_say_what_the_item_says_of_itself() {
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
    let first = format!("failed in map at crates/upbeat-work/tests/pipeline.rs:{}", line + 4);
    assert_eq!(
        said,
        [
            format!("item 499 {first} (order 499)"),
            format!("item 500 {first} (order 500)"),
            "item 599 failed in second (order 599)".into(),
            "item 600 failed in second (order 600)".into(),
        ]
    );
    // 500 was the second of 499, so one was left; as the first of item 500 it took the second along.
    assert_eq!(report.emitted, 2_000 - 5);
}

#[test]
fn what_drops_with_a_panic_ends_it_and_nobody_waits_forever() {
    struct Spiteful(u32);
    impl Drop for Spiteful {
        fn drop(&mut self) {
            assert!(self.0 != 500 || thread::panicking(), "spite");
        }
    }
    let run = Pipeline::from_iter((0..1_000).map(Spiteful)).try_for_each(|item| match item.0 {
        // The rest of the batch is dropped, outside of any item's turn.
        499 => Err("full"),
        _ => Ok(()),
    });
    let error = run.workers(3).run().unwrap_err();
    assert!(matches!(error.cause(), PipelineFailure::Panicked(_) | PipelineFailure::Sink(_)), "{error:?}");
}

#[test]
fn a_failure_has_the_context_of_its_own_item_only() {
    // All of them in one batch, where the context of one could be taken for that of the next.
    let (feed, items) = mpsc::channel();
    (0..64).for_each(|n| feed.send(n).unwrap());
    drop(feed);
    let report = Pipeline::from_receiver(items)
        .try_map(|n| if n == 62 { Err("before it says anything") } else { Ok(n) })
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
fn a_panic_is_blamed_on_the_stage_whose_code_it_is() {
    let pieces = |n: u32| (0..3).inspect(move |piece| assert!((n, *piece) != (5, 1), "while making them"));
    let run = Pipeline::from_iter(0..10).flat_map(pieces).name("pieces").map(|piece| piece).name("same").collect();
    let report = run.run().unwrap();
    assert_eq!((report.failures[0].stage(), report.failures[0].item()), ("pieces", 5));
    assert_eq!(report.emitted, 30 - 2, "what was made before goes on");
}

#[test]
fn a_panic_behind_is_not_passed_along() {
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
    assert_eq!((report.passed, report.failed, report.panicked), (1, 2, 2));
}

#[test]
fn lines_keep_their_numbers_when_some_are_skipped() {
    let text = "name\n\n1\ntwo\n3";
    let parse = |line: &[u8]| std::str::from_utf8(line).map_or(Ok(0), str::parse::<u8>);
    let report = Pipeline::lines(text.as_bytes()).skip_lines(2).try_map(parse).collect().run().unwrap();
    assert_eq!((report.output, report.taken, report.failures[0].item()), (vec![1, 3], 3, 3));
}
