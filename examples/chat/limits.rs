//! How much one client may send, and how often it may be refused.

use std::num::NonZeroU32;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// How often a client may be refused in a row, and every second after that.
const PATIENCE: NonZeroU32 = NonZeroU32::new(10).expect("not zero");
const PATIENCE_AGAIN: NonZeroU32 = NonZeroU32::MIN;

/// What every client may do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) rate: NonZeroU32,
    pub(crate) burst: NonZeroU32,
}

/// What one client has left of that.
pub(crate) struct Allowance {
    limits: Limits,
    messages: DefaultDirectRateLimiter,
    refusals: DefaultDirectRateLimiter,
}

impl Limits {
    pub(crate) fn allowance(self) -> Allowance {
        Allowance {
            limits: self,
            messages: RateLimiter::direct(Quota::per_minute(self.rate).allow_burst(self.burst)),
            refusals: RateLimiter::direct(Quota::per_second(PATIENCE_AGAIN).allow_burst(PATIENCE)),
        }
    }
}

impl Allowance {
    /// Counts a message; if it came too soon, what to tell its sender.
    pub(crate) fn message(&self) -> Result<(), String> {
        let rate = self.limits.rate;
        self.messages.check().map_err(|_| format!("too fast: at most {rate} messages a minute"))
    }

    /// Counts a refusal, and says whether the client may go on.
    pub(crate) fn refusal(&self) -> bool {
        self.refusals.check().is_ok()
    }
}
