//! As `tokio::task::coop`: a budget that is used up at any time, instead of one that never is and
//! is waited for all the same.

use std::{
    cell::RefCell,
    collections::HashSet,
    task::{Context, Poll},
};

use shuttle::rand::{Rng as _, thread_rng};
pub use shuttle_tokio::task::coop::*;

use super::{Id, id};

thread_local! {
    // All tasks of one execution share one thread.
    static USED_UP: RefCell<HashSet<Id>> = RefCell::default();
}

/// Forgets the tasks of the last execution, whose numbers come again.
pub(crate) fn reset() {
    USED_UP.take();
}

/// As tokio's. The answer is chance, and the next [`consume_budget`] of this task keeps to it.
pub fn has_budget_remaining() -> bool {
    let remains = thread_rng().gen_bool(0.5);
    USED_UP.with_borrow_mut(|tasks| if remains { tasks.remove(&id()) } else { tasks.insert(id()) });
    remains
}

/// As tokio's: lets others run only if the budget is used up.
pub async fn consume_budget() {
    if USED_UP.with_borrow_mut(|tasks| tasks.remove(&id())) {
        super::yield_now().await;
    }
}

/// As tokio's: at random, a task has to yield to others before it proceeds.
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<RestoreOnPending> {
    if thread_rng().gen_bool(0.25) {
        cx.waker().wake_by_ref();
        return Poll::Pending;
    }
    Poll::Ready(RestoreOnPending)
}

/// As tokio's. There is nothing to restore, because the budget is chance.
#[derive(Debug)]
pub struct RestoreOnPending;

impl RestoreOnPending {
    /// As tokio's.
    pub fn made_progress(&self) {}
}
