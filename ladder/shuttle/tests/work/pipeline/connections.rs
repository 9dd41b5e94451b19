//! Connected pipelines, which end front to back, or back to front.

use shuttle::rand::{Rng as _, thread_rng};
use upbeat::{BoxError, Conductor, Context, Part, once};
use upbeat_work::{
    OnStop, Pipeline,
    pipeline::{Disconnected, PipelineFailure, connection},
};

use super::items::{Living, some, stumble};
use crate::explore::{Time, explore, pause};

const ITEMS: u32 = 10;

#[test]
fn routed_and_merged_items_come_out_once_and_in_order() {
    explore(Time::WhenIdle, || async {
        let living = Living::default();
        let ((to_even, even), (to_odd, odd), (to_all, all)) = (connection(1), connection(2), connection(1));
        let routed = Pipeline::from_iter(living.items(0..ITEMS))
            .route([to_even, to_odd], |item| item.number as usize % 2)
            .workers(some())
            .window(2)
            .max_batch(3)
            .and(Pipeline::from_connection(even).inspect(|_| stumble(1)).send_to(to_all.clone()).workers(1).window(1))
            .and(Pipeline::from_connection(odd).send_to(to_all).workers(some()).window(2))
            .and(Pipeline::from_connection(all).map(|item| item.number).collect().workers(some()).window(2));
        let (((routed, even), odd), all) = routed.run();
        assert_eq!([routed, even, odd].map(|report| report.unwrap().emitted), [10, 5, 5]);
        let all = all.unwrap();
        assert!(all.output.len() == 10 && all.is_clean(), "{all}");
        for which in 0..2 {
            let way = all.output.iter().copied().filter(|number| number % 2 == which);
            assert!(way.eq((which..ITEMS).step_by(2)), "{:?}", all.output);
        }
        assert_eq!(living.now(), 0);
    });
}

#[test]
fn broadcast_items_reach_all_receivers() {
    explore(Time::WhenIdle, || async {
        let ((to_one, one), (to_other, other)) = (connection(1), connection(3));
        let all = Pipeline::from_iter(0..ITEMS)
            .broadcast([to_one, to_other])
            .workers(some())
            .window(2)
            .max_batch(2)
            .and(Pipeline::from_connection(one).inspect(|_| stumble(2)).collect().workers(some()).window(2))
            .and(Pipeline::from_connection(other).collect().workers(1).window(1));
        let ((sent, one), other) = all.run();
        assert_eq!(sent.unwrap().emitted, 10);
        for received in [one, other] {
            let report = received.unwrap();
            assert!(report.output.iter().copied().eq(0..ITEMS), "{:?}", report.output);
        }
    });
}

#[test]
fn the_end_of_a_receiver_ends_its_senders() {
    explore(Time::WhenIdle, || async {
        let living = Living::default();
        let (inlet, outlet) = connection(1);
        // More items than the senders need to notice: neither source has an end.
        let one = Pipeline::from_iter(living.items(0..u32::MAX)).send_to(inlet.clone());
        let other = Pipeline::from_iter(living.items(0..u32::MAX)).inspect(|_| stumble(1)).send_to(inlet);
        let mut given = 0;
        let sink = move |_| {
            given += 1;
            if given == 4 { Err("the disk is full") } else { Ok(()) }
        };
        let all = one.workers(some()).window(2).and(other.workers(1).window(1).max_batch(2));
        let all = all.and(Pipeline::from_connection(outlet).try_for_each(sink).workers(some()).window(2));
        let ((one, other), receiver) = all.run();
        for sender in [one, other] {
            let (cause, report) = sender.unwrap_err().into_parts();
            let PipelineFailure::Sink(error) = cause else { panic!("{cause:?}") };
            assert_eq!(error.downcast_ref(), Some(&Disconnected));
            let report = report.unwrap();
            assert!(report.emitted + report.dropped <= report.taken, "{report}");
        }
        assert!(matches!(receiver.unwrap_err().cause(), PipelineFailure::Sink(_)));
        assert_eq!(living.now(), 0);
    });
}

#[test]
fn the_end_of_the_senders_ends_a_receiver_also_after_a_failure() {
    explore(Time::WhenIdle, || async {
        let living = Living::default();
        let (inlet, outlet) = connection(2);
        let items = living.items(0..ITEMS).inspect(|item| {
            if item.number == 6 {
                // Without the panic hook, which prints a failing schedule.
                std::panic::resume_unwind(Box::new("on purpose"));
            }
        });
        let one = Pipeline::from_iter(items).send_to(inlet.clone()).workers(some()).window(2).max_batch(2);
        let other = Pipeline::from_iter(living.items(0..3)).send_to(inlet).workers(1).window(1);
        let back = Pipeline::from_connection(outlet).inspect(|_| stumble(1)).for_each(drop).workers(some()).window(2);
        let ((one, other), back) = one.and(other).and(back).run();
        let error = one.unwrap_err();
        assert!(matches!(error.cause(), PipelineFailure::Source(_)), "{error}");
        let sent = error.report().unwrap().emitted + other.unwrap().emitted;
        let received = back.unwrap();
        assert_eq!((sent, received.taken, received.emitted), (9, 9, 9), "{received}");
        assert!(!received.stopped, "{received}");
        assert_eq!(living.now(), 0);
    });
}

#[test]
fn a_stop_that_drops_is_exact_on_both_sides() {
    explore(Time::WhenIdle, || async {
        let living = Living::default();
        let (inlet, outlet) = connection(2);
        let front = Pipeline::from_iter(living.items(0..u32::MAX)).send_to(inlet).workers(some()).window(2);
        let back = Pipeline::from_connection(outlet).for_each(|_| stumble(1)).workers(some()).window(2);
        let mut stops = [front.stop_handle(), back.stop_handle()];
        if thread_rng().gen_bool(0.5) {
            stops.reverse();
        }
        let running = tokio::task::spawn_blocking(move || front.and(back).run());
        for stop in stops {
            pause(20).await;
            stop.stop(OnStop::Drop);
        }
        let (sent, received) = running.await.unwrap();
        let received = received.unwrap();
        let sent = match sent {
            Ok(sent) => {
                assert_eq!(sent.taken, sent.emitted + sent.dropped, "{sent}");
                sent
            }
            // The other pipeline had ended before.
            Err(error) => error.into_parts().1.unwrap(),
        };
        assert_eq!(sent.emitted, received.taken, "{sent}; {received}");
        assert_eq!(received.taken, received.emitted + received.dropped, "{received}");
        assert_eq!(living.now(), 0);
    });
}

#[test]
fn a_player_of_several_pipelines_drains_front_to_back() {
    explore(Time::WhenIdle, || async {
        let living = Living::default();
        let items = living.items(0..u32::MAX);
        let player = once(async move |cx: Context| {
            let ((to_even, even), (to_odd, odd)) = (connection(1), connection(1));
            let all = Pipeline::from_iter(items)
                .route([to_even, to_odd], |item| item.number as usize % 2)
                .workers(some())
                .window(2)
                .and(Pipeline::from_connection(even).for_each(|_| stumble(1)).workers(1).window(1))
                .and(
                    Pipeline::from_connection(odd).map_async(2, async |item| item).for_each(drop).workers(1).window(1),
                );
            let ((sent, even), odd) = all.run_in(&cx).await;
            let (sent, even, odd) = (sent?, even?, odd?);
            assert!(sent.stopped && sent.dropped == 0, "{sent}");
            assert_eq!(sent.taken, even.emitted + odd.emitted, "{sent}; {even}; {odd}");
            Ok::<_, BoxError>(())
        });
        let report = Conductor::new("shop").part(Part::new("fan", player)).play_until(pause(30)).await;
        assert!(report.is_clean(), "{report}");
        assert_eq!(living.now(), 0);
    });
}
