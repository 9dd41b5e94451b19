//! The format of log lines.

use std::{borrow::Cow, fmt, time::SystemTime};

use serde_json::{Map, Value};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

use super::{
    fields::{Fields, PLAYER, plain},
    player,
};
use crate::score::LogStyle;

/// A formatter that writes each event as a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Format {
    pub(super) style: LogStyle,
    pub(super) colors: bool,
}

/// The contents of a line.
pub(super) struct Line {
    time: SystemTime,
    level: Level,
    player: Option<String>,
    message: String,
    fields: Map<String, Value>,
}

impl<S, N> FormatEvent<S, N> for Format
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let line = Line {
            time: SystemTime::now(),
            level: *event.metadata().level(),
            player: fields.take_text(PLAYER).or_else(|| player::around(context, event)),
            message: fields.take_text("message").unwrap_or_default(),
            fields: fields.0,
        };
        self.write(line, writer)
    }
}

impl Format {
    /// Returns a line that is no event.
    pub(super) fn line(self, line: Line) -> String {
        let mut text = String::new();
        // A string accepts everything.
        let _ = self.write(line, Writer::new(&mut text));
        text
    }

    fn write(self, line: Line, writer: Writer<'_>) -> fmt::Result {
        match self.style {
            LogStyle::Auto => line.write_text(writer, self.colors),
            LogStyle::Json => line.write_json(writer),
            LogStyle::Raw => line.write_message(writer),
        }
    }
}

impl Line {
    /// Returns a line of the program itself.
    pub(super) fn new(level: Level, message: String) -> Self {
        Self { time: SystemTime::now(), level, player: None, message, fields: Map::new() }
    }

    /// Returns the line with a field.
    pub(super) fn with(mut self, name: &str, value: Value) -> Self {
        self.fields.insert(name.to_owned(), value);
        self
    }

    /// Writes `12:00:01.234Z  shop/web  listening on 127.0.0.1:8000`. A level other than INFO
    /// follows the time.
    fn write_text(&self, mut writer: Writer<'_>, colors: bool) -> fmt::Result {
        let (color, dim, bold, off) =
            if colors { (color(self.level), "\x1b[2m", "\x1b[1m", "\x1b[0m") } else { ("", "", "", "") };
        let time = humantime::format_rfc3339_millis(self.time).to_string();
        // Text is read as it is written, so it needs no date. `--log json` has one.
        let time = time.split_once('T').map_or(time.as_str(), |(_day, time)| time);
        write!(writer, "{dim}{time}{off}  ")?;
        if self.level != Level::INFO {
            write!(writer, "{color}{}{off}  ", self.level)?;
        }
        if let Some(player) = &self.player {
            write!(writer, "{bold}{player}{off}  ")?;
        }
        self.write_message(writer)
    }

    /// Writes the message, followed by the fields.
    fn write_message(&self, mut writer: Writer<'_>) -> fmt::Result {
        write!(writer, "{}", escape(&self.message))?;
        for (name, value) in &self.fields {
            let separator = if self.message.is_empty() { "" } else { " " };
            write!(writer, "{separator}{name}={}", escape(&plain(value).to_string()))?;
        }
        writer.write_char('\n')
    }

    fn write_json(mut self, mut writer: Writer<'_>) -> fmt::Result {
        let mut line = std::mem::take(&mut self.fields);
        line.insert("time".to_owned(), humantime::format_rfc3339_millis(self.time).to_string().into());
        line.insert("level".to_owned(), self.level.as_str().to_lowercase().into());
        line.extend(self.player.map(|player| (PLAYER.to_owned(), player.into())));
        line.insert("message".to_owned(), self.message.into());
        writeln!(writer, "{}", Value::Object(line))
    }
}

fn color(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "",
        _ => "\x1b[2m",
    }
}

/// Escapes control characters, which could otherwise control the terminal.
fn escape(text: &str) -> Cow<'_, str> {
    let is_control = |letter: char| letter.is_control() && letter != '\n' && letter != '\t';
    if !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    let escape = |letter: char| if is_control(letter) { letter.escape_default().to_string() } else { letter.into() };
    Cow::Owned(text.chars().map(escape).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(level: Level, message: &str) -> Line {
        let fields = Map::from_iter([("attempt".to_owned(), 2.into())]);
        Line {
            time: SystemTime::UNIX_EPOCH,
            level,
            player: Some("shop/web".to_owned()),
            message: message.to_owned(),
            fields,
        }
    }

    #[test]
    fn as_text() {
        let mut text = String::new();
        line(Level::INFO, "listening").write_text(Writer::new(&mut text), false).unwrap();
        line(Level::WARN, "slow \x1b[2J").write_text(Writer::new(&mut text), false).unwrap();
        assert_eq!(
            text,
            "00:00:00.000Z  shop/web  listening attempt=2\n00:00:00.000Z  WARN  shop/web  slow \\u{1b}[2J attempt=2\n"
        );
    }

    #[test]
    fn as_json() {
        let mut text = String::new();
        line(Level::ERROR, "two\nlines").write_json(Writer::new(&mut text)).unwrap();
        let parsed: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed["player"], "shop/web");
        assert_eq!((parsed["level"].as_str(), parsed["attempt"].as_u64()), (Some("error"), Some(2)));
        assert_eq!(text.lines().count(), 1);
    }
}
