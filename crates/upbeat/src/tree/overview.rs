//! Looking at everybody from outside, and asking them where they wait.

use std::{sync::Arc, time::Duration};

use super::{
    Tree,
    lookup::{MAX_PROBED, locate_blocking, probe_players, probes, set_locations, symbolize},
};
use crate::{
    snapshot::{Snapshot, player::PlayerSnapshot},
    supervisor::state::Shared,
};

/// The states of all players of a tree of nested conductors, for diagnostics. A cheap clone.
///
/// From [`Context::overview`](crate::Context::overview) or [`Handle::overview`](crate::Handle::overview).
#[derive(Clone, Debug)]
pub struct Overview {
    tree: Arc<Tree>,
}

impl Overview {
    pub(crate) fn new(tree: Arc<Tree>) -> Self {
        Self { tree }
    }

    /// What everybody is doing now. Takes each conductor's lock for a moment; never waits for a player.
    ///
    /// Without any player before the start and after the end.
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = self.askable();
        snapshot.players.iter_mut().for_each(PlayerSnapshot::forget_probes);
        snapshot
    }

    /// A snapshot that has the probes of all that can be asked where it waits. They keep memory of the runs, so whoever gets the snapshot
    /// for good must not have them.
    fn askable(&self) -> Snapshot {
        let mut players = Vec::new();
        let mut stopping = None;
        if let Some(root) = self.tree.root() {
            self.collect(&root, &mut players);
            stopping = root.cause.get().cloned();
        }
        let counted = || players.iter().filter(|player| !player.optional);
        Snapshot {
            name: self.tree.root_path().clone(),
            ready: stopping.is_none() && !players.is_empty() && counted().all(|player| player.ready),
            started: !players.is_empty() && counted().all(|player| player.started),
            stopping,
            players,
        }
    }

    /// A [snapshot](Overview::snapshot) in which every live task, and the open work that can be asked, says where it waits: with file
    /// and line; or that it is inside one poll and blocks its thread; or that nothing will wake it.
    ///
    /// The first thousand tasks are probed, all at once, and have `timeout` together to be polled. A task whose executor is too busy to poll
    /// it costs all of that time. Each is polled once more than it would have been. Then the names are looked up on a thread
    /// for that, for five seconds at most.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use upbeat::{Conductor, Context};
    /// # async fn worker(cx: Context) -> Result<(), std::io::Error> { cx.stopping().await; Ok(()) }
    /// # #[tokio::main]
    /// # async fn main() {
    /// let shop = Conductor::new("shop").player("orders", worker);
    /// let overview = shop.handle().overview();
    /// let report = shop
    ///     .play_until(async {
    ///         overview.wait_ready().await;
    ///         let dump = overview.dump(Duration::from_millis(100)).await;
    ///         println!("{dump}");
    ///         // shop: ready
    ///         //   shop/orders  ready for 0 ms
    ///         //       waiting in
    ///         //       └─ main::worker at main.rs:4
    ///         assert!(dump.player("shop/orders").is_some_and(|orders| orders.location.is_some()));
    ///     })
    ///     .await;
    /// # assert!(report.is_clean());
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn dump(&self, timeout: Duration) -> Snapshot {
        let mut snapshot = self.askable();
        symbolize(&probe_players(&mut snapshot.players, timeout).await).await;
        snapshot
    }

    /// The same for one player. `None` if nothing is played as `path`.
    pub(crate) async fn dump_of(&self, path: &str, timeout: Duration) -> Option<PlayerSnapshot> {
        let (conductor, name) = path.rsplit_once('/')?;
        let shared = self.tree.find(conductor)?;
        let (mut player, run) = {
            let stage = shared.stage.lock();
            let part = stage.machine.find(name)?;
            (stage.snapshot(part, shared.now()), stage.run(part))
        };
        player.open = run.map(|run| run.register_work()).unwrap_or_default();
        symbolize(&probe_players(std::slice::from_mut(&mut player), timeout).await).await;
        Some(player)
    }

    /// [`dump`](Overview::dump) for a plain thread, such as one that looks after a runtime whose workers are all blocked. Needs no
    /// runtime.
    pub fn dump_blocking(&self, timeout: Duration) -> Snapshot {
        let mut snapshot = self.askable();
        let locations = locate_blocking(&probes(&mut snapshot.players), timeout);
        set_locations(&mut snapshot.players, &locations);
        snapshot
    }

    /// Looks whether tasks are inside of a poll, so that the time is counted from here on.
    pub(crate) fn look(&self) {
        for conductor in self.tree.all() {
            let stage = conductor.stage.lock();
            for playing in stage.records.iter().filter_map(|record| record.playing.as_ref()).take(MAX_PROBED) {
                playing.probe().busy();
            }
        }
    }

    /// Whether everything is ready, and nothing stops: [`Snapshot::ready`] at a fraction of its cost.
    pub fn is_ready(&self) -> bool {
        self.tree.root().is_some_and(|root| root.cause.get().is_none() && root.stage.lock().machine.all_ready())
    }

    /// Waits until everything is ready. Never completes if that does not happen.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn wait_ready(&self) {
        let mut changes = self.tree.changes();
        while !self.is_ready() {
            // The sender lives in the tree, which this holds.
            let _ = changes.changed().await;
        }
    }

    /// Waits until `condition` holds, and returns the snapshot for which it did.
    ///
    /// Takes a snapshot of all players at each change: not for thousands of players, nor for ever.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn wait_for(&self, mut condition: impl FnMut(&Snapshot) -> bool) -> Snapshot {
        let mut changes = self.tree.changes();
        loop {
            changes.borrow_and_update();
            let snapshot = self.snapshot();
            if condition(&snapshot) {
                return snapshot;
            }
            // The sender lives in the tree, which this holds.
            let _ = changes.changed().await;
        }
    }

    fn collect(&self, shared: &Arc<Shared>, players: &mut Vec<PlayerSnapshot>) {
        let own = {
            let stage = shared.stage.lock();
            let now = shared.now();
            stage.machine.parts().map(|part| (stage.snapshot(part, now), stage.run(part))).collect::<Vec<_>>()
        };
        for (mut player, run) in own {
            if let Some(run) = run {
                player.open = run.register_work();
            }
            // A conductor is found under the path that it plays as, so a player that is none is not found.
            let nested = self.tree.find(&player.path).filter(|nested| !Arc::ptr_eq(nested, shared));
            if nested.is_some() {
                // It waits for its players, and they are asked.
                player.probe = None;
            }
            players.push(player);
            if let Some(nested) = nested {
                self.collect(&nested, players);
            }
        }
    }
}
