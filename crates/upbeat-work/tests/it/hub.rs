//! The guarantees of a hub to its receivers and senders.

use std::{
    collections::VecDeque,
    future::pending,
    sync::{Arc, Barrier, Weak},
    task::{Context as TaskContext, Poll, Wake, Waker},
    thread,
};

use parking_lot::Mutex;
use proptest::prelude::*;
use tokio::task::yield_now;
use upbeat::{Conductor, Part, once};
use upbeat_work::{
    Hub,
    hub::{Receiver, RecvError},
};

/// An action on a hub. A receiver is chosen by its index, modulo their number.
#[derive(Clone, Debug)]
enum Act {
    Join,
    Send,
    Receive(usize),
    Leave(usize),
    Close,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => Just(Act::Join),
        8 => Just(Act::Send),
        8 => any::<usize>().prop_map(Act::Receive),
        1 => any::<usize>().prop_map(Act::Leave),
    ]
}

fn script() -> impl Strategy<Value = Vec<Act>> {
    // At most one close, and some actions after it.
    (prop::collection::vec(act(), 0..200), any::<bool>(), prop::collection::vec(act(), 0..20)).prop_map(
        |(mut acts, close, after)| {
            acts.extend(close.then_some(Act::Close));
            acts.extend(after);
            acts
        },
    )
}

/// The expected state of a receiver.
#[derive(Default)]
struct Expected {
    waiting: VecDeque<u32>,
    end: Option<RecvError>,
}

impl Expected {
    fn receive(&mut self) -> Result<Option<u32>, RecvError> {
        match (self.end, self.waiting.pop_front()) {
            (Some(RecvError::TooSlow), _) => Err(RecvError::TooSlow),
            (_, Some(message)) => Ok(Some(message)),
            (Some(end), None) => Err(end),
            (None, None) => Ok(None),
        }
    }
}

proptest! {
    #[test]
    fn a_hub_behaves_as_its_model(buffer in 1..6_usize, acts in script()) {
        let hub = Hub::with_capacity(buffer);
        let mut receivers: Vec<(Receiver<u32>, Expected)> = Vec::new();
        let (mut closed, mut messages, mut joined, mut dropped) = (false, 0, 0, 0);
        for act in acts {
            match act {
                Act::Join => match hub.subscribe() {
                    Ok(receiver) => {
                        prop_assert!(!closed);
                        joined += 1;
                        receivers.push((receiver, Expected::default()));
                    }
                    Err(_) => prop_assert!(closed),
                },
                Act::Send => {
                    let sent = hub.send(messages);
                    prop_assert_eq!(sent.is_err(), closed);
                    let Ok(sent) = sent else { continue };
                    let (mut reached, mut too_slow) = (0, 0);
                    for (_, expected) in receivers.iter_mut().filter(|(_, expected)| expected.end.is_none()) {
                        if expected.waiting.len() == buffer {
                            expected.end = Some(RecvError::TooSlow);
                            too_slow += 1;
                        } else {
                            expected.waiting.push_back(messages);
                            reached += 1;
                        }
                    }
                    prop_assert_eq!((sent.reached, sent.dropped), (reached, too_slow));
                    messages += 1;
                    dropped += too_slow as u64;
                }
                Act::Receive(who) if !receivers.is_empty() => {
                    let who = who % receivers.len();
                    let (receiver, expected) = &mut receivers[who];
                    let received = receiver.try_recv().map(|message| message.map(|message| *message));
                    prop_assert_eq!(received, expected.receive());
                }
                Act::Leave(who) if !receivers.is_empty() => drop(receivers.swap_remove(who % receivers.len())),
                Act::Receive(_) | Act::Leave(_) => {}
                Act::Close => {
                    hub.close();
                    closed = true;
                    for (_, expected) in &mut receivers {
                        expected.end.get_or_insert(RecvError::Closed);
                    }
                }
            }
            let counts = hub.counts();
            let present = receivers.iter().filter(|(_, expected)| expected.end.is_none()).count();
            prop_assert_eq!(counts.receivers, present);
            prop_assert_eq!((counts.subscribed, counts.messages, counts.dropped), (joined, u64::from(messages), dropped));
        }
    }
}

#[test]
fn all_receivers_get_the_same_order_from_several_senders() {
    const SENDERS: u32 = 4;
    const EACH: u32 = 2_000;
    let hub = Hub::with_capacity((SENDERS * EACH) as usize);
    let mut receivers: Vec<_> = (0..3).map(|_| hub.subscribe().expect("open")).collect();
    let begin = Barrier::new(SENDERS as usize);
    thread::scope(|scope| {
        for sender in 0..SENDERS {
            let (hub, begin) = (&hub, &begin);
            scope.spawn(move || {
                begin.wait();
                for number in 0..EACH {
                    assert_eq!(hub.send((sender, number)).expect("open").reached, 3);
                }
            });
        }
    });
    hub.close();
    let all: Vec<Vec<_>> = receivers
        .iter_mut()
        .map(|receiver| std::iter::from_fn(|| receiver.try_recv().ok().flatten()).map(|message| *message).collect())
        .collect();
    assert_eq!(all[0].len(), (SENDERS * EACH) as usize);
    assert!(all[1] == all[0] && all[2] == all[0]);
    for sender in 0..SENDERS {
        assert!(all[0].iter().filter(|(from, _)| *from == sender).map(|(_, number)| *number).eq(0..EACH));
    }
}

#[tokio::test]
async fn a_message_and_a_close_wake_a_waiting_receiver() {
    let hub: Hub<str> = Hub::new();
    let mut receiver = hub.subscribe().expect("open");
    let waiting = tokio::spawn(async move {
        let first = receiver.recv().await;
        (first, receiver.recv().await)
    });
    yield_now().await;
    hub.send("hello").expect("open");
    yield_now().await;
    hub.close();
    assert_eq!(waiting.await.expect("no panic"), (Ok("hello".into()), Err(RecvError::Closed)));
}

#[tokio::test]
async fn a_busy_receiver_is_notified_that_it_was_dropped() {
    let hub: Hub<str> = Hub::with_capacity(1);
    let mut receiver = hub.subscribe().expect("open");
    let busy = tokio::spawn(async move { receiver.closed().await });
    yield_now().await;
    hub.send("one").expect("open");
    yield_now().await;
    assert!(!busy.is_finished(), "the buffer had room");
    hub.send("two").expect("open");
    assert_eq!(busy.await.expect("no panic"), RecvError::TooSlow);
}

#[tokio::test]
async fn messages_before_the_close_can_be_read_after_it() {
    let hub: Hub<str> = Hub::new();
    let mut receiver = hub.subscribe().expect("open");
    hub.send("the last").expect("open");
    hub.close();
    assert_eq!(receiver.closed().await, RecvError::Closed);
    assert_eq!(receiver.recv().await, Ok("the last".into()));
    assert_eq!(receiver.recv().await, Err(RecvError::Closed));
    assert_eq!(hub.send("too late").map_err(|closed| closed.0), Err("too late".into()));
}

#[tokio::test]
async fn dropping_the_last_handle_closes_the_hub() {
    let hub: Hub<str> = Hub::new();
    let (mut receiver, another) = (hub.subscribe().expect("open"), hub.clone());
    drop(hub);
    another.send("still open").expect("open");
    drop(another);
    assert_eq!(receiver.recv().await, Ok("still open".into()));
    assert_eq!(receiver.recv().await, Err(RecvError::Closed));
}

#[test]
fn nothing_is_kept_for_a_receiver_that_was_dropped() {
    let hub: Hub<String> = Hub::with_capacity(1);
    let (slow, leaving) = (hub.subscribe().expect("open"), hub.subscribe().expect("open"));
    let message = Arc::new("one".to_owned());
    let one: Weak<String> = Arc::downgrade(&message);
    hub.send(message).expect("open");
    drop(leaving);
    assert_eq!(one.strong_count(), 1, "one allocation, and one receiver that keeps it");
    hub.send("two".to_owned()).expect("open");
    assert_eq!(one.strong_count(), 0, "it was dropped with its buffer");
    drop(slow);
}

#[test]
fn hub_and_receiver_are_send_and_sync() {
    fn goes_anywhere<T: Send + Sync + Unpin + 'static>() {}
    goes_anywhere::<Hub<str>>();
    goes_anywhere::<Receiver<str>>();
}

/// A waker that uses the hub.
struct Meddler {
    hub: Hub<str>,
    saw: Mutex<Vec<usize>>,
}

impl Wake for Meddler {
    fn wake(self: Arc<Self>) {
        drop(self.hub.subscribe());
        self.saw.lock().push(self.hub.counts().receivers);
    }
}

#[test]
fn a_waker_may_use_the_hub() {
    let hub: Hub<str> = Hub::with_capacity(1);
    let meddler = Arc::new(Meddler { hub: hub.clone(), saw: Mutex::default() });
    let waker = Waker::from(meddler.clone());
    let mut cx = TaskContext::from_waker(&waker);
    let mut receiver = hub.subscribe().expect("open");
    let mut waiting = Box::pin(receiver.closed());
    assert_eq!(waiting.as_mut().poll(&mut cx), Poll::Pending);
    hub.send("one").expect("open");
    assert_eq!(waiting.as_mut().poll(&mut cx), Poll::Pending);
    hub.send("two").expect("open");
    assert_eq!(waiting.as_mut().poll(&mut cx), Poll::Ready(RecvError::TooSlow));
    assert_eq!(*meddler.saw.lock(), [1, 0]);
}

#[tokio::test]
async fn as_a_player_a_hub_closes_at_the_stop_reports_its_counts_and_can_run_again() {
    let hub: Hub<str> = Hub::new();
    for round in 1..=2 {
        let joined = Arc::new(Mutex::new(None));
        let (guest, seat) = (hub.clone(), joined.clone());
        let guest = once(async move |_cx| {
            *seat.lock() = guest.subscribe().ok();
            guest.send("hello").map(drop)
        });
        let report = Conductor::new("shop")
            .player("room", hub.clone())
            .part(Part::new("guest", guest).after("room").stops_all())
            .play_until(pending())
            .await;
        assert!(report.is_clean(), "{report}");
        let mut receiver = joined.lock().take().expect("it was open");
        assert_eq!(receiver.recv().await, Ok("hello".into()));
        assert_eq!(receiver.recv().await, Err(RecvError::Closed));
        assert!(hub.subscribe().is_err());
        let said = &report.player("shop/room").expect("it played").notes;
        assert_eq!(said[..], [format!("{round} messages sent, {round} receivers subscribed, 0 dropped as too slow")]);
    }
}
