//! Permanent, transient and temporary children.

use std::future::pending;

use peers::{Command, MS, S, Scripted, idle, is_running, paused, playing, stop_cleanly, until};
use tokio::time::{sleep, timeout};
use upbeat::{
    BoxError, Conductor, Context, Part, once,
    restart::{Restart, Strategy},
};

use super::{AT_ONCE, permanent, ready, sup, temporary, transient};

/// Commands one end. Returns whether another run followed, and whether the conductor still plays.
async fn ends(part: fn(&'static str, &Scripted) -> Part, end: Command) -> (bool, bool) {
    let child = Scripted::new();
    let (handle, playing) = playing(sup().part(part("child", &child)));
    ready(&handle).await;
    child.send(end);
    child.gone().await;
    sleep(S).await;
    let seen = (child.starts() == 2, is_running(&handle));
    assert!(child.starts() <= 2);
    handle.stop();
    drop(playing.await.unwrap());
    seen
}

const RESTARTED: (bool, bool) = (true, true);

const LEFT: (bool, bool) = (false, true);

/// Same as `permanent_normal`, `permanent_shutdown`, `permanent_abnormal`.
#[test]
fn a_permanent_child_is_restarted_after_every_end() {
    paused(async || {
        for end in [Command::Return, Command::Fail("died"), Command::Panic("died")] {
            assert_eq!(ends(permanent, end).await, RESTARTED, "{end:?}");
        }
        let always = |name, scripted: &Scripted| temporary(name, scripted).restart(Restart::always(AT_ONCE));
        for end in [Command::Return, Command::Fail("died"), Command::Panic("died")] {
            assert_eq!(ends(always, end).await, RESTARTED, "a job, {end:?}");
        }
    });
}

/// Same as `transient_normal`, `transient_shutdown`, `transient_abnormal`.
#[test]
fn a_transient_child_is_restarted_after_a_failure() {
    paused(async || {
        assert_eq!(ends(transient, Command::Return).await, LEFT);
        assert_eq!(ends(transient, Command::Fail("died")).await, RESTARTED);
        assert_eq!(ends(transient, Command::Panic("died")).await, RESTARTED);
    });
}

/// Same as `temporary_normal`, `temporary_shutdown`, `temporary_abnormal`.
#[test]
fn a_temporary_child_is_never_restarted() {
    paused(async || {
        for end in [Command::Return, Command::Fail("died"), Command::Panic("died")] {
            assert_eq!(ends(temporary, end).await, LEFT, "{end:?}");
        }
    });
}

/// Same as the last parts of `transient_shutdown` and `permanent_shutdown`.
#[test]
fn a_stopped_part_starts_again_only_by_request() {
    paused(async || {
        for kind in [permanent, transient, temporary] {
            let child = Scripted::new();
            let (handle, playing) = playing(sup().part(kind("child", &child)));
            ready(&handle).await;
            handle.part("child").stop().await.unwrap();
            sleep(S * 60).await;
            assert_eq!(child.starts(), 1);
            handle.part("child").restart().await.unwrap();
            child.started(2).await;
            stop_cleanly(&handle, playing).await;
        }
    });
}

/// Same as `faulty_application_shutdown`.
#[test]
fn the_failure_of_a_nested_start_is_reported_with_its_source_line() {
    paused(async || {
        let faulty = async |_: Context| -> Result<(), BoxError> { panic!("an_undefined_function") };
        let inner = Conductor::new("app_sup").part(Part::new("server", faulty).signals_ready());
        let report = timeout(S, Conductor::new("app").player("app_sup", inner).play_until(pending())).await.unwrap();
        let server = report.player("app/app_sup/server").unwrap();
        let panic = server.failures[0].panic().unwrap();
        assert!(panic.location().unwrap().contains("restart_types.rs") && panic.backtrace().is_some());
        assert!(report.to_string().contains("an_undefined_function"), "{report}");
    });
}

/// Differs from `temporary_bystander`: a part that is never restarted by itself is restarted by the
/// strategy. A job that has completed stays completed.
#[test]
fn a_part_without_a_policy_is_restarted_with_the_others() {
    paused(async || {
        for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
            let (one, two, done) = (Scripted::new(), Scripted::new(), Scripted::new());
            let conductor = Conductor::new("sup")
                .strategy(strategy)
                .part(permanent("child1", &one))
                .part(temporary("child2", &two).after("child1"))
                .part(temporary("done", &done).after("child1"));
            let (handle, playing) = playing(conductor);
            ready(&handle).await;
            done.send(Command::Return);
            until(&handle, "done", "completed").await;
            one.send(Command::Return);
            one.started(2).await;
            sleep(350 * MS).await;
            assert!(is_running(&handle));
            assert_eq!((one.starts(), two.starts(), done.starts()), (2, 2, 1), "{strategy:?}");
            stop_cleanly(&handle, playing).await;
        }
    });
}

/// Same as `temporary_bystander`: its arguments are not saved there, so it cannot be started again.
/// Here it is a fault.
#[test]
fn a_player_of_one_run_beside_a_strategy_is_a_fault() {
    for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
        let bystander = Part::new("once", once(idle)).after("dies");
        let dies = permanent("dies", &Scripted::new());
        let conductor = Conductor::new("sup").strategy(strategy).part(dies).part(bystander);
        let faults = conductor.check().unwrap_err().faults;
        assert!(faults.len() == 1 && faults[0].part() == Some("once"), "{strategy:?}: {faults:?}");
    }
}
