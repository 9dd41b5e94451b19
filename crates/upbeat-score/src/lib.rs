//! The decisions of [Upbeat](https://docs.rs/upbeat), pure: what may start, what must stop, when to restart, and
//! how long anything may take. No clock, no tasks, no I/O.
//!
//! - [`Score`] is everything to be played, as data. [`Score::check`] finds every fault at once, before anything starts, and
//!   returns the [`Plan`]: the waves of the start and the longest path of the stop.
//! - [`Machine`] plays a checked score: [`Machine::on`] takes an [`Event`] and the time, and returns [`Action`]s. Whoever drives it
//!   (the crate `upbeat`, or a property test) performs the actions and reports what came of them.
//!
//! The idea of a sans-I/O decision core comes from network protocol libraries and from nextest's runner; the restart strategies and the
//! intensity are Erlang/OTP's, the start conditions are Docker Compose's, the rest of the words are systemd's.
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
//! let [Action::Start { part, run, .. }] = machine.on(Event::Begin, now)[..] else { panic!("only db may start") };
//! assert_eq!(machine.name(part), "db");
//! let [Action::Start { part, .. }] = machine.on(Event::Ready { part, run }, now)[..] else { panic!("now api may start") };
//! assert_eq!(machine.name(part), "api");
//! ```

mod check;
mod deadline;
mod index;
mod machine;
mod part;
mod restart;

pub use check::{Fault, Plan, ScoreError, StopPath, Warning};
pub use deadline::{Budget, SETTLE};
pub use machine::{Action, AddError, End, Ended, Event, Machine, Moment, PartId, RemoveError, State, StopWhy, Why};
pub use part::{After, Condition, Kind, OnFailure, OnUnresponsive, PartSpec, Readiness, Score, Strategy, Watchdog};
pub use restart::{Backoff, MIN_RESTART_DELAY, Restart, RestartWhen};
