//! Players that run at times of the calendar, on a clock that a test sets.
#![cfg(feature = "cron")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{self, Write as _},
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use crate::common::{S, ZERO};
use harm::clock::WallClock;
use jiff::{Timestamp, tz::TimeZone};
use tokio::time::{Instant, sleep};
use upbeat::{
    BoxError, Conductor, Context,
    time::{Cron, CronError, cron},
    with,
};

const HOUR: Duration = Duration::from_hours(1);

fn time(text: &str) -> SystemTime {
    text.parse::<Timestamp>().unwrap().into()
}

/// Plays for some hours. Returns when the ticks began by the wall clock of the zone, without the
/// year.
async fn ticks(
    expression: &str,
    zone: &str,
    clock: impl Fn() -> SystemTime + Clone + Send + Sync + 'static,
    takes: Duration,
    hours: u32,
) -> Vec<String> {
    let begun = Arc::new(Mutex::new(Vec::new()));
    let (state, shown) = ((begun.clone(), clock.clone()), TimeZone::get(zone).unwrap());
    let tick = with(state, move |(begun, clock): (Arc<Mutex<Vec<String>>>, _), _: Context| {
        let now = clock_of(&clock, &shown);
        async move {
            begun.lock().unwrap().push(now);
            sleep(takes).await;
            Ok::<_, BoxError>(())
        }
    });
    let player: Cron<_> = cron(expression, tick).unwrap().zone(zone).unwrap().clock(clock);
    let report =
        Conductor::new("shop").player("cron", player).stop_timeout(10 * HOUR).play_until(sleep(hours * HOUR)).await;
    assert!(report.is_clean(), "{report}");
    let begun = begun.lock().unwrap();
    begun.clone()
}

fn clock_of(clock: &impl Fn() -> SystemTime, zone: &TimeZone) -> String {
    let now = Timestamp::try_from(clock()).unwrap().to_zoned(zone.clone());
    now.strftime("%m-%d %H:%M:%S %:z").to_string()
}

/// Returns a clock that starts at this time and is not set.
fn from(text: &str) -> impl Fn() -> SystemTime + Clone + Send + Sync + 'static {
    let (wall, start) = (time(text), Instant::now());
    move || wall + start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn ticks_continue_across_midnight_month_and_year() {
    let times = ticks("59,0 23,0 * * *", "UTC", from("2027-12-31T22:00:00Z"), S, 4).await;
    assert_eq!(
        times,
        ["12-31 23:00:00 +00:00", "12-31 23:59:00 +00:00", "01-01 00:00:00 +00:00", "01-01 00:59:00 +00:00"]
    );
    // The last day of a month, in a leap year.
    let times = ticks("0 12 L * *", "UTC", from("2028-02-27T00:00:00Z"), S, 72).await;
    assert_eq!(times, ["02-29 12:00:00 +00:00"]);
    // With seconds.
    let times = ticks("30 0 0 1 * *", "UTC", from("2027-02-27T00:00:00Z"), S, 72).await;
    assert_eq!(times, ["03-01 00:00:30 +00:00"]);
}

#[tokio::test(start_paused = true)]
async fn summer_time_neither_repeats_nor_loses_a_tick() {
    let berlin = "Europe/Berlin";
    let times = ticks("0 9 * * *", berlin, from("2027-03-27T00:00:00Z"), S, 48).await;
    assert_eq!(times, ["03-27 09:00:00 +01:00", "03-28 09:00:00 +02:00"], "nine in the morning of the zone");
    // There is no 02:30 on that day.
    let times = ticks("30 2 * * *", berlin, from("2027-03-27T12:00:00Z"), S, 48).await;
    assert_eq!(times, ["03-28 03:00:00 +02:00", "03-29 02:30:00 +02:00"]);
    // There are two 02:30 on that day.
    let times = ticks("30 2 * * *", berlin, from("2027-10-30T12:00:00Z"), S, 48).await;
    assert_eq!(times, ["10-31 02:30:00 +02:00", "11-01 02:30:00 +01:00"]);
    // Ticks at intervals follow the elapsed time.
    let times = ticks("*/30 * * * *", berlin, from("2027-10-30T23:45:00Z"), S, 3).await;
    assert_eq!(
        times,
        [
            "10-31 02:00:00 +02:00",
            "10-31 02:30:00 +02:00",
            "10-31 02:00:00 +01:00",
            "10-31 02:30:00 +01:00",
            "10-31 03:00:00 +01:00",
            "10-31 03:30:00 +01:00"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn times_that_pass_while_a_tick_runs_become_one_tick() {
    let takes = Duration::from_mins(150);
    let times = ticks("0 * * * *", "UTC", from("2027-01-01T00:30:00Z"), takes, 6).await;
    assert_eq!(times, ["01-01 01:00:00 +00:00", "01-01 03:30:00 +00:00", "01-01 06:00:00 +00:00"]);
}

/// Returns a clock that is set ten minutes after its start.
fn set(text: &str, to: &str) -> impl Fn() -> SystemTime + Clone + Send + Sync + 'static {
    let (clock, to, start) = (WallClock::new(time(text)), Mutex::new(Some(time(to))), Instant::now());
    let to = Arc::new(to);
    move || {
        if let Some(since) = start.elapsed().checked_sub(600 * S)
            && let Some(to) = to.lock().unwrap().take()
        {
            clock.set(to + since);
        }
        clock.now()
    }
}

#[tokio::test(start_paused = true)]
async fn ticks_follow_a_clock_that_is_set() {
    let times = ticks("0 * * * *", "UTC", set("2027-01-01T00:55:00Z", "2027-01-01T04:30:00Z"), ZERO, 1).await;
    assert_eq!(
        times,
        ["01-01 01:00:00 +00:00", "01-01 04:30:00 +00:00", "01-01 05:00:00 +00:00"],
        "skipped times are one tick"
    );
    let times = ticks("0 0-23 * * *", "UTC", set("2027-01-01T00:55:00Z", "2027-01-01T00:45:00Z"), S, 2).await;
    assert_eq!(times, ["01-01 01:00:00 +00:00", "01-01 02:00:00 +00:00"], "a small setback repeats no fixed time");
    let times = ticks("0 * * * *", "UTC", set("2027-01-01T00:55:00Z", "2027-01-01T00:45:00Z"), S, 2).await;
    let hours = ["01-01 01:00:00 +00:00", "01-01 01:00:00 +00:00", "01-01 02:00:00 +00:00"];
    assert_eq!(times, hours, "intervals go by the new time");
    let times = ticks("0 * * * *", "UTC", set("2027-01-01T00:50:10Z", "2027-01-01T00:59:40Z"), S, 1).await;
    assert_eq!(times, ["01-01 01:00:00 +00:00"], "a clock that is adjusted by seconds repeats no tick");
    let times = ticks("0 * * * *", "UTC", set("2027-01-05T00:55:00Z", "2027-01-01T07:45:00Z"), S, 1).await;
    assert_eq!(times, ["01-05 01:00:00 +00:00", "01-01 08:00:00 +00:00"], "a large setback takes effect");
    let times = ticks("0 8 * * *", "UTC", set("2027-01-05T07:55:00Z", "2027-01-01T07:45:00Z"), S, 1).await;
    assert_eq!(times, ["01-05 08:00:00 +00:00", "01-01 08:00:00 +00:00"], "also on fixed times");
}

#[tokio::test(start_paused = true)]
async fn a_setback_of_50_minutes_does_not_silence_every_minute() {
    let times = ticks("* * * * *", "UTC", set("2027-01-01T12:00:30Z", "2027-01-01T11:20:30Z"), ZERO, 1).await;
    let (before, after) = times.split_at(10);
    assert_eq!(before.first().unwrap(), "01-01 12:01:00 +00:00");
    assert_eq!(before.last().unwrap(), "01-01 12:10:00 +00:00");
    assert_eq!((after.len(), &*after[0]), (50, "01-01 11:21:00 +00:00"), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn lists_of_hours_are_fixed_times() {
    let times = ticks("30 2,14 * * *", "Europe/Berlin", from("2027-03-27T20:00:00Z"), S, 24).await;
    assert_eq!(times, ["03-28 03:00:00 +02:00", "03-28 14:30:00 +02:00"], "there is no 02:30 on that day");
    let times = ticks("30 2,14 * * *", "Europe/Berlin", from("2027-10-30T20:00:00Z"), S, 24).await;
    assert_eq!(times, ["10-31 02:30:00 +02:00", "10-31 14:30:00 +01:00"], "there are two 02:30 on that day");
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_leaves_out_a_day_goes_on() {
    let times = ticks("0 12 * * *", "Pacific/Apia", from("2011-12-29T20:00:00Z"), S, 60).await;
    assert_eq!(
        times,
        ["12-29 12:00:00 -10:00", "12-31 00:00:00 +14:00", "12-31 12:00:00 +14:00", "01-01 12:00:00 +14:00"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_clock_beyond_the_calendar_fails_the_player() {
    let tick = async |_: Context| Ok::<_, BoxError>(());
    let clock = || SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 365 * 20_000);
    let player = cron("0 9 * * *", tick).unwrap().clock(clock);
    let report = Conductor::new("shop").player("cron", player).play_until(sleep(HOUR)).await;
    assert!(report.to_string().contains("failed to find the next time of cron expression `0 9 * * *`"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_schedule_whose_times_have_passed_waits_for_its_stop() {
    let times = ticks("0 0 12 1 1 * 2027-2999", "UTC", from("3000-01-01T00:00:00Z"), S, 1).await;
    assert!(times.is_empty(), "{times:?}");
}

#[test]
fn an_invalid_schedule_is_rejected_with_the_reason() {
    let tick = async |_: Context| Ok::<_, BoxError>(());
    let error_of = |expression: &str| cron(expression, tick).expect_err("it is invalid");
    let error = error_of("61 * * * *");
    assert!(
        matches!(error, CronError::Expression { .. })
            && error.to_string().starts_with("invalid cron expression `61 * * * *`")
    );
    assert!(matches!(error_of("now and then"), CronError::Expression { .. }));
    assert!(matches!(error_of(", * * * *"), CronError::Expression { .. }), "a field without a value");
    let error = error_of("0 0 30 2 *");
    assert_eq!(error.to_string(), "cron expression `0 0 30 2 *` has no future occurrence");
    let error = cron("@daily", tick).expect("it is valid").zone("Europe/Atlantis").expect_err("there is no such zone");
    assert!(error.to_string().starts_with("unknown time zone `Europe/Atlantis`"), "{error}");
}

/// The setting of a child process that prints the zone of the system.
const PRINT_LOCAL: &str = "UPBEAT_TEST_PRINT_LOCAL";

/// In a child process: prints the zone of the system.
#[test]
fn child_that_prints_the_local_zone() {
    if std::env::var_os(PRINT_LOCAL).is_some() {
        let tick = async |_: Context| Ok::<_, BoxError>(());
        let local = cron("@daily", tick).unwrap().local();
        let text = local.map_or_else(|error| error.to_string(), |cron| format!("{cron:?}"));
        writeln!(io::stdout(), "{text}").unwrap();
    }
}

/// Returns the player, or its error, in a process with this `TZ`.
fn local_with(tz: &str) -> String {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "cron::child_that_prints_the_local_zone", "--nocapture"]);
    let output = child.env("TZ", tz).env(PRINT_LOCAL, "1").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_zone_of_the_system_is_that_of_the_environment_or_an_error() {
    for tz in ["Europe/Berlin", ":Europe/Berlin"] {
        assert!(local_with(tz).contains("zone: Some(\"Europe/Berlin\")"), "{tz}: {}", local_with(tz));
    }
    assert!(local_with("").contains("zone: Some(\"UTC\")"), "{}", local_with(""));
    // A rule has no name.
    assert!(local_with("CET-1CEST,M3.5.0,M10.5.0/3").contains("zone: None"));
    for tz in ["Europe/Atlantis", ":/no/such/file", "/no/such/zoneinfo/Mars/Base"] {
        let error = local_with(tz);
        assert!(error.contains(&format!("invalid time zone of the system, from `TZ={tz}`")), "{error}");
    }
}
