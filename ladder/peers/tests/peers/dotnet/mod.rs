//! The tests of Microsoft.Extensions.Hosting: `LifecycleTests.*.cs`,
//! `BackgroundServiceExceptionTests.cs`, `BackgroundServiceTests.cs`, `Internal/HostTests.cs`.
//!
//! The `StartAsync` of a hosted service is the code of a player until it is ready. Its `StopAsync`
//! is the code after the stop request.

mod failures;
mod host;
mod lifecycle;
mod services;
mod starts;
mod stops;
mod timeouts;

use std::time::Duration;

use peers::{Event, Log, MS};
use tokio::time::sleep;
use upbeat::{BoxError, Context, Part, Player, with};

/// Two events that let a player start and stop.
#[derive(Clone, Default)]
struct Gates {
    start: Event,
    stop: Event,
    log: Log,
}

impl Gates {
    fn player(&self, name: &'static str) -> impl Player + use<> {
        with((self.clone(), name), async |(gates, name): (Gates, &'static str), cx: Context| {
            gates.log.add(format!("{name} starting"));
            if cx.unless_stopping(gates.start.wait()).await.is_some() {
                gates.log.add(format!("{name} started"));
                cx.ready();
            }
            cx.stopping().await;
            gates.log.add(format!("{name} stopping"));
            gates.stop.wait().await;
            gates.log.add(format!("{name} stopped"));
            Ok::<_, BoxError>(())
        })
    }

    fn part(&self, name: &'static str) -> Part {
        Part::new(name, self.player(name)).signals_ready()
    }
}

/// Returns gates for two players with one log.
fn two_gates() -> (Gates, Gates, Log) {
    let log = Log::default();
    let gates = || Gates { log: log.clone(), ..Gates::default() };
    (gates(), gates(), log)
}

/// A part that fails before it is ready, at once or later.
pub(super) fn fails_to_start(later: bool) -> Part {
    let fails = with(later, async |later: bool, _: Context| {
        if later {
            sleep(50 * MS).await;
        }
        Err::<(), _>(BoxError::from("(ThrowOnStart)"))
    });
    Part::new("service", fails).signals_ready()
}

/// A player that fails after `time`, whether it was stopped or not.
fn fails_after(time: Duration, message: &'static str) -> impl Player {
    with((time, message), async |(time, message): (Duration, &'static str), _: Context| {
        sleep(time).await;
        Err::<(), _>(BoxError::from(message))
    })
}
