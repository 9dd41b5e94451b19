//! First stages, which take the items out of a batch, and catch the panics of all stages.

use memchr::memchr;
use upbeat::{BoxError, panic::Panic};

use super::{
    flow::{Downstream, Flow},
    traits::{Push, StageChain},
};
use crate::pipeline::{batch::Block, on_stack::on_stack};

/// Passes each item to `give`.
///
/// All items share one `catch_unwind`. After a panic the loop continues behind the item that caused
/// it.
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
            Err(panic) => fail(panic, out),
        }
    }
}

/// Makes a failure of a panic.
///
/// If failures become items, this one passes through the stages behind, which may panic too. Each
/// such panic is in a later stage, so the loop ends.
#[cold]
fn fail<D: Flow>(panic: Panic, out: &mut D) {
    let mut panicked = Some(panic);
    while let Some(panic) = panicked {
        panicked = Panic::catch(|| out.fail(BoxError::from(panic))).err();
    }
}

/// The first stage for batches of items, which it passes on by value.
#[derive(Debug)]
pub struct FirstStage;

impl<T> StageChain<'_, Vec<T>> for FirstStage {
    type Out = T;
}

impl<'b, T> Push<'b, Vec<T>, T> for FirstStage {
    #[inline]
    fn run<D: Downstream<T>>(&self, batch: &'b mut Vec<T>, out: &mut D) {
        each(batch.drain(..), out, |item, out| out.give(item));
    }
}

/// The first stage for lines, which it passes on as borrowed bytes without line ends.
#[derive(Debug)]
pub struct FirstLineStage;

impl<'b> StageChain<'b, Block> for FirstLineStage {
    type Out = &'b [u8];
}

impl<'b> Push<'b, Block, &'b [u8]> for FirstLineStage {
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

/// The first stage for blocks, each of which it passes on as one borrowed item.
#[derive(Debug)]
pub struct FirstBlockStage;

impl<'b> StageChain<'b, Block> for FirstBlockStage {
    type Out = &'b [u8];
}

impl<'b> Push<'b, Block, &'b [u8]> for FirstBlockStage {
    #[inline]
    fn run<D: Downstream<&'b [u8]>>(&self, batch: &'b mut Block, out: &mut D) {
        each(std::iter::once(batch.bytes()), out, |block, out| out.give(block));
    }
}
