//! Trees, and the number of children.

use peers::{Command, S, Scripted, idle, paused, playing, settle, state, stop, stop_cleanly};
use tokio::time::{sleep, timeout};
use upbeat::{
    Conductor, Part,
    report::Cause,
    restart::{Backoff, Restart, Strategy},
    score::OnFailure,
};

use super::{AT_ONCE, counts, permanent, ready, sup};

/// Same as `tree`, `simple_global_supervisor`: a part deep inside is restarted alone, by itself and
/// by request.
#[test]
fn a_restarted_branch_has_only_the_parts_of_its_score() {
    paused(async || {
        let [c1, c2, c3, c4] = [Scripted::new(), Scripted::new(), Scripted::new(), Scripted::new()];
        let sup1 = Conductor::new("sup1").part(permanent("child1", &c1)).part(permanent("child2", &c2));
        let sup2 = Conductor::new("sup2").player("keeper", idle);
        let again = |name, conductor: Conductor| Part::new(name, conductor).restart(Restart::on_failure(AT_ONCE));
        let top =
            Conductor::new("top").strategy(Strategy::OneForAll).part(again("sup1", sup1)).part(again("sup2", sup2));
        let (handle, playing) = playing(top);
        ready(&handle).await;
        let limited = permanent("child3", &c3).restart(Restart::on_failure(AT_ONCE).max_restarts(4));
        handle.add_to("sup2", limited).await.unwrap();
        handle.add_to("sup2", permanent("child4", &c4)).await.unwrap();
        ready(&handle).await;

        // Only the failed part is restarted.
        c4.send(Command::Fail("abnormal"));
        c4.started(2).await;
        ready(&handle).await;
        assert_eq!([&c1, &c2, &c3, &c4].map(Scripted::starts), [1, 1, 1, 2]);
        handle.part("sup2/child4").restart().await.unwrap();
        c4.started(3).await;
        ready(&handle).await;

        // A used-up limit fails upwards: both branches are restarted, without the added parts.
        c3.fail_at_start(true);
        c3.send(Command::Fail("abnormal"));
        c2.started(2).await;
        timeout(S * 60, ready(&handle)).await.unwrap();
        let now = handle.overview().snapshot();
        let paths: Vec<_> = now.players.iter().map(|player| &*player.path).collect();
        assert_eq!(paths, ["top/sup1", "top/sup1/child1", "top/sup1/child2", "top/sup2", "top/sup2/keeper"]);
        assert_eq!([&c1, &c2, &c3, &c4].map(Scripted::live), [1, 1, 0, 0]);
        let report = stop(&handle, playing).await;
        assert!(matches!(report.cause, Cause::Stopped(_)), "{report}");
    });
}

/// Same as `count_children`, `count_children_supervisor`.
#[test]
fn thousands_of_parts_are_counted_exactly() {
    paused(async || {
        let (handle, playing) = playing(sup());
        ready(&handle).await;
        let add = async |from: usize| {
            for i in from..from + 1000 {
                handle.add(Part::new(format!("c{i}"), idle).on_failure(OnFailure::Ignore)).await.unwrap();
            }
            settle().await;
        };
        add(0).await;
        assert_eq!(counts(&handle), (1000, 1000));
        add(1000).await;
        assert_eq!(counts(&handle), (2000, 2000));
        assert_eq!(counts(&handle), (2000, 2000));
        for i in 0..2000 {
            handle.part(&format!("c{i}")).remove().await.unwrap();
        }
        assert_eq!(counts(&handle), (0, 0));
        stop_cleanly(&handle, playing).await;
    });
}

/// Same as `count_restarting_children`.
#[test]
fn parts_that_wait_for_a_restart_are_counted_and_not_active() {
    paused(async || {
        let (handle, playing) = playing(sup());
        ready(&handle).await;
        let scripted = [Scripted::new(), Scripted::new(), Scripted::new()];
        for (name, scripted) in ["one", "two", "three"].into_iter().zip(&scripted) {
            handle.add(permanent(name, scripted).restart(Restart::on_failure(Backoff::constant(2 * S)))).await.unwrap();
        }
        ready(&handle).await;
        assert_eq!(counts(&handle), (3, 3));
        for scripted in &scripted[..2] {
            scripted.fail_at_start(true);
            scripted.send(Command::Fail("abnormal"));
        }
        sleep(4 * S).await;
        settle().await;
        assert_eq!((counts(&handle), state(&handle, "one")), ((3, 1), "restarting".to_owned()));
        for scripted in &scripted {
            scripted.fail_at_start(false);
        }
        sleep(4 * S).await;
        assert_eq!(counts(&handle), (3, 3));
        for (name, left) in [("three", 2), ("one", 1), ("two", 0)] {
            handle.part(name).remove().await.unwrap();
            assert_eq!(counts(&handle), (left, left));
        }
        stop_cleanly(&handle, playing).await;
    });
}
