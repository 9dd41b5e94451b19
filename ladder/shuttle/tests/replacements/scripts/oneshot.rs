//! `tokio::sync::oneshot`.
//!
//! Wake-ups for which no future waits are not compared: those of a receiver that has closed the
//! channel itself, and those of a sender that has seen the end.

use std::{future::Future, pin::Pin, sync::Arc};

use super::super::tokio::sync::oneshot::{Receiver, Sender, channel, error::TryRecvError};
use crate::polled::Flag;

struct Script {
    sender: Option<Sender<u8>>,
    receiver: Option<Receiver<u8>>,
    /// For the sender and for the receiver, as long as they wait for something.
    woken: [Option<Arc<Flag>>; 2],
}

pub(crate) fn run(script: &[(u8, u8)]) -> Vec<String> {
    let mut lines = Vec::new();
    // A channel has a short life: one after the other.
    for script in script.chunks(6) {
        let (sender, receiver) = channel();
        let mut state = Script {
            sender: Some(sender),
            receiver: Some(receiver),
            woken: [Some(Arc::default()), Some(Arc::default())],
        };
        for &(operation, n) in script {
            if let Some(line) = state.step(operation, n) {
                let [sender, receiver] = state.woken.each_ref().map(|flag| flag.as_ref().map(|flag| flag.mark()));
                let is_closed = state.sender.as_ref().map(Sender::is_closed);
                lines.push(format!("{line}; sender {is_closed:?} {sender:?}, receiver {receiver:?}"));
            }
        }
    }
    lines
}

impl Script {
    fn step(&mut self, operation: u8, n: u8) -> Option<String> {
        Some(match operation % 9 {
            0 => format!("send {:?}", self.sender.take()?.send(n)),
            1 => {
                drop(self.sender.take()?);
                "drop sender".to_owned()
            }
            2 => {
                let sender = self.sender.as_mut()?;
                let polled = self.woken[0].as_ref()?.poll(|cx| sender.poll_closed(cx));
                if polled.is_ready() {
                    self.woken[0] = None;
                }
                format!("poll_closed {polled:?}")
            }
            3..=5 => {
                let receiver = self.receiver.as_mut()?;
                let polled = self.woken[1].as_ref().unwrap_or(&Arc::default()).poll(|cx| Pin::new(receiver).poll(cx));
                if polled.is_ready() {
                    // To poll it once more is a panic.
                    self.receiver = None;
                }
                format!("poll {:?}", polled.map(Result::ok))
            }
            6 => {
                let received = self.receiver.as_mut()?.try_recv();
                if !matches!(received, Err(TryRecvError::Empty)) {
                    // To poll it once more is a panic.
                    self.receiver = None;
                }
                format!("try_recv {received:?}")
            }
            7 => {
                self.receiver.as_mut()?.close();
                self.woken[1] = None;
                "close".to_owned()
            }
            _ => {
                drop(self.receiver.take()?);
                "drop receiver".to_owned()
            }
        })
    }
}
