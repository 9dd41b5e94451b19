//! `sup_stop`.

use std::time::Duration;

use peers::{Command, MS, S, Scripted, deaf, failures, paused, playing, settle, stop};
use tokio::time::{sleep, timeout};
use upbeat::{
    BoxError, Conductor, Context, Part,
    report::{Cause, Outcome},
    restart::Restart,
    score::Condition,
};

use super::{AT_ONCE, permanent, ready, sup, temporary, transient};

/// Same as `sup_stop_infinity`.
#[test]
fn a_stop_timeout_may_be_the_longest_duration() {
    paused(async || {
        let (one, two) = (Scripted::stops_after(S * 600), Scripted::stops_after(S * 60));
        let conductor = Conductor::new("sup").stop_timeout(Duration::MAX);
        let conductor = conductor
            .part(permanent("one", &one).stop_timeout(Duration::MAX))
            .part(permanent("two", &two).after("one"));
        let (handle, playing) = playing(conductor);
        ready(&handle).await;
        let report = stop(&handle, playing).await;
        assert!(report.is_clean(), "{report}");
    });
}

/// Same as `sup_stop_timeout`, `sup_stop_timeout_dynamic`.
#[test]
fn a_part_that_ignores_the_stop_is_aborted_and_the_others_stop_cleanly() {
    paused(async || {
        let (one, two) = (Scripted::new(), Scripted::new());
        let (handle, playing) = playing(sup().part(permanent("one", &one).stop_timeout(S)));
        ready(&handle).await;
        handle.add(permanent("two", &two).stop_timeout(S)).await.unwrap();
        two.started(1).await;
        two.send(Command::Hang);
        settle().await;
        let report = stop(&handle, playing).await;
        assert_eq!(report.player("sup/one").unwrap().outcome, Outcome::Stopped);
        assert_eq!(report.player("sup/two").unwrap().outcome, Outcome::Overran);
        assert!(report.stop_took.unwrap() < 2 * S && two.live() == 0, "{report}");
    });
}

/// Differs from `sup_stop_brutal_kill`, `sup_stop_brutal_kill_dynamic`: an aborted part is an
/// overrun in the exit code, also where its stop timeout is zero.
#[test]
fn parts_without_time_to_stop_are_aborted_and_the_others_stop_cleanly() {
    paused(async || {
        let one = Scripted::new();
        let conductor = (0..10).fold(sup().part(permanent("one", &one)), |conductor, i| {
            conductor.part(Part::new(format!("killed{i}"), deaf).signals_ready().stop_timeout(Duration::ZERO))
        });
        let (handle, playing) = playing(conductor);
        ready(&handle).await;
        let report = stop(&handle, playing).await;
        assert_eq!(report.player("sup/one").unwrap().outcome, Outcome::Stopped);
        assert!(
            (0..10).all(|i| report.player(&format!("sup/killed{i}")).unwrap().outcome == Outcome::Overran),
            "{report}"
        );
        assert!(report.stop_took.unwrap() < S, "{report}");
        assert_eq!(report.exit_code(), 124);
    });
}

/// Same as `sup_stop_race`.
#[test]
fn a_stop_ends_while_parts_end_by_themselves_in_every_way() {
    paused(async || {
        let ends = [Command::Return, Command::Fail("other"), Command::Panic("other")];
        let mut children = Vec::new();
        let (first, last) = (Scripted::new(), Scripted::stops_after(S));
        let mut conductor = sup().part(temporary("a", &first));
        let mut deepest = permanent("z", &last);
        for (i, end) in ends.into_iter().enumerate() {
            for (kind, make) in [temporary, transient, permanent].into_iter().enumerate() {
                let scripted = Scripted::new();
                let name: &'static str = format!("c{kind}{i}").leak();
                conductor = conductor.part(make(name, &scripted).after_when("a", Condition::Ready));
                // They are stopped after `z`. Until then they end by themselves.
                deepest = deepest.after_when(name, Condition::Ready);
                children.push((scripted, end));
            }
        }
        let (handle, playing) = playing(conductor.part(deepest));
        ready(&handle).await;
        handle.stop();
        sleep(200 * MS).await;
        for (scripted, end) in &children {
            scripted.send(*end);
        }
        let report = timeout(5 * S, playing).await.expect("it ends").unwrap();
        assert!(children.iter().all(|(scripted, _)| scripted.starts() == 1), "nothing starts again while stopping");
        for well in ["sup/a", "sup/z", "sup/keeper"] {
            assert_eq!(report.player(well).unwrap().outcome, Outcome::Stopped, "{report}");
        }
        assert_eq!(failures(report.player("sup/c01").unwrap()), ["other"]);
    });
}

/// Same as `sup_stop_non_shutdown_exit_dynamic`.
#[test]
fn parts_that_fail_while_stopping_do_not_delay_the_stop() {
    paused(async || {
        let (handle, playing) = playing(sup());
        ready(&handle).await;
        for i in 0..4 {
            let fails = async |cx: Context| {
                cx.stopping().await;
                Err::<(), _>(BoxError::from("other"))
            };
            let policy = if i % 2 == 0 { Restart::never() } else { Restart::on_failure(AT_ONCE) };
            handle.add(Part::new(format!("child{i}"), fails).restart(policy)).await.unwrap();
        }
        ready(&handle).await;
        let report = timeout(S, stop(&handle, playing)).await.expect("it ends");
        assert!((0..4).all(|i| report.player(&format!("sup/child{i}")).unwrap().runs == 1), "{report}");
        assert!(matches!(report.cause, Cause::Stopped(_)));
    });
}
