//! The states of all players, and the locations of their tasks.

use std::{sync::Arc, time::Duration};

use super::{
    Tree,
    lookup::{MAX_PROBED, locate_blocking, probe_players, probes, set_locations, symbolize},
    node::Node,
};
use crate::snapshot::{Snapshot, player::PlayerSnapshot};

/// The states of all players in a tree of nested conductors. A cheap clone.
///
/// From [`Context::overview`](crate::Context::overview) or
/// [`Handle::overview`](crate::Handle::overview).
#[derive(Clone, Debug)]
pub struct Overview {
    tree: Arc<Tree>,
}

impl Overview {
    pub(crate) fn new(tree: Arc<Tree>) -> Self {
        Self { tree }
    }

    /// Returns the states of all players now. Takes each conductor's lock for a moment, and never
    /// waits for a player.
    ///
    /// Before the start and after the end there are no players.
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = self.with_probes(true);
        snapshot.players.iter_mut().for_each(PlayerSnapshot::forget_probes);
        snapshot
    }

    /// Returns a [`snapshot`](Overview::snapshot) without open work, so that no foreign code runs.
    pub(crate) fn states(&self) -> Snapshot {
        let mut snapshot = self.with_probes(false);
        snapshot.players.iter_mut().for_each(PlayerSnapshot::forget_probes);
        snapshot
    }

    /// Returns a snapshot with the probes of everything that can be probed. Probes keep memory of
    /// the runs, so they are never in a snapshot that is given away.
    fn with_probes(&self, with_work: bool) -> Snapshot {
        let mut players = Vec::new();
        let mut stopping = None;
        if let Some(root) = self.tree.root() {
            self.collect(&root, with_work, &mut players);
            stopping = root.stop_cause();
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

    /// Returns a [snapshot](Overview::snapshot) with the [locations](crate::diagnostics::Location)
    /// of every live task, and of open work that can be probed.
    ///
    /// The first thousand tasks are probed at once, and have `timeout` together to be polled. A
    /// task whose executor is too busy to poll it costs all of that time. Each is polled once more
    /// than it would have been. Then the names are looked up on a thread for that, for five seconds
    /// at most.
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
        let mut snapshot = self.with_probes(true);
        symbolize(&probe_players(&mut snapshot.players, timeout).await).await;
        snapshot
    }

    /// Returns the same for one player; `None` if there is no player at `path`.
    pub(crate) async fn dump_of(&self, path: &str, timeout: Duration) -> Option<PlayerSnapshot> {
        let (conductor, name) = path.rsplit_once('/')?;
        let mut player = self.tree.find(conductor)?.player(name)?;
        symbolize(&probe_players(std::slice::from_mut(&mut player), timeout).await).await;
        Some(player)
    }

    /// Returns a [`dump`](Overview::dump) without a runtime. For a plain thread, such as one that
    /// watches a runtime whose workers are all blocked.
    pub fn dump_blocking(&self, timeout: Duration) -> Snapshot {
        let mut snapshot = self.with_probes(true);
        let locations = locate_blocking(&probes(&mut snapshot.players), timeout);
        set_locations(&mut snapshot.players, &locations);
        snapshot
    }

    /// Checks which tasks are inside a poll. From then on the time is measured.
    pub(crate) fn check_busy(&self) {
        for conductor in self.tree.all() {
            conductor.check_busy(MAX_PROBED);
        }
    }

    /// Returns whether everything is ready and nothing stops: [`Snapshot::ready`] at a fraction of
    /// its cost.
    pub fn is_ready(&self) -> bool {
        self.tree.root().is_some_and(|root| root.stop_cause().is_none() && root.all_ready())
    }

    /// Waits until everything is ready. Otherwise it never completes.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn wait_ready(&self) {
        let mut changes = self.tree.changes();
        while !self.is_ready() {
            // The tree has the sender, so it is not closed.
            let _ = changes.changed().await;
        }
    }

    /// Waits until `condition` holds, and returns the snapshot for which it did.
    ///
    /// Takes a snapshot of all players at each change. It is too slow for thousands of players, and
    /// not meant to run forever.
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
            // The tree has the sender, so it is not closed.
            let _ = changes.changed().await;
        }
    }

    fn collect(&self, conductor: &Arc<dyn Node>, with_work: bool, players: &mut Vec<PlayerSnapshot>) {
        for mut player in conductor.players(with_work) {
            // The path of a nested conductor is that of its part. A player that is no conductor is
            // not found.
            let nested = self.tree.find(&player.path).filter(|nested| !Arc::ptr_eq(nested, conductor));
            if nested.is_some() {
                // It waits for its players, which are probed themselves.
                player.probe = None;
            }
            players.push(player);
            if let Some(nested) = nested {
                self.collect(&nested, with_work, players);
            }
        }
    }
}
