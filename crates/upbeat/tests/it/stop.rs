//! Stopping: order, deadlines, what is reported, and that nothing is left.

use std::sync::Arc;

use crate::common::{Log, MS, S, ZERO, deaf, failing, idle, polite};
use tokio::time::Instant;
use upbeat::{
    BoxError, Conductor, Context, Part, exit_code, once,
    report::{Cause, Outcome, StopCause},
    score::Readiness,
};

/// The paths of those that are not clean.
fn unclean(report: &upbeat::Report) -> Vec<&str> {
    report.players.iter().filter(|player| !player.is_clean()).map(|player| &*player.path).collect()
}

// 12: all of three failures are reported.
#[tokio::test(start_paused = true)]
async fn all_failures_are_reported_the_root_cause_first() {
    let also_fails = |message| {
        move |cx: Context| async move {
            cx.stopping().await;
            Err::<(), _>(BoxError::from(message))
        }
    };
    let report = Conductor::new("shop")
        .player("second", also_fails("flush failed"))
        .player("first", failing(S, "disk full"))
        .player("third", also_fails("no route"))
        .play_until(std::future::pending())
        .await;
    assert!(matches!(&report.cause, Cause::Failed { path } if &**path == "shop/first"));
    for (path, message) in [("second", "flush failed"), ("first", "disk full"), ("third", "no route")] {
        let player = report.player(&format!("shop/{path}")).unwrap();
        assert_eq!(player.failures[0].to_string(), message);
        assert!(report.to_string().contains(message), "{report}");
    }
    assert_eq!(report.exit_code(), exit_code::FAILED);
}

// 13: one fails while a sibling needs 300 ms to flush: we return after the flush.
#[tokio::test(start_paused = true)]
async fn all_parts_are_awaited_when_one_fails() {
    let log = Log::default();
    let report = Conductor::new("shop")
        .player("fails", failing(S, "no"))
        .player("flushes", polite(&log, "flushes", MS, 300 * MS))
        .play_until(std::future::pending())
        .await;
    assert_eq!(log.lines().last().unwrap(), "flushes down");
    assert!(report.player("shop/flushes").unwrap().is_clean());
    assert!(report.stop_took.unwrap() >= 300 * MS);
}

// 14: an error while stopping is reported, and the exit code is not zero.
#[tokio::test(start_paused = true)]
async fn an_error_while_stopping_is_not_swallowed() {
    let flush_fails = async |cx: Context| {
        cx.stopping().await;
        Err::<(), _>(BoxError::from("flush failed"))
    };
    let report = Conductor::new("shop").player("a", flush_fails).play_until(tokio::time::sleep(S)).await;
    assert!(matches!(report.cause, Cause::Stopped(StopCause::Requested)));
    assert_eq!(report.player("shop/a").unwrap().failures[0].to_string(), "flush failed");
    assert_eq!(report.exit_code(), exit_code::FAILED);
}

// 15: a diamond stops in the reverse of its edges, the middle together. An error in the middle
// keeps no part running.
#[tokio::test(start_paused = true)]
async fn a_diamond_stops_in_reverse_and_its_middle_in_parallel() {
    let log = Log::default();
    let c = with_log(&log, async |log, cx| {
        cx.stopping().await;
        log.add("c asked");
        tokio::time::sleep(S).await;
        log.add("c down");
        Err(BoxError::from("no"))
    });
    let begun = Instant::now();
    let report = Conductor::new("shop")
        .part(Part::new("top", polite(&log, "top", ZERO, S)).after("c").after("d"))
        .part(Part::new("c", c).after("base"))
        .part(Part::new("d", polite(&log, "d", ZERO, S)).after("base"))
        .player("base", polite(&log, "base", ZERO, S))
        .play_until(tokio::time::sleep(S))
        .await;
    assert_eq!(begun.elapsed().as_secs(), 4, "a second each, the middle at the same time");
    assert!(log.at("top down") < log.at("c asked") && log.at("top down") < log.at("d asked"));
    assert!(log.at("c down") < log.at("base asked") && log.at("d down") < log.at("base asked"));
    assert_eq!(unclean(&report), ["shop/c"]);
}

fn with_log<F, Fut>(log: &Log, play: F) -> impl upbeat::Player
where
    F: Fn(Log, Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), BoxError>> + Send,
{
    upbeat::with(log.clone(), play)
}

// 16: a hung worker is aborted at its deadline, and its sibling is clean. Exactly the hung one is
// named, through two levels.
#[tokio::test(start_paused = true)]
async fn a_hung_worker_is_aborted_at_its_deadline_and_named_by_its_full_path() {
    let log = Log::default();
    let inner = Conductor::new("x").player("hung", deaf).player("polite", polite(&log, "polite", ZERO, S));
    let middle = Conductor::new("y").player("inner", inner).player("other", idle);
    let begun = Instant::now();
    let report = Conductor::new("shop")
        .player("middle", middle)
        .player("sibling", idle)
        .stop_timeout(5 * S)
        .play_until(tokio::time::sleep(S))
        .await;
    assert_eq!(unclean(&report), ["shop/middle/inner/hung"]);
    assert_eq!(report.player("shop/middle/inner/hung").unwrap().outcome, Outcome::Overran);
    assert!(report.player("shop/middle/inner/polite").unwrap().is_clean());
    assert_eq!(report.exit_code(), exit_code::OVERRAN);
    assert!(begun.elapsed() < 6 * S, "the inner deadline is before the outer one: {:?}", begun.elapsed());
    assert!(begun.elapsed() > 3 * S, "and not much before it: {:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn one_that_uses_up_its_time_leaves_some_to_those_that_stop_after_it() {
    let log = Log::default();
    let report = Conductor::new("shop")
        .player("db", polite(&log, "db", ZERO, 500 * MS))
        .part(Part::new("hung", deaf).after("db"))
        .play_until(tokio::time::sleep(S))
        .await;
    assert_eq!(unclean(&report), ["shop/hung"]);
    assert!(log.lines().contains(&"db down".to_owned()), "db had the time to flush");
}

#[tokio::test(start_paused = true)]
async fn each_part_may_have_a_deadline_of_its_own_and_sees_it() {
    let seen = Log::default();
    let looks = with_log(&seen, async |log, cx| {
        assert_eq!(cx.remaining(), None);
        cx.stopping().await;
        log.add(format!("{:?} {:?}", cx.remaining().unwrap(), cx.stop_cause().unwrap()));
        std::future::pending().await
    });
    let begun = Instant::now();
    let report =
        Conductor::new("shop").part(Part::new("a", looks).stop_timeout(2 * S)).play_until(tokio::time::sleep(S)).await;
    assert_eq!(seen.lines(), ["2s Requested"]);
    assert_eq!(begun.elapsed(), 3 * S);
    assert_eq!(report.player("shop/a").unwrap().outcome, Outcome::Overran);
}

#[tokio::test(start_paused = true)]
async fn lame_duck_keeps_serving_but_not_ready_and_inside_the_budget() {
    let log = Log::default();
    let shop =
        Conductor::new("shop").player("web", polite(&log, "web", ZERO, ZERO)).lame_duck(3 * S).stop_timeout(5 * S);
    let handle = shop.handle();
    let begun = Instant::now();
    let playing = tokio::spawn(shop.play_until(std::future::pending()));
    handle.overview().wait_ready().await;
    handle.stop();
    let now = handle.overview().snapshot();
    assert!(!now.ready && now.stopping == Some(StopCause::Requested), "not ready from the instant of the request");
    tokio::time::sleep(2 * S).await;
    assert_eq!(handle.overview().snapshot().player("shop/web").unwrap().state, upbeat::diagnostics::PlayerState::Ready);
    assert!(playing.await.unwrap().is_clean());
    assert_eq!(begun.elapsed(), 3 * S);
}

#[tokio::test(start_paused = true)]
async fn lame_duck_is_left_out_when_a_player_fails() {
    let begun = Instant::now();
    let report = Conductor::new("shop")
        .player("fails", failing(S, "no"))
        .player("web", idle)
        .lame_duck(3 * S)
        .play_until(std::future::pending())
        .await;
    assert_eq!(begun.elapsed(), S, "{report}");
}

// 17, for the library alone: a part that spins without an await is leaked and named. The others
// end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_player_that_never_yields_is_reported_as_leaked() {
    let (release, spin) = std::sync::mpsc::channel::<()>();
    let spins = once(async move |_: Context| {
        let _ = spin.recv();
        Ok::<_, BoxError>(())
    });
    let shop = Conductor::new("shop")
        .part(Part::new("spins", spins).signals_ready())
        .player("polite", idle)
        .stop_timeout(100 * MS);
    let overview = shop.handle().overview();
    let started = async {
        overview.wait_for(|now| now.player("shop/spins").is_some_and(|player| player.runs == 1)).await;
    };
    let report = shop.play_until(started).await;
    assert_eq!(unclean(&report), ["shop/spins"], "{report}");
    assert_eq!(report.player("shop/spins").unwrap().outcome, Outcome::Leaked);
    assert_eq!(report.exit_code(), exit_code::OVERRAN);
    drop(release);
}

// 18: panics in the constructor, in a poll, in the drop, while stopping, and in a spawned task.
#[tokio::test(start_paused = true)]
async fn panics_are_failures_with_message_and_place_wherever_they_happen() {
    struct PanicsInDrop;
    impl Drop for PanicsInDrop {
        fn drop(&mut self) {
            panic!("in the drop");
        }
    }
    struct InConstructor;
    impl upbeat::Player for InConstructor {
        type Error = BoxError;
        fn play(&self, _: Context) -> impl Future<Output = Result<(), BoxError>> + Send {
            panic!("in the constructor");
            #[expect(unreachable_code, reason = "it gives the function its type")]
            async {
                Ok(())
            }
        }
        fn readiness(&self) -> Readiness {
            Readiness::Signalled
        }
    }
    let in_poll = async |cx: Context| -> Result<(), BoxError> {
        cx.unless_stopping(tokio::time::sleep(S)).await;
        panic!("in a poll")
    };
    let in_drop = async |cx: Context| {
        let _held = PanicsInDrop;
        cx.stopping().await;
        std::future::pending::<Result<(), BoxError>>().await
    };
    let in_stop = async |cx: Context| -> Result<(), BoxError> {
        cx.stopping().await;
        panic!("in the stop")
    };
    let in_task = async |cx: Context| -> Result<(), BoxError> {
        cx.spawn("helper", async { panic!("in a task") });
        cx.stopping().await;
        Ok(())
    };
    let report = Conductor::new("shop")
        .player("polite", idle)
        .player("poll", in_poll)
        .part(Part::new("drop", in_drop).stop_timeout(S))
        .player("stop", in_stop)
        .player("task", in_task)
        .part(Part::new("constructor", InConstructor).after("poll"))
        .play_until(std::future::pending())
        .await;
    for (path, message) in [
        ("shop/constructor", "in the constructor"),
        ("shop/poll", "in a poll"),
        ("shop/drop", "in the drop"),
        ("shop/stop", "in the stop"),
        ("shop/task", "in a task"),
    ] {
        let player = report.player(path).unwrap();
        let panic = player.failures.first().and_then(|failure| failure.panic());
        let panic = panic.unwrap_or_else(|| panic!("{path} is not reported: {report}"));
        assert_eq!(panic.message(), message);
        assert!(panic.location().unwrap().contains("stop.rs:"), "{panic}");
        assert!(panic.backtrace().is_some());
    }
    assert_eq!(report.player("shop/task").unwrap().failures[0].task.as_deref(), Some("helper"));
    assert!(report.player("shop/polite").unwrap().is_clean(), "{report}");
}

#[tokio::test]
async fn dropping_the_future_aborts_everything() {
    let held = Arc::new(());
    let holds = {
        let held = held.clone();
        once(async move |_: Context| {
            let end = std::future::pending::<Result<(), BoxError>>().await;
            drop(held);
            end
        })
    };
    let shop = Conductor::new("shop").player("holds", holds);
    let overview = shop.handle().overview();
    tokio::select! {
        _ = shop.play_until(std::future::pending()) => unreachable!("it never ends"),
        () = overview.wait_ready() => {}
    }
    while Arc::strong_count(&held) > 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_report_says_what_players_remarked_and_what_was_cut() {
    let cuts = async |cx: Context| {
        cx.note("12 finished");
        cx.stopping().await;
        cx.report_lost("GET /slow, open for 3 s");
        Ok::<_, BoxError>(())
    };
    let report = Conductor::new("shop").player("web", cuts).play_until(tokio::time::sleep(S)).await;
    let text = report.to_string();
    assert!(text.contains("12 finished") && text.contains("lost: GET /slow, open for 3 s"), "{text}");
    assert_eq!(report.exit_code(), exit_code::OVERRAN);
}

// 25: very many idle players. A quadratic cost would take far longer than a minute.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_thousand_players_start_and_stop() {
    let shop = (0..50_000).fold(Conductor::new("shop"), |shop, i| shop.player(format!("p{i}"), idle));
    let overview = shop.handle().overview();
    let playing = shop.play_until(async { overview.wait_ready().await });
    let report = tokio::time::timeout(60 * S, playing).await.expect("it ends");
    assert_eq!(report.players.len(), 50_000);
    assert!(report.is_clean());
}
