use std::{fmt, future::poll_fn, io, pin::pin, sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

use super::{Descriptors, Listener, Peer, Socket, descriptors};
use crate::targets;

/// An accepted connection with its permit.
pub(crate) struct Accepted {
    pub(crate) socket: Socket,
    pub(crate) peer: Peer,
    /// `None` for a connection that was queued at the stop, to which the limit does not apply.
    pub(crate) permit: Option<OwnedSemaphorePermit>,
}

/// The first pause after an error of the listener. It doubles up to [`MAX_PAUSE`].
const MIN_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// Accepts connections until `stop` completes.
///
/// The semaphore bounds the number of open connections. Others wait in the kernel's queue, as they
/// do while only the reserve of file descriptors is left.
///
/// # Errors
///
/// If the listener has failed, so that no further accept can succeed.
///
/// # Cancel safety
///
/// Dropping the future loses no connection.
pub(crate) async fn accept(
    listener: &Listener,
    permits: &Arc<Semaphore>,
    descriptors: Descriptors,
    stop: impl Future<Output = ()>,
    mut serve: impl FnMut(Accepted),
) -> io::Result<()> {
    let mut stop = pin!(stop);
    let mut pauses = AcceptPauses::default();
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => return Ok(()),
            accepted = accept_one(listener, permits) => accepted,
        };
        let pause = match accepted {
            Ok(accepted) => {
                pauses.reset();
                let are_used_up = descriptors.are_used_up_by(&accepted.socket);
                serve(accepted);
                if !are_used_up {
                    continue;
                }
                pauses.warn(&"only the reserve of file descriptors is left");
                descriptors::LOOK_INTERVAL
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Err(error),
            Err(error) if concerns_one_connection(&error) => match pauses.after_connection() {
                Some(pause) => pause,
                None => continue,
            },
            Err(error) => {
                pauses.warn(&error);
                pauses.next()
            }
        };
        let wait = async {
            tokio::time::sleep(pause).await;
            while descriptors.are_used_up() {
                tokio::time::sleep(descriptors::LOOK_INTERVAL).await;
            }
        };
        tokio::select! {
            biased;
            () = &mut stop => return Ok(()),
            () = wait => {}
        }
    }
}

/// The time in which a handshake that began before the stop may complete.
///
/// It covers a round trip within a data center.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_millis(20);

/// The pause after which connections that did not fit are tried again.
const SWEEP_PAUSE: Duration = Duration::from_millis(20);

/// Accepts the clients that have connected or are connecting, and closes the listener.
///
/// Later clients are refused. If there are too few file descriptors or too little memory for all,
/// the rest are accepted as others end, until the deadline.
///
/// # Cancel safety
///
/// Dropping the future closes the listener and resets the connections in its queue.
pub(crate) async fn sweep(listener: Listener, deadline: Instant, mut serve: impl FnMut(Accepted)) {
    if listener.ignore_new() {
        let until = Instant::now() + HANDSHAKE_TIMEOUT;
        // An error concerns one connection, or occurs again below.
        while let Ok(accepted) = timeout_at(until, poll_fn(|cx| listener.poll_accept(cx))).await {
            let Ok((socket, peer)) = accepted else { break };
            serve(Accepted { socket, peer, permit: None });
        }
    }
    let mut queue = match listener.into_queue() {
        Ok(queue) => queue,
        Err(error) => return warn_of_lost(&error),
    };
    loop {
        match queue.take_all(|socket, peer| serve(Accepted { socket, peer, permit: None })) {
            Ok(()) => return,
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) if error.kind() != io::ErrorKind::InvalidInput && Instant::now() < deadline => {
                tokio::time::sleep(SWEEP_PAUSE).await;
            }
            Err(error) => return warn_of_lost(&error),
        }
    }
}

fn warn_of_lost(error: &io::Error) {
    tracing::warn!(target: targets::ACCEPT, %error, "cannot empty the accept queue, connections may be lost");
}

async fn accept_one(listener: &Listener, permits: &Arc<Semaphore>) -> io::Result<Accepted> {
    // The permit comes first: a connection without one would have to be refused.
    let permit = permits.clone().acquire_owned().await.ok();
    let (socket, peer) = poll_fn(|cx| listener.poll_accept(cx)).await?;
    Ok(Accepted { socket, peer, permit })
}

/// Returns whether the error is that of one connection, which `accept(2)` reports as its own.
///
/// The peer may have disconnected early, or the network may have failed.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionRefused
            | Kind::ConnectionAborted
            | Kind::ConnectionReset
            | Kind::Interrupted
            | Kind::NetworkDown
            | Kind::NetworkUnreachable
            | Kind::HostUnreachable
            // A firewall rule forbids this connection.
            | Kind::PermissionDenied
    )
}

/// The pauses after errors of the listener, such as too few file descriptors or too little memory.
///
/// They grow until other tasks release what is missing.
#[derive(Default)]
struct AcceptPauses {
    pause: Duration,
    /// The number of connections in a row that have failed.
    failed: u32,
    warned: Option<Instant>,
}

/// The number of connections in a row that may fail before the loop pauses.
const MAX_FAILED: u32 = 64;

/// The shortest time between two warnings.
const WARNING_INTERVAL: Duration = Duration::from_secs(10);

impl AcceptPauses {
    /// Records a success. The time of the last warning is kept, as successes and errors may
    /// alternate.
    fn reset(&mut self) {
        (self.pause, self.failed) = (Duration::ZERO, 0);
    }

    fn warn(&mut self, error: &dyn fmt::Display) {
        let now = Instant::now();
        if self.warned.is_none_or(|warned| now.duration_since(warned) >= WARNING_INTERVAL) {
            self.warned = Some(now);
            tracing::warn!(target: targets::ACCEPT, %error, "cannot accept connections, retrying");
        }
    }

    /// Returns the pause after an error of one connection, if there are too many.
    fn after_connection(&mut self) -> Option<Duration> {
        self.failed += 1;
        (self.failed > MAX_FAILED).then(|| self.next())
    }

    fn next(&mut self) -> Duration {
        self.pause = (self.pause * 2).clamp(MIN_PAUSE, MAX_PAUSE);
        self.pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_listener_pause_longer_and_longer() {
        let mut pauses = AcceptPauses::default();
        let next: Vec<_> = (0..6).map(|_| pauses.next().as_millis()).collect();
        assert_eq!(next, [100, 200, 400, 800, 1000, 1000]);
        pauses.reset();
        assert_eq!(pauses.next(), MIN_PAUSE);
    }

    #[test]
    fn errors_of_connections_pause_once_there_are_many_in_a_row() {
        let mut pauses = AcceptPauses::default();
        assert!((0..MAX_FAILED).all(|_| pauses.after_connection().is_none()));
        assert_eq!(pauses.after_connection(), Some(MIN_PAUSE));
        pauses.reset();
        assert_eq!(pauses.after_connection(), None);
    }
}
