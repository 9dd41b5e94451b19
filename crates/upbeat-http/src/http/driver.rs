use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use super::{
    app::App,
    conn::Conn,
    stage::{Progress, Stage},
};

pin_project! {
    /// One connection from its accept to its end: polls its present stage, and bounds whatever that waits for.
    ///
    /// The timer is lazy. A request sets none: when the timer fires, the driver looks at what the connection is doing *then*, and
    /// sets it anew if there is time left. It is set forward only when the present bound comes sooner than the timer would.
    pub(super) struct Driver<S: App> {
        stage: Stage<S>,
        conn: Arc<Conn>,
        #[pin]
        timer: Sleep,
        // Whether the timer is set for the present stage.
        armed: bool,
        known: bool,
    }
}

impl<S: App> Driver<S> {
    pub(super) fn new(stage: Stage<S>, conn: Arc<Conn>) -> Self {
        let timer = sleep_until(Instant::now() + FAR);
        Self { stage, conn, timer, armed: false, known: false }
    }
}

/// Where a timer stands that nobody waits for.
const FAR: Duration = Duration::from_hours(365 * 24);

impl<S: App> Future for Driver<S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        if !*this.known {
            // Before anything is looked at: a stop from here on wakes this task, an earlier one is seen below.
            *this.known = true;
            this.conn.set_driver(cx.waker());
        }
        loop {
            if this.conn.is_cut() {
                return Poll::Ready(());
            }
            match this.stage.poll(cx, this.conn) {
                Progress::Over => return Poll::Ready(()),
                Progress::Next => {
                    *this.armed = false;
                    continue;
                }
                Progress::Pending => {}
            }
            let draining = this.conn.shared().is_draining();
            if *this.armed && !draining && !this.timer.is_elapsed() && !this.conn.awaits_rest() {
                // The timer stands where an earlier quiet moment has put it, and the present one can only end later.
                return Poll::Pending;
            }
            let bound = this.stage.bound(this.conn);
            if !due(this.timer.as_mut(), cx, bound) {
                *this.armed = bound.is_some();
                return Poll::Pending;
            }
            *this.armed = false;
            if let Progress::Over = this.stage.expire(cx, this.conn) {
                return Poll::Ready(());
            }
        }
    }
}

/// Whether `bound` has passed; if not, sees to it that the task is woken when it has, at the latest.
fn due(mut timer: Pin<&mut Sleep>, cx: &mut Context<'_>, bound: Option<Instant>) -> bool {
    if !timer.is_elapsed() {
        match bound {
            Some(bound) if bound < timer.deadline() => timer.as_mut().reset(bound),
            // It was set by an earlier poll, and wakes this task soon enough.
            _ => return false,
        }
    }
    while timer.as_mut().poll(cx).is_ready() {
        let now = Instant::now();
        match bound {
            Some(bound) if bound <= now => return true,
            Some(bound) => timer.as_mut().reset(bound),
            None => timer.as_mut().reset(now + FAR),
        }
    }
    false
}
