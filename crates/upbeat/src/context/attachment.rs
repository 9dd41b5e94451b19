//! Contexts that share one allocation with the state of their creator.
//!
//! A server that creates a context per request has a state per request, too: its id, its client,
//! its watchpoint. An [`AttachedContext`] holds both in one allocation. Code below the context
//! reads the state as [values](Context::value), and diagnostics read it by a
//! [`WeakAttachedContext`].
//!
//! [`Context::with_value`] attaches a single value and suffices for most other uses.
//!
//! ```
//! use std::{any::TypeId, sync::Arc, time::Duration};
//! use upbeat::{
//!     Context,
//!     attachment::{AttachedContext, AttachedValue, Attachment},
//! };
//!
//! #[derive(Clone, Debug, PartialEq)]
//! struct RequestId(u64);
//!
//! struct RequestState {
//!     id: RequestId,
//!     attempts: u32,
//! }
//!
//! impl Attachment for RequestState {
//!     fn value(&self, wanted: TypeId) -> Option<AttachedValue> {
//!         (wanted == TypeId::of::<RequestId>()).then(|| Arc::new(self.id.clone()) as AttachedValue)
//!     }
//! }
//!
//! let state = RequestState { id: RequestId(7), attempts: 1 };
//! let server = Context::background();
//! let request = AttachedContext::new(&server, Some(Duration::from_secs(5)), state);
//! assert_eq!(request.attempts, 1);
//! let cx = request.context();
//! assert_eq!(*cx.value::<RequestId>().expect("it is attached"), RequestId(7));
//!
//! let weak = request.weak();
//! drop((request, cx));
//! assert_eq!(weak.with(|state| state.attempts), None, "the context is gone");
//! ```

use std::{
    fmt,
    ops::Deref,
    sync::{Arc, Weak},
    time::Duration,
};

use upbeat_probe::{Probe, Watchpoint};

use super::{
    Context, Origin,
    scope::{Scope, ScopeOptions, after},
};
use crate::run::current::EnteredRun;

pub use super::scope::{AttachedValue, Attachment};

/// Runs `work` as a part of the run of `cx`, for servers that poll handlers on tasks of their own.
///
/// Tasks of [`Context::spawn`] and a player's own task do this by themselves. Within `work`, a
/// [`PartHandle`](crate::PartHandle) recognizes that the caller would [wait for its own
/// end](crate::PartHandle#a-player-that-stops-itself).
///
/// ```
/// let cx = upbeat::Context::background();
/// assert_eq!(upbeat::attachment::run_as(&cx, || 7), 7);
/// ```
pub fn run_as<T>(cx: &Context, work: impl FnOnce() -> T) -> T {
    let _entered = EnteredRun::new(cx.run());
    work()
}

/// A context with the state of its creator, for the creator. A cheap clone of the context is
/// [`context`](Self::context).
pub struct AttachedContext<T: Attachment>(Arc<Scope<T>>);

impl<T: Attachment> AttachedContext<T> {
    /// Creates a child of `cx` with this state, which is done after `timeout` at the latest.
    ///
    /// Without a timeout, only `cx` and a [cancel](Context::cancel) end it.
    pub fn new(cx: &Context, timeout: Option<Duration>, attachment: T) -> Self {
        let own = ScopeOptions {
            deadline: timeout.and_then(after),
            is_liftable: timeout.is_some(),
            ..ScopeOptions::default()
        };
        Self(Scope::new(cx.run(), cx.scope(), own, attachment))
    }

    /// Lifts the timeout, so that only the context above and a [cancel](Context::cancel) end this
    /// one.
    ///
    /// A server does this once the work that the timeout bounds is complete, and the rest has
    /// another bound. Contexts derived from this one lose the timeout, too. It has no effect on one
    /// that has ended.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use upbeat::{Context, attachment::AttachedContext};
    /// let request = AttachedContext::new(&Context::background(), Some(Duration::from_secs(5)), ());
    /// let child = request.context().child();
    /// request.lift_timeout();
    /// assert_eq!((request.context().remaining(), child.remaining()), (None, None));
    /// ```
    pub fn lift_timeout(&self) {
        self.0.lift_deadline();
    }

    /// Returns the context, for the code that runs below it.
    pub fn context(&self) -> Context {
        Context(Origin::Scope(self.0.clone()))
    }

    /// Returns [`Context::is_unique`]: no clone and no child of the context exists.
    pub fn is_unique(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// Returns a handle to the state that does not keep the context alive.
    pub fn weak(&self) -> WeakAttachedContext<T> {
        WeakAttachedContext(Arc::downgrade(&self.0))
    }
}

impl<T: Attachment> Deref for AttachedContext<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.attachment()
    }
}

impl<T: Attachment> fmt::Debug for AttachedContext<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AttachedContext").field(&self.context()).finish()
    }
}

/// A handle to the state of an [`AttachedContext`] that does not keep the context alive.
pub struct WeakAttachedContext<T: Attachment>(Weak<Scope<T>>);

impl<T: Attachment> WeakAttachedContext<T> {
    /// Calls `f` with the state; `None` once the context is gone.
    pub fn with<R>(&self, f: impl FnOnce(&T) -> R) -> Option<R> {
        self.0.upgrade().map(|scope| f(scope.attachment()))
    }

    /// Returns the probe of the future that is polled at the state's watchpoint.
    ///
    /// Returns `None` once the context is gone.
    pub fn probe(&self) -> Option<Probe>
    where
        T: AsRef<Watchpoint>,
    {
        self.0.upgrade().map(Probe::of)
    }
}

impl<T: Attachment> fmt::Debug for WeakAttachedContext<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakAttachedContext").finish_non_exhaustive()
    }
}
