//! A stop while the network is slow, held or cut.

use std::{io, time::Duration};

use tokio::time::{sleep, sleep_until, timeout};
use upbeat::exit_code;

use crate::{
    client::{Client, Reply},
    simulation::{MS, Reported, S, SLOW, explore, serve},
};

/// The first half of an upload of ten bytes.
const HALF: &str = "POST /upload HTTP/1.1\r\nhost: server\r\ncontent-length: 10\r\n\r\n12345";

fn assert_clean(reported: &Reported) {
    let report = reported.lock().unwrap().take().expect("the server has reported");
    assert!(report.is_clean(), "{report}");
}

/// Asserts that the server has cut and reported one request at its deadline.
fn assert_cut(reported: &Reported, request: &str, drain_timeout: Duration) {
    let report = reported.lock().unwrap().take().expect("the server has reported");
    assert_eq!(report.exit_code(), exit_code::OVERRAN, "{report}");
    let web = report.player("shop/web").unwrap();
    assert!(web.lost.len() == 1 && web.lost[0].starts_with(request), "{report}");
    let took = report.stop_took.unwrap();
    assert!(took >= drain_timeout && took < drain_timeout + S, "{report}");
}

#[test]
fn requests_in_flight_finish_on_a_slow_network() {
    explore(MS * 400, |mut sim| {
        let reported = serve(&mut sim, S * 3, S * 20);
        for i in 0..4 {
            sim.client(format!("client{i}"), async {
                let reply = Client::connect().await?.get("/slow").await;
                assert_eq!(reply.body(), "slow, but here");
                assert!(reply.says_close(), "{reply:?}");
                Ok(())
            });
        }
        sim.client("late", async {
            // The slow requests are in flight, and the server has been stopping for a while.
            sleep(S * 4).await;
            let refused = Client::connect().await.err().expect("refused");
            assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
            Ok(())
        });
        sim.run().unwrap();
        assert_clean(&reported);
    });
}

#[test]
fn no_response_is_cut_or_missing_under_load() {
    // Twice the latency is less than the first byte timeout of a connection in use.
    explore(MS * 100, |mut sim| {
        let reported = serve(&mut sim, S * 2, S * 10);
        for i in 0..8 {
            sim.client(format!("client{i}"), async {
                let mut answers = 0;
                while let Ok(mut client) = Client::connect().await {
                    loop {
                        let reply = client.get("/").await;
                        assert_eq!(reply.body(), "hello");
                        answers += 1;
                        if reply.says_close() {
                            break;
                        }
                    }
                }
                assert!(answers > 1, "{answers}");
                Ok(())
            });
        }
        sim.run().unwrap();
        assert_clean(&reported);
    });
}

#[test]
fn an_upload_behind_a_partition_is_cut_at_the_drain_deadline_and_reported() {
    const DRAIN: Duration = Duration::from_secs(3);
    explore(MS * 100, |mut sim| {
        let reported = serve(&mut sim, S * 2, DRAIN);
        sim.client("client", async {
            let mut client = Client::connect().await?;
            client.send(HALF).await?;
            sleep(S * 2).await;
            turmoil::partition("client", "server");
            client.send("67890").await?;
            assert!(timeout(S * 10, client.reply()).await.is_err(), "nothing passes a partition");
            Ok(())
        });
        sim.run().unwrap();
        assert_cut(&reported, "POST /upload, open for ", DRAIN);
    });
}

#[test]
fn an_upload_whose_packets_are_held_finishes_once_they_are_released() {
    explore(MS * 100, |mut sim| {
        let reported = serve(&mut sim, S * 2, S * 10);
        sim.client("client", async {
            let start = tokio::time::Instant::now();
            let mut client = Client::connect().await?;
            client.send(HALF).await?;
            sleep_until(start + S * 2 + MS * 100).await;
            turmoil::hold("client", "server");
            client.send("67890").await?;
            sleep(SLOW).await;
            turmoil::release("client", "server");
            let reply = client.reply().await;
            assert_eq!(reply.body(), "10 bytes");
            assert!(reply.says_close(), "{reply:?}");
            Ok(())
        });
        sim.run().unwrap();
        assert_clean(&reported);
    });
}

#[test]
fn a_reader_behind_a_partition_is_cut_at_the_drain_deadline_and_reported() {
    const DRAIN: Duration = Duration::from_secs(3);
    explore(MS * 100, |mut sim| {
        let reported = serve(&mut sim, S * 2, DRAIN);
        sim.client("client", async {
            let start = tokio::time::Instant::now();
            let mut client = Client::connect().await?;
            client.send("GET /large HTTP/1.1\r\nhost: server\r\n\r\n").await?;
            // Nothing is read, so that the response stalls once the buffers are full.
            sleep_until(start + S * 2 + MS * 100).await;
            turmoil::partition("client", "server");
            let reply = timeout(S * 10, client.reply()).await;
            assert!(!matches!(reply, Ok(Reply::Whole(..))), "nothing passes a partition");
            Ok(())
        });
        sim.run().unwrap();
        assert_cut(&reported, "GET /large, open for ", DRAIN);
    });
}
