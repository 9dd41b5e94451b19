//! The way from a watched future to one leaf in which it waits.

use std::{
    fmt,
    path::{Path, PathBuf},
    ptr,
    sync::{Arc, OnceLock},
};

use crate::{
    names::{self, Origin},
    tracer::Stack,
};

/// The way from a watched future to one leaf in which it waits. A cheap clone.
#[derive(Clone)]
pub struct Trace {
    inner: Arc<Inner>,
}

struct Inner {
    stack: Stack,
    frames: OnceLock<Box<[Frame]>>,
}

/// A function on the way to a leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    function: String,
    at: Option<(PathBuf, u32)>,
}

impl Trace {
    pub(crate) fn new(stack: Stack) -> Self {
        Self { inner: Arc::new(Inner { stack, frames: OnceLock::new() }) }
    }

    /// The functions from the outermost to the one that waits, and, as the last, what it waits for: the library function that was awaited.
    ///
    /// Plumbing is left out: functions of the standard library, tokio, `futures` and this crate between and below those of the
    /// program. Empty if there is no debug information and there are no symbols.
    ///
    /// The first call looks the names up, which [blocks](crate::Answer#names-are-looked-up-late).
    pub fn frames(&self) -> &[Frame] {
        self.inner.frames.get_or_init(|| resolve(&self.inner.stack))
    }
}

impl fmt::Debug for Trace {
    /// Does not look up names: a debug line in a log must not block.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Trace");
        match self.inner.frames.get() {
            Some(frames) => debug.field("frames", frames).finish(),
            None => debug.field("addresses", &self.inner.stack.len()).finish_non_exhaustive(),
        }
    }
}

impl Frame {
    /// The function with its path, such as `shop::orders::next`. An `async` block or closure has the name of the function in which it stands.
    pub fn function(&self) -> &str {
        &self.function
    }

    /// The source file, as the compiler knew it. `None` without debug information, and for library functions, whose lines say nothing to the
    /// reader.
    pub fn file(&self) -> Option<&Path> {
        self.at.as_ref().map(|(file, _)| file.as_path())
    }

    /// The line in [`file`](Frame::file): of the `await` or the call.
    pub fn line(&self) -> Option<u32> {
        self.at.as_ref().map(|&(_, line)| line)
    }
}

impl fmt::Display for Frame {
    /// `shop::orders::next at orders.rs:12`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.function)?;
        match &self.at {
            Some((file, line)) => write!(f, " at {}:{line}", file.file_name().unwrap_or_default().display()),
            None => Ok(()),
        }
    }
}

/// The frames worth showing, outermost first.
fn resolve(stack: &[usize]) -> Box<[Frame]> {
    let mut shown = Vec::new();
    // What was awaited: of the library functions below the last of the program's own, the first whose name is in the debug
    // information; if none is, the first.
    let mut awaited: Option<Frame> = None;
    let mut is_named = false;
    for Symbol { name, at } in symbols(stack).into_iter().rev() {
        let file = at.as_ref().map(|(file, _)| file.as_path());
        let is_qualified = names::is_qualified(&name);
        let name = names::qualify(name, file);
        match names::origin(&name, file) {
            Origin::Program => {
                (awaited, is_named) = (None, false);
                let frame = Frame { function: names::tidy(&name), at };
                // An async function and a closure in it may be on the same line.
                if shown.last() != Some(&frame) {
                    shown.push(frame);
                }
            }
            Origin::Library if is_qualified && !is_named => {
                is_named = true;
                awaited = Some(Frame { function: names::tidy(&name), at: None });
            }
            Origin::Library => {
                awaited.get_or_insert_with(|| Frame { function: names::tidy(&name), at: None });
            }
            Origin::Plumbing => {}
        }
    }
    shown.extend(awaited);
    shown.into_boxed_slice()
}

struct Symbol {
    name: String,
    at: Option<(PathBuf, u32)>,
}

/// All functions on the stack, inlined ones too, innermost first.
fn symbols(stack: &[usize]) -> Vec<Symbol> {
    let mut symbols = Vec::new();
    for &address in stack {
        backtrace::resolve(ptr::without_provenance_mut(address), |symbol| {
            if let Some(name) = symbol.name() {
                let at = symbol.filename().map(Path::to_path_buf).zip(symbol.lineno());
                symbols.push(Symbol { name: format!("{name:#}"), at });
            }
        });
    }
    symbols
}
