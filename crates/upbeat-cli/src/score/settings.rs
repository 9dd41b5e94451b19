//! The table `[score]`: what holds for the whole.

use std::time::Duration;

use upbeat_score::OnFailure;

use super::{
    fault::{Faults, Span},
    table::Table,
};

/// What holds for the whole score.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The first segment of every player's path.
    pub(crate) name: String,
    /// Where the name is written, if it is.
    pub(crate) name_span: Option<Span>,
    /// How long the whole stop may take.
    pub(crate) grace: Duration,
    /// Where that is written, if it is.
    pub(crate) grace_span: Option<Span>,
    /// How long each server may take to become ready.
    pub(crate) start_timeout: Duration,
    /// How long everything goes on serving after a stop was asked for.
    pub(crate) lame_duck: Duration,
    /// Where that is written, if it is.
    pub(crate) lame_duck_span: Option<Span>,
    /// What the final failure of one means for the others.
    pub(crate) on_failure: OnFailure,
    /// How lines are written, unless the command line says otherwise.
    pub(crate) log: LogStyle,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogStyle {
    /// For people: time, player, message; with colours on a terminal.
    #[default]
    Auto,
    /// For machines: one JSON object a line.
    Json,
    /// Nothing but the message.
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
    /// Reads the table; what is faulty in it is as if it had not been written.
    pub(super) fn read(mut table: Table<'_>, faults: &mut Faults) -> Self {
        let mut settings = Self::default();
        if let Some(entry) = table.take("name")
            && let Some(name) = entry.string("\"shop\"", faults)
        {
            name.clone_into(&mut settings.name);
            settings.name_span = Some(entry.value_span());
        }
        if let Some(entry) = table.take("grace")
            && let Some(grace) = entry.positive_duration("nothing could be stopped in order", faults)
        {
            settings.grace = grace;
            settings.grace_span = Some(entry.value_span());
        }
        if let Some(entry) = table.take("start_timeout")
            && let Some(within) = entry.positive_duration("nothing could become ready", faults)
        {
            settings.start_timeout = within;
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
