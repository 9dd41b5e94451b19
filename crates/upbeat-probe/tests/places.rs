//! The trace names the functions, files and lines of the `await`s, whatever is awaited.
//!
//! In release, line tables alone lack the names. Run it there with
//! `CARGO_PROFILE_RELEASE_DEBUG=limited`.
//!
//! A comment such as `[recv]` marks a line. Tests look lines up by their mark, so they survive
//! edits.

#![cfg(not(upbeat_loom))]

mod common;

use std::{pin::Pin, sync::Arc, time::Duration};

use common::{LONG, spawn, traces};
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, TcpStream},
    sync::{Mutex, Notify, mpsc, oneshot},
    task::JoinSet,
    time::sleep,
};
use upbeat_probe::watch;

/// Returns `places::name at places.rs:LINE` for the line with the mark.
fn at(name: &str, mark: &str) -> String {
    let mark = format!("// [{mark}]");
    let line = include_str!("places.rs").lines().position(|line| line.ends_with(&mark));
    format!("places::{name} at places.rs:{}", line.expect("there is such a mark") + 1)
}

/// Returns the frames at which `future` waits in its own task.
async fn ask<F: Future<Output: Send> + Send + 'static>(future: F) -> Vec<String> {
    let (task, probe) = spawn(future);
    let answer = probe.ask(LONG).await;
    task.abort();
    traces(&answer)
}

async fn receives(mut orders: mpsc::Receiver<u32>) -> Option<u32> {
    let order = orders.recv().await; // [recv]
    order.map(|order| order + 1)
}

async fn serves(orders: mpsc::Receiver<u32>) -> u32 {
    let order = receives(orders).await; // [serves]
    order.unwrap_or(0) + 1
}

#[tokio::test]
async fn nested_async_functions_each_with_the_line_of_their_await() {
    let (_sender, orders) = mpsc::channel(1);
    let expected =
        [at("serves", "serves"), at("receives", "recv"), "tokio::sync::mpsc::bounded::Receiver::recv".into()];
    assert_eq!(ask(serves(orders)).await, [expected.join(" > ")]);
}

async fn locks(till: Arc<Mutex<u32>>) -> u32 {
    let mut till = till.lock().await; // [lock]
    *till += 1;
    *till
}

#[tokio::test]
async fn a_mutex() {
    let till = Arc::new(Mutex::new(0));
    let _held = till.lock().await;
    let found = ask(locks(till.clone())).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with(&format!("{} > tokio::sync::", at("locks", "lock"))), "{found:?}");
}

async fn is_notified(notify: Arc<Notify>) {
    notify.notified().await; // [notified]
}

async fn sleeps() {
    sleep(Duration::from_secs(1_000)).await; // [sleep]
}

async fn receives_once(news: oneshot::Receiver<()>) {
    let _ = news.await; // [oneshot]
}

#[tokio::test]
async fn a_notify_and_a_sleep_and_a_oneshot() {
    let expected = format!("{} > tokio::sync::notify::Notified", at("is_notified", "notified"));
    assert_eq!(ask(is_notified(Arc::default())).await, [expected]);

    let expected = format!("{} > tokio::time::sleep::Sleep", at("sleeps", "sleep"));
    assert_eq!(ask(sleeps()).await, [expected]);

    let (_sender, news) = oneshot::channel();
    let here = at("receives_once", "oneshot");
    assert_eq!(ask(receives_once(news)).await, [format!("{here} > tokio::sync::oneshot::Receiver")]);
}

async fn selects(notify: Arc<Notify>, mut orders: mpsc::Receiver<u32>) {
    let poll = async {
        tokio::select! {
            () = is_notified(notify) => {}
            _ = orders.recv() => {}
        }
    };
    poll.await; // [selects]
}

#[tokio::test]
async fn a_select_waits_in_each_of_its_branches() {
    let (_sender, orders) = mpsc::channel(1);
    let found = ask(selects(Arc::default(), orders)).await;
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|trace| trace.starts_with(&at("selects", "selects"))), "{found:?}");
    assert!(found.iter().any(|trace| trace.contains(&at("is_notified", "notified"))), "{found:?}");
    assert!(found.iter().any(|trace| trace.ends_with("Receiver::recv")), "{found:?}");
}

async fn joins_futures() {
    futures_util::future::join(is_notified(Arc::default()), is_notified(Arc::default())).await;
}

#[tokio::test]
async fn a_join_waits_in_the_branches_that_are_not_done() {
    async fn joins() {
        let (one, two) = (Arc::<Notify>::default(), Arc::<Notify>::default());
        tokio::join!(is_notified(one), async {}, is_notified(two));
    }
    let found = ask(joins()).await;
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|trace| trace.contains(&at("is_notified", "notified"))), "{found:?}");

    assert_eq!(ask(joins_futures()).await.len(), 2);
}

async fn reads(mut from: TcpStream) -> u8 {
    from.read_u8().await.unwrap_or(0) // [read]
}

#[tokio::test]
async fn a_socket() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let _server = listener.accept().await.unwrap();
    let found = ask(reads(client)).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with(&format!("{} > tokio::", at("reads", "read"))), "{found:?}");
}

#[tokio::test]
async fn boxed_futures_are_seen_through() {
    fn boxed(depth: u32) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            match depth {
                0 => is_notified(Arc::default()).await, // [boxed leaf]
                _ => boxed(depth - 1).await,            // [boxed]
            }
        })
    }
    let name = "boxed_futures_are_seen_through::boxed";
    let leaf = format!("{} > tokio::sync::notify::Notified", at("is_notified", "notified"));
    // The two outer calls are on the same line of the same function, which is shown once.
    let expected = [at(name, "boxed"), at(name, "boxed leaf"), leaf];
    assert_eq!(ask(boxed(2)).await, [expected.join(" > ")]);
}

async fn unordered() {
    let mut all: FuturesUnordered<_> = (0..3).map(|_| is_notified(Arc::default())).collect();
    all.next().await; // [unordered]
}

async fn join_set() {
    let mut all = JoinSet::new();
    all.spawn(is_notified(Arc::default()));
    all.join_next().await; // [join set]
}

async fn joins_a_task() {
    let _ = tokio::spawn(is_notified(Arc::default())).await; // [join handle]
}

async fn blocks_elsewhere(until: std::sync::mpsc::Receiver<()>) {
    let _ = tokio::task::spawn_blocking(move || until.recv()).await; // [spawn_blocking]
}

#[tokio::test]
async fn a_trace_ends_at_a_collection_and_at_another_task() {
    // The first request may hit the first poll, in which the children are polled too.
    let (task, probe) = spawn(unordered());
    probe.ask(LONG).await;
    let found = traces(&probe.ask(LONG).await);
    task.abort();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with(&format!("{} > ", at("unordered", "unordered"))), "{found:?}");

    for (found, here) in [
        (ask(join_set()).await, at("join_set", "join set")),
        (ask(joins_a_task()).await, at("joins_a_task", "join handle")),
    ] {
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(&format!("{here} > tokio::")), "{found:?}");
    }

    let (release, until) = std::sync::mpsc::channel();
    let found = ask(blocks_elsewhere(until)).await;
    drop(release);
    assert!(found[0].starts_with(&at("blocks_elsewhere", "spawn_blocking")), "{found:?}");
}

#[tokio::test]
async fn a_future_that_yields_is_seen_where_it_yields() {
    async fn yields() {
        let mut first = true;
        std::future::poll_fn(|cx| {
            cx.waker().wake_by_ref();
            if std::mem::take(&mut first) { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
        })
        .await; // [yields]
        is_notified(Arc::default()).await;
    }
    // Polled by hand, because the moment between the two polls is hard to hit under an executor.
    let (watched, probe) = watch(yields());
    let mut watched = Box::pin(watched);
    let mut asking = Box::pin(probe.ask(LONG));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(asking.as_mut().poll(&mut cx).is_pending());
    assert!(watched.as_mut().poll(&mut cx).is_pending());
    let found = traces(&asking.await);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("places::a_future_that_yields_is_seen_where_it_yields::yields"), "{found:?}");
}

#[tokio::test]
async fn a_watched_future_inside_a_watched_future_adds_nothing_to_the_trace() {
    async fn outer(inner: impl Future<Output = ()>) {
        inner.await; // [outer]
    }
    let (inner, inner_probe) = watch(is_notified(Arc::default()));
    let (_task, outer_probe) = spawn(outer(inner));
    let leaf = format!("{} > tokio::sync::notify::Notified", at("is_notified", "notified"));
    let name = "a_watched_future_inside_a_watched_future_adds_nothing_to_the_trace::outer";
    for _ in 0..3 {
        let (outer, inner) = tokio::join!(outer_probe.ask(LONG), inner_probe.ask(LONG));
        assert_eq!(traces(&outer), [format!("{} > {leaf}", at(name, "outer"))]);
        assert_eq!(traces(&inner).concat(), leaf);
    }
}

#[tokio::test]
async fn traces_are_shown_as_one_tree() {
    async fn both(orders: mpsc::Receiver<u32>) {
        futures_util::future::join(is_notified(Arc::default()), serves(orders)).await; // [both]
    }
    let (_sender, orders) = mpsc::channel(1);
    let (_task, probe) = spawn(both(orders));
    let expected = format!(
        "waiting in 2 places\n\
         └─ {}\n   \
            ├─ {}\n   \
            │  └─ tokio::sync::notify::Notified\n   \
            └─ {}\n      \
               └─ {}\n         \
                  └─ tokio::sync::mpsc::bounded::Receiver::recv",
        at("traces_are_shown_as_one_tree::both", "both"),
        at("is_notified", "notified"),
        at("serves", "serves"),
        at("receives", "recv"),
    );
    assert_eq!(probe.ask(LONG).await.to_string(), expected);
}

#[tokio::test]
async fn the_first_of_very_many_places_are_kept_and_the_others_counted() {
    let (_task, probe) = spawn(async {
        let mut all: Vec<_> = (0..100).map(|_| Box::pin(is_notified(Arc::default()))).collect();
        std::future::poll_fn(|cx| {
            for one in &mut all {
                assert!(one.as_mut().poll(cx).is_pending());
            }
            std::task::Poll::<()>::Pending
        })
        .await;
    });
    let answer = probe.ask(LONG).await;
    let text = answer.to_string();
    assert!(text.starts_with("waiting in 100 places\n") && text.ends_with("\nand in 36 more"), "{text}");
    assert_eq!(traces(&answer).len(), 64);
}
