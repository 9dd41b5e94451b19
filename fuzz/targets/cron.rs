//! Cron expressions: the parser never panics, and each tick is later than the one before and at a
//! time that the expression matches.

#![no_main]

use std::{
    str::FromStr as _,
    sync::{Arc, LazyLock, Mutex},
    time::{Duration, SystemTime},
};

use jiff::{Timestamp, tz::TimeZone};
use libfuzzer_sys::fuzz_target;
use tokio::{
    runtime::{Builder, Runtime},
    time::{Instant, sleep},
};
use upbeat::{BoxError, Conductor, Context, time::cron, with};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime"));

/// Returns the times of the ticks in six hours that begin at `start`.
fn ticks(expression: &str, start: SystemTime) -> Option<Vec<SystemTime>> {
    let _entered = RUNTIME.enter();
    let begun = Instant::now();
    let times = Arc::new(Mutex::new(Vec::new()));
    let tick = with(times.clone(), async |times: Arc<Mutex<Vec<Instant>>>, _: Context| {
        times.lock().expect("no panic").push(Instant::now());
        Ok::<_, BoxError>(())
    });
    let player = cron(expression, tick).ok()?.clock(move || start + begun.elapsed());
    let conductor = Conductor::new("fuzz").player("cron", player);
    let report = RUNTIME.block_on(conductor.play_until(sleep(Duration::from_hours(6))));
    assert!(report.is_clean(), "{report}");
    let times = times.lock().expect("no panic");
    Some(times.iter().map(|time| start + (*time - begun)).collect())
}

fuzz_target!(|data: &[u8]| {
    let Some((seconds, expression)) = data.split_first_chunk::<4>() else { return };
    let Ok(expression) = std::str::from_utf8(expression) else { return };
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(u32::from_le_bytes(*seconds).into());
    let Some(ticks) = ticks(expression, start) else { return };
    let oracle = croner::Cron::from_str(expression).expect("`cron` has accepted it");
    let mut before = start;
    for tick in ticks {
        assert!(tick > before, "a tick is later than the one before");
        before = tick;
        let time = Timestamp::try_from(tick).expect("a time of this era").to_zoned(TimeZone::UTC);
        // A tick is at most some milliseconds late on the paused clock.
        let time = time.with().subsec_nanosecond(0).build().expect("a second");
        assert!(oracle.is_time_matching(&time).expect("a match"), "{expression} does not match {time}");
    }
});
