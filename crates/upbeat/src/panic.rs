//! Caught panics of user code, with their message, location and backtrace.
//!
//! `catch_unwind` returns only the payload. Location and backtrace are known to the panic hook
//! alone. So the first conductor of a process installs a hook before the existing one. On threads
//! that catch a panic here, the hook records location and backtrace. It always calls the previous
//! hook.

use std::{
    any::Any,
    backtrace::Backtrace,
    cell::{Cell, RefCell},
    fmt,
    future::Future,
    panic::{self, AssertUnwindSafe},
    pin::Pin,
    sync::Once,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

/// A caught panic.
#[derive(Debug)]
pub struct Panic {
    message: String,
    location: Option<String>,
    backtrace: Option<Backtrace>,
}

impl Panic {
    /// Runs user code, and returns a panic as a value, as the conductor does with players.
    ///
    /// The panic hook is called as usual, and prints the panic unless the process has replaced it.
    /// The data of the code may be inconsistent afterwards. Drop it, unless its state is known.
    ///
    /// # Errors
    ///
    /// Returns the panic, if there was one.
    ///
    /// # Not guaranteed
    ///
    /// With `panic = "abort"`, panics cannot be caught.
    ///
    /// ```
    /// let panic = upbeat::panic::Panic::catch(|| -> u32 { panic!("no luck") }).expect_err("it panics");
    /// assert_eq!(panic.message(), "no luck");
    /// ```
    pub fn catch<T>(work: impl FnOnce() -> T) -> Result<T, Self> {
        catch(work)
    }

    /// Returns the message of the panic.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns its location as `file:line:column`.
    pub fn location(&self) -> Option<&str> {
        self.location.as_deref()
    }

    /// Returns its call stack. Printing it resolves its symbols, which takes a while.
    pub fn backtrace(&self) -> Option<&Backtrace> {
        self.backtrace.as_ref()
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panicked: {}", self.message)?;
        match &self.location {
            Some(location) => write!(f, " (at {location})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Panic {}

pin_project! {
    /// A future that turns the panics of another future into values.
    ///
    /// It completes with what the other future completes with, or with its first panic. The other
    /// future is dropped before that, and a panic of its drop counts too. In that case its value is
    /// lost.
    ///
    /// ```
    /// use upbeat::panic::CatchPanic;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let panic = CatchPanic::new(async { panic!("no luck") }).await.expect_err("it panics");
    /// assert_eq!(panic.message(), "no luck");
    /// assert_eq!(CatchPanic::new(async { 7 }).await.expect("it does not panic"), 7);
    /// # }
    /// ```
    ///
    /// # Not guaranteed
    ///
    /// Polled again after its end, it never completes. If it is dropped before its end, a panic of
    /// the other future's drop goes to the panic hook only. [`discard`](CatchPanic::discard)
    /// returns it. [`Panic::catch`] says more.
    ///
    /// # Cancel safety
    ///
    /// That of the other future.
    #[must_use = "futures do nothing unless polled"]
    pub struct CatchPanic<F> {
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for CatchPanic<F> {
        fn drop(this: Pin<&mut Self>) {
            let _ = this.discard();
        }
    }
}

impl<F> CatchPanic<F> {
    /// Returns a future that polls and drops `future` under [`Panic::catch`].
    pub fn new(future: F) -> Self {
        Self { future: Some(future) }
    }

    /// Returns a future that never completes until it is [filled](CatchPanic::fill).
    pub(crate) fn empty() -> Self {
        Self { future: None }
    }

    /// Makes the future in the place where it stays. A variable on the way would take its room
    /// twice.
    pub(crate) fn fill(mut self: Pin<&mut Self>, make: impl FnOnce() -> F) -> Result<(), Panic> {
        catch(|| self.as_mut().project().future.set(Some(make())))
    }

    /// Drops the other future now. Afterwards this one never completes.
    ///
    /// # Errors
    ///
    /// The panic of the drop, if there is one.
    pub fn discard(self: Pin<&mut Self>) -> Result<(), Panic> {
        let mut future = self.project().future;
        if future.is_some() { catch(|| future.set(None)) } else { Ok(()) }
    }

    /// Polls the other future by `poll`, and does not drop it.
    pub(crate) fn poll_with<T>(
        self: Pin<&mut Self>,
        poll: impl FnOnce(Pin<&mut F>) -> Poll<T>,
    ) -> Poll<Result<T, Panic>> {
        let Some(future) = self.project().future.as_pin_mut() else { return Poll::Pending };
        match catch(|| poll(future)) {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}

impl<F: Future> Future for CatchPanic<F> {
    type Output = Result<F::Output, Panic>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut value = None;
        // One catch for the last poll and the drop, because a short future has just these.
        let caught = catch(|| {
            let mut future = self.as_mut().project().future;
            if let Some(polled) = future.as_mut().as_pin_mut()
                && let Poll::Ready(output) = polled.poll(cx)
            {
                value = Some(output);
                future.set(None);
            }
        });
        match caught {
            Ok(()) => value.map_or(Poll::Pending, |value| Poll::Ready(Ok(value))),
            Err(panic) => {
                // The first panic counts. The future, if it is still there, and its value are user
                // code too.
                let _ = self.discard();
                let _ = catch(|| drop(value));
                Poll::Ready(Err(panic))
            }
        }
    }
}

impl<F> fmt::Debug for CatchPanic<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatchPanic").finish_non_exhaustive()
    }
}

thread_local! {
    /// The number of calls of [`catch`] on the stack of this thread.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static NOTES: RefCell<Option<(Option<String>, Backtrace)>> = const { RefCell::new(None) };
}

fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if DEPTH.get() > 0 {
                let location = info.location().map(ToString::to_string);
                // A panic inside the borrow is impossible: nothing that can panic runs while it is
                // held.
                NOTES.with(|notes| *notes.borrow_mut() = Some((location, Backtrace::force_capture())));
            }
            previous(info);
        }));
    });
}

/// Runs user code, and turns a panic into a value.
///
/// Whatever the code was working on may be in an inconsistent state afterwards: the caller only
/// drops it.
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, Panic> {
    install_hook();
    DEPTH.set(DEPTH.get() + 1);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    DEPTH.set(DEPTH.get() - 1);
    result.map_err(|payload| {
        let notes = NOTES.with(|notes| notes.borrow_mut().take());
        let (location, backtrace) = notes.map_or((None, None), |(location, trace)| (location, Some(trace)));
        let message = message(&*payload);
        // The payload is user code too, and its drop may panic in turn; then it is leaked, as the
        // standard library does.
        if let Err(second) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(second);
        }
        Panic { message, location, backtrace }
    })
}

fn message(payload: &(dyn Any + Send)) -> String {
    if let Some(message) = payload.downcast_ref::<&'static str>() {
        (*message).to_owned()
    } else if let Some(message) = payload.downcast_ref::<String>() {
        message.clone()
    } else {
        "a value that is not text".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_message_place_and_backtrace() {
        let caught = catch(|| panic!("no {}", "luck")).unwrap_err();
        assert_eq!(caught.message(), "no luck");
        assert!(caught.location().is_some_and(|at| at.contains("panic.rs:")), "{caught}");
        assert!(caught.backtrace().is_some_and(|trace| trace.to_string().contains("keeps_message_place")));
    }

    #[test]
    fn survives_payloads_that_are_not_text_and_panic_in_their_drop() {
        struct Spiteful;
        impl Drop for Spiteful {
            fn drop(&mut self) {
                panic!("and another thing");
            }
        }
        let caught = catch(|| panic::panic_any(Spiteful)).unwrap_err();
        assert_eq!(caught.message(), "a value that is not text");
        assert_eq!(catch(|| 1).unwrap(), 1);
    }

    /// Panics when it is dropped.
    struct DropBomb;

    impl Drop for DropBomb {
        fn drop(&mut self) {
            panic!("in the drop");
        }
    }

    #[tokio::test]
    async fn a_panic_of_the_drop_counts_unless_the_poll_has_panicked() {
        let future = |end: fn() -> Vec<u32>| {
            let bomb = DropBomb;
            // A future that has completed holds nothing of its own, so the bomb is beside it.
            let mut inner = Box::pin(async move { end() });
            let both = std::future::poll_fn(move |cx| {
                let _bomb = &bomb;
                inner.as_mut().poll(cx)
            });
            CatchPanic::new(both)
        };
        assert_eq!(future(Vec::new).await.unwrap_err().message(), "in the drop");
        assert_eq!(future(|| panic!("in the poll")).await.unwrap_err().message(), "in the poll");
        drop(future(Vec::new));
        let mut left = Box::pin(future(Vec::new));
        assert_eq!(left.as_mut().discard().unwrap_err().message(), "in the drop");
        assert!(left.as_mut().discard().is_ok());
    }
}
