//! Log layers that do harm: they ask back, or they block.

use std::fmt;

use tracing::{
    Event, Metadata, Subscriber,
    span::{Attributes, Id, Record},
    subscriber::Interest,
};

/// A subscriber that calls a function wherever `tracing` calls it: for each check whether an event
/// is enabled, each event, and each span that is made, entered, left or closed.
///
/// The function gets the message of an event, and an empty text otherwise.
pub struct CallsBack<F>(pub F);

impl<F> fmt::Debug for CallsBack<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallsBack")
    }
}

impl<F: Fn(&str) + 'static> Subscriber for CallsBack<F> {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        (self.0)("");
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        (self.0)("");
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut message = String::new();
        event.record(&mut |field: &tracing::field::Field, value: &dyn fmt::Debug| {
            if field.name() == "message" {
                message = format!("{value:?}");
            }
        });
        (self.0)(&message);
    }

    fn enter(&self, _: &Id) {
        (self.0)("");
    }

    fn exit(&self, _: &Id) {
        (self.0)("");
    }

    fn try_close(&self, _: Id) -> bool {
        (self.0)("");
        false
    }
}
