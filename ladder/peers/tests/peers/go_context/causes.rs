//! Causes, and contexts that outlive a stop.

use std::{error::Error as _, time::Duration};

use peers::{S, paused, real};
use tokio::time::{sleep, timeout};
use upbeat::{BoxError, Conductor, Context, ContextError, Part};

use super::{VERY_LONG, canceled, error_and_cause, exceeded, is_done};

/// Same as `TestWithCancelCanceledParent`.
#[test]
fn a_child_of_a_cancelled_parent_has_its_cause() {
    paused(async || {
        let parent = Context::background().child();
        parent.cancel("Because!");
        let child = parent.child();
        assert!(canceled(&child));
        assert_eq!(error_and_cause(&child), (Some("canceled".into()), Some("Because!".into())));
    });
}

/// Same as `TestWithCancelSimultaneouslyCanceledParent`.
#[test]
fn a_child_made_while_its_parent_is_cancelled_has_its_cause() {
    real(2, async || {
        for _ in 0..100 {
            let parent = Context::background().child();
            let cancels = parent.clone();
            tokio::spawn(async move { cancels.cancel("Because!") });
            let child = parent.child();
            let error = timeout(20 * S, child.done()).await.expect("it is done");
            assert_eq!(error.source().unwrap().to_string(), "Because!");
        }
    });
}

/// Same as `TestDeadlineExceededSupportsTimeout`, `TestDeadlineExceededIsNetError`: the kind is in
/// the type.
#[test]
fn a_passed_deadline_is_distinguished_from_a_cancellation() {
    paused(async || {
        let error: BoxError = Context::background().with_timeout(Duration::ZERO).done().await.into();
        assert!(matches!(error.downcast_ref(), Some(ContextError::DeadlineExceeded)));
    });
}

/// Same as `TestCause`: each case is a row of the table there. A cause is always given here.
#[test]
fn the_first_cause_is_kept() {
    paused(async || {
        let root = Context::background();
        let canceled = |cause: &str| (Some("canceled".to_owned()), Some(cause.to_owned()));
        let exceeded = || (Some("deadline exceeded".to_owned()), None);
        // Background, TODO
        assert_eq!(error_and_cause(&root), (None, None));
        // WithCancelCause
        let cx = root.child();
        cx.cancel("parentCause");
        assert_eq!(error_and_cause(&cx), canceled("parentCause"));
        // parent cause before child; parent cause before nil
        let (parent, child) = pair(&root);
        assert!(parent.cancel("parentCause"));
        assert!(!child.cancel("childCause"), "it says that it came too late");
        assert_eq!(error_and_cause(&child), canceled("parentCause"));
        // parent cause after child; child cause before nil
        let (parent, child) = pair(&root);
        assert!(child.cancel("childCause") && parent.cancel("parentCause"));
        assert_eq!(
            (error_and_cause(&child), error_and_cause(&parent)),
            (canceled("childCause"), canceled("parentCause"))
        );
        // WithTimeout
        let cx = root.with_timeout(Duration::ZERO);
        assert!(!cx.cancel("too late"));
        assert_eq!(error_and_cause(&cx), exceeded());
        // WithTimeout canceled
        let cx = root.with_timeout(VERY_LONG);
        assert!(cx.cancel("early"));
        assert_eq!(error_and_cause(&cx), canceled("early"));
        // WithTimeoutCause stacked (without a cause of its own)
        let parent = root.child();
        let cx = parent.with_timeout(Duration::ZERO);
        parent.cancel("finishedEarly");
        assert_eq!(error_and_cause(&cx), exceeded());
        // WithTimeoutCause stacked canceled
        let parent = root.child();
        let cx = parent.with_timeout(VERY_LONG);
        parent.cancel("finishedEarly");
        assert_eq!(error_and_cause(&cx), canceled("finishedEarly"));
        // WithoutCancel; canceled; timeout
        assert_eq!(error_and_cause(&root.until_deadline()), (None, None));
        let parent = root.child();
        let cx = parent.until_deadline();
        parent.cancel("finishedEarly");
        assert_eq!(error_and_cause(&cx), (None, None));
        assert_eq!(error_and_cause(&root.with_timeout(Duration::ZERO).until_deadline()), (None, None));
    });
}

fn pair(root: &Context) -> (Context, Context) {
    let parent = root.child();
    let child = parent.child();
    (parent, child)
}

/// Same as `TestCauseRace`.
#[test]
fn a_visible_cause_is_complete() {
    real(2, async || {
        for _ in 0..50 {
            let cx = Context::background().child();
            let cancels = cx.clone();
            let thread = std::thread::spawn(move || cancels.cancel("the cause"));
            let error = loop {
                if let Some(error) = cx.error() {
                    break error;
                }
                std::thread::yield_now();
            };
            assert_eq!(error.source().unwrap().to_string(), "the cause");
            thread.join().unwrap();
        }
    });
}

/// Differs from `TestWithoutCancel`: it ends at the stop deadline of its run. There it never ends.
/// Without a conductor it has no deadline.
#[test]
fn a_context_until_the_deadline_keeps_its_values() {
    paused(async || {
        let parent = Context::background().with_value("value").with_timeout(S);
        let cx = parent.until_deadline();
        assert!(cx.deadline().is_none() && !is_done(&cx));
        assert_eq!(*cx.value::<&str>().unwrap(), "value");
        sleep(2 * S).await;
        assert!(exceeded(&parent) && !is_done(&cx));
        // In a run: not done with the stop, done at its deadline.
        let player = async |cx: Context| {
            let through = cx.with_value(7_u8).until_deadline();
            cx.done().await;
            assert!(through.error().is_none() && through.value::<u8>().is_some());
            assert_eq!(through.remaining(), Some(3 * S));
            let error = through.done().await;
            assert_eq!(error.to_string(), "deadline exceeded");
            Ok::<_, BoxError>(())
        };
        let shop = Conductor::new("shop").part(Part::new("db", player).stop_timeout(3 * S));
        let report = shop.play_until(sleep(S)).await;
        assert_eq!(report.stop_took, Some(3 * S), "{report}");
    });
}
