//! `tokio::sync::mpsc`, unbounded.

use std::{pin::pin, sync::Arc};

use super::super::tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use crate::polled::{Flag, Polled, marks};

struct Script {
    senders: Vec<UnboundedSender<u8>>,
    receiver: Option<UnboundedReceiver<u8>>,
    woken: Arc<Flag>,
    closed: Vec<Polled<()>>,
}

pub(crate) fn run(script: &[(u8, u8)]) -> Vec<String> {
    let (sender, receiver) = unbounded_channel();
    let mut state =
        Script { senders: vec![sender], receiver: Some(receiver), woken: Arc::default(), closed: Vec::new() };
    let mut lines = Vec::new();
    for &(operation, n) in script {
        if let Some(line) = state.step(operation, n) {
            lines.push(format!("{line}; {}", state.seen()));
        }
    }
    lines
}

impl Script {
    fn step(&mut self, operation: u8, n: u8) -> Option<String> {
        let at = usize::from(n);
        Some(match operation % 16 {
            0..=4 => format!("send {:?}", self.senders.get(at.checked_rem(self.senders.len())?)?.send(n)),
            5 => {
                let sender = self.senders.get(at.checked_rem(self.senders.len())?)?.clone();
                self.senders.push(sender);
                "clone".to_owned()
            }
            6 => {
                drop(self.senders.remove(at.checked_rem(self.senders.len())?));
                "drop sender".to_owned()
            }
            7 => {
                let sender = self.senders.get(at.checked_rem(self.senders.len())?)?.clone();
                let mut closed = Polled::new(async move { sender.closed().await });
                let polled = closed.poll();
                if polled.is_pending() {
                    self.closed.push(closed);
                }
                format!("closed {polled:?}")
            }
            8 => {
                let at = at.checked_rem(self.closed.len())?;
                let polled = self.closed[at].poll();
                if polled.is_ready() {
                    self.closed.remove(at);
                }
                format!("closed again {polled:?}")
            }
            9 | 10 => {
                let receiver = self.receiver.as_mut()?;
                format!("poll_recv {:?}", self.woken.poll(|cx| receiver.poll_recv(cx)))
            }
            11 => {
                let (receiver, mut items) = (self.receiver.as_mut()?, Vec::new());
                let polled = self.woken.poll(|cx| pin!(receiver.recv_many(&mut items, at % 4)).poll(cx));
                format!("recv_many {} {polled:?} {items:?}", at % 4)
            }
            12 | 13 => format!("try_recv {:?}", self.receiver.as_mut()?.try_recv()),
            14 => {
                self.receiver.as_mut()?.close();
                "close".to_owned()
            }
            _ if n.is_multiple_of(4) => {
                drop(self.receiver.take()?);
                "drop receiver".to_owned()
            }
            _ => return None,
        })
    }

    fn seen(&self) -> String {
        let receiver =
            self.receiver.as_ref().map(|receiver| (receiver.len(), receiver.is_empty(), receiver.is_closed()));
        let sender = self.senders.first().map(UnboundedSender::is_closed);
        let woken = marks(self.closed.iter().map(|closed| &closed.flag));
        format!("receiver {receiver:?} {}, sender {sender:?}, calls {woken}", self.woken.mark())
    }
}
