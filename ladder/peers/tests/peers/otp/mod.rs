//! `supervisor_SUITE` of Erlang/OTP (of 2025).
//!
//! A supervisor is a conductor. A permanent child is a service that is restarted after a failure
//! (its normal end is one), or a job that always is. A transient child is a job that is restarted
//! after a failure. A temporary child is never restarted, and its failure is ignored. The later
//! part of a list is the one that starts after the other.

mod blocking;
mod order_and_scale;
mod requests;
mod restart_loops;
mod restart_types;
mod significance;
mod starts;
mod stops;
mod strategies;
mod trees;

use std::time::Duration;

use peers::{S, Scripted, idle};
use tokio::time::timeout;
use upbeat::{
    Conductor, Handle, Part,
    restart::{Backoff, Restart},
    score::OnFailure,
};

/// At once, as Erlang restarts. Here at least 10 ms pass.
const AT_ONCE: Backoff = Backoff::constant(Duration::ZERO);

/// A service that is restarted after every end.
fn permanent(name: &'static str, scripted: &Scripted) -> Part {
    Part::new(name, scripted.player()).signals_ready().restart(Restart::on_failure(AT_ONCE))
}

/// A job that is restarted after a failure.
fn transient(name: &'static str, scripted: &Scripted) -> Part {
    permanent(name, scripted).job()
}

/// A job that is never restarted, and whose failure is ignored.
fn temporary(name: &'static str, scripted: &Scripted) -> Part {
    Part::new(name, scripted.player()).signals_ready().job().on_failure(OnFailure::Ignore)
}

/// A conductor with a part that keeps it running, as a supervisor runs without children.
fn sup() -> Conductor {
    Conductor::new("sup").player("keeper", idle)
}

async fn ready(handle: &Handle) {
    timeout(S * 3600, handle.overview().wait_ready())
        .await
        .unwrap_or_else(|_| panic!("{}", handle.overview().snapshot()));
}

/// Returns the number of parts, and of those that play, without the keeper.
fn counts(handle: &Handle) -> (usize, usize) {
    let snapshot = handle.overview().snapshot();
    let parts = snapshot.players.iter().filter(|player| !player.path.ends_with("/keeper"));
    let active = parts.clone().filter(|player| ["starting", "ready"].contains(&player.state.to_string().as_str()));
    (parts.count(), active.count())
}
