//! A server that crashes and restarts.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use tokio::time::{sleep, timeout};

use crate::{
    client::Client,
    simulation::{MS, S, conductor, explore},
};

#[test]
fn clients_reconnect_to_a_server_that_crashed_and_restarted() {
    explore(MS * 100, |mut sim| {
        sim.host("server", || async {
            panic!("unexpected end: {}", conductor(S).play_until(std::future::pending()).await)
        });
        let answered = Arc::new(AtomicU32::new(0));
        for i in 0..3 {
            let answered = answered.clone();
            sim.client(format!("client{i}"), async move {
                // Each client is answered before the crash, and then by the restarted server.
                for answers in 0..2 {
                    while answered.load(Ordering::Relaxed) < answers * 3 {
                        sleep(MS * 10).await;
                    }
                    loop {
                        // A crash sends nothing to connected clients.
                        let reply = timeout(S, async { Some(Client::connect().await.ok()?.get("/").await) }).await;
                        if let Ok(Some(reply)) = reply {
                            assert_eq!(reply.body(), "hello");
                            break;
                        }
                        sleep(MS * 50).await;
                    }
                    answered.fetch_add(1, Ordering::Relaxed);
                    if answers == 0 {
                        // In flight when the server crashes.
                        let slow = timeout(S * 10, async { Some(Client::connect().await.ok()?.get("/slow").await) });
                        drop(slow.await);
                    }
                }
                Ok(())
            });
        }
        while answered.load(Ordering::Relaxed) < 3 {
            sim.step().unwrap();
        }
        for _ in 0..200 {
            sim.step().unwrap();
        }
        sim.crash("server");
        for _ in 0..200 {
            sim.step().unwrap();
        }
        sim.bounce("server");
        sim.run().unwrap();
        assert_eq!(answered.load(Ordering::Relaxed), 6);
    });
}
