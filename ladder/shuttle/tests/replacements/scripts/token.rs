//! `tokio_util::sync::CancellationToken`.

use super::super::tokio_util::sync::CancellationToken;
use crate::polled::{Polled, marks};

struct Script {
    tokens: Vec<CancellationToken>,
    waits: Vec<Polled<()>>,
}

pub(crate) fn run(script: &[(u8, u8)]) -> Vec<String> {
    let mut state = Script { tokens: vec![CancellationToken::new()], waits: Vec::new() };
    let mut lines = Vec::new();
    for &(operation, n) in script {
        if let Some(line) = state.step(operation, usize::from(n)) {
            let cancelled: Vec<_> = state.tokens.iter().map(CancellationToken::is_cancelled).collect();
            lines.push(format!("{line}; {cancelled:?} {}", marks(state.waits.iter().map(|wait| &wait.flag))));
        }
    }
    lines
}

impl Script {
    fn step(&mut self, operation: u8, n: usize) -> Option<String> {
        let token = n.checked_rem(self.tokens.len());
        Some(match operation % 10 {
            0..=2 => {
                let child = self.tokens[token?].child_token();
                self.tokens.push(child);
                format!("child of {}", token?)
            }
            3 => {
                let copy = self.tokens[token?].clone();
                self.tokens.push(copy);
                format!("clone of {}", token?)
            }
            4 => {
                drop(self.tokens.remove(token?));
                format!("drop {}", token?)
            }
            5 if n.is_multiple_of(2) => {
                self.tokens[token?].cancel();
                format!("cancel {}", token?)
            }
            6 | 7 => {
                let token = self.tokens[token?].clone();
                let mut wait = Polled::new(async move { token.cancelled().await });
                let polled = wait.poll();
                if polled.is_pending() {
                    self.waits.push(wait);
                }
                format!("cancelled {polled:?}")
            }
            8 => {
                let at = n.checked_rem(self.waits.len())?;
                let polled = self.waits[at].poll();
                if polled.is_ready() {
                    self.waits.remove(at);
                }
                format!("cancelled again {polled:?}")
            }
            9 => {
                drop(self.waits.remove(n.checked_rem(self.waits.len())?));
                "drop wait".to_owned()
            }
            _ => return None,
        })
    }
}
