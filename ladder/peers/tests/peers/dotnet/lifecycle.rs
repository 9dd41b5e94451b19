//! `LifecycleTests.cs`.

use std::{future::pending, sync::Arc, time::Duration};

use peers::{Event, Log, MS, logs, paused};
use tokio::time::sleep;
use upbeat::{BoxError, Conductor, Context, Part, Player, with};

/// Same as `HostedService_CallbackOccursOnce`: for the same instance. Two types are two players
/// here.
#[test]
fn the_same_instance_is_not_started_twice() {
    struct Service(Event);
    impl Player for Service {
        type Error = BoxError;
        async fn play(&self, cx: Context) -> Result<(), BoxError> {
            self.0.set();
            cx.stopping().await;
            Ok(())
        }
    }
    paused(async || {
        let service = Arc::new(Service(Event::default()));
        let host = Conductor::new("host").player("a", service.clone()).player("b", service.clone());
        assert_eq!(host.play_until(pending()).await.exit_code(), 78);
        assert!(!service.0.is_set());
    });
}

/// Same as `CallbackOrder`, `HostApplicationLifetimeEventsOrderedCorrectlyDuringShutdown`,
/// `HostShutdownFiresApplicationLifetimeStoppedBeforeHostLifetimeStopped`,
/// `HostNotifiesApplicationStarted`.
#[test]
fn the_events_of_a_whole_life_are_in_order() {
    paused(async || {
        let log = Log::default();
        let service = with(log.clone(), async |log: Log, cx: Context| {
            log.add("service starting");
            sleep(MS).await;
            log.add("service started");
            cx.ready();
            cx.stopping().await;
            log.add("service stopping");
            sleep(MS).await;
            log.add("service stopped");
            Ok::<_, BoxError>(())
        });
        // The lifetime of the host begins before all parts and ends after them.
        let host = Conductor::new("host")
            .part(Part::new("lifetime", logs(&log, "lifetime", Duration::ZERO)).signals_ready().first_and_last())
            .part(Part::new("service", service).signals_ready());
        let handle = host.handle();
        let overview = handle.overview();
        let watches = {
            let (overview, log) = (overview.clone(), log.clone());
            async move {
                overview.wait_for(|now| now.ready).await;
                log.add("application started");
                overview.wait_for(|now| now.stopping.is_some()).await;
                log.add("application stopping");
            }
        };
        let watching = tokio::spawn(watches);
        let report = host.play_until(async { sleep(10 * MS).await }).await;
        watching.await.unwrap();
        log.add("run returned");
        assert!(report.is_clean());
        let order = [
            "lifetime started",
            "service starting",
            "service started",
            "application started",
            "service stopping",
            "service stopped",
            "lifetime stopping",
            "lifetime stopped",
            "run returned",
        ];
        let lines = log.lines();
        assert_eq!(lines.iter().filter(|line| *line != "application stopping").collect::<Vec<_>>(), order);
        assert!(log.at("application started") < log.at("application stopping"));
        assert!(log.at("application stopping") < log.at("service stopped"));
    });
}
