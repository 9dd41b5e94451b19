//! The plan of a score. The faults and warnings of the planner get their positions in the file.

use std::{sync::Arc, time::Duration};

use humantime::format_duration;
use upbeat_score::{After, PartSpec, Plan, Readiness, ScoreError, StopPath, Warning};

use super::{
    fault::{Fault, Faults, Span},
    server::Part,
    settings::Settings,
    suggest::suggest,
    table::depends_on::Dependency,
};

/// Plans the start and the stop. Returns `None` if the score cannot be played.
pub(super) fn check(settings: &Settings, parts: &[&Part], faults: &mut Faults) -> Option<Plan> {
    match to_spec(settings, parts).check() {
        Ok(plan) => {
            for warning in &plan.warnings {
                faults.push(self::warning(warning, settings, parts));
            }
            Some(plan)
        }
        Err(ScoreError { faults: found, .. }) => {
            for fault in &found {
                faults.push(locate(fault, settings, parts));
            }
            None
        }
    }
}

fn to_spec(settings: &Settings, parts: &[&Part]) -> upbeat_score::Score {
    let mut score = upbeat_score::Score::new(settings.name.as_str());
    score.stop_timeout = settings.grace;
    score.lame_duck = settings.lame_duck;
    for part in parts {
        let mut spec = PartSpec::new(part.name.as_str());
        spec.readiness = Readiness::Signalled;
        spec.ready_timeout = settings.start_timeout;
        spec.stop_timeout = part.drain;
        spec.restart = part.restart.clone();
        spec.on_failure = part.on_failure.unwrap_or(settings.on_failure);
        spec.first_and_last = part.first_and_last;
        spec.after = part.depends_on.iter().map(|edge| After::new(edge.on.as_str(), edge.condition)).collect();
        score.parts.push(spec);
    }
    score
}

/// Returns a fault of the planner with the position that causes it, and a fix.
fn locate(fault: &upbeat_score::Fault, settings: &Settings, parts: &[&Part]) -> Fault {
    use upbeat_score::Fault as F;
    let find = |name: &str| parts.iter().copied().find(|part| part.name == name);
    let span_of = |name: &str| find(name).map_or(0..0, |part| part.span.clone());
    let edge = |part: &str, on: &str| find(part)?.depends_on.iter().find(|edge| edge.on == on);
    let edge_span = |part: &str, on: &str| edge(part, on).map_or_else(|| span_of(part), |edge| edge.span.clone());
    match fault {
        F::InvalidName { name, reason } => {
            let span = settings.name_span.clone().filter(|_| **name == *settings.name);
            Fault::new(span.unwrap_or_else(|| span_of(name)), fault.to_string())
                .label(*reason)
                .help("a name is a segment of a path such as `shop/web`: letters, digits, `-` and `_`")
        }
        F::UnknownDependency { part, dependency: on } => {
            let known: Vec<_> = parts.iter().map(|part| part.name.as_str()).filter(|name| **name != **part).collect();
            Fault::new(edge_span(part, on), format!("`{part}` depends on `{on}`, but no server has that name"))
                .label("unknown server")
                .help(suggest(on, &known, "server"))
        }
        F::SelfDependency { part } => Fault::new(edge_span(part, part), format!("`{part}` depends on itself"))
            .label("would wait for itself forever")
            .help("remove the dependency"),
        F::NeverFinishes { part, dependency: on } => Fault::new(
            edge_span(part, on),
            format!("`{part}` waits until `{on}` has finished, but a server never does"),
        )
        .label("would never start")
        .help(format!("wait until it is ready: `{on} = \"ready\"`")),
        F::Cycle { parts: cycle } => locate_cycle(cycle, parts),
        F::LameDuckTooLong { .. } => {
            let span = settings.lame_duck_span.clone().or_else(|| settings.grace_span.clone()).unwrap_or_default();
            let fault = Fault::new(span, "`lame_duck` uses up the whole `grace`")
                .label(format!("{} of {}", format_duration(settings.lame_duck), format_duration(settings.grace)))
                .help("`grace` is the whole stop budget, including `lame_duck`: raise `grace` or lower `lame_duck`");
            match settings.grace_span.clone() {
                Some(grace) if settings.lame_duck_span.is_some() => fault.also(grace, "the whole budget"),
                _ => fault,
            }
        }
        _ => Fault::new(fault.part().map_or(0..0, span_of), fault.to_string()),
    }
}

/// Returns the fault of a dependency cycle, with the position of each of its dependencies.
fn locate_cycle(cycle: &[Arc<str>], parts: &[&Part]) -> Fault {
    let next = cycle.iter().cycle().skip(1);
    let edges: Vec<(Span, String)> = cycle.iter().zip(next).map(|(part, on)| locate_edge(part, on, parts)).collect();
    let names: Vec<_> = cycle.iter().chain(cycle.first()).map(|name| format!("`{name}`")).collect();
    let mut edges = edges.into_iter();
    let (span, label) = edges.next().unwrap_or_default();
    let fault = Fault::new(span, format!("dependency cycle: {}", names.join(" → ")))
        .label(label)
        .help("remove one of these dependencies, so that one of the servers can start first");
    edges.fold(fault, |fault, (span, label)| fault.also(span, label))
}

/// Returns the position of a dependency and its label. A dependency on the diagnostics may be
/// implicit. It then has the position of the server.
fn locate_edge(part: &str, on: &str, parts: &[&Part]) -> (Span, String) {
    let Some(part) = parts.iter().find(|candidate| candidate.name == part) else {
        return Default::default();
    };
    match part.depends_on.iter().find(|edge| edge.on == on) {
        Some(Dependency { span, .. }) => (span.clone(), format!("`{}` waits for `{on}`", part.name)),
        None => {
            (part.span.clone(), format!("`{}` waits for `{on}`, as diagnostics start before all others", part.name))
        }
    }
}

fn warning(warning: &Warning, settings: &Settings, parts: &[&Part]) -> Fault {
    let Warning::StopPathTooLong { path, lame_duck, budget } = warning else {
        return Fault::warning(0..0, warning.to_string());
    };
    let first = parts.iter().find(|part| path.parts.first().is_some_and(|first| **first == *part.name));
    let span = settings.grace_span.clone().or_else(|| first.map(|part| part.span.clone())).unwrap_or_default();
    let needs = format_duration(path.needs.saturating_add(*lame_duck));
    Fault::warning(span, format!("stopping can take {needs}, but the grace is {}", format_duration(*budget)))
        .label(format!("the longest stop: {}", stop_path(path, *lame_duck)))
        .help(format!("raise `grace` to {needs}, or lower the `drain` of a server on that path"))
}

/// Returns the longest stop as text, in the order of the stop.
pub(crate) fn stop_path(path: &StopPath, lame_duck: Duration) -> String {
    let parts = path.parts.join(" → ");
    if lame_duck.is_zero() { parts } else { format!("lame duck {}, then {parts}", format_duration(lame_duck)) }
}
