//! A player that would wait for its own end gets an error at once.

use std::future::pending;

use crate::common::{S, idle};
use tokio::{sync::mpsc, time::timeout};
use upbeat::{
    BoxError, Conductor, Context, Handle, HandleError, Part, Player, Report, report::PlayerReport, task::Group, with,
};

type Answers = mpsc::UnboundedSender<Result<PlayerReport, HandleError>>;

/// The way on which a player asks for an end.
#[derive(Clone, Copy, Debug)]
enum Way {
    Own,
    Spawned,
    Group,
}

/// Stops and removes the part `path`, sends the answers, and then waits for its stop.
fn asker(handle: Handle, path: &'static str, way: Way, answers: Answers) -> impl Player {
    with((handle, answers), move |(handle, answers): (Handle, Answers), cx: Context| async move {
        let part = handle.part(path);
        let ask = async move {
            let _ = answers.send(part.stop().await);
            let _ = answers.send(part.remove().await);
        };
        match way {
            Way::Own => ask.await,
            Way::Spawned => cx.spawn("asks", ask).await?,
            Way::Group => {
                let group = Group::new(&cx);
                group.spawn("asks", async move |_| {
                    ask.await;
                    Ok::<_, BoxError>(())
                });
                group.wait().await?;
            }
        }
        cx.stopping().await;
        Ok::<_, BoxError>(())
    })
}

/// Plays `shop`, adds the asker, and returns its answers and the report.
async fn asked(way: Way, path: &'static str) -> (Vec<Result<PlayerReport, HandleError>>, Report) {
    let shop = Conductor::new("shop").player("other", idle);
    let handle = shop.handle();
    let playing = tokio::spawn(shop.play_until(pending()));
    handle.overview().wait_ready().await;
    let (answers, mut received) = mpsc::unbounded_channel();
    let deep = Conductor::new("deep").player("asks", asker(handle.clone(), path, way, answers)).player("beside", idle);
    let inner = Conductor::new("inner").player("deep", deep).player("next", idle);
    handle.add(Part::new("inner", inner)).await.expect("it is accepted");
    let mut both = Vec::new();
    for _ in 0..2 {
        both.push(timeout(S, received.recv()).await.expect("it is answered at once").expect("it is answered"));
    }
    handle.stop();
    (both, playing.await.expect("no panic"))
}

#[tokio::test(start_paused = true)]
async fn a_task_of_a_run_that_asks_for_its_end_gets_an_error_at_once() {
    for way in [Way::Own, Way::Spawned, Way::Group] {
        for path in ["inner/deep/asks", "shop/inner/deep", "inner"] {
            let (answers, report) = asked(way, path).await;
            for answer in answers {
                assert!(matches!(&answer, Err(HandleError::OwnEnd { path: own }) if own.ends_with(path)), "{answer:?}");
            }
            assert!(report.is_clean(), "{way:?} {path}: {report}");
            assert!(report.player("shop/inner/deep/asks").is_some(), "{report}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_of_a_run_may_ask_for_the_end_of_others() {
    for path in ["other", "inner/next", "inner/deep/beside"] {
        let (answers, report) = asked(Way::Own, path).await;
        assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(PlayerReport::is_clean)), "{answers:?}");
        assert!(report.is_clean(), "{report}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_outside_the_run_may_ask_for_it() {
    let shop = Conductor::new("shop").player("other", idle);
    let handle = shop.handle();
    let player = with(handle.clone(), async |handle: Handle, cx: Context| {
        let own = handle.part(cx.path());
        // Made by the run, and polled by a task that is not of it.
        let removal = async move { own.remove().await };
        tokio::spawn(removal);
        cx.stopping().await;
        Ok::<_, BoxError>(())
    });
    let playing = tokio::spawn(shop.play_until(pending()));
    handle.overview().wait_ready().await;
    handle.add(Part::new("guest", player)).await.expect("it is accepted");
    let gone = handle.overview();
    gone.wait_for(|now| now.player("shop/guest").is_none() && now.player("shop/other").is_some()).await;
    handle.stop();
    assert!(playing.await.expect("no panic").is_clean());
}
