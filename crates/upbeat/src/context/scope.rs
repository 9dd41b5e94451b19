//! The tree of contexts below a run's own: what ends each of them, and the values they carry.

use std::{
    any::{Any, TypeId},
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use upbeat_probe::Watchpoint;

use super::error::ContextError;
use crate::{
    error::BoxError,
    run::{Run, root::RunTokens, stop::RunOver},
};

/// A value of a context, as [`Context::value`](super::Context::value) finds it by its type.
pub type AttachedValue = Arc<dyn Any + Send + Sync>;

/// A state that a context holds for its creator.
pub trait Attachment: Send + Sync + 'static {
    /// Returns the value of this type, if the state has one.
    ///
    /// Each [`Context::value`](super::Context::value) on the context or below it calls this, until
    /// one returns a value. It should be fast.
    fn value(&self, wanted: TypeId) -> Option<AttachedValue>;
}

impl Attachment for () {
    /// Returns `None`.
    fn value(&self, _: TypeId) -> Option<AttachedValue> {
        None
    }
}

/// A state of one value.
pub(crate) struct SingleValue<T>(pub(crate) Arc<T>);

impl<T: Any + Send + Sync> Attachment for SingleValue<T> {
    fn value(&self, wanted: TypeId) -> Option<AttachedValue> {
        (wanted == TypeId::of::<T>()).then(|| self.0.clone() as AttachedValue)
    }
}

/// The end of a context: the time and the error.
#[derive(Clone, Debug)]
pub(crate) struct ScopeEnd {
    pub(crate) at: Instant,
    pub(crate) error: ContextError,
}

impl ScopeEnd {
    /// Returns the end of the contexts that end with a stop.
    fn of_stop(run: &Run, tokens: &RunTokens) -> Option<Self> {
        let error = run.done()?.into();
        Some(Self { at: tokens.stopped_at().unwrap_or_else(Instant::now), error })
    }

    /// Returns the end of the contexts that a stop does not end.
    fn of_run(run: &Run, tokens: &RunTokens) -> Option<Self> {
        let gone = tokens.gone_at().map(|at| Self { at, error: ContextError::canceled(RunOver::Gone) });
        let deadline = run.stop.stopping().map(|stopping| stopping.deadline);
        Self::or_deadline(gone, deadline, None)
    }

    /// Returns the first of an end and a deadline that has passed. At the same time it is the
    /// deadline, as it would have been said just before the end.
    pub(crate) fn or_deadline(ended: Option<Self>, deadline: Option<Instant>, now: Option<Instant>) -> Option<Self> {
        let passed = deadline.filter(|deadline| match &ended {
            Some(ended) => *deadline <= ended.at,
            // Without a deadline no clock is read.
            None => *deadline <= now.unwrap_or_else(Instant::now),
        });
        match passed {
            Some(at) => Some(Self { at, error: ContextError::DeadlineExceeded }),
            None => ended,
        }
    }
}

/// One context below a run's own.
///
/// It points at the scope above it and never the other way round, so a scope that is dropped leaves
/// nothing behind. Waiting tasks are woken by a token, which is made with the first wait. The end
/// itself is kept in the scopes.
pub(crate) struct Scope<C: ?Sized = dyn Attachment> {
    run: Arc<Run>,
    /// The context that it was made from; `None` where that is the run's own. Values are looked up
    /// along it.
    outer: Option<Arc<Scope>>,
    bound: Bound,
    /// Its own deadline or that of a scope above, whichever is earlier. Below a scope whose
    /// deadline may be lifted, only its own.
    deadline: Option<Instant>,
    /// The deadline of this scope, or of one above, may be lifted.
    is_liftable: bool,
    is_lifted: AtomicBool,
    state: Mutex<State>,
    /// Last, because it may be of any size.
    attachment: C,
}

/// The end of a scope besides its own.
enum Bound {
    /// The end of the scope that it was made from.
    Outer,
    /// The stop of the run.
    Stop(Arc<RunTokens>),
    /// The stop deadline and the end of the run.
    Gone(Arc<RunTokens>),
}

#[derive(Default)]
struct State {
    /// Its end, kept once it was read or the scope was canceled.
    ended: Option<ScopeEnd>,
    token: Option<CancellationToken>,
}

/// The options of a new scope.
#[derive(Clone, Copy, Default)]
pub(crate) struct ScopeOptions {
    pub(crate) deadline: Option<Instant>,
    pub(crate) until_deadline: bool,
    /// The deadline may be lifted. This costs the scopes below a way up for each look at theirs.
    pub(crate) is_liftable: bool,
}

impl<C> Scope<C> {
    /// Returns a context below `outer`, or below the run's own if there is none.
    pub(crate) fn new(run: &Arc<Run>, outer: Option<&Arc<Scope>>, own: ScopeOptions, attachment: C) -> Arc<Self> {
        let ScopeOptions { mut deadline, until_deadline, mut is_liftable } = own;
        let in_the_past = deadline.is_some_and(|deadline| deadline <= Instant::now());
        let bound = match outer {
            _ if until_deadline => Bound::Gone(run.tokens()),
            None => Bound::Stop(run.tokens()),
            Some(outer) if outer.is_liftable => {
                is_liftable = true;
                Bound::Outer
            }
            Some(outer) => {
                deadline = deadline.into_iter().chain(outer.deadline).min();
                Bound::Outer
            }
        };
        // What is above may be done already, and that came before a deadline given now. It shows by
        // the times later, unless that deadline lies in the past: only then is it worth the way up.
        let ended = match (&bound, outer) {
            // Without a deadline nothing could have come before it, and the lock, which many may
            // share, is not worth it.
            (Bound::Outer, Some(outer)) if deadline.is_some() => {
                let mut state = outer.state.lock();
                if in_the_past { outer.look(&mut state, None).cloned() } else { state.ended.clone() }
            }
            (Bound::Stop(tokens), _) if in_the_past => ScopeEnd::of_stop(run, tokens),
            (Bound::Gone(tokens), _) if in_the_past => ScopeEnd::of_run(run, tokens),
            _ => None,
        };
        let state = Mutex::new(State { ended, token: None });
        let is_lifted = AtomicBool::new(false);
        Arc::new(Self {
            run: run.clone(),
            outer: outer.cloned(),
            bound,
            deadline,
            is_liftable,
            is_lifted,
            state,
            attachment,
        })
    }

    /// Lifts its own deadline, unless it has passed. It must be liftable.
    ///
    /// A waiter still wakes at the deadline, and waits again.
    pub(crate) fn lift_deadline(&self) {
        self.is_lifted.store(true, Ordering::Release);
    }

    pub(crate) fn attachment(&self) -> &C {
        &self.attachment
    }
}

impl Scope {
    pub(crate) fn run(&self) -> &Arc<Run> {
        &self.run
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        if !self.is_liftable {
            return self.deadline;
        }
        let (mut scope, mut earliest) = (self, None);
        loop {
            if !scope.is_lifted.load(Ordering::Acquire) {
                earliest = scope.deadline.into_iter().chain(earliest).min();
            }
            match (&scope.bound, &scope.outer) {
                (Bound::Outer, Some(outer)) => scope = outer,
                _ => return earliest,
            }
        }
    }

    pub(crate) fn value<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let mut scope = self;
        loop {
            if let Some(value) = scope.attachment.value(TypeId::of::<T>()) {
                return value.downcast().ok();
            }
            scope = scope.outer.as_deref()?;
        }
    }

    /// Ends it, unless it is done already; says whether it did.
    pub(crate) fn cancel(&self, cause: BoxError) -> bool {
        let mut state = self.state.lock();
        // Looked at and ended under one lock: whatever `error` has said holds.
        let at = Instant::now();
        if self.look(&mut state, Some(at)).is_some() {
            return false;
        }
        state.ended = Some(ScopeEnd { at, error: ContextError::canceled(cause) });
        let token = state.token.clone();
        drop(state);
        if let Some(token) = token {
            token.cancel();
        }
        true
    }

    pub(crate) fn error(&self) -> Option<ContextError> {
        Some(self.look(&mut self.state.lock(), None)?.error.clone())
    }

    /// Returns its end. Once returned, it never changes.
    fn look<'a>(&self, state: &'a mut State, now: Option<Instant>) -> Option<&'a ScopeEnd> {
        if state.ended.is_none() {
            state.ended = ScopeEnd::or_deadline(self.above(), self.deadline(), now);
        }
        state.ended.as_ref()
    }

    /// Returns the end of a scope above, or of the run. Deadlines above count through `deadline`.
    ///
    /// A loop, because a chain may be long. Locks go upwards only.
    fn above(&self) -> Option<ScopeEnd> {
        let mut scope = self;
        loop {
            scope = match (&scope.bound, &scope.outer) {
                (Bound::Stop(tokens), _) => return ScopeEnd::of_stop(&self.run, tokens),
                (Bound::Gone(tokens), _) => return ScopeEnd::of_run(&self.run, tokens),
                (Bound::Outer, Some(outer)) => outer,
                (Bound::Outer, None) => unreachable!("a scope below a run's own context is bound to the run"),
            };
            if let Some(ended) = &scope.state.lock().ended {
                return Some(ended.clone());
            }
        }
    }

    /// The token that is cancelled with it, or with what is above it. Deadlines cancel none.
    fn token(&self) -> CancellationToken {
        let mut without = vec![self];
        let mut token = loop {
            let scope = without[without.len() - 1];
            if let Some(token) = &scope.state.lock().token {
                without.pop();
                break token.clone();
            }
            match (&scope.bound, &scope.outer) {
                (Bound::Stop(tokens), _) => break tokens.stop.clone(),
                (Bound::Gone(tokens), _) => break tokens.gone.clone(),
                (Bound::Outer, Some(outer)) => without.push(outer),
                (Bound::Outer, None) => unreachable!("a scope below a run's own context is bound to the run"),
            }
        };
        while let Some(scope) = without.pop() {
            let mut state = scope.state.lock();
            let ended = state.ended.is_some();
            token = state.token.get_or_insert_with(|| token.child_token()).clone();
            drop(state);
            if ended {
                token.cancel();
            }
        }
        token
    }

    /// Returns the tokens that its own is made from, if a stop of the run does not end it.
    fn until_deadline(&self) -> Option<&RunTokens> {
        let mut scope = self;
        loop {
            scope = match (&scope.bound, &scope.outer) {
                (Bound::Gone(tokens), _) => return Some(tokens),
                (Bound::Outer, Some(outer)) => outer,
                _ => return None,
            };
        }
    }

    /// Completes when it is done.
    pub(crate) async fn done(&self) -> ContextError {
        loop {
            if let Some(error) = self.error() {
                return error;
            }
            let token = self.token();
            let run_deadline = async {
                let Some(tokens) = self.until_deadline() else { return std::future::pending().await };
                tokens.bounded.cancelled().await;
                until(self.run.stop.stopping().map(|stopping| stopping.deadline)).await;
            };
            tokio::select! {
                biased;
                () = token.cancelled() => {}
                () = until(self.deadline()) => {}
                () = run_deadline => {}
            }
        }
    }
}

/// Sleeps until a time, for ever where there is none.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// A deadline this far from now; `None` where no clock will ever show it.
pub(crate) fn after(time: Duration) -> Option<Instant> {
    Instant::now().checked_add(time)
}

impl<C: ?Sized> Drop for Scope<C> {
    /// A loop, because dropping a long chain by recursion would overflow the stack.
    fn drop(&mut self) {
        let mut outer = self.outer.take();
        while let Some(mut scope) = outer {
            // A scope that another thread also holds or drops is left to that thread's loop.
            outer = Arc::get_mut(&mut scope).and_then(|scope| scope.outer.take());
        }
    }
}

impl<C: AsRef<Watchpoint>> AsRef<Watchpoint> for Scope<C> {
    fn as_ref(&self) -> &Watchpoint {
        self.attachment.as_ref()
    }
}

impl<C: ?Sized> fmt::Debug for Scope<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
