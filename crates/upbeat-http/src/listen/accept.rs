use std::{future::poll_fn, io, pin::pin, sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

use super::{Listener, Peer, Socket};

/// A connection and its place among those that a server may have open.
pub(crate) struct Accepted {
    pub(crate) socket: Socket,
    pub(crate) peer: Peer,
    /// `None` for a connection that was taken from the queue at the stop, when the limit no longer holds anybody back.
    pub(crate) place: Option<OwnedSemaphorePermit>,
}

/// The first pause after an error that is not one connection's own; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Accepts until `stop` completes. At most as many connections are open as `places` has permits; beyond that they wait in the
/// kernel's queue.
///
/// # Errors
///
/// When the listener itself is broken, so that no further accept can succeed.
///
/// # Cancel safety
///
/// Dropping the future loses no connection.
pub(crate) async fn accept(
    listener: &Listener,
    places: &Arc<Semaphore>,
    stop: impl Future<Output = ()>,
    mut serve: impl FnMut(Accepted),
) -> io::Result<()> {
    let mut stop = pin!(stop);
    let mut trouble = Trouble::default();
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => return Ok(()),
            accepted = one(listener, places) => accepted,
        };
        match accepted {
            Ok(accepted) => {
                trouble = Trouble::default();
                serve(accepted);
            }
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Err(error),
            Err(error) => {
                let pause = trouble.meet(&error);
                tokio::select! {
                    biased;
                    () = &mut stop => return Ok(()),
                    () = tokio::time::sleep(pause) => {}
                }
            }
        }
    }
}

/// How long a connect that was begun before the stop may take to be complete: the answer to an answer, within a data centre.
const HANDSHAKE: Duration = Duration::from_millis(20);

/// Takes those who have connected or are just connecting, and closes the listener. Whoever connects from now on is refused.
///
/// # Cancel safety
///
/// Dropping the future closes the listener, and resets those who are left in its queue.
pub(crate) async fn sweep(listener: Listener, mut serve: impl FnMut(Accepted)) {
    if listener.turn_away() {
        let until = Instant::now() + HANDSHAKE;
        // An error concerns one connection, or will be met again below.
        while let Ok(accepted) = timeout_at(until, poll_fn(|cx| listener.poll_accept(cx))).await {
            let Ok((socket, peer)) = accepted else { break };
            serve(Accepted { socket, peer, place: None });
        }
    }
    let swept = listener.sweep(|socket, peer| serve(Accepted { socket, peer, place: None }));
    if let Err(error) = swept {
        tracing::warn!(%error, "connections may have been lost: the accept queue could not be emptied");
    }
}

async fn one(listener: &Listener, places: &Arc<Semaphore>) -> io::Result<Accepted> {
    // The place comes first: a connection that is accepted without one would have to be refused.
    let place = places.clone().acquire_owned().await.ok();
    let (socket, peer) = poll_fn(|cx| listener.poll_accept(cx)).await?;
    Ok(Accepted { socket, peer, place })
}

/// The peer was gone before we took the connection, or the network had trouble with it: `accept(2)` reports that as its own error.
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

/// Out of file descriptors or memory: it passes when something else lets go, so wait, more each time.
#[derive(Default)]
struct Trouble {
    pause: Duration,
    warned: Option<Instant>,
}

impl Trouble {
    fn meet(&mut self, error: &io::Error) -> Duration {
        let now = Instant::now();
        if self.warned.is_none_or(|warned| now.duration_since(warned) >= LONGEST_PAUSE) {
            self.warned = Some(now);
            tracing::warn!(%error, "cannot accept connections for now");
        }
        self.pause = (self.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        self.pause
    }
}
