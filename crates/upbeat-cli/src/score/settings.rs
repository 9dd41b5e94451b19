//! The table `[score]`: the settings of the whole score.

use std::time::Duration;

use upbeat_score::OnFailure;

use super::{
    fault::{Faults, Span},
    table::Table,
};

/// The settings of the whole score.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The first segment of every player's path.
    pub(crate) name: String,
    /// The position of the name, if it is set.
    pub(crate) name_span: Option<Span>,
    /// The timeout of the whole stop.
    pub(crate) grace: Duration,
    /// The position of the grace, if it is set.
    pub(crate) grace_span: Option<Span>,
    /// The time in which each server has to become ready.
    pub(crate) start_timeout: Duration,
    /// The time for which servers keep serving after a stop request.
    pub(crate) lame_duck: Duration,
    /// The position of the lame duck period, if it is set.
    pub(crate) lame_duck_span: Option<Span>,
    /// The effect of the final failure of a server on the others.
    pub(crate) on_failure: OnFailure,
    /// The format of log lines; the command line overrides it.
    pub(crate) log: LogStyle,
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogStyle {
    /// Text with time, player and message, colored on a terminal
    #[default]
    Auto,
    /// One JSON object per line
    Json,
    /// Only the message
    Raw,
}

/// The choices of `on_failure`.
pub(super) const ON_FAILURE: [(&str, OnFailure); 2] =
    [("shutdown", OnFailure::Shutdown), ("ignore", OnFailure::Ignore)];

const LOG: [(&str, LogStyle); 3] = [("auto", LogStyle::Auto), ("json", LogStyle::Json), ("raw", LogStyle::Raw)];

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: "upbeat".to_owned(),
            name_span: None,
            grace: Duration::from_secs(10),
            grace_span: None,
            start_timeout: Duration::from_secs(30),
            lame_duck: Duration::ZERO,
            lame_duck_span: None,
            on_failure: OnFailure::Shutdown,
            log: LogStyle::Auto,
        }
    }
}

impl Settings {
    /// Reads the table. Invalid settings keep their defaults.
    pub(super) fn read(mut table: Table<'_>, faults: &mut Faults) -> Self {
        let mut settings = Self::default();
        if let Some(entry) = table.take("name")
            && let Some(name) = entry.string("\"shop\"", faults)
        {
            name.clone_into(&mut settings.name);
            settings.name_span = Some(entry.value_span());
        }
        if let Some(entry) = table.take("grace")
            && let Some(grace) = entry.positive_duration("no server could stop gracefully", faults)
        {
            settings.grace = grace;
            settings.grace_span = Some(entry.value_span());
        }
        if let Some(entry) = table.take("start_timeout")
            && let Some(timeout) = entry.positive_duration("no server could become ready", faults)
        {
            settings.start_timeout = timeout;
        }
        if let Some(entry) = table.take("lame_duck")
            && let Some(lame_duck) = entry.duration(faults)
        {
            settings.lame_duck = lame_duck;
            settings.lame_duck_span = Some(entry.value_span());
        }
        if let Some(on_failure) = table.take("on_failure").and_then(|entry| entry.choice(&ON_FAILURE, faults)) {
            settings.on_failure = on_failure;
        }
        if let Some(log) = table.take("log").and_then(|entry| entry.choice(&LOG, faults)) {
            settings.log = log;
        }
        table.finish(faults);
        settings
    }
}
