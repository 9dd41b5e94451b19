//! Contexts that carry something which their maker goes on using, in one piece of memory: for
//! servers, which make one for every request.

use std::{
    fmt,
    ops::Deref,
    sync::{Arc, Weak},
    time::Duration,
};

use upbeat_probe::{Probe, Watchpoint};

use super::{
    Context, Place,
    scope::{Own, Scope, after},
};

pub use super::scope::{Carried, Value};

/// A context that carries `T`, for who has made it.
pub struct Carrier<T: Carried>(Arc<Scope<T>>);

impl<T: Carried> Carrier<T> {
    /// A child of `cx`, which is done after `timeout` at the latest, if there is one.
    pub fn new(cx: &Context, timeout: Option<Duration>, carried: T) -> Self {
        let own = Own { deadline: timeout.and_then(after), until_deadline: false };
        Self(Scope::new(cx, own, carried))
    }

    /// The context, for others.
    pub fn context(&self) -> Context {
        Context(Place::Scope(self.0.clone()))
    }

    /// [`Context::is_unique`].
    pub fn is_unique(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// By which one looks at what is carried while the context is there.
    pub fn weak(&self) -> WeakCarrier<T> {
        WeakCarrier(Arc::downgrade(&self.0))
    }
}

impl<T: Carried> Deref for Carrier<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.carried()
    }
}

impl<T: Carried> fmt::Debug for Carrier<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Carrier").field(&self.context()).finish()
    }
}

/// What a [`Carrier`] carries, as long as its context is there.
pub struct WeakCarrier<T: Carried>(Weak<Scope<T>>);

impl<T: Carried> WeakCarrier<T> {
    /// Looks at it; `None` once the context is gone.
    pub fn look<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        self.0.upgrade().map(|scope| look(scope.carried()))
    }

    /// The probe of what is watched from there; `None` once the context is gone.
    pub fn probe(&self) -> Option<Probe>
    where
        T: AsRef<Watchpoint>,
    {
        self.0.upgrade().map(Probe::of)
    }
}

impl<T: Carried> fmt::Debug for WeakCarrier<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakCarrier").finish_non_exhaustive()
    }
}
