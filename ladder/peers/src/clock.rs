use std::{
    future::Future,
    panic::resume_unwind,
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use tokio::runtime::Builder;

/// A millisecond.
pub const MS: Duration = Duration::from_millis(1);
/// A second.
pub const S: Duration = Duration::from_secs(1);

/// The real time after which a test that hangs fails.
const BOUND: Duration = Duration::from_mins(1);

fn bounded<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, ended) = channel();
    let thread = thread::spawn(move || {
        let value = test();
        let _ = sender.send(());
        value
    });
    match ended.recv_timeout(BOUND) {
        // A panic drops the sender, too: `join` returns it.
        Ok(()) | Err(RecvTimeoutError::Disconnected) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
        Err(RecvTimeoutError::Timeout) => panic!("the test hangs: it has not ended after {BOUND:?}"),
    }
}

/// Runs a test on one thread and a paused clock.
pub fn paused<Fut: Future<Output = ()>>(test: impl FnOnce() -> Fut + Send + 'static) {
    bounded(|| {
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(test());
        runtime.shutdown_background();
    });
}

/// Runs a test on the real clock, with this number of workers.
pub fn real<Fut: Future<Output = ()>>(workers: usize, test: impl FnOnce() -> Fut + Send + 'static) {
    bounded(move || {
        let runtime = Builder::new_multi_thread().worker_threads(workers).enable_all().build().unwrap();
        runtime.block_on(test());
        runtime.shutdown_background();
    });
}

/// Runs a test without a runtime.
pub fn threads(test: impl FnOnce() + Send + 'static) {
    bounded(test);
}

/// Blocks the thread, as a player should not.
#[expect(clippy::disallowed_methods, reason = "blocks on purpose")]
pub fn block_thread(time: Duration) {
    thread::sleep(time);
}

/// Lets all tasks run that need no time to continue.
pub async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}
