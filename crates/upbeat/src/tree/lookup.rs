//! Finding out where tasks wait, without holding up anything else.

use std::{sync::mpsc, thread, time::Duration};

use parking_lot::Mutex;
use tokio::{sync::oneshot, task::spawn_blocking, time::timeout};
use upbeat_probe::Probe;

use crate::{
    panic::catch,
    snapshot::{location::Location, player::PlayerSnapshot},
};

/// How long tasks that are probed have to be polled. A task whose worker is free needs microseconds.
pub const PROBE_TIMEOUT: Duration = Duration::from_millis(100);

/// How long names are waited for. Looking them up goes on in the background if it takes longer.
const SYMBOL_TIMEOUT: Duration = Duration::from_secs(5);

/// How many tasks of a tree are probed. The first of them show the reason of a deadlock, and the time for all stays small.
pub(crate) const MAX_PROBED: usize = 1000;

/// Returns where the tasks of these probes wait, in the order of the probes.
///
/// All are probed at once and have `timeout` together to be polled. Then their names are looked up on a thread for
/// that, for five seconds at most. A location whose names are not there by then says so.
///
/// ```
/// use std::time::Duration;
/// use upbeat::diagnostics::{PROBE_TIMEOUT, locate, watch};
///
/// # #[tokio::main]
/// # async fn main() {
/// let (sleeping, probe) = watch(tokio::time::sleep(Duration::from_secs(60)));
/// let sleeping = tokio::spawn(sleeping);
/// let locations = locate(&[probe], PROBE_TIMEOUT).await;
/// println!("{}", locations[0]); // waiting in …
/// # sleeping.abort();
/// # }
/// ```
///
/// # Cancel safety
///
/// Dropping the future loses nothing.
///
/// # Panics
///
/// If it is polled outside a tokio runtime with its timer enabled.
pub async fn locate(probes: &[Probe], timeout: Duration) -> Vec<Location> {
    let locations = probe(probes, timeout).await;
    symbolize(&locations).await;
    locations
}

/// The same as [`locate`] for a thread that does not belong to a runtime.
pub fn locate_blocking(probes: &[Probe], timeout: Duration) -> Vec<Location> {
    let locations: Vec<_> = Probe::ask_all_blocking(probes, timeout).into_iter().map(Location::new).collect();
    let (done, symbolized) = mpsc::channel();
    // Without the thread `done` is dropped, and nothing is waited for.
    request(&locations, move || {
        let _ = done.send(());
    });
    let _ = symbolized.recv_timeout(SYMBOL_TIMEOUT);
    locations
}

/// Probes all at once. The names are still to be looked up by [`symbolize`].
pub(crate) async fn probe(probes: &[Probe], timeout: Duration) -> Vec<Location> {
    Probe::ask_all(probes, timeout).await.into_iter().map(Location::new).collect()
}

/// Waits until the names of these locations are looked up, or the time for it is over.
pub(crate) async fn symbolize(locations: &[Location]) {
    if locations.iter().all(Location::is_named) {
        return;
    }
    let ((done, symbolized), (over, ended)) = (oneshot::channel(), oneshot::channel());
    request(locations, move || {
        let _ = done.send(());
        let _ = over.send(());
    });
    // A paused clock stands still as long as a blocking task runs. The task is not relied on: when something is stuck,
    // the runtime's blocking threads may be what is exhausted.
    let still = spawn_blocking(move || ended.blocking_recv());
    tokio::select! {
        _ = symbolized => {}
        _ = timeout(SYMBOL_TIMEOUT, still) => {}
    }
}

/// Locations whose names are to be looked up, and the function that is called afterwards.
struct SymbolRequest {
    locations: Vec<Location>,
    done: Box<dyn FnOnce() + Send>,
}

/// The way to the thread that looks up names. It is one for all, because they share what was read.
static SYMBOLIZER: Mutex<Option<mpsc::Sender<SymbolRequest>>> = Mutex::new(None);

/// Has names looked up on a plain thread: workers have other things to do than to read debug information.
fn request(locations: &[Location], done: impl FnOnce() + Send + 'static) {
    let locations = locations.iter().filter(|location| !location.is_named()).cloned().collect();
    let request = SymbolRequest { locations, done: Box::new(done) };
    let mut symbolizer = SYMBOLIZER.lock();
    if symbolizer.is_none() {
        let (sender, requests) = mpsc::channel::<SymbolRequest>();
        let thread = thread::Builder::new().name("upbeat-symbols".into()).spawn(move || {
            for SymbolRequest { locations, done } in requests {
                // The debug information of a program may be anything. Names that are not found do not stop the thread.
                let _ = catch(|| locations.iter().for_each(Location::symbolize));
                done();
            }
        });
        *symbolizer = thread.ok().map(|_| sender);
    }
    if let Some(symbolizer) = &*symbolizer {
        let _ = symbolizer.send(request);
    }
}

/// Probes players and their work. The names are still to be looked up by [`symbolize`].
pub(crate) async fn probe_players(players: &mut [PlayerSnapshot], timeout: Duration) -> Vec<Location> {
    let locations = probe(&probes(players), timeout).await;
    set_locations(players, &locations);
    locations
}

/// Returns the probes of players and their work.
pub(super) fn probes(players: &mut [PlayerSnapshot]) -> Vec<Probe> {
    players.iter_mut().flat_map(PlayerSnapshot::probes).take(MAX_PROBED).collect()
}

/// Enters the locations, in the order of the [`probes`]. The snapshots lose their probes.
pub(super) fn set_locations(players: &mut [PlayerSnapshot], locations: &[Location]) {
    let mut locations = locations.iter();
    for player in players {
        player.set_locations(&mut locations);
        player.forget_probes();
    }
}
