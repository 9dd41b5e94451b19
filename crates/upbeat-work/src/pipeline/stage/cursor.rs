//! Who is at what, so that a failure can say so.

use std::{any::Any, fmt, sync::Arc};

use upbeat::BoxError;

use crate::pipeline::outcome::{ItemContext, ItemFailure};

/// Where a worker is in its batch: at which item, in which stage. It lives outside of the loop that may panic.
pub struct Cursor {
    stages: Arc<[Arc<str>]>,
    /// The number of the first item, or what it would be if the item at hand were not numbered otherwise.
    first: u64,
    begun: u64,
    stage: usize,
    context: Option<KeptContext>,
    /// Which item of the batch the context is of.
    context_of: u64,
    passed: u64,
}

/// What an item said of itself: its memory is used again for the next one, unless somebody has kept it.
enum KeptContext {
    Own(Box<dyn ItemContext>),
    Shared(Arc<dyn ItemContext>),
}

impl Cursor {
    /// For a batch whose first item has this number.
    pub(crate) fn new(stages: Arc<[Arc<str>]>, first: u64) -> Self {
        Self { stages, first, begun: 0, stage: 0, context: None, context_of: 0, passed: 0 }
    }

    /// How many items of the batch were begun.
    pub(crate) fn begun(&self) -> u64 {
        self.begun
    }

    #[inline]
    pub(crate) fn begin(&mut self, begun: u64) {
        self.begun = begun;
    }

    /// A store for each stage of each item. It is all that is paid for knowing where a panic comes from.
    #[inline]
    pub(crate) fn enter(&mut self, stage: usize) {
        self.stage = stage;
    }

    pub(crate) fn stage(&self) -> usize {
        self.stage
    }

    /// Keeps what the item says of itself; in the memory of the item before, if nobody has taken it.
    pub(crate) fn say<C: fmt::Display + Send + Sync + 'static>(&mut self, context: C) {
        self.context_of = self.begun;
        let kept = match &mut self.context {
            Some(KeptContext::Own(kept)) => (&mut **kept as &mut dyn Any).downcast_mut::<C>(),
            Some(KeptContext::Shared(_)) | None => None,
        };
        match kept {
            Some(kept) => *kept = context,
            None => self.context = Some(KeptContext::Own(Box::new(context))),
        }
    }

    /// The item at hand has a number of its own, and has maybe said something of itself before.
    #[inline]
    pub(crate) fn resume(&mut self, number: u64, context: Option<Arc<dyn ItemContext>>) {
        self.first = number.wrapping_sub(self.begun.wrapping_sub(1));
        if let Some(context) = context {
            self.context = Some(KeptContext::Shared(context));
            self.context_of = self.begun;
        }
    }

    /// The number of the item at hand.
    #[inline]
    pub(crate) fn item(&self) -> u64 {
        self.first.wrapping_add(self.begun.saturating_sub(1))
    }

    /// What the item at hand has said of itself; shared, since several may come of one item.
    #[inline]
    pub(crate) fn context(&mut self) -> Option<Arc<dyn ItemContext>> {
        if self.context_of != self.begun {
            return None;
        }
        let shared = match self.context.take()? {
            KeptContext::Own(context) => Arc::from(context),
            KeptContext::Shared(context) => context,
        };
        self.context = Some(KeptContext::Shared(shared.clone()));
        Some(shared)
    }

    /// The failure of the item at hand.
    #[cold]
    pub(crate) fn failure(&mut self, error: BoxError) -> ItemFailure {
        let (item, context) = (self.item(), self.context());
        let stage = self.stages.get(self.stage).cloned().unwrap_or_else(|| "source".into());
        ItemFailure::new(stage, item, context, error)
    }

    pub(crate) fn pass(&mut self) {
        self.passed += 1;
    }

    pub(crate) fn passed(&self) -> u64 {
        self.passed
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor").field("begun", &self.begun).field("stage", &self.stage).finish_non_exhaustive()
    }
}
