//! The waker that records who clones it. The only module with `unsafe` code.
//!
//! # Why a vtable of our own
//!
//! The safe way to make a waker is [`std::task::Wake`]. It cannot be used here: the `clone` of such a waker counts up an `Arc`,
//! and nothing of ours runs, but it is the moment of cloning that is to be seen. And the clone would be our waker, not the task's: every
//! leaf would keep it after the poll, [`Waker::will_wake`] would say no to the task's own, and each later wake would pass through us.

#![expect(unsafe_code, reason = "only a vtable of our own is told that a waker is cloned")]

use std::{
    mem::ManuallyDrop,
    pin::Pin,
    ptr,
    task::{Context, Poll, RawWaker, RawWakerVTable, Waker},
};

use parking_lot::Mutex;

/// How many stacks one poll may record: a future that waits in thousands of places is understood from the first ones.
const MOST_STACKS: usize = 64;

/// How many frames of a stack are kept, from the leaf outwards.
const MOST_FRAMES: usize = 256;

/// The return addresses from a leaf outwards to the watched future.
pub(crate) type Stack = Box<[usize]>;

/// What was recorded during one poll.
#[derive(Default)]
pub(crate) struct Record {
    pub(crate) stacks: Vec<Stack>,
    /// Stacks beyond [`MOST_STACKS`].
    pub(crate) omitted: usize,
}

/// Lends a waker for one poll and records where it is cloned, or woken by reference (a future that yields has no other reason to suspend).
struct Tracer<'a> {
    real: &'a Waker,
    /// A mutex, because a waker may be cloned from any thread: a poll may lend it to scoped threads.
    record: Mutex<Record>,
}

/// A waker is shared between threads; so is what it points to.
const _: for<'a> fn(&'a Tracer<'a>) -> &'a (dyn Sync + 'a) = |tracer| tracer;

/// Polls `future` once and records the stacks at which it suspends.
///
/// Not inlined, so that its frame on the stack is not also that of its callers: what lies beyond the tracer's address belongs to them.
#[inline(never)]
pub(crate) fn poll<F: Future>(future: Pin<&mut F>, real: &Waker) -> (Poll<F::Output>, Record) {
    let tracer = Tracer { real, record: Mutex::default() };
    let outcome = {
        // SAFETY: The functions of `VTABLE` want a pointer to a `Tracer` that outlives the waker. This waker is dropped at the end of the
        // block, before the tracer, and also when `poll` panics, since locals are dropped in reverse. Nobody can have it for longer:
        // it is lent as `&Waker`, its clones are clones of `real` and do not point here. `Tracer` is `Sync`, as
        // the thread safety of a waker demands, and is borrowed shared for the whole life of the waker, never changed but
        // through its mutex.
        let waker = unsafe { Waker::new(ptr::from_ref(&tracer).cast(), &VTABLE) };
        future.poll(&mut Context::from_waker(&waker))
    };
    (outcome, tracer.record.into_inner())
}

/// The waker of the task, where `waker` may be that of a tracer: what a future may keep without leaving a trace.
pub(crate) fn real(mut waker: &Waker) -> &Waker {
    while ptr::eq(waker.vtable(), &raw const VTABLE) {
        // SAFETY: Only `poll` makes wakers with `VTABLE`, a private static, and their data is a pointer to a tracer that outlives the
        // waker, and so the borrow of it that we return.
        let tracer = unsafe { tracer(waker.data()) };
        waker = tracer.real;
    }
    waker
}

/// A static, not a constant, because its address is compared.
static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake_by_ref, wake_by_ref, drop_nothing);

/// # Safety
///
/// `data` is that of a waker made in [`poll`], and `'a` does not outlive that waker.
unsafe fn tracer<'a>(data: *const ()) -> &'a Tracer<'a> {
    // SAFETY: `poll` made the pointer from a reference to a `Tracer`, which outlives the waker and is never borrowed mutably meanwhile. Its
    // own lifetime, that of the task's waker, is longer than the tracer's, and shortening it is sound: `Tracer` is
    // covariant in it.
    unsafe { &*data.cast::<Tracer<'a>>() }
}

/// A leaf keeps the waker: it gets a clone of the real one.
///
/// # Safety
///
/// `data` is that of a waker made in [`poll`].
unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: Whoever calls this has the waker borrowed, and the reference is gone when this function returns.
    let tracer = unsafe { tracer(data) };
    tracer.record();
    // The reference count that the clone stands for goes over to the waker that is made from what we return. Data
    // and vtable are those of one waker, which keeps the contract between the two.
    let clone = ManuallyDrop::new(tracer.real.clone());
    RawWaker::new(clone.data(), clone.vtable())
}

/// Also serves as `wake`, which would consume the waker: nobody owns it but [`poll`], which does not call it, and there is nothing to release.
///
/// # Safety
///
/// `data` is that of a waker made in [`poll`].
unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: As in `clone`.
    let tracer = unsafe { tracer(data) };
    tracer.record();
    tracer.real.wake_by_ref();
}

/// The waker owns nothing: the tracer is a local of [`poll`], and the real waker is borrowed.
fn drop_nothing(_data: *const ()) {}

impl Tracer<'_> {
    fn record(&self) {
        let mut record = self.record.lock();
        if record.stacks.len() < MOST_STACKS {
            record.stacks.push(stack(ptr::from_ref(self).addr()));
        } else {
            record.omitted += 1;
        }
    }
}

/// The stack of the calling thread, up to the frame in which the variable at address `end` lives.
///
/// A clone made on another thread has a stack elsewhere, which `end` may cut anywhere; or nowhere, and then it is as long as it is.
fn stack(end: usize) -> Stack {
    let mut addresses = Vec::with_capacity(64);
    // Stacks grow down on every platform that Rust has, so callers lie at higher addresses. The pointer is null where
    // it is not known, and the stack is then kept whole.
    walk(|frame| {
        let inside = frame.sp().addr() <= end;
        if inside {
            addresses.push(frame.ip().addr());
        }
        inside && addresses.len() < MOST_FRAMES
    });
    addresses.into_boxed_slice()
}

/// Visits the frames of the calling thread's stack, from the innermost outwards, while `visit` says so.
#[cfg(all(not(windows), not(upbeat_loom)))]
fn walk(visit: impl FnMut(&backtrace::Frame) -> bool) {
    // `backtrace::trace` would take a lock that is also held while somebody looks up names, and that can be for seconds:
    // a worker of the runtime would wait behind whoever displays another answer.
    //
    // SAFETY: The lock exists for Windows' `dbghelp`, which is not compiled in here. What remains is `_Unwind_Backtrace`, which may be
    // called from any thread at any time, as every panic does.
    unsafe { backtrace::trace_unsynchronized(visit) }
}

/// As above; on Windows the lock is needed.
#[cfg(all(windows, not(upbeat_loom)))]
fn walk(visit: impl FnMut(&backtrace::Frame) -> bool) {
    backtrace::trace(visit);
}

/// Loom's threads have stacks that end in the middle of nowhere, and the model is not about their frames.
#[cfg(upbeat_loom)]
fn walk(_visit: impl FnMut(&backtrace::Frame) -> bool) {}
