//! The decisions of [Upbeat](https://docs.rs/upbeat) as pure code: which part may start, which must
//! stop, when a run is restarted, and how long each step may take. No clock, no tasks, no I/O.
//!
//! - [`Score`] is everything to be played, as data. [`Score::check`] finds all faults at once,
//!   before anything starts, and returns the [`Plan`]: the waves of the start and the longest path
//!   of the stop.
//! - [`Machine`] plays a checked score. [`Machine::handle_event`] takes an [`Event`] and the time,
//!   and returns [`Action`]s. The driver (the crate `upbeat`, or a property test) performs the
//!   actions and reports their results as further events.
//!
//! This is an implementation crate of `upbeat`: its enums are matched exhaustively by the driver,
//! and any minor version may change them. Applications use its types through `upbeat`.
//!
//! The design is that of sans-I/O protocol crates such as quinn-proto, and of nextest's runner. The
//! restart strategies and the restart intensity come from Erlang/OTP, the start conditions from
//! Docker Compose, and most other terms from systemd.
//!
//! ```
//! use std::time::Duration;
//! use upbeat_score::{Action, Event, Machine, PartSpec, Score};
//!
//! let score = Score::new("shop").part(PartSpec::new("db")).part(PartSpec::new("api").after("db"));
//! assert_eq!(score.check().unwrap().waves, [vec!["db".into()], vec!["api".into()]]);
//!
//! let mut machine = Machine::new(&score, 1).unwrap();
//! let now = Duration::ZERO;
//! let actions = machine.handle_event(Event::Begin, now);
//! let [Action::Start { part, run, .. }] = actions[..] else { panic!("only db may start") };
//! assert_eq!(machine.name(part), "db");
//! let actions = machine.handle_event(Event::Ready { part, run }, now);
//! let [Action::Start { part, .. }] = actions[..] else { panic!("now api may start") };
//! assert_eq!(machine.name(part), "api");
//! ```

mod budget;
mod index;
mod machine;
mod moment;
mod restart;
mod score;

pub use budget::{Budget, SETTLE};
pub use machine::{Action, AddError, Cause, End, Event, Machine, PartId, PartState, RemoveError, RunEnd, StopReason};
pub use moment::Moment;
pub use restart::{Backoff, MIN_RESTART_DELAY, Restart, RestartWhen};
pub use score::{
    After, Condition, Fault, Kind, OnFailure, OnUnresponsive, PartSpec, Plan, Readiness, Score, ScoreError, StopPath,
    Strategy, Warning, Watchdog,
};
