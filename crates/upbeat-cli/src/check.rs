//! `upbeat check`: the plan of a score without faults.

use std::fmt::Write as _;

use humantime::format_duration;

use crate::score::{Score, Source, stop_path};

/// Returns the start plan of a score and its longest stop, as text.
pub(crate) fn describe(score: &Score, source: &Source) -> String {
    let count = score.servers.len();
    let servers = if count == 1 { "server" } else { "servers" };
    let mut text = format!(
        "{}: ok, {count} {servers}\n\nstart plan (a server starts once its dependencies are ready)\n",
        source.name
    );
    for (number, wave) in score.plan.waves.iter().enumerate() {
        let _ = writeln!(text, "  {}. {}", number + 1, wave.join(", "));
    }
    text.push_str(&longest_stop(score));
    text
}

fn longest_stop(score: &Score) -> String {
    let (path, settings) = (&score.plan.longest_stop, &score.settings);
    let needs = path.needs + settings.lame_duck;
    let grace = format_duration(settings.grace);
    if needs.is_zero() {
        return format!("\nlongest stop: no server sets `drain`; all share the grace of {grace}\n");
    }
    let verdict = if needs > settings.grace { "too long for" } else { "within" };
    format!(
        "\nlongest stop: {}\n  {}, {verdict} the grace of {grace}\n",
        stop_path(path, settings.lame_duck),
        format_duration(needs),
    )
}
