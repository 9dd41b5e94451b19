use std::{any::Any, cell::RefCell, collections::HashMap, fmt, ops::Deref, ptr};

thread_local! {
    // All tasks of one execution share one thread.
    static VALUES: RefCell<HashMap<usize, &'static dyn Any>> = RefCell::default();
}

/// As the standard one, for statics. Each execution has a value of its own, because an object of
/// shuttle works in one execution only.
pub struct LazyLock<T> {
    init: fn() -> T,
}

impl<T> LazyLock<T> {
    /// As the standard one's.
    pub const fn new(init: fn() -> T) -> Self {
        Self { init }
    }
}

impl<T: 'static> Deref for LazyLock<T> {
    type Target = T;

    fn deref(&self) -> &T {
        let key = ptr::from_ref(self).addr();
        let known = VALUES.with_borrow(|values| values.get(&key).copied());
        let value = known.unwrap_or_else(|| {
            // As the value of a static, it is never dropped.
            let new: &'static T = Box::leak(Box::new((self.init)()));
            VALUES.with_borrow_mut(|values| *values.entry(key).or_insert(new))
        });
        value.downcast_ref().expect("each address has one type")
    }
}

impl<T> fmt::Debug for LazyLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LazyLock").finish_non_exhaustive()
    }
}

/// Forgets the values of the last execution.
pub(super) fn reset() {
    VALUES.take();
}
