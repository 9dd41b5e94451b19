//! Faults as text: the line of the file, the message and the fix.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Fault, Source, Span};

/// Returns the faults of a source as text.
pub(crate) fn render(faults: &[Fault], source: &Source, colors: bool) -> String {
    let renderer = if colors { Renderer::styled() } else { Renderer::plain() };
    let mut text = String::new();
    for fault in faults {
        text.push_str(&renderer.render(&[group(fault, source)]));
        text.push_str("\n\n");
    }
    text
}

fn group<'a>(fault: &'a Fault, source: &'a Source) -> Group<'a> {
    let level = if fault.is_warning() { Level::WARNING } else { Level::ERROR };
    let primary = AnnotationKind::Primary.span(within(&fault.span, &source.text)).label(fault.label.as_str());
    let also = fault
        .also
        .iter()
        .map(|(span, label)| AnnotationKind::Context.span(within(span, &source.text)).label(label.as_str()));
    let snippet = Snippet::source(&*source.text).path(source.name.as_str()).annotation(primary).annotations(also);
    let group = level.primary_title(fault.message.as_str()).element(snippet);
    match &fault.help {
        Some(help) => group.element(Level::HELP.message(help.as_str())),
        None => group,
    }
}

/// Returns the part of the span within the text, extended to the boundaries of characters.
fn within(span: &Span, text: &str) -> Range<usize> {
    let start = text.floor_char_boundary(span.start);
    start..text.ceil_char_boundary(span.end).max(start)
}
