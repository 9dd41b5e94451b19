//! Cancellation, deadlines and values.

use std::time::Duration;

use peers::{MS, S, paused, real};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use upbeat::Context;

use super::{VERY_LONG, canceled, exceeded, is_done, times_out};

/// Same as `TestBackground`, `TestTODO`.
#[test]
fn the_background_is_never_done() {
    paused(async || {
        let cx = Context::background();
        assert!(!is_done(&cx) && cx.deadline().is_none());
        assert!(timeout(VERY_LONG, cx.done()).await.is_err());
        assert_eq!(cx.path(), "background");
    });
}

/// Same as `TestWithCancel`.
#[test]
fn a_cancellation_reaches_the_children_at_once() {
    paused(async || {
        let one = Context::background().child();
        let contexts = [one.clone(), one.clone(), one.child()];
        assert!(contexts.iter().all(|cx| !is_done(cx)));
        one.cancel("enough");
        assert!(contexts.iter().all(canceled));
    });
}

/// Same as `XTestParentFinishesChild`.
#[test]
fn a_parent_cancels_children_of_every_kind_and_later_ones() {
    paused(async || {
        let parent = Context::background().child();
        let cancels = parent.child();
        let value = parent.with_value("value");
        let timer = value.with_timeout(VERY_LONG);
        let all = [&parent, &cancels, &value, &timer];
        assert!(all.iter().all(|cx| !is_done(cx)));
        parent.cancel("enough");
        assert!(all.iter().all(|cx| canceled(cx)));
        assert!(canceled(&parent.with_value("later")));
        assert!(canceled(&parent.child()) && canceled(&parent.with_timeout(VERY_LONG)));
    });
}

/// Same as `XTestChildFinishesFirst`.
#[test]
fn a_cancelled_child_does_not_cancel_its_parent() {
    paused(async || {
        for parent in [Context::background(), Context::background().child()] {
            let child = parent.child();
            assert!(!is_done(&parent) && !is_done(&child));
            child.cancel("enough");
            assert!(canceled(&child) && !is_done(&parent));
        }
    });
}

/// Same as `TestDeadline`.
#[test]
fn the_earliest_deadline_counts_and_one_in_the_past_has_passed() {
    paused(async || {
        let root = Context::background();
        let soon = || Instant::now() + MS;
        times_out(&root.with_deadline(soon())).await;
        times_out(&root.with_deadline(soon()).child()).await;
        times_out(&root.with_deadline(soon()).with_deadline(Instant::now() + VERY_LONG)).await;
        times_out(&root.with_deadline(Instant::now() + VERY_LONG).with_deadline(soon())).await;
        assert!(exceeded(&root.with_deadline(Instant::now() - MS)));
        assert!(exceeded(&root.with_deadline(Instant::now())));
    });
}

/// Same as `TestTimeout`, `ExampleWithTimeout`.
#[test]
fn the_shortest_timeout_counts() {
    paused(async || {
        let root = Context::background();
        times_out(&root.with_timeout(MS)).await;
        times_out(&root.with_timeout(MS).child()).await;
        times_out(&root.with_timeout(MS).with_timeout(VERY_LONG)).await;
        times_out(&root.with_timeout(VERY_LONG).with_timeout(MS)).await;
        assert!(exceeded(&root.with_timeout(Duration::ZERO)));
        // The longest duration.
        let far = root.with_timeout(Duration::MAX);
        assert!(!is_done(&far) && timeout(VERY_LONG, far.done()).await.is_err());
        let work = root.with_timeout(MS).unless_done(sleep(S)).await;
        assert_eq!(work.unwrap_err().to_string(), "deadline exceeded");
    });
}

/// Same as `TestCanceledTimeout`.
#[test]
fn a_context_can_be_cancelled_before_its_deadline() {
    paused(async || {
        let cx = Context::background().with_timeout(S).with_timeout(VERY_LONG);
        cx.cancel("enough");
        assert!(canceled(&cx));
        sleep(2 * S).await;
        assert!(canceled(&cx), "what came first stays");
    });
}

/// Differs from `TestValues`: values are found by type, so two keys of one type are two types here.
/// `nil` is an `Option`.
#[test]
fn values_are_inherited_and_shadowed_by_type() {
    #[derive(PartialEq, Debug)]
    struct K1(Option<&'static str>);
    #[derive(PartialEq, Debug)]
    struct K2(&'static str);
    #[derive(PartialEq, Debug)]
    struct K3(&'static str);
    paused(async || {
        let check = |cx: &Context, one: Option<&str>, two: Option<&str>, three: Option<&str>| {
            assert_eq!(cx.value::<K1>().and_then(|value| value.0), one);
            assert_eq!(cx.value::<K2>().map(|value| value.0), two);
            assert_eq!(cx.value::<K3>().map(|value| value.0), three);
        };
        let c0 = Context::background();
        check(&c0, None, None, None);
        let c1 = c0.with_value(K1(Some("c1k1")));
        check(&c1, Some("c1k1"), None, None);
        let c2 = c1.with_value(K2("c2k2")).child();
        check(&c2, Some("c1k1"), Some("c2k2"), None);
        let c3 = c2.with_value(K3("c3k3")).with_timeout(VERY_LONG);
        check(&c3, Some("c1k1"), Some("c2k2"), Some("c3k3"));
        let c4 = c3.with_value(K1(None));
        check(&c4, None, Some("c2k2"), Some("c3k3"));
        check(&c3, Some("c1k1"), Some("c2k2"), Some("c3k3"));
        let o2 = c1.clone().with_value(K2("o2k2"));
        check(&o2, Some("c1k1"), Some("o2k2"), None);
    });
}

/// Same as `TestSimultaneousCancels`.
#[test]
fn a_tree_whose_contexts_are_all_cancelled_at_once_is_done() {
    real(2, async || {
        let mut all = vec![Context::background().child()];
        for i in 0.. {
            if all.len() >= 100 {
                break;
            }
            let parent = all[i].clone();
            all.extend((0..4).map(|_| parent.child()));
        }
        let cancels: Vec<JoinHandle<bool>> = all
            .iter()
            .rev()
            .map(|cx| {
                let cx = cx.clone();
                tokio::spawn(async move { cx.cancel("enough") })
            })
            .collect();
        for cx in &all {
            timeout(20 * S, cx.done()).await.expect("it is done");
            assert!(canceled(cx));
        }
        for cancel in cancels {
            timeout(20 * S, cancel).await.expect("it returns").unwrap();
        }
    });
}

/// Same as `TestInterlockedCancels`.
#[test]
fn a_child_may_be_cancelled_after_its_parent() {
    real(2, async || {
        let parent = Context::background().child();
        let child = parent.child();
        let (waits, cancels) = (parent.clone(), child.clone());
        tokio::spawn(async move {
            waits.done().await;
            cancels.cancel("too");
        });
        parent.cancel("enough");
        timeout(20 * S, child.done()).await.expect("it is done");
    });
}
