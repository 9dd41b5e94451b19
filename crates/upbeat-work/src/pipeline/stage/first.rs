//! Taking items out of a batch. The one place where the panics of stages are caught.

use memchr::memchr;
use upbeat::{BoxError, panic::Panic};

use super::traits::{Downstream, Flow, StageChain};
use crate::pipeline::{batch::Block, on_stack::on_stack};

/// Gives each item to `each`. There is one `catch_unwind` for all of them: after a panic the loop is entered again behind the item that caused it.
#[inline]
pub(super) fn each<I: Iterator, D: Flow>(items: I, out: &mut D, mut give: impl FnMut(I::Item, &mut D)) {
    let mut items = Some(items);
    loop {
        let run = Panic::catch(|| {
            let mut begun = out.cursor().begun();
            on_stack(&mut items, |items| {
                for item in items {
                    begun += 1;
                    out.begin(begun);
                    give(item, out);
                }
            })
        });
        match run {
            Ok(_) => return,
            Err(panic) => blame(panic, out),
        }
    }
}

/// A panic passed along goes through the stages behind, which may panic too. Each time it is a later one, so this ends.
#[cold]
fn blame<D: Flow>(panic: Panic, out: &mut D) {
    let mut panicked = Some(panic);
    while let Some(panic) = panicked {
        panicked = Panic::catch(|| out.fail(BoxError::from(panic))).err();
    }
}

/// The items of a batch, owned.
#[derive(Debug)]
pub struct FirstStage;

impl<'b, T> StageChain<'b, Vec<T>> for FirstStage {
    type Out = T;

    #[inline]
    fn run<D: Downstream<T>>(&self, batch: &'b mut Vec<T>, out: &mut D) {
        each(batch.drain(..), out, |item, out| out.give(item));
    }
}

/// The lines of a block, borrowed, without their ends.
#[derive(Debug)]
pub struct FirstLineStage;

impl<'b> StageChain<'b, Block> for FirstLineStage {
    type Out = &'b [u8];

    #[inline]
    fn run<D: Downstream<&'b [u8]>>(&self, batch: &'b mut Block, out: &mut D) {
        each(LinesOf(batch.bytes()), out, |line, out| out.give(line));
    }
}

struct LinesOf<'b>(&'b [u8]);

impl<'b> Iterator for LinesOf<'b> {
    type Item = &'b [u8];

    #[inline]
    fn next(&mut self) -> Option<&'b [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let Some(at) = memchr(b'\n', self.0) else {
            return Some(std::mem::take(&mut self.0));
        };
        let line = &self.0[..at];
        self.0 = &self.0[at + 1..];
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

/// A block as one item, borrowed.
#[derive(Debug)]
pub struct FirstBlockStage;

impl<'b> StageChain<'b, Block> for FirstBlockStage {
    type Out = &'b [u8];

    #[inline]
    fn run<D: Downstream<&'b [u8]>>(&self, batch: &'b mut Block, out: &mut D) {
        each(std::iter::once(batch.bytes()), out, |block, out| out.give(block));
    }
}
