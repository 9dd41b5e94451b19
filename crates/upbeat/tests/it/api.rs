//! Guarantees of the types: the auto traits, the forms of players, and the serialized report.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use upbeat::{
    BoxError, Conductor, Context, ContextError, Handle, HandleError, Part, Player, Reloads, Report,
    diagnostics::{Overview, Progress, Snapshot, Stall, stall_guard},
    monitor::{Alert, CallError, Monitor, MonitorSnapshot},
    once,
    report::PlayerReport,
    score::ScoreError,
    task::{Group, GroupError},
    time::{Timer, at, delayed, every},
    with,
};

fn crosses_threads<T: Send + Sync + Unpin + 'static>() {}
fn is_sent<T: Send>(_: &T) {}
fn drop_it(_: &Stall) {}
fn is_a_player(_: impl Player) {}

#[test]
fn the_public_types_cross_threads() {
    crosses_threads::<Context>();
    crosses_threads::<ContextError>();
    crosses_threads::<Conductor>();
    crosses_threads::<Group<std::cell::Cell<u8>>>();
    crosses_threads::<GroupError<u8>>();
    crosses_threads::<Handle>();
    crosses_threads::<HandleError>();
    crosses_threads::<Overview>();
    crosses_threads::<Part>();
    crosses_threads::<PlayerReport>();
    crosses_threads::<Reloads>();
    crosses_threads::<Report>();
    crosses_threads::<ScoreError>();
    crosses_threads::<Snapshot>();
    crosses_threads::<Alert>();
    crosses_threads::<CallError>();
    crosses_threads::<Monitor>();
    crosses_threads::<MonitorSnapshot>();
    crosses_threads::<Progress>();
    crosses_threads::<Timer>();
    is_sent(&Timer::new(Duration::ZERO).fired());
    is_sent(&Monitor::new("bank").call("add", async {}));
    is_sent(&Monitor::new("bank").call_blocking("add", || ()));
    is_sent(&Monitor::new("bank").snapshot());
    is_sent(&stall_guard("checkout", Duration::from_secs(5), async {}).on_stall(drop_it));
    crosses_threads::<Stall>();
    is_sent(&Conductor::new("shop").play_until(std::future::pending()));
    is_sent(&Conductor::new("shop").play_until_signal());
}

#[cfg(feature = "limit")]
#[test]
fn limits_and_their_waiters_cross_threads() {
    use upbeat::limit::{
        ConcurrencyLimit, KeyedConcurrencyLimit, KeyedPermit, KeyedRateLimit, Permit, Rate, RateLimit,
    };
    crosses_threads::<RateLimit>();
    crosses_threads::<KeyedRateLimit<String>>();
    crosses_threads::<ConcurrencyLimit>();
    crosses_threads::<KeyedConcurrencyLimit<String>>();
    crosses_threads::<Permit>();
    crosses_threads::<KeyedPermit<String>>();
    let (cx, rate) = (Context::background(), Rate::per_second(1));
    is_sent(&RateLimit::new(rate).acquire(&cx));
    is_sent(&KeyedRateLimit::new(rate).acquire(&cx, &7));
    is_sent(&ConcurrencyLimit::new(1).acquire(&cx));
    is_sent(&KeyedConcurrencyLimit::new(1).acquire(&cx, &7));
}

#[test]
fn functions_closures_and_shared_players_are_players_without_any_wrapper() {
    async fn function(cx: Context) -> Result<(), std::io::Error> {
        cx.stopping().await;
        Ok(())
    }
    let captured = Arc::new(1);
    is_a_player(function);
    is_a_player(Arc::new(function));
    is_a_player(async |cx: Context| -> anyhow::Result<()> {
        cx.unless_stopping(std::future::pending::<()>()).await;
        Ok(())
    });
    is_a_player({
        let captured = captured.clone();
        move |_: Context| {
            let captured = captured.clone();
            async move {
                drop(captured);
                Ok::<_, BoxError>(())
            }
        }
    });
    is_a_player(with(captured.clone(), async |_: Arc<i32>, _: Context| Ok::<_, BoxError>(())));
    is_a_player(once(async move |_: Context| {
        drop(captured);
        Ok::<_, BoxError>(())
    }));
    is_a_player(Conductor::new("nested"));
    is_a_player(every(Duration::from_secs(1), function));
    is_a_player(delayed(Duration::from_secs(1), function));
    is_a_player(at(SystemTime::now(), function));
}

#[cfg(feature = "serde")]
#[tokio::test(start_paused = true)]
async fn the_report_and_the_snapshot_are_json_for_machines() {
    let says = async |cx: Context| {
        cx.detail("listening", "127.0.0.1:80");
        cx.stopping().await;
        cx.report_lost("GET /slow");
        Err::<(), _>(BoxError::from("flush failed"))
    };
    let shop = Conductor::new("shop").player("web", says);
    let overview = shop.handle().overview();
    let snapshot = std::sync::OnceLock::new();
    let report = shop
        .play_until(async {
            overview.wait_ready().await;
            snapshot.set(serde_json::to_value(overview.snapshot()).unwrap()).unwrap();
        })
        .await;
    let web = &snapshot.get().unwrap()["players"][0];
    assert_eq!((&web["path"], &web["state"]), (&"shop/web".into(), &"ready".into()));
    assert_eq!(web["details"]["listening"], "127.0.0.1:80");

    let report = serde_json::to_value(&report).unwrap();
    assert_eq!(
        (&report["exit_code"], &report["cause"], &report["detail"]),
        (&124.into(), &"stopped".into(), &"requested".into())
    );
    let web = &report["players"][0];
    assert_eq!((&web["outcome"], &web["failures"][0]["error"]), (&"failed".into(), &"flush failed".into()));
    assert_eq!(web["lost"][0], "GET /slow");
}
