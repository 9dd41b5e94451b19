//! `tokio::sync::Semaphore`.

use std::{sync::Arc, task::Poll};

use super::super::tokio::sync::{OwnedSemaphorePermit, Semaphore};
use crate::polled::{Polled, marks};

struct Script {
    semaphore: Arc<Semaphore>,
    waits: Vec<Polled<Option<OwnedSemaphorePermit>>>,
    permits: Vec<OwnedSemaphorePermit>,
}

pub(crate) fn run(script: &[(u8, u8)]) -> Vec<String> {
    let permits = script.first().map_or(0, |&(_, n)| usize::from(n % 4));
    let mut state = Script { semaphore: Arc::new(Semaphore::new(permits)), waits: Vec::new(), permits: Vec::new() };
    let mut lines = Vec::new();
    for &(operation, n) in script {
        if let Some(line) = state.step(operation, n) {
            let seen = (state.semaphore.available_permits(), state.semaphore.is_closed());
            lines.push(format!("{line}; {seen:?} {}", marks(state.waits.iter().map(|wait| &wait.flag))));
        }
    }
    lines
}

impl Script {
    fn step(&mut self, operation: u8, n: u8) -> Option<String> {
        let n = usize::from(n);
        Some(match operation % 14 {
            0..=2 => {
                let semaphore = self.semaphore.clone();
                let many = u32::try_from(n % 4).ok()?;
                self.waits.push(Polled::new(async move { semaphore.acquire_many_owned(many).await.ok() }));
                self.poll(self.waits.len() - 1)?
            }
            3 | 4 => self.poll(n)?,
            5 | 6 => {
                let some = 1 + u32::try_from(n % 3).ok()?;
                match self.semaphore.clone().try_acquire_many_owned(some) {
                    Ok(permit) => {
                        let line = format!("try_acquire_many {}", permit.num_permits());
                        self.permits.push(permit);
                        line
                    }
                    Err(error) => format!("try_acquire_many {error:?}"),
                }
            }
            7..=9 => {
                drop(self.permits.remove(n.checked_rem(self.permits.len())?));
                "drop permit".to_owned()
            }
            10 => {
                self.permits.remove(n.checked_rem(self.permits.len())?).forget();
                "forget".to_owned()
            }
            11 => {
                drop(self.waits.remove(n.checked_rem(self.waits.len())?));
                "drop wait".to_owned()
            }
            12 => {
                self.semaphore.add_permits(n % 3);
                format!("add_permits {}", n % 3)
            }
            _ if n.is_multiple_of(4) => {
                self.semaphore.close();
                "close".to_owned()
            }
            _ => return None,
        })
    }

    fn poll(&mut self, n: usize) -> Option<String> {
        let at = n.checked_rem(self.waits.len())?;
        let Poll::Ready(permit) = self.waits[at].poll() else { return Some(format!("acquire {at} waits")) };
        self.waits.remove(at);
        let line = format!("acquire {at} {}", permit.is_some());
        self.permits.extend(permit);
        Some(line)
    }
}
