//! The limits of a client's messages and rejections.

use std::num::NonZeroU32;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// The maximum number of rejections at once, and per second after that.
const REJECTION_BURST: NonZeroU32 = NonZeroU32::new(10).expect("not zero");
const REJECTION_RATE: NonZeroU32 = NonZeroU32::MIN;

/// The limits of every client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) rate: NonZeroU32,
    pub(crate) burst: NonZeroU32,
}

/// The use that one client has made of its limits.
pub(crate) struct Allowance {
    limits: Limits,
    messages: DefaultDirectRateLimiter,
    rejections: DefaultDirectRateLimiter,
}

impl Limits {
    pub(crate) fn allowance(self) -> Allowance {
        Allowance {
            limits: self,
            messages: RateLimiter::direct(Quota::per_minute(self.rate).allow_burst(self.burst)),
            rejections: RateLimiter::direct(Quota::per_second(REJECTION_RATE).allow_burst(REJECTION_BURST)),
        }
    }
}

impl Allowance {
    /// Counts a message. If it exceeds the limit, returns the text for its sender.
    pub(crate) fn message(&self) -> Result<(), String> {
        let rate = self.limits.rate;
        self.messages.check().map_err(|_| format!("too fast: at most {rate} messages a minute"))
    }

    /// Counts a rejection, and returns whether it is within the limit.
    pub(crate) fn rejection(&self) -> bool {
        self.rejections.check().is_ok()
    }
}
