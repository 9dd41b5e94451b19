//! Where a task waits, as the probe found it, with the names looked up or not.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use upbeat_probe::{Answer, Frame};

/// Where a task was waiting when it was asked: in which `await`s, with file and line; or that it was inside one poll, and blocked its
/// thread; or that nothing would wake it. A cheap clone.
///
/// The names are looked up on a thread that has the time, so that displaying this never blocks. Where that thread has not come to
/// its end yet, the text says so.
#[derive(Clone)]
pub struct Location {
    inner: Arc<Inner>,
}

struct Inner {
    answer: Answer,
    /// Once the names are looked up: the whole story, and the line that stands for it.
    texts: OnceLock<(String, String)>,
}

impl Location {
    pub(crate) fn new(answer: Answer) -> Self {
        let texts = OnceLock::new();
        if !matches!(answer, Answer::Waiting { .. }) {
            // There are no names to look up.
            let _ = texts.set((answer.to_string(), answer.to_string()));
        }
        Self { inner: Arc::new(Inner { answer, texts }) }
    }

    /// Looks up the names. Takes milliseconds, the first time in a large program perhaps seconds.
    pub(crate) fn look_up(&self) {
        self.inner.texts.get_or_init(|| (self.inner.answer.to_string(), line(&self.inner.answer)));
    }

    /// What the probe said.
    ///
    /// Displaying a [`Waiting`](Answer::Waiting) answer, or asking for its frames, looks names up, which blocks; see there.
    pub fn answer(&self) -> &Answer {
        &self.inner.answer
    }

    /// The innermost places on one line, such as `waiting in shop::flush at flush.rs:12 for tokio::sync::mutex::Mutex::lock`.
    pub fn line(&self) -> &str {
        self.inner.texts.get().map_or(UNNAMED, |(_, line)| line)
    }

    /// Whether the names are there.
    #[cfg(feature = "serde")]
    fn is_named(&self) -> bool {
        self.inner.texts.get().is_some()
    }
}

const UNNAMED: &str = "waiting (the names were not looked up in time)";

impl fmt::Display for Location {
    /// The whole story: for `Waiting` a tree of frames on several lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.inner.texts.get().map_or(UNNAMED, |(story, _)| story))
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
        struct Place<'a> {
            function: &'a str,
            file: Option<std::borrow::Cow<'a, str>>,
            line: Option<u32>,
        }

        fn place(frame: &Frame) -> Place<'_> {
            let file = frame.file().map(std::path::Path::to_string_lossy);
            Place { function: frame.function(), file, line: frame.line() }
        }

        let (kind, traces) = match &self.inner.answer {
            Answer::Waiting { traces, .. } => ("waiting", traces.as_slice()),
            Answer::Busy { .. } => ("inside one poll", [].as_slice()),
            Answer::Nothing => ("waiting for nothing", [].as_slice()),
            Answer::Silent => ("not polled", [].as_slice()),
            Answer::NotPolledYet => ("not polled yet", [].as_slice()),
            Answer::Finished | Answer::Dropped => ("gone", [].as_slice()),
            _ => ("unknown", [].as_slice()),
        };
        let traces = if self.is_named() { traces } else { &[] };
        let places: Vec<Vec<_>> = traces.iter().map(|trace| trace.frames().iter().map(place).collect()).collect();
        let mut out = serializer.serialize_struct("Location", 3)?;
        out.serialize_field("kind", kind)?;
        out.serialize_field("text", self.line())?;
        out.serialize_field("traces", &places)?;
        out.end()
    }
}
