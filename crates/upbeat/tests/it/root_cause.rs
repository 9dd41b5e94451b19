//! The cause of the end names the player that failed, at any depth.

use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use crate::common::{MS, S, failing, idle};
use upbeat::{
    BoxError, Conductor, Context, Part,
    report::{Cause, StopCause},
    restart::{Backoff, Restart},
    with,
};

fn failed(cause: &Cause) -> &str {
    let Cause::Failed { path } = cause else { panic!("{cause:?}") };
    path
}

#[tokio::test(start_paused = true)]
async fn a_failure_in_nested_conductors_is_named_by_its_own_path() {
    let told = Arc::new(Mutex::new(None));
    let hears = with(told.clone(), async |told: Arc<Mutex<Option<StopCause>>>, cx: Context| {
        cx.stopping().await;
        *told.lock().expect("no test panics") = cx.stop_cause();
        Ok::<_, BoxError>(())
    });
    let deep = Conductor::new("z").player("fails", failing(S, "no route")).player("beside", idle);
    let inner = Conductor::new("x").player("deep", deep);
    let shop = Conductor::new("shop").player("inner", inner).player("hears", hears);
    let report = shop.play_until(pending()).await;
    assert_eq!(failed(&report.cause), "shop/inner/deep/fails");
    assert!(report.to_string().starts_with("shop: shop/inner/deep/fails failed"), "{report}");
    let told = told.lock().expect("no test panics").clone();
    assert_eq!(told, Some(StopCause::Failed("shop/inner/deep/fails".into())));
}

#[tokio::test(start_paused = true)]
async fn a_conductor_whose_own_score_is_bad_or_that_is_not_ready_is_named_itself() {
    let bad = Conductor::new("x").part(Part::new("a", idle).after("nowhere"));
    let report = Conductor::new("shop").player("inner", bad).play_until(pending()).await;
    assert_eq!(failed(&report.cause), "shop/inner");

    // The failure of an earlier run is not the cause of a later one.
    let runs = Arc::<AtomicU32>::default();
    let starts = with(runs, async |runs: Arc<AtomicU32>, cx: Context| {
        if runs.fetch_add(1, Relaxed) == 0 {
            return Err(BoxError::from("once"));
        }
        cx.stopping().await;
        Ok(())
    });
    let inner = Conductor::new("x").part(Part::new("a", starts).signals_ready());
    let part =
        Part::new("inner", inner).ready_timeout(S).restart(Restart::on_failure(Backoff::constant(MS)).max_restarts(1));
    let report = Conductor::new("shop").part(part).play_until(pending()).await;
    assert_eq!(failed(&report.cause), "shop/inner", "{report}");
    assert_eq!(report.players[0].runs, 2, "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_dependent_that_could_not_start_leads_to_the_player_too() {
    // It never starts only if the conductor fails before it is ready.
    let slow = Conductor::new("x").part(Part::new("fails", failing(MS, "no route")).signals_ready());
    let shop = Conductor::new("shop")
        .part(Part::new("inner", slow).on_failure(upbeat::score::OnFailure::Ignore))
        .part(Part::new("behind", idle).after("inner"));
    let report = shop.play_until(pending()).await;
    assert_eq!(failed(&report.cause), "shop/inner/fails", "{report}");
}
