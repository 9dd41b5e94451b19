//! `parking_lot`, without waiting.

use super::super::parking_lot::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

#[derive(Default)]
struct Guards<'a> {
    mutex: Option<MutexGuard<'a, u8>>,
    readers: Vec<RwLockReadGuard<'a, u8>>,
    writer: Option<RwLockWriteGuard<'a, u8>>,
}

pub(crate) fn run(script: &[(u8, u8)]) -> Vec<String> {
    let (mutex, lock) = (Mutex::new(0), RwLock::new(0));
    let mut guards = Guards::default();
    let mut lines = Vec::new();
    for &(operation, n) in script {
        if let Some(line) = guards.step(&mutex, &lock, operation, n) {
            lines.push(format!("{line}; {} {}", mutex.is_locked(), lock.is_locked()));
        }
    }
    drop(guards);
    lines.push(format!("{} {}", mutex.into_inner(), lock.into_inner()));
    lines
}

impl<'a> Guards<'a> {
    fn step(&mut self, mutex: &'a Mutex<u8>, lock: &'a RwLock<u8>, operation: u8, n: u8) -> Option<String> {
        Some(match operation % 10 {
            0 | 1 => {
                let guard = mutex.try_lock();
                let locked = guard.is_some();
                self.mutex = guard.or_else(|| self.mutex.take());
                format!("try_lock {locked}")
            }
            2 => {
                **self.mutex.as_mut()? = n;
                "set".to_owned()
            }
            3 => {
                drop(self.mutex.take()?);
                "unlock".to_owned()
            }
            4 => {
                let guard = lock.try_read();
                let read = guard.as_deref().copied();
                self.readers.extend(guard);
                format!("try_read {read:?}")
            }
            5 => {
                drop(self.readers.pop()?);
                "unlock reader".to_owned()
            }
            6 => {
                let guard = lock.try_write();
                let locked = guard.is_some();
                self.writer = guard.or_else(|| self.writer.take());
                format!("try_write {locked}")
            }
            7 => {
                **self.writer.as_mut()? = n;
                "write".to_owned()
            }
            8 => {
                drop(self.writer.take()?);
                "unlock writer".to_owned()
            }
            // It would wait for itself otherwise.
            _ if self.mutex.is_none() => format!("lock {}", *mutex.lock()),
            _ => return None,
        })
    }
}
