//! A waker that records the call stacks of its clones. The only module with `unsafe` code.
//!
//! # Reason for a custom vtable
//!
//! The safe way to make a waker is [`std::task::Wake`]. Its `clone` only increments an `Arc` and
//! runs no code of this crate, but the clone is the event to record. Its clones would also be
//! wakers of this crate instead of the task's. Every leaf would keep one after the poll,
//! [`Waker::will_wake`] would return false for the task's own waker, and each later wake would pass
//! through this crate.

#![expect(unsafe_code, reason = "only a custom vtable runs code when a waker is cloned")]

use std::{
    mem::ManuallyDrop,
    pin::Pin,
    ptr,
    task::{Context, Poll, RawWaker, RawWakerVTable, Waker},
};

use parking_lot::Mutex;

/// The largest number of stacks that one poll records. The first ones explain a future that waits
/// in thousands of places.
const MAX_STACKS: usize = 64;

/// The largest number of frames that are kept of a stack, from the leaf outwards.
const MAX_FRAMES: usize = 256;

/// The return addresses from a leaf outwards to the watched future.
pub(crate) type Stack = Box<[usize]>;

/// The record of one poll.
#[derive(Default)]
pub(crate) struct Record {
    pub(crate) stacks: Vec<Stack>,
    /// The number of stacks beyond [`MAX_STACKS`].
    pub(crate) omitted: usize,
}

/// The data of a waker that is lent for one poll.
///
/// It records the stacks of clones, and of wakes by reference: a future that yields wakes itself
/// and clones nothing.
struct Tracer<'a> {
    real: &'a Waker,
    /// A mutex, because a poll may lend the waker to scoped threads.
    record: Mutex<Record>,
}

/// Checks that the data of a waker may be shared between threads.
const _: for<'a> fn(&'a Tracer<'a>) -> &'a (dyn Sync + 'a) = |tracer| tracer;

/// Polls `future` once and records the stacks at which it suspends.
///
/// Not inlined, so that it has its own stack frame. The frames beyond the tracer's address belong
/// to its callers.
#[inline(never)]
pub(crate) fn poll<F: Future>(future: Pin<&mut F>, real: &Waker) -> (Poll<F::Output>, Record) {
    let tracer = Tracer { real, record: Mutex::default() };
    let outcome = {
        // SAFETY: The functions of `VTABLE` need a pointer to a `Tracer` that outlives the waker.
        // This waker is dropped at the end of the block, before the tracer. That also holds if
        // `poll` panics, because locals are dropped in reverse. It cannot be kept for longer: it is
        // lent as `&Waker`, and its clones are clones of `real`. `Tracer` is `Sync`, as the thread
        // safety of a waker requires. It is borrowed shared for the whole life of the waker, and
        // changed only through its mutex.
        let waker = unsafe { Waker::new(ptr::from_ref(&tracer).cast(), &VTABLE) };
        future.poll(&mut Context::from_waker(&waker))
    };
    (outcome, tracer.record.into_inner())
}

/// Returns the waker of the task, if `waker` is that of a tracer. Its clones are not recorded.
pub(crate) fn real(mut waker: &Waker) -> &Waker {
    while ptr::eq(waker.vtable(), &raw const VTABLE) {
        // SAFETY: Only `poll` makes wakers with `VTABLE`, which is a private static. Their data
        // points to a tracer that outlives the waker, and so the returned borrow of it.
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
    // SAFETY: `poll` made the pointer from a reference to a `Tracer`, which outlives the waker and
    // is not borrowed mutably meanwhile. Its lifetime parameter, that of the task's waker, is
    // longer than the tracer's life. Shortening it is sound, because `Tracer` is covariant in it.
    unsafe { &*data.cast::<Tracer<'a>>() }
}

/// Records that a leaf keeps the waker, and returns a clone of the real one.
///
/// # Safety
///
/// `data` is that of a waker made in [`poll`].
unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: The caller has borrowed the waker, and the reference ends with this function.
    let tracer = unsafe { tracer(data) };
    tracer.record();
    // The reference count of the clone moves to the waker that is made from the result. Data and
    // vtable are those of one waker, as their contract requires.
    let clone = ManuallyDrop::new(tracer.real.clone());
    RawWaker::new(clone.data(), clone.vtable())
}

/// Records a wake, and wakes the real waker.
///
/// Also serves as `wake`, which consumes a waker. Only [`poll`] owns this waker and never calls
/// `wake`, and there is nothing to release.
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

/// Does nothing: the tracer is a local of [`poll`], and the real waker is borrowed.
fn drop_nothing(_data: *const ()) {}

impl Tracer<'_> {
    fn record(&self) {
        let mut record = self.record.lock();
        if record.stacks.len() < MAX_STACKS {
            record.stacks.push(stack(ptr::from_ref(self).addr()));
        } else {
            record.omitted += 1;
        }
    }
}

/// Returns the stack of the calling thread, up to the frame that contains the address `end`.
///
/// A clone that is made on another thread has its stack elsewhere. `end` may cut that stack
/// anywhere, or not at all.
fn stack(end: usize) -> Stack {
    let mut addresses = Vec::with_capacity(64);
    // Stacks grow down on every platform of Rust, so callers are at higher addresses. An unknown
    // pointer is null, and the stack is then kept whole.
    walk(|frame| {
        let inside = frame.sp().addr() <= end;
        if inside {
            addresses.push(frame.ip().addr());
        }
        inside && addresses.len() < MAX_FRAMES
    });
    addresses.into_boxed_slice()
}

/// Visits the frames of the calling thread's stack, from the innermost outwards, while `visit`
/// returns true.
#[cfg(all(not(windows), not(upbeat_loom)))]
fn walk(visit: impl FnMut(&backtrace::Frame) -> bool) {
    // `backtrace::trace` takes a lock that is also held during a lookup of names, perhaps for
    // seconds. A worker of the runtime would wait for the display of another answer.
    //
    // SAFETY: The lock exists for Windows' `dbghelp`, which is not compiled in here. The rest is
    // `_Unwind_Backtrace`, which may be called from any thread at any time, as every panic does.
    unsafe { backtrace::trace_unsynchronized(visit) }
}

/// Visits the frames as above. On Windows the lock is needed.
#[cfg(all(windows, not(upbeat_loom)))]
fn walk(visit: impl FnMut(&backtrace::Frame) -> bool) {
    backtrace::trace(visit);
}

/// Visits nothing: the stacks of loom's threads cannot be walked, and the model needs no frames.
#[cfg(upbeat_loom)]
fn walk(_visit: impl FnMut(&backtrace::Frame) -> bool) {}
