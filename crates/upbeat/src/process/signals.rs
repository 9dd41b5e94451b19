//! Signals, caught on a thread, so that they count even if every worker of the runtime is blocked.
//!
//! The thread does what a signal asks for, and nothing else. What may block (a log event, a dump)
//! is done on other threads, so that no signal waits for standard error or for a log layer.

use std::{
    io::{self, Write as _},
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use parking_lot::Mutex;
use signal_hook::{
    consts::{FORBIDDEN, SIGHUP, SIGUSR1},
    iterator::{Handle, Signals},
};

use super::{exit::leave_with, terminal::Terminal};
use crate::{
    exit_code,
    panic::catch,
    signal::Signal,
    supervisor::control::Control,
    targets,
    tree::{lookup::PROBE_TIMEOUT, overview::Overview},
};

/// The most threads at once for events and dumps. If all of them are blocked, more are left out.
const MAX_ASIDE: usize = 8;

/// The time after which a terminal that sent a hangup is looked at again. Its shell may send it
/// before it ends.
const TERMINAL_ENDS: Duration = Duration::from_millis(500);

/// The one thread of the process that catches signals.
struct SignalHub {
    signals: Handle,
    terminal: Arc<Terminal>,
    /// The conductors that play. In a test there may be several.
    playing: Vec<Watched>,
}

/// A conductor that gets signals.
struct Watched {
    control: Weak<Control>,
    /// The signals that stop it.
    stop: Vec<Signal>,
}

static HUB: Mutex<Option<SignalHub>> = Mutex::new(None);

/// The delivery of signals to a conductor. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    control: Arc<Control>,
}

/// Has signals delivered to `control` from now on.
///
/// # Errors
///
/// If one of the signals cannot be caught, such as KILL, or a handler or the thread cannot be set
/// up.
pub(crate) fn watch(control: &Arc<Control>, stop: &[Signal]) -> io::Result<Watch> {
    if let Some(signal) = stop.iter().find(|signal| FORBIDDEN.contains(&signal.number())) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{signal} cannot be caught")));
    }
    let mut hub = HUB.lock();
    if hub.is_none() {
        // Before the handlers, which replace what the process began with.
        let terminal = Arc::new(Terminal::look());
        let mut signals = Signals::new([SIGHUP, SIGUSR1])?;
        let handle = signals.handle();
        thread::Builder::new().name("upbeat-signals".into()).spawn(move || {
            for number in signals.forever() {
                // A waker that panics must not end the thread.
                let _ = catch(|| dispatch(Signal::from_delivered(number)));
            }
        })?;
        *hub = Some(SignalHub { signals: handle, terminal, playing: Vec::new() });
    }
    if let Some(hub) = &mut *hub {
        for signal in stop {
            hub.signals.add_signal(signal.number())?;
        }
        hub.playing.push(Watched { control: Arc::downgrade(control), stop: stop.to_vec() });
    }
    Ok(Watch { control: control.clone() })
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(hub) = &mut *HUB.lock() {
            hub.playing.retain(|watched| !std::ptr::eq(watched.control.as_ptr(), Arc::as_ptr(&self.control)));
        }
    }
}

/// The meaning of a signal for one conductor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    /// A stop signal: the first stops, the second aborts, the third exits.
    Stop,
    /// The end of the terminal, or a reload that no player receives: stops, and never aborts.
    HangUp,
    Reload,
    Dump,
    /// The effect without a handler: the process ends.
    Default,
    Nothing,
}

/// The circumstances of a hangup.
#[derive(Clone, Copy, Debug)]
struct HangUp {
    /// Whether the process began with hangups ignored, as under `nohup`.
    ignored: bool,
    terminal_ended: bool,
    /// Whether a player has subscribed to reloads.
    reloads: bool,
}

impl Wish {
    /// `is_stop` is whether it is one of the conductor's stop signals.
    fn of(signal: Signal, is_stop: bool, hang_up: impl FnOnce() -> HangUp) -> Self {
        match signal.number() {
            _ if is_stop => Self::Stop,
            SIGHUP => match hang_up() {
                HangUp { ignored: false, terminal_ended: true, .. } => Self::HangUp,
                HangUp { reloads: true, .. } => Self::Reload,
                HangUp { ignored: true, .. } => Self::Nothing,
                HangUp { .. } => Self::HangUp,
            },
            SIGUSR1 => Self::Dump,
            _ => Self::Default,
        }
    }
}

fn dispatch(signal: Signal) {
    let (playing, terminal) = {
        let hub = HUB.lock();
        let Some(hub) = &*hub else { return };
        let playing = hub.playing.iter().filter_map(|watched| {
            let control = watched.control.upgrade()?;
            Some((control, watched.stop.contains(&signal)))
        });
        (playing.collect::<Vec<_>>(), hub.terminal.clone())
    };
    let mut terminal_ended = None;
    let mut hang_up = |reloads| {
        let terminal_ended = *terminal_ended.get_or_insert_with(|| terminal.has_ended());
        HangUp { ignored: terminal.is_hangup_ignored(), terminal_ended, reloads }
    };
    let mut wishes: Vec<_> = Vec::new();
    for (control, is_stop) in &playing {
        wishes.push((Wish::of(signal, *is_stop, || hang_up(control.tree().has_reloads())), control));
    }
    // If nothing plays, a signal ends the process, as it does by default.
    let ends = match wishes.as_slice() {
        [] => match signal.number() {
            SIGHUP => !terminal.is_hangup_ignored(),
            number => number != SIGUSR1,
        },
        wishes => wishes.iter().all(|(wish, _)| *wish == Wish::Default),
    };
    let mut leaving = ends;
    for (wish, control) in &wishes {
        match wish {
            Wish::Stop => leaving |= control.stop_signal(signal),
            Wish::HangUp => control.hang_up(signal),
            Wish::Reload => control.tree().reload(),
            Wish::Dump | Wish::Default | Wish::Nothing => {}
        }
    }
    if leaving {
        leave_with(exit_code::forced_by(signal), None);
    }
    let with = |wanted| wishes.iter().filter(move |(wish, _)| *wish == wanted).map(|(_, control)| Arc::clone(control));
    let reloaded: Vec<_> = with(Wish::Reload).collect();
    if !reloaded.is_empty() {
        aside(move || tracing::info!(target: targets::PROCESS, %signal, "reload requested"));
        if terminal.was_there() && !terminal.is_hangup_ignored() {
            aside(move || {
                thread::park_timeout(TERMINAL_ENDS);
                if terminal.has_ended() {
                    for control in &reloaded {
                        control.hang_up(signal);
                    }
                }
            });
        }
    }
    let dumped: Vec<_> = with(Wish::Dump).map(|control| Overview::new(control.tree().clone())).collect();
    if !dumped.is_empty() {
        aside(move || {
            for overview in dumped {
                // The signal asks for it, so it goes to standard error and not to the log.
                let _ = writeln!(io::stderr(), "{}", overview.dump_blocking(PROBE_TIMEOUT));
            }
        });
    }
}

/// Does work that may block on a thread of its own. Without a thread it is left out.
fn aside(work: impl FnOnce() + Send + 'static) {
    static RUNNING: AtomicUsize = AtomicUsize::new(0);

    /// Counts a thread until it ends, also by a panic.
    struct Running;

    impl Drop for Running {
        fn drop(&mut self) {
            RUNNING.fetch_sub(1, Ordering::Relaxed);
        }
    }

    let before = RUNNING.fetch_add(1, Ordering::Relaxed);
    let running = Running;
    if before < MAX_ASIDE {
        let work = move || {
            let _running = running;
            work();
        };
        let _ = thread::Builder::new().name("upbeat-signal-aside".into()).spawn(work);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(signal: Signal, is_stop: bool, [ignored, terminal_ended, reloads]: [bool; 3]) -> Wish {
        Wish::of(signal, is_stop, || HangUp { ignored, terminal_ended, reloads })
    }

    #[test]
    fn a_stop_signal_is_one_whatever_it_means_otherwise() {
        for signal in [Signal::HANGUP, Signal::USER1, Signal::TERMINATE] {
            for bits in 0..8 {
                let seen = wish(signal, true, [1, 2, 4].map(|bit| bits & bit != 0));
                assert_eq!(seen, Wish::Stop);
            }
        }
        assert_eq!(wish(Signal::USER1, false, [false; 3]), Wish::Dump);
        assert_eq!(wish(Signal::USER2, false, [false; 3]), Wish::Default);
    }

    #[test]
    fn a_hangup_stops_unless_it_is_ignored_or_received() {
        for (ignored, ended, reloads, expected) in [
            (false, false, false, Wish::HangUp),
            (false, false, true, Wish::Reload),
            (false, true, false, Wish::HangUp),
            (false, true, true, Wish::HangUp),
            (true, false, false, Wish::Nothing),
            (true, false, true, Wish::Reload),
            (true, true, false, Wish::Nothing),
            (true, true, true, Wish::Reload),
        ] {
            let seen = wish(Signal::HANGUP, false, [ignored, ended, reloads]);
            assert_eq!(seen, expected, "ignored {ignored}, terminal ended {ended}, reloads {reloads}");
        }
    }
}
