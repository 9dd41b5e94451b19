//! `tokio::sync::mpsc`, bounded.

use std::{cell::Cell, future::poll_fn, pin::pin, rc::Rc, sync::Arc, task::Poll};

use super::super::tokio::sync::mpsc::{Permit, Receiver, Sender, channel};
use crate::polled::{Flag, Polled, marks};

/// A future of a sender: it sends, waits for the end, or reserves and then holds a permit.
struct Held {
    call: Polled<String>,
    permit: Rc<Cell<Use>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Use {
    NotYet,
    Hold,
    Send(u8),
    Return,
}

struct Script {
    senders: Vec<Rc<Sender<u8>>>,
    receiver: Option<Receiver<u8>>,
    woken: Arc<Flag>,
    held: Vec<Held>,
}

pub(crate) fn run(script: &[(u8, u8)]) -> Vec<String> {
    let buffer = script.first().map_or(1, |&(_, n)| 1 + usize::from(n % 3));
    let (sender, receiver) = channel(buffer);
    let mut state =
        Script { senders: vec![Rc::new(sender)], receiver: Some(receiver), woken: Arc::default(), held: Vec::new() };
    let mut lines = Vec::new();
    for &(operation, n) in script {
        if let Some(line) = state.step(operation, n) {
            lines.push(format!("{line}; {}", state.seen()));
        }
    }
    lines
}

impl Script {
    fn step(&mut self, operation: u8, item: u8) -> Option<String> {
        let n = usize::from(item);
        Some(match operation % 22 {
            0 | 1 => self.hold(n, "reserve", async |sender, permit| match sender.reserve().await {
                Ok(reserved) => hold(reserved, permit).await,
                Err(error) => format!("{error:?}"),
            })?,
            2 | 3 => self.hold(n, "try_reserve", async |sender, permit| match sender.try_reserve() {
                Ok(reserved) => hold(reserved, permit).await,
                Err(error) => format!("{error:?}"),
            })?,
            4 => self.hold(n, "send", async move |sender, _| format!("{:?}", sender.send(item).await))?,
            5 => self.hold(n, "closed", async |sender, _| format!("{:?}", sender.closed().await))?,
            6 | 7 => self.poll(n, None)?,
            8 | 9 => self.poll(n, Some(Use::Send(item)))?,
            10 => self.poll(n, Some(Use::Return))?,
            11 => {
                let at = n.checked_rem(self.held.len())?;
                drop(self.held.remove(at));
                format!("drop call {at}")
            }
            12 => {
                let sender = Sender::clone(self.senders.get(n.checked_rem(self.senders.len())?)?);
                self.senders.push(Rc::new(sender));
                "clone".to_owned()
            }
            13 => {
                drop(self.senders.remove(n.checked_rem(self.senders.len())?));
                "drop sender".to_owned()
            }
            14 | 15 => {
                let receiver = self.receiver.as_mut()?;
                format!("poll_recv {:?}", self.woken.poll(|cx| receiver.poll_recv(cx)))
            }
            16 => {
                let (receiver, mut items) = (self.receiver.as_mut()?, Vec::new());
                let polled = self.woken.poll(|cx| pin!(receiver.recv_many(&mut items, n % 4)).poll(cx));
                format!("recv_many {} {polled:?} {items:?}", n % 4)
            }
            17..=19 => format!("try_recv {:?}", self.receiver.as_mut()?.try_recv()),
            20 => {
                self.receiver.as_mut()?.close();
                "close".to_owned()
            }
            // Rarely, because not much happens afterwards.
            _ if n.is_multiple_of(4) => {
                drop(self.receiver.take()?);
                "drop receiver".to_owned()
            }
            _ => return None,
        })
    }

    fn hold<F: Future<Output = String> + 'static>(
        &mut self,
        n: usize,
        name: &str,
        call: impl FnOnce(Rc<Sender<u8>>, Rc<Cell<Use>>) -> F,
    ) -> Option<String> {
        let sender = self.senders.get(n.checked_rem(self.senders.len())?)?.clone();
        let permit = Rc::new(Cell::new(Use::NotYet));
        self.held.push(Held { call: Polled::new(call(sender, permit.clone())), permit });
        let polled = self.poll(self.held.len() - 1, None)?;
        Some(format!("{name}: {polled}"))
    }

    /// Polls a future, and uses its permit if it has one.
    fn poll(&mut self, n: usize, wanted: Option<Use>) -> Option<String> {
        let at = n.checked_rem(self.held.len())?;
        let held = &mut self.held[at];
        if let (Use::Hold, Some(wanted)) = (held.permit.get(), wanted) {
            held.permit.set(wanted);
        }
        Some(match held.call.poll() {
            Poll::Ready(outcome) => {
                self.held.remove(at);
                format!("call {at} {outcome}")
            }
            Poll::Pending if held.permit.get() == Use::Hold => format!("call {at} holds a permit"),
            Poll::Pending => format!("call {at} waits"),
        })
    }

    fn seen(&self) -> String {
        let receiver =
            self.receiver.as_ref().map(|receiver| (receiver.len(), receiver.is_empty(), receiver.is_closed()));
        let sender = self.senders.first().map(|sender| (sender.capacity(), sender.max_capacity(), sender.is_closed()));
        let woken = marks(self.held.iter().map(|held| &held.call.flag));
        format!("receiver {receiver:?} {}, sender {sender:?}, calls {woken}", self.woken.mark())
    }
}

async fn hold(reserved: Permit<'_, u8>, permit: Rc<Cell<Use>>) -> String {
    permit.set(Use::Hold);
    poll_fn(|_| if permit.get() == Use::Hold { Poll::Pending } else { Poll::Ready(()) }).await;
    if let Use::Send(item) = permit.get() {
        reserved.send(item);
        "sent".to_owned()
    } else {
        drop(reserved);
        "returned".to_owned()
    }
}
