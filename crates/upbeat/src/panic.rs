//! Catching panics of user code, with their message, place and backtrace.
//!
//! What `catch_unwind` returns is only the payload; place and backtrace are known to the panic hook alone. So the first conductor of a process puts
//! a hook in front of the one that is there: on threads that are inside [`catch`] it takes notes, and it always calls
//! the other one.

use std::{
    any::Any,
    backtrace::Backtrace,
    cell::{Cell, RefCell},
    fmt,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

/// A panic that was caught.
#[derive(Debug)]
pub struct Panic {
    message: String,
    location: Option<String>,
    backtrace: Option<Backtrace>,
}

impl Panic {
    /// Runs user code, and turns a panic into a value, as the conductor does with players: for whoever runs code of others too.
    ///
    /// The panic hook is called as ever, so the panic is also printed, unless the process says otherwise. Whatever the code was working on may be in an
    /// inconsistent state afterwards: drop it, or be sure that it is not.
    ///
    /// # Errors
    ///
    /// The panic, if there was one.
    ///
    /// # Not guaranteed
    ///
    /// Where panics abort (`panic = "abort"`) they are not caught, and nobody can catch them.
    ///
    /// ```
    /// let panic = upbeat::Panic::catch(|| -> u32 { panic!("no luck") }).expect_err("it panics");
    /// assert_eq!(panic.message(), "no luck");
    /// ```
    pub fn catch<T>(work: impl FnOnce() -> T) -> Result<T, Self> {
        catch(work)
    }

    /// What the panic said.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Where it happened, as `file:line:column`.
    pub fn location(&self) -> Option<&str> {
        self.location.as_deref()
    }

    /// The stack it happened on. Printing it resolves its symbols, which takes a while.
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

thread_local! {
    /// How many calls of [`catch`] this thread is inside of.
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
                // A panic inside the borrow is impossible: nothing that can panic runs while it is held.
                NOTES.with(|notes| *notes.borrow_mut() = Some((location, Backtrace::force_capture())));
            }
            previous(info);
        }));
    });
}

/// Runs user code, and turns a panic into a value.
///
/// Whatever the code was working on may be in an inconsistent state afterwards: the caller only drops it.
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, Panic> {
    install_hook();
    DEPTH.set(DEPTH.get() + 1);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    DEPTH.set(DEPTH.get() - 1);
    result.map_err(|payload| {
        let notes = NOTES.with(|notes| notes.borrow_mut().take());
        let (location, backtrace) = notes.map_or((None, None), |(location, trace)| (location, Some(trace)));
        let message = message(&*payload);
        // The payload is user code too, and its drop may panic in turn; then it is leaked, as the standard library does.
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
}
