//! Starting: order, readiness, faults. The numbers are those of the acceptance scenarios.

use std::sync::Arc;

use crate::common::{Log, MS, S, ZERO, failing, idle, polite};
use upbeat::{
    BoxError, Conductor, Context, Part, exit_code,
    report::{Cause, Outcome, StopCause},
    score::{Condition, Fault, OnFailure},
};

fn server(log: &Log, name: &'static str) -> Part {
    Part::new(name, polite(log, name, 10 * MS, 10 * MS)).signals_ready()
}

// 1: a failure halts the start, and stops only what began, in reverse.
#[tokio::test(start_paused = true)]
async fn a_failed_start_stops_what_has_begun_in_reverse_and_starts_nothing_more() {
    let log = Log::default();
    let report = Conductor::new("shop")
        .part(server(&log, "a"))
        .part(server(&log, "b").after("a"))
        .part(Part::new("c", failing(S, "no disk")).signals_ready().after("b"))
        .part(server(&log, "d").after("c"))
        .play_until(std::future::pending())
        .await;
    assert_eq!(log.lines(), ["a up", "a ready", "b up", "b ready", "b asked", "b down", "a asked", "a down"]);
    assert!(matches!(&report.cause, Cause::Failed { path } if &**path == "shop/c"), "{report}");
    assert_eq!(report.player("shop/c").unwrap().failures[0].to_string(), "no disk");
    let because = Some(Arc::from("shop/c"));
    assert_eq!(report.player("shop/d").unwrap().outcome, Outcome::NeverStarted { because });
    assert_eq!(report.exit_code(), exit_code::FAILED);
}

// 2: a start that hangs past its time-out still lets the others be stopped.
#[tokio::test(start_paused = true)]
async fn a_start_that_hangs_is_given_up_and_the_others_are_stopped_at_once() {
    async fn hangs(_: Context) -> Result<(), BoxError> {
        std::future::pending().await
    }
    let log = Log::default();
    let begun = tokio::time::Instant::now();
    let report = Conductor::new("shop")
        .part(server(&log, "a"))
        .part(Part::new("hung", hangs).signals_ready().ready_timeout(2 * S).stop_timeout(3 * S).after("a"))
        .part(server(&log, "other"))
        .play_until(std::future::pending())
        .await;
    assert_eq!(report.player("shop/hung").unwrap().outcome, Outcome::NotReady);
    assert!(log.at("other down") > log.at("other asked"), "the others stop gracefully");
    assert!(log.at("other down") < log.at("a asked"), "`a` waits for what depends on it, and is hung");
    assert!(report.player("shop/hung").unwrap().overran);
    assert_eq!(begun.elapsed().as_secs(), 5, "two to give up the start, three to stop it");
    assert!(report.player("shop/a").unwrap().is_clean());
}

// 3: if a dependency panics, fails or ends before it is ready, its dependents never start, and name
// it.
#[tokio::test(start_paused = true)]
async fn dependents_of_a_dependency_that_does_not_become_ready_never_start() {
    async fn panics(_: Context) -> Result<(), BoxError> {
        panic!("no luck")
    }
    async fn ends(_: Context) -> Result<(), BoxError> {
        Ok(())
    }
    async fn silent(_: Context) -> Result<(), BoxError> {
        std::future::pending().await
    }
    let dependencies = [
        (Part::new("dependency", panics).signals_ready(), Outcome::Failed),
        (Part::new("dependency", failing(S, "no")).signals_ready(), Outcome::Failed),
        (Part::new("dependency", ends).signals_ready(), Outcome::FinishedEarly),
        (Part::new("dependency", ends), Outcome::FinishedEarly),
        (Part::new("dependency", silent).signals_ready().ready_timeout(S).stop_timeout(S), Outcome::NotReady),
    ];
    for (dependency, outcome) in dependencies {
        let log = Log::default();
        let report = Conductor::new("shop")
            .part(server(&log, "web").after("dependency"))
            .part(server(&log, "page").after("web"))
            .part(dependency.on_failure(OnFailure::Ignore))
            .play_until(std::future::pending())
            .await;
        assert_eq!(log.lines(), Vec::<String>::new(), "nothing of what depends on it starts");
        assert_eq!(report.player("shop/dependency").unwrap().outcome, outcome);
        let because = |path: &str| Outcome::NeverStarted { because: Some(Arc::from(path)) };
        assert_eq!(report.player("shop/web").unwrap().outcome, because("shop/dependency"));
        assert_eq!(report.player("shop/page").unwrap().outcome, because("shop/web"));
        assert!(matches!(&report.cause, Cause::Failed { path } if &**path == "shop/dependency"), "{report}");
    }
}

// 4: the order of declaration does not matter; all faults are listed.
#[tokio::test(start_paused = true)]
async fn a_part_declared_before_its_dependency_starts_after_it() {
    let log = Log::default();
    let shop = Conductor::new("shop").part(server(&log, "web").after("db")).part(server(&log, "db"));
    let handle = shop.handle();
    assert!(shop.play_until(async { handle.overview().wait_ready().await }).await.is_clean());
    assert!(log.at("db ready") < log.at("web up"));
    assert!(log.at("web down") < log.at("db asked"));
}

#[tokio::test(start_paused = true)]
async fn a_bad_score_starts_nothing_and_lists_every_fault() {
    let log = Log::default();
    let shared = Arc::new(idle);
    let report = Conductor::new("shop")
        .part(server(&log, "fine"))
        .part(Part::new("a", idle).after("b"))
        .part(Part::new("b", idle).after("a"))
        .part(Part::new("c", idle).after("unknown"))
        .player("twin", shared.clone())
        .player("other", shared)
        .play_until(std::future::pending())
        .await;
    let Cause::BadScore(error) = &report.cause else { panic!("{report}") };
    for fault in [
        Fault::UnknownDependency { part: "c".into(), dependency: "unknown".into() },
        Fault::DuplicateInstance { part: "other".into(), other: "twin".into() },
        Fault::Cycle { parts: vec!["a".into(), "b".into()] },
    ] {
        assert!(error.faults.contains(&fault), "{fault:?} is missing: {report}");
    }
    assert_eq!(log.lines(), Vec::<String>::new());
    assert_eq!(report.exit_code(), exit_code::BAD_SCORE);
}

// 5: a stop while others wait for each other returns at once.
#[tokio::test(start_paused = true)]
async fn a_stop_during_the_start_is_immediate() {
    let log = Log::default();
    let begun = tokio::time::Instant::now();
    let report = Conductor::new("shop")
        .part(Part::new("a", polite(&log, "a", 1000 * S, ZERO)).signals_ready().ready_timeout(2000 * S))
        .part(server(&log, "b").after("a"))
        .part(server(&log, "c").after("b"))
        .play_until(tokio::time::sleep(3 * S))
        .await;
    assert_eq!(begun.elapsed(), 3 * S);
    assert_eq!(log.lines(), ["a up", "a asked", "a down"]);
    assert_eq!(report.player("shop/c").unwrap().outcome, Outcome::NeverStarted { because: None });
    assert!(matches!(report.cause, Cause::Stopped(StopCause::Requested)));
    assert!(report.is_clean(), "{report}");
}

#[tokio::test(start_paused = true)]
async fn conditions_started_ready_and_finished_are_waited_for() {
    let log = Log::default();
    let migrate = {
        let log = log.clone();
        upbeat::once(async move |_: Context| {
            tokio::time::sleep(20 * MS).await;
            log.add("migrated");
            Ok::<_, BoxError>(())
        })
    };
    let shop = Conductor::new("shop")
        .part(server(&log, "eager").after_when("db", Condition::Started))
        .part(server(&log, "web").after("db").after("migrate"))
        .part(Part::new("migrate", migrate).job().after("db"))
        .part(server(&log, "db"));
    let handle = shop.handle();
    assert!(shop.play_until(async { handle.overview().wait_ready().await }).await.is_clean());
    assert!(log.at("eager up") < log.at("db ready"), "started is enough for it");
    assert!(log.at("db ready") < log.at("migrated"));
    assert!(log.at("migrated") < log.at("web up"), "a job is waited for until it has finished");
}

#[tokio::test(start_paused = true)]
async fn unrelated_parts_start_at_the_same_time() {
    let log = Log::default();
    let shop = Conductor::new("shop")
        .part(Part::new("a", polite(&log, "a", 5 * S, ZERO)).signals_ready())
        .part(Part::new("b", polite(&log, "b", 5 * S, ZERO)).signals_ready());
    let begun = tokio::time::Instant::now();
    let handle = shop.handle();
    assert!(shop.play_until(async { handle.overview().wait_ready().await }).await.is_clean());
    assert_eq!(begun.elapsed(), 5 * S);
}

#[tokio::test(start_paused = true)]
async fn before_all_starts_first_and_stops_last() {
    let log = Log::default();
    let shop = Conductor::new("shop")
        .part(server(&log, "web").after("db"))
        .part(server(&log, "db"))
        .part(server(&log, "diagnostics").first_and_last());
    let handle = shop.handle();
    assert!(shop.play_until(async { handle.overview().wait_ready().await }).await.is_clean());
    assert!(log.at("diagnostics ready") < log.at("db up"));
    assert!(log.at("db down") < log.at("diagnostics asked"));
}

#[tokio::test(start_paused = true)]
async fn a_stop_asked_for_before_the_start_starts_nothing() {
    let log = Log::default();
    let shop = Conductor::new("shop").part(server(&log, "web"));
    shop.handle().stop();
    let report = shop.play_until(std::future::pending()).await;
    assert_eq!(log.lines(), Vec::<String>::new());
    assert!(report.is_clean(), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_standstill_of_the_process_is_no_late_start() {
    let slow = async |cx: Context| -> Result<(), BoxError> {
        for _ in 0..8 {
            tokio::time::sleep(100 * MS).await;
        }
        cx.ready();
        cx.stopping().await;
        Ok(())
    };
    let shop = Conductor::new("shop").part(Part::new("slow", slow).signals_ready().ready_timeout(S));
    let overview = shop.handle().overview();
    let report = shop
        .play_until(async {
            tokio::time::sleep(150 * MS).await;
            tokio::time::advance(10 * S).await;
            overview.wait_ready().await;
        })
        .await;
    assert!(report.is_clean(), "{report}");
    // Without a standstill it is too late.
    let never = async |_: Context| std::future::pending::<Result<(), BoxError>>().await;
    let shop = Conductor::new("shop").part(Part::new("never", never).signals_ready().ready_timeout(S).stop_timeout(MS));
    let report = shop.play_until(tokio::time::sleep(2 * S)).await;
    assert_eq!(report.player("shop/never").unwrap().outcome, Outcome::NotReady, "{report}");
}
