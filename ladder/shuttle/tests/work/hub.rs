//! Hubs: one order for all, nobody waits for anybody, and nobody waits in vain.

use std::sync::{Arc, Mutex};

use upbeat::Conductor;
use upbeat_work::{
    Hub,
    hub::{Left, Member},
};

use crate::explore::{Time, explore, pause};

/// What a member was given, and how it ended.
async fn listen(mut member: Member<u32>) -> (Vec<u32>, Left) {
    let mut heard = Vec::new();
    loop {
        match member.recv().await {
            Ok(message) => heard.push(*message),
            Err(left) => return (heard, left),
        }
        pause(2).await;
    }
}

/// Sends three messages, and says how many members were dropped for them.
async fn send(hub: Hub<u32>, first: u32) -> u64 {
    let mut dropped = 0;
    for message in first..first + 3 {
        dropped += hub.send(message).unwrap().dropped as u64;
        pause(2).await;
    }
    dropped
}

#[test]
fn all_hear_the_same_in_the_same_order() {
    explore(Time::WhenIdle, || async {
        let hub = Hub::with_buffer(6);
        let members: Vec<_> = (0..2).map(|_| tokio::spawn(listen(hub.join().unwrap()))).collect();
        let senders: Vec<_> = (0..2).map(|at| tokio::spawn(send(hub.clone(), at * 10))).collect();
        pause(3).await;
        let late = tokio::spawn(listen(hub.join().unwrap()));
        for sender in senders {
            assert_eq!(sender.await.unwrap(), 0);
        }
        // The last clone: nothing else tells those who wait.
        drop(hub);
        let mut heard = Vec::new();
        for member in members {
            let (messages, left) = member.await.unwrap();
            assert_eq!(left, Left::Closed);
            heard.push(messages);
        }
        let [one, other] = &heard[..] else { panic!("two members") };
        assert_eq!(one, other);
        assert_eq!(one.len(), 6, "{one:?}");
        for sender in 0..2 {
            let of_one = one.iter().copied().filter(|message| message / 10 == sender);
            assert!(of_one.eq(sender * 10..sender * 10 + 3), "{one:?}");
        }
        let (messages, left) = late.await.unwrap();
        assert!(left == Left::Closed && one.ends_with(&messages), "{messages:?} of {one:?}");
    });
}

#[test]
fn who_has_no_room_is_dropped_and_told_and_the_others_do_not_notice() {
    explore(Time::WhenIdle, || async {
        let hub = Hub::with_buffer(2);
        let mut busy = hub.join().unwrap();
        // It never receives, and hears of it all the same.
        let busy = tokio::spawn(async move { busy.left().await });
        let members: Vec<_> = (0..3).map(|_| tokio::spawn(listen(hub.join().unwrap()))).collect();
        let senders: Vec<_> = (0..2).map(|at| tokio::spawn(send(hub.clone(), at * 10))).collect();
        let mut dropped = 0;
        for sender in senders {
            dropped += sender.await.unwrap();
        }
        assert_eq!(busy.await.unwrap(), Left::TooSlow);
        assert_eq!((hub.counts().dropped, hub.counts().messages), (dropped, 6));
        hub.close();
        let (mut too_slow, mut all) = (1, None::<Vec<u32>>);
        let mut parts = Vec::new();
        for member in members {
            match member.await.unwrap() {
                (messages, Left::Closed) => {
                    assert_eq!(messages.len(), 6, "a gap: {messages:?}");
                    assert!(all.as_ref().is_none_or(|all| *all == messages));
                    all = Some(messages);
                }
                (messages, _) => {
                    too_slow += 1;
                    parts.push(messages);
                }
            }
        }
        assert_eq!(too_slow, dropped);
        for part in parts {
            assert!(part.len() < 6 && all.as_ref().is_none_or(|all| all.starts_with(&part)), "{part:?} of {all:?}");
        }
    });
}

#[test]
fn a_close_wakes_whoever_waits() {
    explore(Time::WhenIdle, || async {
        let hub: Hub<u32> = Hub::new();
        let mut busy = hub.join().unwrap();
        let busy = tokio::spawn(async move {
            let left = busy.left().await;
            (left, busy.try_recv().map(|message| message.as_deref().copied()), busy.recv().await.is_err())
        });
        let listener = tokio::spawn(listen(hub.join().unwrap()));
        let other = hub.clone();
        let sender = tokio::spawn(async move { other.send(1) });
        pause(6).await;
        hub.close();
        let sent = sender.await.unwrap();
        let (left, waiting, is_over) = busy.await.unwrap();
        assert!(left == Left::Closed && is_over);
        let (heard, left) = listener.await.unwrap();
        assert_eq!(left, Left::Closed);
        match sent {
            Ok(sent) => {
                assert_eq!((sent.reached, sent.dropped), (2, 0));
                assert_eq!((heard, waiting), (vec![1], Ok(Some(1))));
            }
            Err(_) => assert_eq!((heard, waiting), (vec![], Err(Left::Closed))),
        }
        assert!(hub.join().is_err());
    });
}

#[test]
fn a_wait_that_is_given_up_loses_no_message_and_no_wake_up() {
    explore(Time::WhenIdle, || async {
        let hub = Hub::with_buffer(3);
        let mut member = hub.join().unwrap();
        let listener = tokio::spawn(async move {
            let mut heard = Vec::new();
            loop {
                let news = tokio::select! {
                    biased;
                    news = member.recv() => Some(news),
                    () = pause(2) => None,
                };
                let Some(news) = news else {
                    // Another wait takes its place, and is given up as well.
                    tokio::select! {
                        biased;
                        _ = member.left() => break,
                        () = pause(2) => continue,
                    }
                };
                match news {
                    Ok(message) => heard.push(*message),
                    Err(_) => break,
                }
            }
            while let Ok(Some(message)) = member.try_recv() {
                heard.push(*message);
            }
            heard
        });
        let sender = tokio::spawn(send(hub.clone(), 0));
        assert_eq!(sender.await.unwrap(), 0);
        hub.close();
        assert_eq!(listener.await.unwrap(), [0, 1, 2]);
    });
}

#[test]
fn a_hub_that_is_stopped_tells_its_members() {
    explore(Time::WhenIdle, || async {
        let hub: Hub<u32> = Hub::with_buffer(8);
        let heard = Arc::new(Mutex::new(Vec::new()));
        let listener = tokio::spawn({
            let (member, heard) = (hub.join().unwrap(), heard.clone());
            async move {
                let (messages, left) = listen(member).await;
                heard.lock().unwrap().extend(messages);
                left
            }
        });
        let sender = tokio::spawn({
            let hub = hub.clone();
            async move {
                let mut sent = Vec::new();
                while sent.len() < 4 && hub.send(u32::try_from(sent.len()).unwrap()).is_ok() {
                    sent.push(u32::try_from(sent.len()).unwrap());
                    pause(2).await;
                }
                sent
            }
        });
        let report = Conductor::new("room").player("hub", hub.clone()).play_until(pause(12)).await;
        assert!(report.is_clean(), "{report}");
        if report.player("room/hub").is_none_or(|player| player.notes.is_empty()) {
            // It was stopped before it had begun.
            hub.close();
        }
        let sent = sender.await.unwrap();
        assert_eq!(listener.await.unwrap(), Left::Closed);
        assert_eq!(*heard.lock().unwrap(), sent);
    });
}
