//! Locations of tasks and calls, with or without their names.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use upbeat_probe::{Answer, Frame};

use crate::display::human;

/// The location of a task or a call: the `await`s in which it was waiting, with file and line. A
/// cheap clone.
///
/// Without such an `await` it is the reason: the task was inside one poll and blocked its thread,
/// nothing would wake it, or it is a function on a blocking thread.
///
/// The names are looked up on a separate thread, so displaying this never blocks. The text says so
/// if the names are missing.
#[derive(Clone)]
pub struct Location {
    inner: Arc<Inner>,
}

struct Inner {
    kind: Kind,
    /// The text on several lines and on one line, once the names are looked up.
    texts: OnceLock<(String, String)>,
}

enum Kind {
    Probed(Answer),
    /// A function on a blocking thread, and its time there.
    Blocking(Duration),
    /// A function that waits for a blocking thread.
    Queued,
}

impl Location {
    /// Returns the location of a task that was probed.
    pub(crate) fn new(answer: Answer) -> Self {
        // Only these have names to look up.
        let text = (!matches!(answer, Answer::Waiting { .. })).then(|| answer.to_string());
        Self::with(Kind::Probed(answer), text)
    }

    /// Returns the location of a function that has been on a blocking thread for `time`.
    pub(crate) fn blocking(time: Duration) -> Self {
        Self::with(Kind::Blocking(time), Some(format!("on a blocking thread for {}", human(time))))
    }

    /// Returns the location of a function that waits for a blocking thread.
    pub(crate) fn queued() -> Self {
        Self::with(Kind::Queued, Some("waiting for a free blocking thread".to_owned()))
    }

    fn with(kind: Kind, text: Option<String>) -> Self {
        let texts = OnceLock::new();
        if let Some(text) = text {
            let _ = texts.set((text.clone(), text));
        }
        Self { inner: Arc::new(Inner { kind, texts }) }
    }

    /// Looks up the names. It takes milliseconds, and perhaps seconds the first time in a large
    /// program.
    pub(crate) fn symbolize(&self) {
        if let Kind::Probed(answer) = &self.inner.kind {
            self.inner.texts.get_or_init(|| (answer.to_string(), line(answer)));
        }
    }

    /// Returns whether the names were looked up.
    pub(crate) fn is_named(&self) -> bool {
        self.inner.texts.get().is_some()
    }

    /// Returns the answer of the probe; `None` for a function on a blocking thread.
    ///
    /// Displaying a [`Waiting`](Answer::Waiting) answer, or its frames, looks up names, which
    /// blocks.
    pub fn answer(&self) -> Option<&Answer> {
        match &self.inner.kind {
            Kind::Probed(answer) => Some(answer),
            Kind::Blocking(_) | Kind::Queued => None,
        }
    }

    /// Returns the time for which it has kept a thread busy, at least: inside one poll, or in a
    /// function on a blocking thread. `None` if it waits.
    pub fn busy_for(&self) -> Option<Duration> {
        match &self.inner.kind {
            Kind::Probed(Answer::Busy { at_least, .. }) => Some(*at_least),
            Kind::Blocking(time) => Some(*time),
            Kind::Probed(_) | Kind::Queued => None,
        }
    }

    /// Returns whether it is a function that waits for one of the runtime's blocking threads.
    pub fn is_queued(&self) -> bool {
        matches!(self.inner.kind, Kind::Queued)
    }

    /// Returns the innermost functions on one line, such as
    /// `waiting in shop::flush at flush.rs:12 for tokio::sync::mutex::Mutex::lock`.
    pub fn line(&self) -> &str {
        self.inner.texts.get().map_or(UNNAMED, |(_, line)| line)
    }
}

const UNNAMED: &str = "waiting (the names were not looked up in time)";

impl fmt::Display for Location {
    /// Writes the whole text. For a waiting task it is a tree of frames on several lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.inner.texts.get().map_or(UNNAMED, |(text, _)| text))
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Location").field(&self.line()).finish()
    }
}

/// The innermost function of the program in each trace, and what it awaits.
fn line(answer: &Answer) -> String {
    let Answer::Waiting { traces, omitted, .. } = answer else { return answer.to_string() };
    let mut places: Vec<String> = Vec::new();
    for trace in traces {
        let own = trace.frames().iter().rev().find(|frame| frame.file().is_some());
        let awaited = trace.frames().last().filter(|frame| frame.file().is_none()).map(Frame::function);
        let place = match (own, awaited) {
            (Some(own), Some(awaited)) => format!("in {own} for {awaited}"),
            (Some(own), None) => format!("in {own}"),
            (None, Some(awaited)) => format!("for {awaited}"),
            (None, None) => "somewhere without a name".to_owned(),
        };
        if !places.contains(&place) {
            places.push(place);
        }
    }
    let more = if *omitted > 0 { format!(", or in {omitted} more") } else { String::new() };
    format!("waiting {}{more}", places.join(", or "))
}

#[cfg(feature = "serde")]
impl serde::Serialize for Location {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;

        #[derive(serde::Serialize)]
        struct FrameFields<'a> {
            function: &'a str,
            file: Option<std::borrow::Cow<'a, str>>,
            line: Option<u32>,
        }

        fn fields(frame: &Frame) -> FrameFields<'_> {
            let file = frame.file().map(std::path::Path::to_string_lossy);
            FrameFields { function: frame.function(), file, line: frame.line() }
        }

        let traces: &[_] = match self.answer() {
            Some(Answer::Waiting { traces, .. }) => traces,
            _ => &[],
        };
        let kind = match &self.inner.kind {
            Kind::Probed(Answer::Waiting { .. }) => "waiting",
            Kind::Probed(Answer::Busy { .. }) => "inside one poll",
            Kind::Probed(Answer::Nothing) => "waiting for nothing",
            Kind::Probed(Answer::Silent) => "not polled",
            Kind::Probed(Answer::NotPolledYet) => "not polled yet",
            Kind::Probed(Answer::Finished | Answer::Dropped) => "gone",
            Kind::Probed(_) => "unknown",
            Kind::Blocking(_) => "on a blocking thread",
            Kind::Queued => "queued",
        };
        let traces = if self.is_named() { traces } else { &[] };
        let traces: Vec<Vec<_>> = traces.iter().map(|trace| trace.frames().iter().map(fields).collect()).collect();
        let mut out = serializer.serialize_struct("Location", 3)?;
        out.serialize_field("kind", kind)?;
        out.serialize_field("text", self.line())?;
        out.serialize_field("traces", &traces)?;
        out.end()
    }
}
