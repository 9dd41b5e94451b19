//! The order of children, and very many of them.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use peers::{Command, Event, Log, S, Scripted, idle, is_over, paused, playing, stop, stop_cleanly};
use rustix::time::{ClockId, clock_gettime};
use tokio::time::sleep;
use upbeat::{
    BoxError, Conductor, Context, Handle, HandleError, Part, once,
    restart::{Restart, Strategy},
    score::OnFailure,
    with,
};

use super::{AT_ONCE, permanent, ready, sup, temporary, transient};

/// Same as `order_of_children`.
#[test]
fn parts_start_in_the_order_of_their_edges_and_stop_in_reverse() {
    paused(async || {
        let log = Log::default();
        let names = ["ch7", "ch3", "ch10", "ch2", "ch5"];
        let dies = Event::default();
        let child = |name: &'static str| {
            let state = (log.clone(), name, dies.clone());
            with(state, async |(log, name, dies): (Log, &'static str, Event), cx: Context| {
                log.add(format!("{name} started"));
                cx.ready();
                tokio::select! {
                    () = dies.wait(), if cx.attempt() == 0 && name == "ch10" => Err(BoxError::from("abnormal")),
                    () = cx.stopping() => {
                        log.add(format!("{name} stopped"));
                        Ok(())
                    }
                }
            })
        };
        let mut conductor = Conductor::new("sup").strategy(Strategy::RestForOne);
        for (i, name) in names.into_iter().enumerate() {
            let part = Part::new(name, child(name)).signals_ready().restart(Restart::on_failure(AT_ONCE));
            conductor = conductor.part(if i > 0 { part.after(names[i - 1]) } else { part });
        }
        let (handle, playing) = playing(conductor);
        ready(&handle).await;
        assert_eq!(log.lines(), ["ch7 started", "ch3 started", "ch10 started", "ch2 started", "ch5 started"]);
        log.clear();
        dies.set();
        handle.overview().wait_for(|now| !now.ready).await;
        ready(&handle).await;
        assert_eq!(log.lines(), ["ch5 stopped", "ch2 stopped", "ch10 started", "ch2 started", "ch5 started"]);
        log.clear();
        let report = stop(&handle, playing).await;
        assert!(report.is_clean(), "{report}");
        assert_eq!(log.lines(), ["ch5 stopped", "ch2 stopped", "ch10 stopped", "ch3 stopped", "ch7 stopped"]);
    });
}

/// Returns the CPU time of this thread, which does not depend on what else the machine does.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}

/// Adds parts, and ends them one by one. Returns the CPU time of the starts and of the stops.
async fn start_and_stop(handle: &Handle, many: usize, remove: bool) -> (Duration, Duration) {
    let start = cpu_time();
    for i in 0..many {
        handle.add(Part::new(format!("c{i}"), idle)).await.unwrap();
    }
    let started = cpu_time().saturating_sub(start);
    for i in 0..many {
        let path = format!("c{i}");
        let ended = if remove { handle.part(&path).remove().await } else { handle.part(&path).stop().await };
        ended.unwrap();
    }
    let stopped = cpu_time().saturating_sub(start + started);
    for i in (0..many).filter(|_| !remove) {
        handle.part(&format!("c{i}")).remove().await.unwrap();
    }
    (started, stopped)
}

/// Same as `simple_one_for_one_scale_many_temporary_children`, `scale_start_stop_many_children`.
#[test]
fn the_work_for_one_part_does_not_grow_with_the_number_of_parts() {
    paused(async || {
        for remove in [true, false] {
            let (handle, playing) = playing(sup());
            ready(&handle).await;
            start_and_stop(&handle, 200, remove).await;
            let (start_few, stop_few) = start_and_stop(&handle, 500, remove).await;
            let (start_many, stop_many) = start_and_stop(&handle, 5000, remove).await;
            assert!(start_many < start_few * 50, "start: {start_few:?} and {start_many:?}");
            assert!(stop_many < stop_few * 50, "stop: {stop_few:?} and {stop_many:?}");
            stop_cleanly(&handle, playing).await;
        }
    });
}

/// Same as `do_not_save_start_parameters_for_temporary_children`, `simple_one_for_one_corruption`.
#[test]
fn an_ended_run_releases_the_captures_of_its_closure() {
    paused(async || {
        for strategy in [Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne] {
            let (handle, playing) = playing(Conductor::new("sup").player("keeper", idle).strategy(strategy));
            ready(&handle).await;
            for end in [Ok(()), Err(BoxError::from("abnormal"))] {
                let big = Arc::new(vec![0_u8; 50_000]);
                let weak = Arc::downgrade(&big);
                let child = once(async move |_: Context| {
                    drop(big);
                    end
                });
                handle.add(Part::new("child", child).job().on_failure(OnFailure::Ignore)).await.unwrap();
                handle
                    .overview()
                    .wait_for(|now| now.player("sup/child").is_some_and(|child| is_over(&child.state)))
                    .await;
                assert!(weak.upgrade().is_none());
                handle.part("child").remove().await.unwrap();
            }
            stop_cleanly(&handle, playing).await;
        }
    });
}

/// Same as `do_not_save_child_specs_for_temporary_children`.
#[test]
fn the_name_of_an_ended_part_is_free_after_its_removal() {
    paused(async || {
        let (handle, playing) = playing(sup());
        ready(&handle).await;
        for kind in [permanent, transient, temporary] {
            for end in [Command::Panic("killed"), Command::Return, Command::Fail("abnormal")] {
                let child = Scripted::new();
                handle.add(kind("child", &child)).await.unwrap();
                child.started(1).await;
                child.send(end);
                sleep(S).await;
                assert!(matches!(handle.add(kind("child", &child)).await, Err(HandleError::Refused { .. })));
                handle.part("child").remove().await.unwrap();
            }
        }
        stop_cleanly(&handle, playing).await;
    });
}

/// Composed, after `external_start_no_progress_log`, `format_log_1`, `format_log_2`: the log
/// formats have no counterpart. A report is text with everything that is known.
#[test]
fn a_report_contains_the_path_the_runs_and_the_errors() {
    paused(async || {
        let tries = Arc::new(AtomicU32::new(0));
        let fails = with(tries, async |tries: Arc<AtomicU32>, _: Context| {
            Err::<(), _>(BoxError::from(format!("reason {}", tries.fetch_add(1, SeqCst))))
        });
        let part = Part::new("child", fails).restart(Restart::on_failure(AT_ONCE).max_restarts(2));
        let text = Conductor::new("my_supervisor").part(part).play_until(pending()).await.to_string();
        for needed in ["my_supervisor/child failed", "3 runs", "reason 0", "reason 1", "reason 2"] {
            assert!(text.contains(needed), "{needed:?} is not in {text}");
        }
    });
}
