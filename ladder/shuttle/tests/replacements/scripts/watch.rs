//! `tokio::sync::watch`.

use std::{rc::Rc, task::Poll};

use super::super::tokio::sync::watch::{Receiver, Sender};
use crate::polled::{Polled, marks};

/// A receiver, or one that waits and comes back from it.
enum Reader {
    Idle(Receiver<u8>),
    Waits(Polled<(Receiver<u8>, String)>),
}

struct Script {
    sender: Option<Rc<Sender<u8>>>,
    readers: Vec<Reader>,
    closed: Vec<Polled<()>>,
}

pub(crate) fn run(script: &[(u8, u8)]) -> Vec<String> {
    let mut state = Script { sender: Some(Rc::new(Sender::new(0))), readers: Vec::new(), closed: Vec::new() };
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
        Some(match operation % 20 {
            0 | 1 => {
                let receiver = self.sender.as_ref()?.subscribe();
                self.readers.push(Reader::Idle(receiver));
                "subscribe".to_owned()
            }
            2 => format!("send {}", self.sender.as_ref()?.send(n).is_ok()),
            3 => format!("send_replace {}", self.sender.as_ref()?.send_replace(n)),
            4 => {
                self.sender.as_ref()?.send_modify(|value| *value = value.wrapping_add(n));
                "send_modify".to_owned()
            }
            5 => {
                let modified = self.sender.as_ref()?.send_if_modified(|value| {
                    *value = n;
                    n.is_multiple_of(2)
                });
                format!("send_if_modified {modified}")
            }
            6 => {
                let sender = self.sender.clone()?;
                let mut closed = Polled::new(async move { sender.closed().await });
                let polled = closed.poll();
                if polled.is_pending() {
                    self.closed.push(closed);
                }
                format!("closed {polled:?}")
            }
            7 => {
                let at = usize::from(n).checked_rem(self.closed.len())?;
                let polled = self.closed[at].poll();
                if polled.is_ready() {
                    self.closed.remove(at);
                }
                format!("closed again {polled:?}")
            }
            8 if n.is_multiple_of(4) => {
                // Also a future may have it.
                self.closed.clear();
                drop(self.sender.take()?);
                "drop sender".to_owned()
            }
            9..=11 => self.poll(n)?,
            12 => {
                let at = usize::from(n).checked_rem(self.readers.len())?;
                drop(self.readers.remove(at));
                format!("drop reader {at}")
            }
            _ => self.read(operation, n)?,
        })
    }

    /// With a receiver that does not wait.
    fn read(&mut self, operation: u8, n: u8) -> Option<String> {
        let at = usize::from(n).checked_rem(self.readers.len())?;
        let Reader::Idle(receiver) = &mut self.readers[at] else { return None };
        Some(match operation % 20 {
            13 => format!("borrow {}", *receiver.borrow()),
            14 => format!("borrow_and_update {}", *receiver.borrow_and_update()),
            15 => {
                let copy = receiver.clone();
                self.readers.push(Reader::Idle(copy));
                "clone".to_owned()
            }
            operation => {
                let Reader::Idle(mut receiver) = self.readers.remove(at) else { return None };
                self.readers.push(Reader::Waits(if operation == 16 {
                    Polled::new(async move {
                        let found = receiver.wait_for(|value| *value > n).await.map(|value| *value);
                        let found = format!("wait_for {n} {found:?}");
                        (receiver, found)
                    })
                } else {
                    Polled::new(async move {
                        let changed = format!("changed {:?}", receiver.changed().await);
                        (receiver, changed)
                    })
                }));
                return self.poll(u8::try_from(self.readers.len() - 1).ok()?);
            }
        })
    }

    fn poll(&mut self, n: u8) -> Option<String> {
        let at = usize::from(n).checked_rem(self.readers.len())?;
        let Reader::Waits(wait) = &mut self.readers[at] else { return None };
        let Poll::Ready((receiver, outcome)) = wait.poll() else { return Some(format!("reader {at} waits")) };
        self.readers[at] = Reader::Idle(receiver);
        Some(format!("reader {at} {outcome}"))
    }

    fn seen(&self) -> String {
        let sender = self.sender.as_ref();
        let sender = sender.map(|sender| (*sender.borrow(), sender.receiver_count(), sender.is_closed()));
        let readers: Vec<_> = self
            .readers
            .iter()
            .map(|reader| match reader {
                Reader::Idle(receiver) => format!("{:?}", receiver.has_changed()),
                Reader::Waits(wait) => wait.flag.mark().to_string(),
            })
            .collect();
        format!("sender {sender:?} {}, readers {readers:?}", marks(self.closed.iter().map(|closed| &closed.flag)))
    }
}
