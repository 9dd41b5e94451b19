//! The task of a connection: drives its phases and enforces their timeouts.

mod phase;
mod streams;

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use upbeat::time::far_future;

pub(crate) use phase::ConnectionPhase;
use phase::PhaseStep;

use super::{connection::Conn, service::HttpService};

pin_project! {
    /// One connection from its accept to its end.
    ///
    /// It polls the present phase and enforces that phase's deadline. The timer is lazy: a request
    /// sets none. When the timer fires, the driver compares it with the deadline at that time and
    /// sets it again if time is left. It is set to an earlier time only if the present deadline
    /// comes first.
    pub(crate) struct Driver<S: HttpService> {
        phase: ConnectionPhase<S>,
        conn: Arc<Conn>,
        #[pin]
        timer: Sleep,
        // The timer is set for the present phase.
        armed: bool,
        registered: bool,
    }
}

impl<S: HttpService> Driver<S> {
    pub(crate) fn new(phase: ConnectionPhase<S>, conn: Arc<Conn>) -> Self {
        let timer = sleep_until(far_future());
        Self { phase, conn, timer, armed: false, registered: false }
    }
}

impl<S: HttpService> Future for Driver<S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        if !*this.registered {
            // Before anything is read: a stop from here on wakes this task, an earlier one is seen
            // below.
            *this.registered = true;
            this.conn.set_driver(cx.waker());
        }
        loop {
            if this.conn.is_cut() {
                return Poll::Ready(());
            }
            match this.phase.poll(cx, this.conn) {
                PhaseStep::Closed => return Poll::Ready(()),
                PhaseStep::Next => {
                    *this.armed = false;
                    continue;
                }
                PhaseStep::Pending => {}
            }
            let draining = this.conn.server().is_draining();
            if *this.armed && !draining && !this.timer.is_elapsed() && !this.conn.awaits_peer() {
                // The timer was set in an earlier idle period, and the present one can only end
                // later.
                return Poll::Pending;
            }
            let deadline = this.phase.deadline(this.conn);
            if !poll_deadline(this.timer.as_mut(), cx, deadline) {
                // While the peer is awaited, each poll looks again.
                *this.armed = deadline.is_some() && !this.conn.awaits_peer();
                return Poll::Pending;
            }
            *this.armed = false;
            if let PhaseStep::Closed = this.phase.expire(cx, this.conn) {
                return Poll::Ready(());
            }
        }
    }
}

/// Returns whether the deadline has passed. If not, the task is woken no later than at the
/// deadline.
fn poll_deadline(mut timer: Pin<&mut Sleep>, cx: &mut Context<'_>, deadline: Option<Instant>) -> bool {
    if !timer.is_elapsed() {
        match deadline {
            Some(deadline) if deadline < timer.deadline() => timer.as_mut().reset(deadline),
            // An earlier poll has set the timer, which wakes this task soon enough.
            _ => return false,
        }
    }
    while timer.as_mut().poll(cx).is_ready() {
        let now = Instant::now();
        match deadline {
            Some(deadline) if deadline <= now => return true,
            Some(deadline) => timer.as_mut().reset(deadline),
            None => timer.as_mut().reset(far_future()),
        }
    }
    false
}
