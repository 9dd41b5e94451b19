//! Signals, caught on a thread, so that they count even if every worker of the runtime is blocked.

use std::{
    io::{self, Write as _},
    sync::{Arc, Weak},
    thread,
};

use parking_lot::Mutex;
use signal_hook::{
    consts::{SIGHUP, SIGUSR1},
    iterator::{Handle, Signals},
};

use super::exit::leave_with;
use crate::{
    exit_code,
    signal::Signal,
    supervisor::control::Control,
    targets,
    tree::{lookup::PROBE_TIMEOUT, overview::Overview},
};

/// The one thread of the process that catches signals.
struct SignalHub {
    signals: Handle,
    /// The conductors that play. Each gets every signal. In a test there may be several.
    playing: Vec<Weak<Control>>,
}

static HUB: Mutex<Option<SignalHub>> = Mutex::new(None);

/// The delivery of signals to a conductor. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    control: Arc<Control>,
}

/// Has signals delivered to `control` from now on.
pub(crate) fn watch(control: &Arc<Control>, stop: &[Signal]) -> io::Result<Watch> {
    let mut hub = HUB.lock();
    if hub.is_none() {
        let mut signals = Signals::new([SIGHUP, SIGUSR1])?;
        *hub = Some(SignalHub { signals: signals.handle(), playing: Vec::new() });
        thread::Builder::new().name("upbeat-signals".into()).spawn(move || {
            for number in signals.forever() {
                dispatch(Signal::from_delivered(number));
            }
        })?;
    }
    if let Some(hub) = &mut *hub {
        for signal in stop {
            hub.signals.add_signal(signal.number())?;
        }
        hub.playing.push(Arc::downgrade(control));
    }
    Ok(Watch { control: control.clone() })
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(hub) = &mut *HUB.lock() {
            hub.playing.retain(|control| !std::ptr::eq(control.as_ptr(), Arc::as_ptr(&self.control)));
        }
    }
}

fn dispatch(signal: Signal) {
    let playing: Vec<Arc<Control>> = match &*HUB.lock() {
        Some(hub) => hub.playing.iter().filter_map(Weak::upgrade).collect(),
        None => Vec::new(),
    };
    match signal.number() {
        SIGHUP => {
            tracing::info!(target: targets::PROCESS, %signal, "reload requested");
            for control in &playing {
                control.tree().reload();
            }
        }
        SIGUSR1 => {
            let overviews: Vec<_> = playing.iter().map(|control| Overview::new(control.tree().clone())).collect();
            // On a thread of its own, so that signals are handled meanwhile. Without a thread there
            // is no dump.
            let _ = thread::Builder::new().name("upbeat-dump".into()).spawn(move || {
                for overview in overviews {
                    // The signal asks for it, so it goes to standard error and not to the log.
                    let _ = writeln!(io::stderr(), "{}", overview.dump_blocking(PROBE_TIMEOUT));
                }
            });
        }
        _ => {
            // If nothing plays, a signal ends the process, as it does by default.
            let leaving = playing.iter().fold(playing.is_empty(), |leaving, control| {
                let leaves = control.stop_signal(signal);
                leaving || leaves
            });
            if leaving {
                leave(signal);
            }
        }
    }
}

fn leave(signal: Signal) -> ! {
    leave_with(exit_code::forced_by(signal))
}
