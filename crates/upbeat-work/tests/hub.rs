//! What a hub promises its members and its senders.

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
    hub::{Left, Member},
};

/// Whatever can be done to a hub. Members are chosen by their index among those that joined, around and around.
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
    // One close at most, and something after it.
    (prop::collection::vec(act(), 0..200), any::<bool>(), prop::collection::vec(act(), 0..20)).prop_map(
        |(mut acts, close, after)| {
            acts.extend(close.then_some(Act::Close));
            acts.extend(after);
            acts
        },
    )
}

/// What a member ought to have.
#[derive(Default)]
struct Expected {
    waiting: VecDeque<u32>,
    left: Option<Left>,
}

impl Expected {
    fn receive(&mut self) -> Result<Option<u32>, Left> {
        match (self.left, self.waiting.pop_front()) {
            (Some(Left::TooSlow), _) => Err(Left::TooSlow),
            (_, Some(message)) => Ok(Some(message)),
            (Some(left), None) => Err(left),
            (None, None) => Ok(None),
        }
    }
}

proptest! {
    #[test]
    fn it_does_what_its_model_does(buffer in 1..6_usize, acts in script()) {
        let hub = Hub::with_buffer(buffer);
        let mut members: Vec<(Member<u32>, Expected)> = Vec::new();
        let (mut closed, mut messages, mut joined, mut dropped) = (false, 0, 0, 0);
        for act in acts {
            match act {
                Act::Join => match hub.join() {
                    Ok(member) => {
                        prop_assert!(!closed);
                        joined += 1;
                        members.push((member, Expected::default()));
                    }
                    Err(_) => prop_assert!(closed),
                },
                Act::Send => {
                    let sent = hub.send(messages);
                    prop_assert_eq!(sent.is_err(), closed);
                    let Ok(sent) = sent else { continue };
                    let (mut reached, mut too_slow) = (0, 0);
                    for (_, expected) in members.iter_mut().filter(|(_, expected)| expected.left.is_none()) {
                        if expected.waiting.len() == buffer {
                            expected.left = Some(Left::TooSlow);
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
                Act::Receive(who) if !members.is_empty() => {
                    let who = who % members.len();
                    let (member, expected) = &mut members[who];
                    let received = member.try_recv().map(|message| message.map(|message| *message));
                    prop_assert_eq!(received, expected.receive());
                }
                Act::Leave(who) if !members.is_empty() => drop(members.swap_remove(who % members.len())),
                Act::Receive(_) | Act::Leave(_) => {}
                Act::Close => {
                    hub.close();
                    closed = true;
                    for (_, expected) in &mut members {
                        expected.left.get_or_insert(Left::Closed);
                    }
                }
            }
            let counts = hub.counts();
            let present = members.iter().filter(|(_, expected)| expected.left.is_none()).count();
            prop_assert_eq!(counts.members, present);
            prop_assert_eq!((counts.joined, counts.messages, counts.dropped), (joined, u64::from(messages), dropped));
        }
    }
}

#[test]
fn all_get_the_same_order_whoever_sends() {
    const SENDERS: u32 = 4;
    const EACH: u32 = 2_000;
    let hub = Hub::with_buffer((SENDERS * EACH) as usize);
    let mut members: Vec<_> = (0..3).map(|_| hub.join().expect("open")).collect();
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
    let all: Vec<Vec<_>> = members
        .iter_mut()
        .map(|member| std::iter::from_fn(|| member.try_recv().ok().flatten()).map(|message| *message).collect())
        .collect();
    assert_eq!(all[0].len(), (SENDERS * EACH) as usize);
    assert!(all[1] == all[0] && all[2] == all[0]);
    for sender in 0..SENDERS {
        assert!(all[0].iter().filter(|(from, _)| *from == sender).map(|(_, number)| *number).eq(0..EACH));
    }
}

#[tokio::test]
async fn who_waits_is_woken_by_a_message_and_by_the_close() {
    let hub: Hub<str> = Hub::new();
    let mut member = hub.join().expect("open");
    let waiting = tokio::spawn(async move {
        let first = member.recv().await;
        (first, member.recv().await)
    });
    yield_now().await;
    hub.send("hello").expect("open");
    yield_now().await;
    hub.close();
    assert_eq!(waiting.await.expect("no panic"), (Ok("hello".into()), Err(Left::Closed)));
}

#[tokio::test]
async fn who_is_busy_hears_that_it_was_dropped() {
    let hub: Hub<str> = Hub::with_buffer(1);
    let mut member = hub.join().expect("open");
    let busy = tokio::spawn(async move { member.left().await });
    yield_now().await;
    hub.send("one").expect("open");
    yield_now().await;
    assert!(!busy.is_finished(), "there was room for it");
    hub.send("two").expect("open");
    assert_eq!(busy.await.expect("no panic"), Left::TooSlow);
}

#[tokio::test]
async fn what_was_sent_before_the_close_can_be_read_after_it() {
    let hub: Hub<str> = Hub::new();
    let mut member = hub.join().expect("open");
    hub.send("last words").expect("open");
    hub.close();
    assert_eq!(member.left().await, Left::Closed);
    assert_eq!(member.recv().await, Ok("last words".into()));
    assert_eq!(member.recv().await, Err(Left::Closed));
    assert_eq!(hub.send("too late").map_err(|closed| closed.0), Err("too late".into()));
}

#[tokio::test]
async fn the_last_handle_closes_it() {
    let hub: Hub<str> = Hub::new();
    let (mut member, another) = (hub.join().expect("open"), hub.clone());
    drop(hub);
    another.send("still open").expect("open");
    drop(another);
    assert_eq!(member.recv().await, Ok("still open".into()));
    assert_eq!(member.recv().await, Err(Left::Closed));
}

#[test]
fn nothing_is_kept_for_who_was_dropped_or_has_left() {
    let hub: Hub<String> = Hub::with_buffer(1);
    let (slow, leaving) = (hub.join().expect("open"), hub.join().expect("open"));
    let message = Arc::new("one".to_owned());
    let one: Weak<String> = Arc::downgrade(&message);
    hub.send(message).expect("open");
    drop(leaving);
    assert_eq!(one.strong_count(), 1, "one allocation, and one member that keeps it");
    hub.send("two".to_owned()).expect("open");
    assert_eq!(one.strong_count(), 0, "it was dropped with its buffer");
    drop(slow);
}

#[test]
fn hub_and_members_go_anywhere() {
    fn goes_anywhere<T: Send + Sync + Unpin + 'static>() {}
    goes_anywhere::<Hub<str>>();
    goes_anywhere::<Member<str>>();
}

/// A waker that does to the hub what nobody would expect of it.
struct Meddler {
    hub: Hub<str>,
    saw: Mutex<Vec<usize>>,
}

impl Wake for Meddler {
    fn wake(self: Arc<Self>) {
        drop(self.hub.join());
        self.saw.lock().push(self.hub.counts().members);
    }
}

#[test]
fn a_waker_may_use_the_hub() {
    let hub: Hub<str> = Hub::with_buffer(1);
    let meddler = Arc::new(Meddler { hub: hub.clone(), saw: Mutex::default() });
    let waker = Waker::from(meddler.clone());
    let mut cx = TaskContext::from_waker(&waker);
    let mut member = hub.join().expect("open");
    let mut waiting = Box::pin(member.left());
    assert_eq!(waiting.as_mut().poll(&mut cx), Poll::Pending);
    hub.send("one").expect("open");
    assert_eq!(waiting.as_mut().poll(&mut cx), Poll::Pending);
    hub.send("two").expect("open");
    assert_eq!(waiting.as_mut().poll(&mut cx), Poll::Ready(Left::TooSlow));
    assert_eq!(*meddler.saw.lock(), [1, 0]);
}

#[tokio::test]
async fn as_a_player_it_closes_at_the_stop_says_what_it_did_and_can_play_again() {
    let hub: Hub<str> = Hub::new();
    for round in 1..=2 {
        let joined = Arc::new(Mutex::new(None));
        let (guest, seat) = (hub.clone(), joined.clone());
        let guest = once(async move |_cx| {
            *seat.lock() = guest.join().ok();
            guest.send("hello").map(drop)
        });
        let report = Conductor::new("shop")
            .player("room", hub.clone())
            .part(Part::new("guest", guest).after("room").stops_all())
            .play_until(pending())
            .await;
        assert!(report.is_clean(), "{report}");
        let mut member = joined.lock().take().expect("it was open");
        assert_eq!(member.recv().await, Ok("hello".into()));
        assert_eq!(member.recv().await, Err(Left::Closed));
        assert!(hub.join().is_err());
        let said = &report.player("shop/room").expect("it played").notes;
        assert_eq!(said[..], [format!("{round} messages sent, {round} members joined, 0 dropped as too slow")]);
    }
}
