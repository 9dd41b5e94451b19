//! Connected pipelines.

use std::{
    error::Error as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use tokio::time::timeout;
use upbeat::{BoxError, Conductor, Context, Part};
use upbeat_work::{
    OnStop, Pipeline,
    pipeline::{Disconnected, PipelineFailure, connection},
};

use super::common::{LONG, settle};

#[test]
fn a_route_sends_each_item_through_the_chosen_connection() {
    let ((to_one, one), (to_two, two)) = (connection(3), connection(3));
    let route = Pipeline::from_iter(0..10_000_usize).route([to_one, to_two], |n| {
        assert!(n % 1_000 != 7, "nowhere");
        n % 3
    });
    let ((routed, one), two) = route
        .name("route")
        .and(Pipeline::from_connection(one).collect())
        .and(Pipeline::from_connection(two).collect())
        .run();
    let (routed, one, two) = (routed.unwrap(), one.unwrap(), two.unwrap());
    let good = |n: &usize| n % 1_000 != 7;
    assert!(one.output.into_iter().eq((0..10_000).filter(good).filter(|n| n % 3 == 0)));
    assert!(two.output.into_iter().eq((0..10_000).filter(good).filter(|n| n % 3 == 1)));
    assert_eq!(routed.emitted + routed.failed, 10_000);
    assert_eq!(routed.panicked, 10);
    let nowhere = routed.failures.iter().find(|failure| failure.panic().is_none()).unwrap();
    assert_eq!(nowhere.error().to_string(), "no connection 2: there are 2, from 0");
    assert_eq!((nowhere.stage(), nowhere.item()), ("route", 2));
}

#[test]
fn a_broadcast_sends_each_item_through_all_connections() {
    let (inlets, outlets): (Vec<_>, Vec<_>) = (0..3).map(|_| connection(5)).unzip();
    let sent = thread::scope(|scope| {
        let all: Vec<_> = outlets
            .into_iter()
            .map(|outlet| scope.spawn(|| Pipeline::from_connection(outlet).collect().workers(2).run().unwrap().output))
            .collect();
        let sent = Pipeline::from_iter(0..5_000).broadcast(inlets).workers(2).run().unwrap();
        for output in all {
            assert!(output.join().unwrap().into_iter().eq(0..5_000));
        }
        sent
    });
    assert_eq!(sent.emitted, 5_000);
}

#[test]
fn a_merge_receives_all_items_of_all_senders() {
    let (to_all, all) = connection(7);
    let part = |from: u64| Pipeline::from_iter(from..from + 3_000).send_to(to_all.clone()).workers(2);
    let parts = part(0).and(part(10_000)).and(part(20_000));
    drop(to_all);
    let (parts, merged) = parts.and(Pipeline::from_connection(all).collect()).run();
    let ((one, two), three) = parts;
    assert_eq!([one, two, three].map(|sent| sent.unwrap().emitted), [3_000; 3]);
    let merged = merged.unwrap().output;
    assert_eq!(merged.len(), 9_000);
    for from in [0, 10_000, 20_000] {
        let of_one = merged.iter().copied().filter(|n| (from..from + 3_000).contains(n));
        assert!(of_one.eq(from..from + 3_000), "items of one sender keep their order");
    }
}

#[test]
fn the_bound_of_a_connection_counts_items() {
    const ROOM: usize = 11;
    let (made, live) = (AtomicUsize::new(0), Arc::new(()));
    let (inlet, outlet) = connection(ROOM);
    let source = || (made.fetch_add(1, SeqCst) < 1_000).then(|| live.clone());
    let run = Pipeline::generate(source).send_to(inlet).workers(2).window(3).max_batch(7);
    thread::scope(|scope| {
        let running = scope.spawn(|| run.run().unwrap());
        let made = settle(&made);
        assert!((ROOM..=ROOM + 3 * 7).contains(&made), "{made} items made");
        let report = Pipeline::from_connection(outlet).for_each(drop).run().unwrap();
        assert_eq!((report.emitted, running.join().unwrap().emitted), (1_000, 1_000));
    });
    assert_eq!(Arc::strong_count(&live), 1);
}

#[test]
fn the_end_of_a_receiver_ends_its_senders() {
    let (inlet, outlet) = connection(4);
    let (sent, received) = Pipeline::generate(|| Some(1))
        .send_to(inlet)
        .and(Pipeline::from_connection(outlet).try_for_each(|_| Err::<(), _>("full")))
        .run();
    let (cause, report) = sent.unwrap_err().into_parts();
    let PipelineFailure::Sink(error) = &cause else { panic!("{cause:?}") };
    assert_eq!(error.downcast_ref(), Some(&Disconnected));
    assert!(report.is_some() && matches!(received.unwrap_err().cause(), PipelineFailure::Sink(_)));
    assert_eq!(cause.source().unwrap().to_string(), "the receiving pipeline has ended");
}

#[test]
fn failures_can_be_the_items_of_another_pipeline() {
    let (to_log, log) = connection(2);
    let numbers = Pipeline::from_iter(0..1_000)
        .try_map(|n| if n % 10 == 3 { Err(format!("{n} is bad")) } else { Ok(n) })
        .collect()
        .send_failures_to(to_log);
    let (numbers, logged) = numbers.and(Pipeline::from_connection(log).map(|failure| failure.item()).collect()).run();
    let (numbers, logged) = (numbers.unwrap(), logged.unwrap());
    assert_eq!((numbers.emitted, numbers.failed, numbers.failures.len()), (900, 100, 0));
    assert!(logged.output.into_iter().eq((3..1_000).step_by(10)));
}

#[test]
fn a_stop_that_drops_is_exact_on_both_sides() {
    let (made, live) = (AtomicUsize::new(0), Arc::new(()));
    let (inlet, outlet) = connection(10);
    let source = || {
        made.fetch_add(1, SeqCst);
        Some(live.clone())
    };
    let front = Pipeline::generate(source).send_to(inlet).workers(2).max_batch(5);
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let back = Pipeline::from_connection(outlet).for_each(move |_| _ = gate.recv());
    let stops = [front.stop_handle(), back.stop_handle()];
    let (sent, received) = thread::scope(|scope| {
        scope.spawn(|| {
            settle(&made);
            for stop in &stops {
                stop.stop(OnStop::Drop);
            }
            drop(go);
        });
        front.and(back).run()
    });
    let (sent, received) = (sent.unwrap(), received.unwrap());
    assert_eq!(usize::try_from(sent.taken), Ok(made.load(SeqCst)));
    assert_eq!(sent.taken, sent.emitted + sent.dropped, "{sent}");
    assert_eq!(sent.emitted, received.taken, "{sent}; {received}");
    assert_eq!(received.taken, received.emitted + received.dropped, "{received}");
    assert_eq!(Arc::strong_count(&live), 1);
}

#[tokio::test]
async fn a_player_of_several_pipelines_drains_front_to_back() {
    let counts = Arc::new([const { AtomicUsize::new(0) }; 3]);
    let player = {
        let counts = counts.clone();
        upbeat::once(async move |cx: Context| {
            let count = |at: usize| {
                let counts = counts.clone();
                move || counts[at].fetch_add(1, SeqCst)
            };
            let (made, even, odd) = (count(0), count(1), count(2));
            let ((to_even, evens), (to_odd, odds)) = (connection(10), connection(10));
            let all = Pipeline::generate(move || Some(made()))
                .route([to_even, to_odd], |n| n % 2)
                .and(Pipeline::from_connection(evens).for_each(move |_| _ = even()))
                .and(Pipeline::from_connection(odds).map_async(3, async |n| n).for_each(move |_| _ = odd()));
            let ((made, evens), odds) = all.run_in(&cx).await;
            let made = made?;
            assert!(made.stopped && made.dropped == 0, "{made}");
            assert_eq!(made.taken, evens?.emitted + odds?.emitted);
            Ok::<_, BoxError>(())
        })
    };
    let part = Part::new("fan", player).stop_timeout(Duration::from_hours(1));
    let conductor = Conductor::new("work").stop_timeout(Duration::from_hours(1)).part(part);
    let busy = {
        let counts = counts.clone();
        async move {
            while counts[2].load(SeqCst) < 1_000 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    };
    let report = timeout(LONG, conductor.play_until(busy)).await.expect("in time");
    assert!(report.is_clean(), "{report}");
    let [made, even, odd] = [0, 1, 2].map(|at: usize| counts[at].load(SeqCst));
    assert_eq!(made, even + odd, "all items came out");
}
