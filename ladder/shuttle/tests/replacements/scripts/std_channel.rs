//! `std::sync::mpsc`. The replacement's `recv_timeout` never times out. A script therefore receives
//! only items that are there.

use std::time::Duration;

use super::super::std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

enum AnySender {
    Unbounded(Sender<u8>),
    Bounded(SyncSender<u8>),
}

struct Script {
    senders: Vec<AnySender>,
    receiver: Option<Receiver<u8>>,
    /// The number of items in the channel.
    items: usize,
}

pub(crate) fn run(script: &[(u8, u8)]) -> Vec<String> {
    let bound = script.first().map_or(0, |&(_, n)| usize::from(n % 4));
    let (sender, receiver) = if bound == 0 {
        let (sender, receiver) = channel();
        (AnySender::Unbounded(sender), receiver)
    } else {
        let (sender, receiver) = sync_channel(bound);
        (AnySender::Bounded(sender), receiver)
    };
    let mut state = Script { senders: vec![sender], receiver: Some(receiver), items: 0 };
    script.iter().filter_map(|&(operation, n)| state.step(operation, n)).collect()
}

impl Script {
    fn step(&mut self, operation: u8, n: u8) -> Option<String> {
        let sender = usize::from(n).checked_rem(self.senders.len());
        let may_receive = self.items > 0 || self.senders.is_empty();
        Some(match operation % 13 {
            0..=3 => {
                let (sent, line) = match &self.senders[sender?] {
                    AnySender::Unbounded(sender) => {
                        let sent = sender.send(n);
                        (sent.is_ok(), format!("send {sent:?}"))
                    }
                    AnySender::Bounded(sender) => {
                        let sent = sender.try_send(n);
                        (sent.is_ok(), format!("try_send {sent:?}"))
                    }
                };
                self.items += usize::from(sent);
                line
            }
            4 => {
                let copy = match &self.senders[sender?] {
                    AnySender::Unbounded(sender) => AnySender::Unbounded(sender.clone()),
                    AnySender::Bounded(sender) => AnySender::Bounded(sender.clone()),
                };
                self.senders.push(copy);
                "clone".to_owned()
            }
            5 => {
                drop(self.senders.remove(sender?));
                "drop sender".to_owned()
            }
            6..=8 => {
                let received = self.receiver.as_ref()?.try_recv();
                self.items -= usize::from(received.is_ok());
                format!("try_recv {received:?}")
            }
            9 => {
                let some: Vec<_> = self.receiver.as_ref()?.try_iter().take(usize::from(n % 3)).collect();
                self.items -= some.len();
                format!("try_iter {some:?}")
            }
            10 if may_receive => {
                let received = self.receiver.as_ref()?.recv();
                self.items -= usize::from(received.is_ok());
                format!("recv {received:?}")
            }
            11 if may_receive => {
                let received = self.receiver.as_ref()?.recv_timeout(Duration::from_secs(5));
                self.items -= usize::from(received.is_ok());
                format!("recv_timeout {received:?}")
            }
            12 if n.is_multiple_of(4) => {
                drop(self.receiver.take()?);
                self.items = 0;
                "drop receiver".to_owned()
            }
            _ => return None,
        })
    }
}
