use std::{future::poll_fn, io, pin::pin, sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

use super::{Listener, Peer, Socket};
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
/// The semaphore bounds the number of open connections. Others wait in the kernel's queue.
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
        match accepted {
            Ok(accepted) => {
                pauses = AcceptPauses::default();
                serve(accepted);
            }
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Err(error),
            Err(error) => {
                let pause = pauses.next(&error);
                tokio::select! {
                    biased;
                    () = &mut stop => return Ok(()),
                    () = tokio::time::sleep(pause) => {}
                }
            }
        }
    }
}

/// The time in which a handshake that began before the stop may complete.
///
/// It covers a round trip within a data center.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_millis(20);

/// Accepts the clients that have connected or are connecting, and closes the listener.
///
/// Later clients are refused.
///
/// # Cancel safety
///
/// Dropping the future closes the listener and resets the connections in its queue.
pub(crate) async fn sweep(listener: Listener, mut serve: impl FnMut(Accepted)) {
    if listener.ignore_new() {
        let until = Instant::now() + HANDSHAKE_TIMEOUT;
        // An error concerns one connection, or occurs again below.
        while let Ok(accepted) = timeout_at(until, poll_fn(|cx| listener.poll_accept(cx))).await {
            let Ok((socket, peer)) = accepted else { break };
            serve(Accepted { socket, peer, permit: None });
        }
    }
    let swept = listener.sweep(|socket, peer| serve(Accepted { socket, peer, permit: None }));
    if let Err(error) = swept {
        tracing::warn!(target: targets::ACCEPT, %error, "cannot empty the accept queue, connections may be lost");
    }
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
    warned: Option<Instant>,
}

impl AcceptPauses {
    fn next(&mut self, error: &io::Error) -> Duration {
        let now = Instant::now();
        if self.warned.is_none_or(|warned| now.duration_since(warned) >= MAX_PAUSE) {
            self.warned = Some(now);
            tracing::warn!(target: targets::ACCEPT, %error, "cannot accept connections, retrying");
        }
        self.pause = (self.pause * 2).clamp(MIN_PAUSE, MAX_PAUSE);
        self.pause
    }
}
