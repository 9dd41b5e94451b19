//! `tokio::task`: tasks that wait for a signal are finished, aborted and detached. After each step
//! all tasks have run as far as they can.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use super::super::tokio::{
    spawn,
    sync::oneshot::{Sender, channel},
    task::{JoinHandle, spawn_blocking, yield_now},
    time::sleep,
};

struct Task {
    handle: Option<JoinHandle<u8>>,
    signal: Option<Sender<u8>>,
}

/// Counts the tasks that are gone.
struct Guard(Arc<AtomicUsize>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

pub(crate) fn run(script: Vec<(u8, u8)>) -> Pin<Box<dyn Future<Output = Vec<String>>>> {
    Box::pin(async move {
        let gone = Arc::new(AtomicUsize::new(0));
        let (mut tasks, mut lines) = (Vec::new(), Vec::new());
        for (operation, n) in script {
            if let Some(line) = step(&mut tasks, &gone, operation, n).await {
                sleep(Duration::from_millis(1)).await;
                let finished: Vec<_> =
                    tasks.iter().map(|task| task.handle.as_ref().map(JoinHandle::is_finished)).collect();
                lines.push(format!("{line}; {finished:?}, {} gone", gone.load(SeqCst)));
            }
        }
        lines
    })
}

async fn step(tasks: &mut Vec<Task>, gone: &Arc<AtomicUsize>, operation: u8, n: u8) -> Option<String> {
    let at = usize::from(n).checked_rem(tasks.len());
    Some(match operation % 9 {
        0..=2 => {
            let (signal, signaled) = channel();
            let guard = Guard(gone.clone());
            let handle = spawn(async move {
                let _guard = guard;
                let value = signaled.await.unwrap_or(0);
                yield_now().await;
                value
            });
            tasks.push(Task { handle: Some(handle), signal: Some(signal) });
            "spawn".to_owned()
        }
        3 => format!("signal {:?}", tasks[at?].signal.take()?.send(n)),
        4 => {
            drop(tasks[at?].signal.take()?);
            "drop signal".to_owned()
        }
        5 => {
            tasks[at?].handle.as_ref()?.abort();
            format!("abort {}", at?)
        }
        6 => {
            drop(tasks[at?].handle.take()?);
            format!("detach {}", at?)
        }
        7 => {
            let handle = tasks[at?].handle.take_if(|handle| handle.is_finished())?;
            format!("join {:?}", handle.await.map_err(|error| error.is_cancelled()))
        }
        _ => format!("spawn_blocking {:?}", spawn_blocking(move || n).await.ok()),
    })
}
