//! The context as Go has it: cancelling, deadlines, values, and how they meet the stop of a run.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::{
    error::Error as _,
    future::Future,
    sync::{Arc, Mutex},
    task::{Poll, Waker},
};

use crate::common::{Log, MS, S, ZERO};
use tokio::time::{Instant, sleep};
use upbeat::{BoxError, Conductor, Context, ContextError, Part, report::StopCause, with};

/// Returns the reason why a context is done and its source, or `-`.
fn state(cx: &Context) -> String {
    match cx.error() {
        None => "-".to_owned(),
        Some(error) => text(&error),
    }
}

fn text(error: &ContextError) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

fn is_done(cx: &Context) -> bool {
    let done = std::pin::pin!(cx.done());
    let ready = done.poll(&mut std::task::Context::from_waker(Waker::noop())).is_ready();
    assert_eq!(ready, cx.error().is_some(), "`done` and `error` agree");
    ready
}

/// A player that gives its context away through `share` and stops as soon as it is asked to.
fn shares(share: &Shared) -> impl upbeat::Player {
    with(share.clone(), async |share: Shared, cx: Context| {
        *share.lock().unwrap() = Some(cx.clone());
        cx.stopping().await;
        Ok::<_, BoxError>(())
    })
}

type Shared = Arc<Mutex<Option<Context>>>;

#[tokio::test(start_paused = true)]
async fn a_child_is_done_with_its_parent_and_never_the_reverse() {
    let cx = Context::background();
    let (a, b) = (cx.child(), cx.child());
    let (aa, ab) = (a.child(), a.child());
    assert!(aa.cancel("enough"));
    assert_eq!([&cx, &a, &aa, &ab, &b].map(state), ["-", "-", "canceled: enough", "-", "-"]);
    assert!(a.cancel("all of it"));
    let all = ["-", "canceled: all of it", "canceled: enough", "canceled: all of it", "-"];
    assert_eq!([&cx, &a, &aa, &ab, &b].map(state), all);
    assert_eq!([&cx, &a, &aa, &ab, &b].map(is_done), [false, true, true, true, false]);
    assert_eq!(state(&a.child()), "canceled: all of it", "also those that are made later");
}

#[tokio::test(start_paused = true)]
async fn cancelling_again_changes_nothing() {
    let cx = Context::background().child();
    assert!(cx.cancel("the first"));
    assert!(!cx.cancel("the second"));
    assert_eq!(state(&cx), "canceled: the first");
    let child = Context::background().child();
    let inner = child.child();
    child.cancel("above");
    assert!(!inner.cancel("below"), "it was done with the one above");
    assert_eq!(state(&inner), "canceled: above");
}

#[tokio::test(start_paused = true)]
async fn waiters_are_woken_wherever_in_the_tree_they_wait() {
    let cx = Context::background().child();
    let deep = cx.child().with_value(1_u8).child();
    let waits = deep.clone();
    let waiter = cx.spawn("waiter", async move { waits.done().await });
    sleep(S).await;
    assert!(!waiter.is_finished());
    let begun = Instant::now();
    cx.cancel("enough");
    assert_eq!(text(&waiter.await.unwrap()), "canceled: enough");
    assert_eq!(begun.elapsed(), ZERO);
}

#[tokio::test(start_paused = true)]
async fn the_earliest_deadline_of_the_chain_counts() {
    let cx = Context::background();
    let (begun, two) = (Instant::now(), cx.with_timeout(2 * S));
    let (one, three) = (two.with_timeout(S), two.with_timeout(3 * S));
    assert_eq!((cx.deadline(), cx.remaining()), (None, None));
    assert_eq!([&one, &two, &three].map(|cx| cx.remaining().unwrap()), [S, 2 * S, 2 * S]);
    assert!(matches!(one.done().await, ContextError::DeadlineExceeded));
    assert_eq!(begun.elapsed(), S);
    assert!(matches!(three.child().done().await, ContextError::DeadlineExceeded));
    assert_eq!(begun.elapsed(), 2 * S);
    assert_eq!(three.remaining(), Some(ZERO));
    assert_eq!(cx.with_timeout(std::time::Duration::MAX).deadline(), None, "no clock will show it");
    assert_eq!(state(&cx.with_deadline(begun)), "deadline exceeded");
}

#[tokio::test(start_paused = true)]
async fn what_came_first_counts_however_late_it_is_looked_at() {
    let cx = Context::background().child();
    let (early, late) = (cx.with_timeout(S), cx.with_timeout(3 * S));
    let below = late.with_timeout(S).child();
    sleep(2 * S).await;
    cx.cancel("enough");
    sleep(2 * S).await;
    assert_eq!([&early, &late, &below].map(state), ["deadline exceeded", "canceled: enough", "deadline exceeded"]);
    assert!(!early.cancel("later"));
    assert_eq!(state(&early), "deadline exceeded");

    let cx = Context::background().with_timeout(S);
    sleep(S).await;
    assert!(!cx.cancel("at the same time"), "the deadline had passed in this instant");
    assert_eq!(state(&cx), "deadline exceeded");
}

#[tokio::test(start_paused = true)]
async fn a_child_of_what_is_done_ends_as_that_did_though_its_own_deadline_is_in_the_past() {
    let begun = Instant::now();
    sleep(S).await;
    let cx = Context::background().child();
    cx.cancel("enough");
    sleep(S).await;
    assert_eq!(state(&cx.with_deadline(begun)), "canceled: enough");
}

#[tokio::test(start_paused = true)]
async fn unless_done_prefers_the_end_and_does_not_begin_the_work() {
    let cx = Context::background().child();
    assert_eq!(cx.unless_done(async { 7 }).await.unwrap(), 7);
    let slow = cx.with_timeout(S);
    assert!(matches!(slow.unless_done(sleep(2 * S)).await, Err(ContextError::DeadlineExceeded)));
    cx.cancel("enough");
    let log = Log::default();
    let work = async { log.add("begun") };
    assert_eq!(text(&cx.unless_done(work).await.unwrap_err()), "canceled: enough");
    assert!(log.lines().is_empty());
}

#[tokio::test(start_paused = true)]
async fn values_are_found_by_type_and_an_inner_one_shadows() {
    #[derive(Debug, PartialEq)]
    struct Id(u32);
    let cx = Context::background();
    assert!(cx.value::<Id>().is_none());
    let outer = cx.with_value(Id(1)).with_value("caller");
    let inner = outer.with_timeout(S).with_value(Id(2)).until_deadline().child();
    assert_eq!((outer.value::<Id>().unwrap().0, inner.value::<Id>().unwrap().0), (1, 2));
    assert_eq!(*inner.value::<&str>().unwrap(), "caller");
    assert!(cx.value::<Id>().is_none() && inner.value::<String>().is_none());
    let kept = inner.value::<Id>().unwrap();
    drop((inner, outer, cx));
    assert_eq!(kept.0, 2);
}

#[tokio::test(start_paused = true)]
async fn a_players_own_context_is_done_exactly_when_its_run_is_asked_to_stop() {
    let share = Shared::default();
    let report = Conductor::new("shop")
        .player("web", shares(&share))
        .play_until(async {
            sleep(S).await;
            let cx = share.lock().unwrap().clone().unwrap();
            assert!(!cx.cancel("not the conductor"), "it has no effect");
            assert_eq!(state(&cx), "-");
            let child = cx.child();
            assert!(child.cancel("its own"));
        })
        .await;
    assert!(report.is_clean(), "{report}");
    let cx = share.lock().unwrap().take().unwrap();
    assert_eq!(cx.stop_cause(), Some(StopCause::Requested));
    let Some(ContextError::Canceled { cause }) = cx.error() else { panic!("{cx:?}") };
    assert_eq!(cause.downcast_ref::<StopCause>(), Some(&StopCause::Requested));
    assert!(is_done(&cx) && is_done(&cx.child()));
    assert_eq!(state(&cx.child().with_timeout(S)), "canceled: requested");
    assert_eq!(state(&cx.until_deadline()), "canceled: the run has ended", "made when nothing is left of the run");
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_came_before_a_deadline_came_first() {
    let share = Shared::default();
    let children = Mutex::new(Vec::new());
    let report = Conductor::new("shop")
        .player("web", shares(&share))
        .play_until(async {
            sleep(S).await;
            let cx = share.lock().unwrap().clone().unwrap();
            *children.lock().unwrap() = vec![cx.with_timeout(S), cx.with_timeout(3 * S), cx.child()];
            sleep(2 * S).await;
        })
        .await;
    assert!(report.is_clean(), "{report}");
    sleep(10 * S).await;
    let states: Vec<_> = children.lock().unwrap().iter().map(state).collect();
    assert_eq!(states, ["deadline exceeded", "canceled: requested", "canceled: requested"]);
}

#[tokio::test(start_paused = true)]
async fn through_stop_goes_on_to_the_stop_deadline() {
    // Waits outside of the run: what is inside is aborted at the very deadline.
    let log = Log::default();
    let waits = |cx: &Context, begun: Instant| {
        let (cx, log) = (cx.clone(), log.clone());
        tokio::spawn(async move { log.add(format!("{} after {:?}", text(&cx.done().await), begun.elapsed())) });
    };
    let share = Shared::default();
    let player = with(share.clone(), async |share: Shared, cx: Context| {
        *share.lock().unwrap() = Some(cx);
        std::future::pending::<Result<(), BoxError>>().await
    });
    let part = Part::new("web", player).stop_timeout(5 * S);
    let through = Mutex::new(None);
    let report = Conductor::new("shop")
        .part(part)
        .play_until(async {
            sleep(S).await;
            let cx = share.lock().unwrap().clone().unwrap();
            let kept = cx.with_timeout(30 * S).with_value(7_u8).child().until_deadline();
            assert_eq!((kept.deadline(), state(&kept)), (None, "-".to_owned()));
            let stop = Instant::now() + S;
            waits(&kept, stop);
            waits(&kept.with_timeout(3 * S), stop);
            waits(&cx.child(), stop);
            let cx = kept.clone();
            tokio::spawn(async move {
                cx.stopping().await;
                assert_eq!((cx.remaining(), state(&cx)), (Some(5 * S), "-".to_owned()));
                assert_eq!(*cx.value::<u8>().unwrap(), 7);
            });
            *through.lock().unwrap() = Some(kept);
            sleep(S).await;
        })
        .await;
    assert_eq!(report.exit_code(), upbeat::exit_code::OVERRAN);
    sleep(S).await;
    let lines = ["canceled: requested after 0ns", "deadline exceeded after 2s", "deadline exceeded after 5s"];
    assert_eq!(log.lines(), lines);
    assert_eq!(state(through.lock().unwrap().as_ref().unwrap()), "deadline exceeded", "not that the run has ended");
}

#[tokio::test(start_paused = true)]
async fn through_stop_ends_with_the_last_task_of_the_run() {
    let share = Shared::default();
    let through = Mutex::new(None);
    let report = Conductor::new("shop")
        .player("web", shares(&share))
        .play_until(async {
            sleep(S).await;
            let cx = share.lock().unwrap().clone().unwrap().until_deadline();
            let waits = cx.clone();
            // Outside of the run, which would wait for a task of its own.
            let outside = tokio::spawn(async move { (waits.done().await, Instant::now()) });
            cx.spawn("flush", sleep(S));
            *through.lock().unwrap() = Some((cx, outside, Instant::now()));
        })
        .await;
    assert!(report.is_clean(), "{report}");
    let (cx, outside, begun) = through.lock().unwrap().take().unwrap();
    assert_eq!(begun.elapsed(), S, "the spawned task was waited for");
    let (error, at) = outside.await.unwrap();
    assert_eq!((text(&error), at - begun), ("canceled: the run has ended".to_owned(), S));
    assert_eq!(state(&cx.child()), "canceled: the run has ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_stop_ends_at_the_stop_deadline_though_the_run_is_leaked() {
    let (release, blocked) = std::sync::mpsc::channel::<()>();
    let (share, blocked) = (Shared::default(), Arc::new(Mutex::new(blocked)));
    let player = with((share.clone(), blocked), async |(share, blocked): (Shared, Arc<Mutex<_>>), cx: Context| {
        *share.lock().unwrap() = Some(cx.clone());
        cx.ready();
        cx.stopping().await;
        // It blocks its thread and cannot be ended.
        blocked.lock().unwrap().recv()
    });
    let shop = Conductor::new("shop").stop_timeout(50 * MS).part(Part::new("web", player).signals_ready());
    let (handle, playing) = (shop.handle(), tokio::spawn(shop.play_until(std::future::pending())));
    handle.overview().wait_ready().await;
    let cx = share.lock().unwrap().take().unwrap().until_deadline();
    let waits = cx.clone();
    let waiter = tokio::spawn(async move { waits.done().await });
    handle.stop();
    let ended = tokio::time::timeout(10 * S, waiter).await;
    drop(release);
    assert!(matches!(ended.unwrap().unwrap(), ContextError::DeadlineExceeded));
    let _report = playing.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_is_never_missed_by_a_waiter_that_begins_in_the_same_instant() {
    for _ in 0..3_000 {
        let cx = Context::background().child();
        let below = cx.child();
        let waiter = tokio::spawn(async move { below.done().await });
        cx.cancel("enough");
        assert_eq!(text(&tokio::time::timeout(10 * S, waiter).await.unwrap().unwrap()), "canceled: enough");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_is_cut_short_by_the_stop() {
    let log = Log::default();
    let player = with(log.clone(), async |log: Log, cx: Context| {
        let (one, many) = (cx.with_timeout(2 * S), cx.with_timeout(60 * S));
        sleep(S).await;
        cx.stopping().await;
        log.add(format!("{:?} {:?} {:?}", cx.remaining(), one.remaining(), many.remaining()));
        Ok::<_, BoxError>(())
    });
    let part = Part::new("web", player).stop_timeout(5 * S);
    let _report = Conductor::new("shop").part(part).play_until(sleep(S)).await;
    assert_eq!(log.lines(), ["Some(5s) Some(1s) Some(5s)"]);
}

#[tokio::test(start_paused = true)]
async fn the_helpers_of_a_player_that_has_returned_learn_that() {
    let log = Log::default();
    let player = with(log.clone(), async |log: Log, cx: Context| {
        let child = cx.child();
        cx.child().spawn("helper", async move { log.add(text(&child.done().await)) });
        tokio::task::yield_now().await;
        Ok::<_, BoxError>(())
    });
    let report = Conductor::new("shop").part(Part::new("job", player).job()).play_until(std::future::pending()).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(log.lines(), ["canceled: the player has returned"], "it was joined, too");
}

#[tokio::test(start_paused = true)]
async fn dropping_a_conductor_ends_the_contexts_of_its_players() {
    let share = Shared::default();
    let playing = tokio::spawn(Conductor::new("shop").player("web", shares(&share)).play_until(std::future::pending()));
    sleep(S).await;
    let cx = share.lock().unwrap().take().unwrap();
    let (child, through) = (cx.child(), cx.until_deadline());
    playing.abort();
    assert_eq!(text(&child.done().await), "canceled: the run has ended");
    assert_eq!([&cx, &child, &through].map(state), ["canceled: the run has ended"; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_background_context_has_no_conductor() {
    let cx = Context::background();
    cx.ready();
    cx.detail("a", 1);
    assert_eq!((cx.path(), cx.name(), cx.attempt()), ("background", "background", 0));
    assert_eq!(cx.spawn("adds", async { 1 + 1 }).await.unwrap(), 2);
    sleep(S).await;
    assert!(!is_done(&cx) && !is_done(&cx.until_deadline()) && !cx.is_stopping());
    assert!(cx.overview().snapshot().players.is_empty());
}

#[test]
fn very_deep_chains_are_cancelled_looked_at_and_dropped_without_recursion() {
    let top = Context::background().child();
    let mut chain = vec![top.clone()];
    for _ in 0..1_000 {
        let next = chain[chain.len() - 1].child();
        chain.push(next);
    }
    assert!(!is_done(&chain[1_000]), "with a token for each");
    top.cancel("enough");
    assert!(chain.iter().all(is_done));

    let mut deepest = Context::background().child();
    for _ in 0..100_000 {
        deepest = deepest.child();
    }
    assert!(!is_done(&deepest));
    let through = deepest.until_deadline();
    assert!(deepest.cancel("enough") && through.error().is_none());
    drop(deepest);
    drop(through);
}

#[test]
fn children_may_be_dropped_while_another_thread_cancels() {
    for _ in 0..300 {
        let cx = Context::background().child();
        let children: Vec<_> = (0..50).map(|_| cx.child().child()).collect();
        // With tokens, so that there is a tree to be taken apart.
        assert!(!children.iter().any(is_done));
        std::thread::scope(|scope| {
            let parent = &cx;
            scope.spawn(move || assert!(parent.cancel("enough")));
            let (kept, dropped): (Vec<_>, Vec<_>) =
                children.into_iter().enumerate().partition(|(i, _)| i.is_multiple_of(2));
            scope.spawn(move || drop(dropped));
            scope.spawn(move || {
                for (_, child) in kept {
                    let said = child.error().map(|error| text(&error));
                    let won = child.cancel("below");
                    let last = state(&child);
                    assert_eq!(last, if won { "canceled: below" } else { "canceled: enough" });
                    assert!(said.is_none_or(|said| said == last), "once said, it does not change");
                }
            });
        });
        assert!(is_done(&cx));
    }
}

mod model {
    //! Random trees against a model that evaluates eagerly, where contexts evaluate lazily.

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Op {
        Child { of: usize, timeout: Option<u8>, through: bool, waited_for: bool },
        Cancel(usize),
        Look(usize),
        Advance(u8),
    }

    fn op() -> impl Strategy<Value = Op> {
        let child = (any::<usize>(), proptest::option::of(0_u8..40), proptest::bool::weighted(0.1), any::<bool>());
        prop_oneof![
            4 => child.prop_map(|(of, timeout, through, waited_for)| Op::Child { of, timeout, through, waited_for }),
            2 => any::<usize>().prop_map(Op::Cancel),
            1 => any::<usize>().prop_map(Op::Look),
            2 => (0_u8..20).prop_map(Op::Advance),
        ]
    }

    struct Node {
        cx: Context,
        above: Option<usize>,
        deadline: Option<Instant>,
        ended: Option<(Instant, String)>,
        waiter: Option<tokio::task::JoinHandle<(Instant, String)>>,
    }

    fn end(nodes: &mut [Node], node: usize, at: Instant, why: &str) {
        if nodes[node].ended.is_some() {
            return;
        }
        nodes[node].ended = Some((at, why.to_owned()));
        let below: Vec<_> = (0..nodes.len()).filter(|i| nodes[*i].above == Some(node)).collect();
        for i in below {
            end(nodes, i, at, why);
        }
    }

    fn pass_deadlines(nodes: &mut [Node]) {
        loop {
            let passed = (0..nodes.len()).filter(|i| nodes[*i].ended.is_none());
            let first = passed.filter_map(|i| Some((nodes[i].deadline?, i))).min();
            match first {
                Some((at, i)) if at <= Instant::now() => end(nodes, i, at, "deadline exceeded"),
                _ => return,
            }
        }
    }

    async fn play(ops: Vec<Op>) {
        let cx = Context::background();
        let mut nodes = vec![Node { cx, above: None, deadline: None, ended: None, waiter: None }];
        for (step, op) in ops.into_iter().enumerate() {
            pass_deadlines(&mut nodes);
            match op {
                Op::Child { of, timeout, through, waited_for } => {
                    let of = of % nodes.len();
                    let mut cx = nodes[of].cx.clone();
                    if through {
                        cx = cx.until_deadline();
                    }
                    let timeout = timeout.map(|timeout| u32::from(timeout) * MS);
                    cx = timeout.map_or_else(|| cx.child(), |timeout| cx.with_timeout(timeout));
                    let waits = cx.clone();
                    let wait = async move {
                        let error = waits.done().await;
                        (Instant::now(), text(&error))
                    };
                    nodes.push(Node {
                        cx,
                        above: (!through).then_some(of),
                        deadline: timeout.map(|timeout| Instant::now() + timeout),
                        ended: (!through)
                            .then(|| nodes[of].ended.clone())
                            .flatten()
                            .map(|(_, why)| (Instant::now(), why)),
                        waiter: waited_for.then(|| tokio::spawn(wait)),
                    });
                }
                Op::Cancel(node) => {
                    let (node, cause) = (node % nodes.len(), format!("step {step}"));
                    let expected = node != 0 && nodes[node].ended.is_none();
                    assert_eq!(nodes[node].cx.cancel(cause.clone()), expected);
                    if expected {
                        end(&mut nodes, node, Instant::now(), &format!("canceled: {cause}"));
                    }
                }
                Op::Look(node) => check(&nodes[node % nodes.len()]),
                Op::Advance(time) => {
                    sleep(u32::from(time) * MS).await;
                    pass_deadlines(&mut nodes);
                }
            }
        }
        sleep(MS).await;
        pass_deadlines(&mut nodes);
        for node in nodes {
            check(&node);
            match (node.waiter, node.ended) {
                (Some(waiter), Some(ended)) => assert_eq!(waiter.await.unwrap(), ended),
                (Some(waiter), None) => assert!(!waiter.is_finished()),
                (None, _) => {}
            }
        }
    }

    fn check(node: &Node) {
        assert_eq!(state(&node.cx), node.ended.as_ref().map_or("-", |(_, why)| why));
        assert_eq!(is_done(&node.cx), node.ended.is_some());
    }

    proptest! {
        #[test]
        fn a_tree_of_contexts_does_what_the_model_does(ops in proptest::collection::vec(op(), 1..60)) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
            runtime.unwrap().block_on(play(ops));
        }
    }
}

#[test]
fn the_future_of_done_is_cancel_safe() {
    let cx = Context::background().child();
    for _ in 0..3 {
        assert!(!is_done(&cx), "asked for, polled and dropped");
    }
    let mut done = std::pin::pin!(cx.done());
    let mut task = std::task::Context::from_waker(Waker::noop());
    assert!(done.as_mut().poll(&mut task).is_pending());
    cx.cancel("enough");
    assert!(matches!(done.as_mut().poll(&mut task), Poll::Ready(ContextError::Canceled { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_a_little_before_the_deadline() {
    let cx = Context::background();
    assert_eq!(cx.drain_deadline(), None);
    let now = Instant::now();
    let left = |time| cx.with_timeout(time).drain_deadline().map(|deadline| deadline - now);
    assert_eq!(left(200 * MS), Some(180 * MS));
    assert_eq!(left(10 * S), Some(9900 * MS));
    assert_eq!(left(ZERO), Some(ZERO));
}
