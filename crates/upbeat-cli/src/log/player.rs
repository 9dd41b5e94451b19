//! The player that an event belongs to.

use tracing::{
    Event, Subscriber,
    span::{Attributes, Id},
};
use tracing_subscriber::{
    Layer,
    fmt::{FmtContext, FormatFields},
    layer::Context,
    registry::LookupSpan,
};

use super::fields::{Fields, PLAYER};

/// A layer that keeps the player of each span that names one.
#[derive(Debug)]
pub(super) struct RememberPlayer;

struct PlayerPath(String);

impl<S> Layer<S> for RememberPlayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let (Some(path), Some(span)) = (fields.take_text(PLAYER), context.span(id)) {
            span.extensions_mut().insert(PlayerPath(path));
        }
    }
}

/// Returns the player of the innermost span around an event that names one.
pub(super) fn around<S, N>(context: &FmtContext<'_, S, N>, event: &Event<'_>) -> Option<String>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    let mut spans = context.lookup_current().filter(|_| !event.is_root())?.scope();
    spans.find_map(|span| span.extensions().get::<PlayerPath>().map(|path| path.0.clone()))
}
