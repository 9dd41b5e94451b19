//! The lookup of locations: probes, and one thread that resolves names.

use std::{
    collections::VecDeque,
    sync::{LazyLock, mpsc},
    thread,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::oneshot,
    task::spawn_blocking,
    time::timeout,
};
use upbeat_probe::Probe;

use crate::{
    panic::catch,
    snapshot::{location::Location, player::PlayerSnapshot},
};

/// The time in which a probed task has to be polled. With a free worker that takes microseconds.
pub const PROBE_TIMEOUT: Duration = Duration::from_millis(100);

/// The longest wait for names. A longer lookup goes on in the background.
const SYMBOL_TIMEOUT: Duration = Duration::from_secs(5);

/// The largest number of tasks that are probed together. The first ones show the reason of a
/// deadlock, and the time for all stays short.
pub(crate) const MAX_PROBED: usize = 1000;

/// Returns the locations of the probed tasks, in the order of the probes.
///
/// All tasks are probed at once, and `timeout` bounds all of them together. Then their names are
/// looked up on a separate thread, for five seconds at most. A location without its names by then
/// has a text that says so.
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
/// If polled outside a tokio runtime with timers.
pub async fn locate(probes: &[Probe], timeout: Duration) -> Vec<Location> {
    let locations = probe(probes, timeout).await;
    symbolize(&locations).await;
    locations
}

/// Returns the locations of the probed tasks, as [`locate`], from a plain thread.
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

/// Probes all tasks at once. [`symbolize`] looks up the names.
pub(crate) async fn probe(probes: &[Probe], timeout: Duration) -> Vec<Location> {
    Probe::ask_all(probes, timeout).await.into_iter().map(Location::new).collect()
}

/// Waits until the names of these locations are looked up, for `SYMBOL_TIMEOUT` at most.
pub(crate) async fn symbolize(locations: &[Location]) {
    if locations.iter().all(Location::is_named) {
        return;
    }
    let ((done, symbolized), (over, ended)) = (oneshot::channel(), oneshot::channel());
    request(locations, move || {
        let _ = done.send(());
        let _ = over.send(());
    });
    // A paused clock stands still while a blocking task runs. Nothing else depends on that task,
    // because the runtime may be out of blocking threads. Other runtimes have no such clock, and
    // need their blocking threads.
    let still = async {
        if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
            let _ = spawn_blocking(move || ended.blocking_recv()).await;
        } else {
            let _ = ended.await;
        }
    };
    tokio::select! {
        _ = symbolized => {}
        _ = timeout(SYMBOL_TIMEOUT, still) => {}
    }
}

/// Locations without names, and the function to call after the lookup.
struct SymbolRequest {
    locations: Vec<Location>,
    done: Box<dyn FnOnce() + Send>,
}

/// The requests of lookups that are not done.
#[derive(Default)]
struct Symbolizer {
    requests: VecDeque<SymbolRequest>,
    /// Whether a thread takes the requests. It ends when there are none.
    is_running: bool,
}

/// One thread serves all lookups, because they share the debug information. Lazy, so that each
/// execution of a schedule has its own.
static SYMBOLIZER: LazyLock<Mutex<Symbolizer>> = LazyLock::new(Mutex::default);

/// Requests a lookup of names on the separate thread, so that no worker of the runtime reads debug
/// information.
fn request(locations: &[Location], done: impl FnOnce() + Send + 'static) {
    let locations = locations.iter().filter(|location| !location.is_named()).cloned().collect();
    let request = SymbolRequest { locations, done: Box::new(done) };
    let mut symbolizer = SYMBOLIZER.lock();
    if !symbolizer.is_running {
        let thread = thread::Builder::new().name("upbeat-symbols".into()).spawn(symbolize_requests);
        symbolizer.is_running = thread.is_ok();
    }
    if symbolizer.is_running {
        symbolizer.requests.push_back(request);
    }
}

/// Looks up names until there is no request left.
fn symbolize_requests() {
    loop {
        let mut symbolizer = SYMBOLIZER.lock();
        let Some(SymbolRequest { locations, done }) = symbolizer.requests.pop_front() else {
            symbolizer.is_running = false;
            return;
        };
        drop(symbolizer);
        // Invalid debug information may cause a panic, which must not end the thread.
        let _ = catch(|| locations.iter().for_each(Location::symbolize));
        done();
    }
}

/// Probes players and their work. [`symbolize`] looks up the names.
pub(crate) async fn probe_players(players: &mut [PlayerSnapshot], timeout: Duration) -> Vec<Location> {
    let locations = probe(&probes(players), timeout).await;
    set_locations(players, &locations);
    locations
}

/// Returns the probes of players and their work.
pub(super) fn probes(players: &mut [PlayerSnapshot]) -> Vec<Probe> {
    players.iter_mut().flat_map(PlayerSnapshot::probes).take(MAX_PROBED).collect()
}

/// Stores the locations in the order of the [`probes`], and removes the probes.
pub(super) fn set_locations(players: &mut [PlayerSnapshot], locations: &[Location]) {
    let mut locations = locations.iter();
    for player in players {
        player.set_locations(&mut locations);
        player.forget_probes();
    }
}
