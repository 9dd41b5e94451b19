//! Traces: the call paths from a watched future to its leaves.

use std::{
    fmt,
    path::{Path, PathBuf},
    ptr,
    sync::{Arc, OnceLock},
};

use crate::{
    symbols::{self, Origin},
    tracer::Stack,
};

/// The call path from a watched future to one leaf in which it waits. A cheap clone.
#[derive(Clone)]
pub struct Trace {
    inner: Arc<Inner>,
}

struct Inner {
    stack: Stack,
    frames: OnceLock<Box<[Frame]>>,
}

/// A function on the path to a leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    function: String,
    at: Option<(PathBuf, u32)>,
}

impl Trace {
    pub(crate) fn new(stack: Stack) -> Self {
        Self { inner: Arc::new(Inner { stack, frames: OnceLock::new() }) }
    }

    /// Returns the functions from the outermost to the one that waits. The last one is the library
    /// function that it awaits.
    ///
    /// Functions of the standard library, tokio, `futures` and this crate are left out where they
    /// only pass a poll on. Empty without debug information and symbols.
    ///
    /// The first call looks up the names, which [blocks](crate::Answer#names-are-looked-up-late).
    pub fn frames(&self) -> &[Frame] {
        self.inner.frames.get_or_init(|| resolve(&self.inner.stack))
    }
}

impl fmt::Debug for Trace {
    /// Writes the frames if they are known. It does not look up names, because a debug line in a
    /// log must not block.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Trace");
        match self.inner.frames.get() {
            Some(frames) => debug.field("frames", frames).finish(),
            None => debug.field("addresses", &self.inner.stack.len()).finish_non_exhaustive(),
        }
    }
}

impl Frame {
    /// Returns the function with its path, such as `shop::orders::next`. An `async` block or
    /// closure has the name of the function that contains it.
    pub fn function(&self) -> &str {
        &self.function
    }

    /// Returns the source file, as it was given to the compiler. `None` without debug information,
    /// and for library functions.
    pub fn file(&self) -> Option<&Path> {
        self.at.as_ref().map(|(file, _)| file.as_path())
    }

    /// Returns the line of the `await` or of the call in [`file`](Frame::file).
    pub fn line(&self) -> Option<u32> {
        self.at.as_ref().map(|&(_, line)| line)
    }
}

impl fmt::Display for Frame {
    /// Writes it as `shop::orders::next at orders.rs:12`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.function)?;
        match &self.at {
            Some((file, line)) => write!(f, " at {}:{line}", file.file_name().unwrap_or_default().display()),
            None => Ok(()),
        }
    }
}

/// Returns the frames to show, outermost first.
fn resolve(stack: &[usize]) -> Box<[Frame]> {
    let mut shown = Vec::new();
    // The awaited function is the first library function below the program's last own function. One
    // whose name is in the debug information is preferred.
    let mut awaited: Option<Frame> = None;
    let mut is_named = false;
    for Symbol { name, at } in look_up(stack).into_iter().rev() {
        let file = at.as_ref().map(|(file, _)| file.as_path());
        let is_qualified = symbols::is_qualified(&name);
        let name = symbols::qualify(name, file);
        match symbols::origin(&name, file) {
            Origin::Program => {
                (awaited, is_named) = (None, false);
                let frame = Frame { function: symbols::tidy(&name), at };
                // An async function and a closure in it may be on the same line.
                if shown.last() != Some(&frame) {
                    shown.push(frame);
                }
            }
            Origin::Library if is_qualified && !is_named => {
                is_named = true;
                awaited = Some(Frame { function: symbols::tidy(&name), at: None });
            }
            Origin::Library => {
                awaited.get_or_insert_with(|| Frame { function: symbols::tidy(&name), at: None });
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

/// Returns all functions on the stack, inlined ones too, innermost first.
fn look_up(stack: &[usize]) -> Vec<Symbol> {
    let mut found = Vec::new();
    for &address in stack {
        backtrace::resolve(ptr::without_provenance_mut(address), |symbol| {
            if let Some(name) = symbol.name() {
                let at = symbol.filename().map(Path::to_path_buf).zip(symbol.lineno());
                found.push(Symbol { name: format!("{name:#}"), at });
            }
        });
    }
    found
}
