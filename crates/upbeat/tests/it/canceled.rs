//! A player that returns the error of its own context because it was asked to stop has ended
//! cleanly, and one that was canceled for another reason has failed.

use std::{fmt, future::pending, sync::Arc};

use crate::common::{MS, S, fails_once, idle};
use tokio::{sync::oneshot, time::sleep};
use upbeat::{
    BoxError, Conductor, Context, ContextError, Part, Player, Report,
    diagnostics::{PlayerState, Snapshot},
    restart::{Backoff, Restart, Strategy},
    task::Group,
    with,
};

/// Plays one player, which is stopped after a second.
async fn stopped(player: impl Player) -> Report {
    Conductor::new("shop").player("one", player).play_until(sleep(S)).await
}

/// Returns the error of the context that a stop ends.
async fn canceled(cx: &Context) -> ContextError {
    cx.unless_done(pending::<()>()).await.expect_err("it is done")
}

#[derive(Debug, thiserror::Error)]
enum Import {
    #[error("row {row} not imported")]
    Row {
        row: u32,
        #[source]
        source: BoxError,
    },
    #[error(transparent)]
    Context(#[from] ContextError),
}

#[tokio::test(start_paused = true)]
async fn the_own_canceled_is_a_clean_end_wherever_it_is_in_the_chain() {
    let reports = [
        stopped(async |cx: Context| Err::<(), _>(canceled(&cx).await)).await,
        stopped(async |cx: Context| Err::<(), BoxError>(canceled(&cx).await.into())).await,
        stopped(async |cx: Context| Err::<(), _>(anyhow::Error::from(canceled(&cx).await))).await,
        stopped(async |cx: Context| {
            Err::<(), _>(anyhow::Error::from(canceled(&cx).await).context("row 7").context("a"))
        })
        .await,
        stopped(async |cx: Context| Err::<(), _>(Import::from(canceled(&cx).await))).await,
        stopped(async |cx: Context| {
            let source = anyhow::Error::from(Import::Row { row: 7, source: canceled(&cx).await.into() });
            Err::<(), _>(Import::Row { row: 8, source: source.into() })
        })
        .await,
        // Contexts below the run's own, which the stop of the run ended.
        stopped(async |cx: Context| Err::<(), _>(canceled(&cx.child().with_value(7).with_timeout(S * 60)).await)).await,
        stopped(async |cx: Context| {
            let helper = cx.clone();
            cx.spawn("helper", async move { helper.done().await })
                .await
                .map_err(BoxError::from)
                .and_then(|e| Err(e.into()))
        })
        .await,
        stopped(async |cx: Context| {
            let group = Group::new(&cx);
            group.spawn("one", async |cx| Err::<(), _>(canceled(&cx).await));
            group.spawn("two", async |cx| Err::<(), _>(canceled(&cx).await));
            group.wait().await.map(drop)
        })
        .await,
    ];
    for (i, report) in reports.iter().enumerate() {
        assert!(report.is_clean() && report.players[0].failures.is_empty(), "{i}: {report}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_reason_is_a_failure_also_while_stopping() {
    let foreign = |cx: Context| async move {
        let (tell, told) = oneshot::channel();
        let inner = with(
            Arc::new(std::sync::Mutex::new(Some(tell))),
            async |tell: Arc<std::sync::Mutex<Option<_>>>, cx: Context| {
                let error = cx.done().await;
                let tell = tell.lock().expect("no test panics").take().expect("it plays once");
                let _: Result<(), ContextError> = oneshot::Sender::send(tell, error);
                Ok::<_, BoxError>(())
            },
        );
        let other = Conductor::new("other").player("inner", inner).play_until(sleep(MS));
        assert!(other.await.is_clean());
        cx.stopping().await;
        Err::<(), BoxError>(told.await.expect("it tells").into())
    };
    let reports = [
        // Canceled by the player itself.
        stopped(async |cx: Context| {
            let child = cx.child();
            child.cancel("enough");
            cx.stopping().await;
            Err::<(), _>(child.error().expect("it was canceled"))
        })
        .await,
        // A deadline.
        stopped(async |cx: Context| {
            let child = cx.with_timeout(MS);
            cx.stopping().await;
            Err::<(), _>(child.done().await)
        })
        .await,
        // A context of another run, which was stopped too.
        stopped(foreign).await,
        // A cause that is like the run's, and is not.
        stopped(async |cx: Context| {
            cx.stopping().await;
            Err::<(), BoxError>(cx.stop_cause().expect("it stops").into())
        })
        .await,
        stopped(async |cx: Context| {
            let group = Group::new(&cx).collect_all();
            group.spawn("one", async |cx| Err::<(), _>(BoxError::from(canceled(&cx).await)));
            group.spawn("two", async |cx| {
                cx.stopping().await;
                sleep(MS).await;
                Err::<(), _>(BoxError::from("could not flush"))
            });
            group.wait().await.map(drop)
        })
        .await,
    ];
    for (i, report) in reports.iter().enumerate() {
        assert!(!report.is_clean() && report.exit_code() == 1, "{i}: {report}");
    }
    assert!(reports[4].to_string().contains("first: task `two`: could not flush"), "{}", reports[4]);
}

/// Two runs that are stopped together share the request, and still tell their errors apart.
#[tokio::test(start_paused = true)]
async fn the_error_of_a_sibling_that_is_stopped_together_is_a_failure() {
    type Slot = Arc<std::sync::Mutex<Option<ContextError>>>;
    let slot = Slot::default();
    let gives = with(slot.clone(), async |slot: Slot, cx: Context| {
        let error = cx.done().await;
        *slot.lock().expect("no test panics") = Some(error);
        Ok::<_, BoxError>(())
    });
    let takes = with(slot, async |slot: Slot, cx: Context| {
        cx.done().await;
        sleep(MS).await;
        let error = slot.lock().expect("no test panics").take();
        Err::<(), _>(error.expect("it was given"))
    });
    let report = Conductor::new("shop").player("gives", gives).player("takes", takes).play_until(sleep(S)).await;
    assert!(report.players[0].is_clean() && !report.players[1].is_clean(), "{report}");
}

/// An error of its own whose source is given away by a clone.
#[derive(Debug)]
struct Shared(Arc<dyn std::error::Error + Send + Sync>);

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("shared")
    }
}

impl std::error::Error for Shared {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}

#[tokio::test(start_paused = true)]
async fn a_part_that_is_stopped_or_restarted_by_hand_may_return_its_canceled() {
    let player = async |cx: Context| Err::<(), _>(Shared(Arc::new(canceled(&cx).await)));
    let shop = Conductor::new("shop")
        .player("one", player)
        .player("nested", Conductor::new("x").player("two", player).player("base", idle));
    let handle = shop.handle();
    let playing = tokio::spawn(shop.play_until(pending()));
    handle.overview().wait_ready().await;
    for path in ["one", "nested/two"] {
        handle.part(path).restart().await.expect("it plays");
        let again = |now: &Snapshot| {
            let player = now.player(&format!("shop/{path}"));
            player.is_some_and(|player| player.runs == 2 && player.state == PlayerState::Ready)
        };
        handle.overview().wait_for(again).await;
        let report = handle.part(path).stop().await.expect("it plays");
        assert!(report.is_clean() && report.failures.is_empty(), "{report:?}");
    }
    handle.stop();
    let report = playing.await.expect("no panic");
    assert!(report.is_clean(), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_part_that_is_restarted_with_another_may_return_its_canceled() {
    let one = Part::new("one", async |cx: Context| Err::<(), _>(canceled(&cx).await));
    let two = Part::new("two", fails_once).after("one").restart(Restart::on_failure(Backoff::constant(MS)));
    let shop = Conductor::new("shop").strategy(Strategy::OneForAll).part(one).part(two);
    let report = shop.play_until(sleep(S)).await;
    assert!(report.is_clean() && report.players.iter().all(|player| player.runs == 2), "{report}");
    assert!(report.players[0].failures.is_empty(), "{report}");
}
