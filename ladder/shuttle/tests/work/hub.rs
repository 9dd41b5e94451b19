//! Hubs: one order for all receivers, no sender waits, and no wake-up is lost.

use std::sync::{Arc, Mutex};

use upbeat::Conductor;
use upbeat_work::{
    Hub,
    hub::{Receiver, RecvError},
};

use crate::explore::{Time, explore, pause};

/// Receives until the end. Returns the messages and the reason of the end.
async fn listen(mut receiver: Receiver<u32>) -> (Vec<u32>, RecvError) {
    let mut messages = Vec::new();
    loop {
        match receiver.recv().await {
            Ok(message) => messages.push(*message),
            Err(end) => return (messages, end),
        }
        pause(2).await;
    }
}

/// Sends three messages. Returns the number of receivers that were dropped.
async fn send(hub: Hub<u32>, first: u32) -> u64 {
    let mut dropped = 0;
    for message in first..first + 3 {
        dropped += hub.send(message).unwrap().dropped as u64;
        pause(2).await;
    }
    dropped
}

#[test]
fn all_receivers_get_the_same_messages_in_the_same_order() {
    explore(Time::WhenIdle, || async {
        let hub = Hub::with_capacity(6);
        let receivers: Vec<_> = (0..2).map(|_| tokio::spawn(listen(hub.subscribe().unwrap()))).collect();
        let senders: Vec<_> = (0..2).map(|at| tokio::spawn(send(hub.clone(), at * 10))).collect();
        pause(3).await;
        let late = tokio::spawn(listen(hub.subscribe().unwrap()));
        for sender in senders {
            assert_eq!(sender.await.unwrap(), 0);
        }
        // The last clone: nothing else wakes the receivers.
        drop(hub);
        let mut logs = Vec::new();
        for receiver in receivers {
            let (messages, end) = receiver.await.unwrap();
            assert_eq!(end, RecvError::Closed);
            logs.push(messages);
        }
        let [one, other] = &logs[..] else { panic!("two receivers") };
        assert_eq!(one, other);
        assert_eq!(one.len(), 6, "{one:?}");
        for sender in 0..2 {
            let of_one = one.iter().copied().filter(|message| message / 10 == sender);
            assert!(of_one.eq(sender * 10..sender * 10 + 3), "{one:?}");
        }
        let (messages, end) = late.await.unwrap();
        assert!(end == RecvError::Closed && one.ends_with(&messages), "{messages:?} of {one:?}");
    });
}

#[test]
fn a_slow_receiver_is_dropped_and_notified_and_no_other_is_affected() {
    explore(Time::WhenIdle, || async {
        let hub = Hub::with_capacity(2);
        let mut busy = hub.subscribe().unwrap();
        // It never receives, and is notified all the same.
        let busy = tokio::spawn(async move { busy.closed().await });
        let receivers: Vec<_> = (0..3).map(|_| tokio::spawn(listen(hub.subscribe().unwrap()))).collect();
        let senders: Vec<_> = (0..2).map(|at| tokio::spawn(send(hub.clone(), at * 10))).collect();
        let mut dropped = 0;
        for sender in senders {
            dropped += sender.await.unwrap();
        }
        assert_eq!(busy.await.unwrap(), RecvError::TooSlow);
        assert_eq!((hub.counts().dropped, hub.counts().messages), (dropped, 6));
        hub.close();
        let (mut too_slow, mut all) = (1, None::<Vec<u32>>);
        let mut parts = Vec::new();
        for receiver in receivers {
            match receiver.await.unwrap() {
                (messages, RecvError::Closed) => {
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
fn a_close_wakes_waiting_receivers() {
    explore(Time::WhenIdle, || async {
        let hub: Hub<u32> = Hub::new();
        let mut busy = hub.subscribe().unwrap();
        let busy = tokio::spawn(async move {
            let end = busy.closed().await;
            (end, busy.try_recv().map(|message| message.as_deref().copied()), busy.recv().await.is_err())
        });
        let listener = tokio::spawn(listen(hub.subscribe().unwrap()));
        let other = hub.clone();
        let sender = tokio::spawn(async move { other.send(1) });
        pause(6).await;
        hub.close();
        let sent = sender.await.unwrap();
        let (end, waiting, is_over) = busy.await.unwrap();
        assert!(end == RecvError::Closed && is_over);
        let (messages, end) = listener.await.unwrap();
        assert_eq!(end, RecvError::Closed);
        match sent {
            Ok(sent) => {
                assert_eq!((sent.reached, sent.dropped), (2, 0));
                assert_eq!((messages, waiting), (vec![1], Ok(Some(1))));
            }
            Err(_) => assert_eq!((messages, waiting), (vec![], Err(RecvError::Closed))),
        }
        assert!(hub.subscribe().is_err());
    });
}

#[test]
fn a_dropped_wait_loses_no_message_and_no_wake_up() {
    explore(Time::WhenIdle, || async {
        let hub = Hub::with_capacity(3);
        let mut receiver = hub.subscribe().unwrap();
        let listener = tokio::spawn(async move {
            let mut messages = Vec::new();
            loop {
                let news = tokio::select! {
                    biased;
                    news = receiver.recv() => Some(news),
                    () = pause(2) => None,
                };
                let Some(news) = news else {
                    // Another wait replaces it, and is dropped too.
                    tokio::select! {
                        biased;
                        _ = receiver.closed() => break,
                        () = pause(2) => continue,
                    }
                };
                match news {
                    Ok(message) => messages.push(*message),
                    Err(_) => break,
                }
            }
            while let Ok(Some(message)) = receiver.try_recv() {
                messages.push(*message);
            }
            messages
        });
        let sender = tokio::spawn(send(hub.clone(), 0));
        assert_eq!(sender.await.unwrap(), 0);
        hub.close();
        assert_eq!(listener.await.unwrap(), [0, 1, 2]);
    });
}

#[test]
fn a_stopped_hub_closes_its_receivers() {
    explore(Time::WhenIdle, || async {
        let hub: Hub<u32> = Hub::with_capacity(8);
        let heard = Arc::new(Mutex::new(Vec::new()));
        let listener = tokio::spawn({
            let (receiver, heard) = (hub.subscribe().unwrap(), heard.clone());
            async move {
                let (messages, end) = listen(receiver).await;
                heard.lock().unwrap().extend(messages);
                end
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
        assert_eq!(listener.await.unwrap(), RecvError::Closed);
        assert_eq!(*heard.lock().unwrap(), sent);
    });
}
