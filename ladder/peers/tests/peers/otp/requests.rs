//! Administration: children are added, stopped, restarted and removed by request.

use peers::{Command, Event, S, Scripted, paused, playing, settle, state, stop_cleanly};
use tokio::time::timeout;
use upbeat::{BoxError, Context, HandleError, Part, report::Outcome, restart::Restart, with};

use super::{AT_ONCE, counts, permanent, ready, sup};

/// Same as `child_adm`, `which_children`, `extra_return`: `terminate_child` is `stop`,
/// `delete_child` is `remove`, and `restart_child` is `restart`.
#[test]
fn parts_are_stopped_restarted_and_removed_by_request() {
    paused(async || {
        let child = Scripted::new();
        let (handle, playing) = playing(sup().part(permanent("child1", &child)));
        ready(&handle).await;
        assert_eq!(counts(&handle), (1, 1));
        assert!(
            matches!(handle.add(permanent("child1", &child)).await, Err(HandleError::Refused { .. })),
            "it is there"
        );
        assert!(matches!(handle.part("hej").stop().await, Err(HandleError::Unknown { .. })));
        assert!(matches!(handle.part("hej").remove().await, Err(HandleError::Unknown { .. })));
        assert!(matches!(handle.part("hej").restart().await, Err(HandleError::Unknown { .. })));
        assert!(matches!(handle.part("nowhere/child1").stop().await, Err(HandleError::Unknown { .. })));

        assert_eq!(handle.part("child1").stop().await.unwrap().outcome, Outcome::Stopped);
        assert_eq!((counts(&handle), child.live()), ((1, 0), 0));
        // A second stop changes nothing.
        assert_eq!(handle.part("child1").stop().await.unwrap().outcome, Outcome::Stopped);
        assert!(
            matches!(handle.add(permanent("child1", &child)).await, Err(HandleError::Refused { .. })),
            "it is known"
        );

        handle.part("child1").restart().await.unwrap();
        child.started(2).await;
        settle().await;
        assert_eq!(counts(&handle), (1, 1));
        handle.part("child1").remove().await.unwrap();
        assert_eq!((counts(&handle), child.live()), ((0, 0), 0));
        assert!(matches!(handle.part("child1").restart().await, Err(HandleError::Unknown { .. })));
        assert_eq!(handle.part("child1").state(), None);

        handle.add(permanent("child1", &child)).await.unwrap();
        child.started(3).await;
        settle().await;
        assert_eq!(counts(&handle), (1, 1));
        // It is restarted after a failure.
        child.send(Command::Fail("abnormal"));
        child.started(4).await;
        assert_eq!(child.max_live(), 1);
        stop_cleanly(&handle, playing).await;
    });
}

/// Differs from `child_adm`, `extra_return`: `remove` stops a part that runs, and `restart`
/// restarts it. There both are refused.
#[test]
fn a_running_part_can_be_restarted_and_removed_in_one_step() {
    paused(async || {
        let child = Scripted::new();
        let (handle, playing) = playing(sup().part(permanent("child1", &child)));
        ready(&handle).await;
        handle.part("child1").restart().await.unwrap();
        child.started(2).await;
        settle().await;
        assert_eq!(handle.part("child1").remove().await.unwrap().outcome, Outcome::Stopped);
        assert_eq!((child.live(), child.max_live()), (0, 1));
        stop_cleanly(&handle, playing).await;
    });
}

/// Same as `child_adm_simple`, `which_children_simple_one_for_one`: by name, where there are
/// process identifiers.
#[test]
fn many_parts_with_one_player_have_their_own_names() {
    paused(async || {
        let (handle, playing) = playing(sup());
        ready(&handle).await;
        assert_eq!(counts(&handle), (0, 0));
        let child = Scripted::new();
        for name in ["one", "two"] {
            handle.add(permanent(name, &child)).await.unwrap();
        }
        child.started(2).await;
        settle().await;
        assert_eq!((counts(&handle), child.live()), ((2, 2), 2));
        assert!(handle.part("one").state().is_some() && handle.part("three").state().is_none());
        handle.part("one").remove().await.unwrap();
        assert_eq!((counts(&handle), child.live()), ((1, 1), 1));
        assert!(matches!(handle.part("one").remove().await, Err(HandleError::Unknown { .. })));
        assert_eq!(state(&handle, "two"), "ready");
        stop_cleanly(&handle, playing).await;
    });
}

/// Same as `extra_return`, `simple_one_for_one_extra`: the details of a run are the extra values of
/// a start.
#[test]
fn the_details_of_a_run_are_replaced_by_those_of_the_next_one() {
    paused(async || {
        let dies = Event::default();
        let says = with(dies.clone(), async |dies: Event, cx: Context| {
            cx.detail("extra", cx.attempt());
            cx.ready();
            tokio::select! {
                () = dies.wait(), if cx.attempt() == 0 => Err(BoxError::from("abnormal")),
                () = cx.stopping() => Ok(()),
            }
        });
        let (handle, playing) =
            playing(sup().part(Part::new("child", says).signals_ready().restart(Restart::on_failure(AT_ONCE))));
        let detail = async |wanted: &'static str| {
            let overview = handle.overview();
            overview
                .wait_for(|now| {
                    now.player("sup/child").is_some_and(|child| child.details == [("extra", wanted.to_owned())])
                })
                .await
        };
        detail("0").await;
        dies.set();
        timeout(S, detail("1")).await.unwrap();
        stop_cleanly(&handle, playing).await;
    });
}
