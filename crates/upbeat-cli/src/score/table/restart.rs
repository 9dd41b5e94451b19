//! The key `restart`: the name of a policy, or a table with all its settings.

use std::time::Duration;

use toml::de::DeValue;
use upbeat_score::{Backoff, Restart};

use super::{Entry, Table};
use crate::score::fault::{Fault, Faults};

#[derive(Clone, Copy)]
enum Policy {
    Never,
    OnFailure,
    Always,
}

impl Policy {
    const ALL: [(&str, Self); 3] = [("never", Self::Never), ("on-failure", Self::OnFailure), ("always", Self::Always)];

    fn with(self, backoff: Backoff) -> Restart {
        match self {
            Self::Never => Restart::never(),
            Self::OnFailure => Restart::on_failure(backoff),
            Self::Always => Restart::always(backoff),
        }
    }
}

const SHORT: &str = r#"restart = "on-failure""#;
const LONG: &str = r#"restart = { policy = "on-failure", delay = "1s", max_delay = "30s", max = 5, window = "60s" }"#;

/// The delays of [`Restart::DEFAULT_BACKOFF`], for a table that sets only one of them.
const DELAY: Duration = Duration::from_secs(1);
const MAX_DELAY: Duration = Duration::from_secs(30);

impl Entry<'_> {
    /// Reads a restart policy.
    pub(in crate::score) fn restart(&self, title: &str, faults: &mut Faults) -> Option<Restart> {
        match self.value {
            DeValue::String(_) => Some(self.choice(&Policy::ALL, faults)?.with(Restart::DEFAULT_BACKOFF)),
            DeValue::Table(_) => policy_table(self.table(format!("`restart` of {title}"), LONG, faults)?, faults),
            _ => {
                let in_full = format!("write `{SHORT}`, or in full `{LONG}`");
                faults.push(self.expected("a policy or a table", SHORT).help(in_full));
                None
            }
        }
    }
}

fn policy_table(mut table: Table<'_>, faults: &mut Faults) -> Option<Restart> {
    let policy = table.require("policy", r#"policy = "on-failure""#, faults);
    let policy = policy.and_then(|entry| entry.choice(&Policy::ALL, faults));
    let backoff = backoff(&mut table, faults);
    let max = table.take("max");
    let max_restarts = max.map(|entry| entry.integer(0..=1_000_000, faults));
    let window = table.take("window");
    let within = window.map(|entry| entry.positive_duration("no restart would be counted", faults));
    let reset_after = table.take("reset_after").map(|entry| entry.duration(faults));
    if let (None, Some(window)) = (max, window) {
        faults.push(
            Fault::missing(window.key_span(), "`window` has no effect without `max`")
                .label("the period in which restarts are counted")
                .help("add `max = 5`, the maximum number of restarts in that period"),
        );
    }
    table.finish(faults);

    let mut restart = policy?.with(backoff?);
    if let Some(max_restarts) = max_restarts {
        restart = restart.max_restarts(max_restarts?);
    }
    if let Some(within) = within {
        restart = restart.within(within?);
    }
    if let Some(reset_after) = reset_after {
        restart = restart.reset_after(reset_after?);
    }
    Some(restart)
}

fn backoff(table: &mut Table<'_>, faults: &mut Faults) -> Option<Backoff> {
    let (first, last) = (table.take("delay"), table.take("max_delay"));
    let delay = first.map_or(Some(DELAY), |entry| entry.duration(faults));
    let max_delay = last.map_or(Some(MAX_DELAY), |entry| entry.duration(faults));
    let (delay, max_delay) = (delay?, max_delay?);
    if let (Some(first), Some(last)) = (first, last)
        && delay > max_delay
    {
        faults.push(
            Fault::new(first.value_span(), "`delay` is longer than `max_delay`")
                .label("the first delay")
                .also(last.value_span(), "the longest delay")
                .help("delays grow from `delay` to `max_delay`: lower the first or raise the second"),
        );
    }
    // A delay that is set is kept. A default that contradicts it is adjusted.
    let (delay, max_delay) =
        if first.is_some() { (delay, max_delay.max(delay)) } else { (delay.min(max_delay), max_delay) };
    Some(Backoff::exponential(delay, max_delay))
}
