//! The calendar and the ticks of a clock that is set, compared with oracles.

use std::fmt::{self, Display};

use jiff::{
    SignedDuration, Timestamp,
    civil::{DateTime, Weekday},
    tz::TimeZone,
};
use proptest::{collection::vec, option, prelude::*, sample::select};
use tokio::time::Duration;

use super::{
    calendar::Calendar,
    times::{CalendarTimes, NextTick},
};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Instants at which, or shortly after which, the clock of a zone changes in an unusual way. The
/// offsets are in whole minutes, so that an oracle can walk by minutes.
const CHANGES: &[(&str, &str)] = &[
    // An hour in the night.
    ("Europe/Berlin", "2027-03-28T01:00:00Z"),
    ("Europe/Berlin", "2027-10-31T01:00:00Z"),
    ("America/New_York", "2027-03-14T07:00:00Z"),
    ("America/New_York", "2027-11-07T06:00:00Z"),
    // At midnight.
    ("America/Sao_Paulo", "2018-11-04T03:00:00Z"),
    ("America/Sao_Paulo", "2018-02-18T02:00:00Z"),
    ("Asia/Beirut", "2027-03-27T22:00:00Z"),
    ("Asia/Beirut", "2027-10-30T21:00:00Z"),
    ("Africa/Cairo", "2027-04-29T22:00:00Z"),
    ("Africa/Cairo", "2027-10-28T21:00:00Z"),
    ("America/Havana", "2027-03-14T05:00:00Z"),
    ("America/Havana", "2027-11-07T05:00:00Z"),
    // From one day to the next.
    ("America/Nuuk", "2027-03-28T01:00:00Z"),
    ("America/Nuuk", "2027-10-31T01:00:00Z"),
    // Half an hour, twenty minutes, two hours.
    ("Australia/Lord_Howe", "2027-10-02T15:30:00Z"),
    ("Australia/Lord_Howe", "2027-04-03T15:00:00Z"),
    ("Asia/Pyongyang", "2015-08-14T15:00:00Z"),
    ("Asia/Pyongyang", "2018-05-04T15:00:00Z"),
    ("America/Caracas", "2007-12-09T07:00:00Z"),
    ("Antarctica/Troll", "2027-03-28T01:00:00Z"),
    ("Antarctica/Troll", "2027-10-31T01:00:00Z"),
    // A whole day, there and back.
    ("Pacific/Apia", "2011-12-30T10:00:00Z"),
    ("Pacific/Fakaofo", "2011-12-30T11:00:00Z"),
    ("Pacific/Kwajalein", "1993-08-21T12:00:00Z"),
    ("Pacific/Enderbury", "1994-12-31T11:00:00Z"),
    // Several changes in a few weeks, and summer time that is the standard time.
    ("Africa/Casablanca", "2027-02-07T02:00:00Z"),
    ("Africa/Casablanca", "2027-03-14T02:00:00Z"),
    ("Europe/Dublin", "2027-03-28T01:00:00Z"),
    // No change.
    ("UTC", "2028-02-29T00:00:00Z"),
    ("Asia/Kathmandu", "2027-12-31T18:15:00Z"),
];

/// A field of an expression with its text.
#[derive(Clone, Debug)]
enum Field {
    All,
    Every(u32),
    List(Vec<Item>),
}

#[derive(Clone, Copy, Debug)]
enum Item {
    One(u32),
    Range(u32, u32),
    Steps(u32, u32, u32),
    /// The last day of the month.
    Last,
    /// The day of the week that occurs for that time in its month.
    Nth(u32, u32),
    /// The last such day of the week in its month.
    LastOf(u32),
}

impl Field {
    fn is_wild(&self) -> bool {
        !matches!(self, Self::List(_))
    }

    /// Returns whether the field contains a number.
    fn has(&self, number: u32) -> bool {
        match self {
            Self::All => true,
            Self::Every(step) => number.is_multiple_of(*step),
            Self::List(items) => items.iter().any(|item| item.has(number)),
        }
    }
}

impl Item {
    fn has(self, number: u32) -> bool {
        match self {
            Self::One(one) => number == one,
            Self::Range(from, to) => (from..=to).contains(&number),
            Self::Steps(from, to, step) => (from..=to).contains(&number) && (number - from).is_multiple_of(step),
            Self::Last | Self::Nth(..) | Self::LastOf(_) => false,
        }
    }

    fn has_day(self, time: DateTime) -> bool {
        self.has(day(time)) || (matches!(self, Self::Last) && time.day() == time.days_in_month())
    }

    fn has_weekday(self, time: DateTime) -> bool {
        let today = weekday(time);
        match self {
            Self::Nth(weekday, nth) => weekday == today && (day(time) - 1) / 7 + 1 == nth,
            Self::LastOf(weekday) => weekday == today && time.day() + 7 > time.days_in_month(),
            _ => self.has(today),
        }
    }
}

fn day(time: DateTime) -> u32 {
    u32::try_from(time.day()).unwrap()
}

fn weekday(time: DateTime) -> u32 {
    u32::try_from(time.weekday().since(Weekday::Sunday)).unwrap()
}

impl Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Every(step) => write!(f, "*/{step}"),
            Self::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if at == 0 { "" } else { "," })?;
                }
                Ok(())
            }
        }
    }
}

impl Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(one) => write!(f, "{one}"),
            Self::Range(from, to) => write!(f, "{from}-{to}"),
            Self::Steps(from, to, step) => write!(f, "{from}-{to}/{step}"),
            Self::Last => f.write_str("L"),
            Self::Nth(weekday, nth) => write!(f, "{weekday}#{nth}"),
            Self::LastOf(weekday) => write!(f, "{weekday}L"),
        }
    }
}

/// An expression with its fields.
#[derive(Clone, Debug)]
struct Expression {
    seconds: Option<Field>,
    minutes: Field,
    hours: Field,
    days: Field,
    weekdays: Field,
}

impl Expression {
    fn is_fixed(&self) -> bool {
        !(self.minutes.is_wild() || self.hours.is_wild() || self.seconds.as_ref().is_some_and(Field::is_wild))
    }

    fn has(&self, time: DateTime) -> bool {
        let number = |number: i8| u32::try_from(number).unwrap();
        let seconds = number(time.second());
        self.seconds.as_ref().map_or(seconds == 0, |field| field.has(seconds))
            && self.minutes.has(number(time.minute()))
            && self.hours.has(number(time.hour()))
            && self.has_date(time)
    }

    fn has_date(&self, time: DateTime) -> bool {
        let day = match &self.days {
            Field::List(items) => items.iter().any(|item| item.has_day(time)),
            field => field.has(day(time)),
        };
        let weekday = match &self.weekdays {
            Field::List(items) => items.iter().any(|item| item.has_weekday(time)),
            field => field.has(weekday(time)),
        };
        match (&self.days, &self.weekdays) {
            (Field::All, _) | (_, Field::All) => day && weekday,
            _ => day || weekday,
        }
    }
}

impl Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seconds, minutes, hours, days, weekdays } = self;
        if let Some(seconds) = seconds {
            write!(f, "{seconds} ")?;
        }
        write!(f, "{minutes} {hours} {days} * {weekdays}")
    }
}

/// Returns a field of numbers from 0 up to `max`, which is small where the changes of clocks are.
fn field(max: u32) -> impl Strategy<Value = Field> {
    let number = prop_oneof![0..=max.min(5), 0..=max];
    let range = (number.clone(), number.clone()).prop_map(|(one, other)| (one.min(other), one.max(other)));
    let item = prop_oneof![
        4 => number.prop_map(Item::One),
        1 => range.clone().prop_map(|(from, to)| Item::Range(from, to)),
        1 => (range, 1..=7_u32).prop_map(|((from, to), step)| Item::Steps(from, to, step)),
    ];
    prop_oneof![
        1 => Just(Field::All),
        1 => select(vec![2, 5, 7, 15, 20]).prop_map(Field::Every),
        4 => vec(item, 1..4).prop_map(Field::List),
    ]
}

fn days() -> impl Strategy<Value = Field> {
    let item = prop_oneof![
        (1..=31_u32).prop_map(Item::One),
        (1..10_u32).prop_map(|from| Item::Range(from, 31)),
        Just(Item::Last)
    ];
    prop_oneof![3 => Just(Field::All), 1 => vec(item, 1..3).prop_map(Field::List)]
}

fn weekdays() -> impl Strategy<Value = Field> {
    let item = prop_oneof![
        (0..7_u32).prop_map(Item::One),
        (0..4_u32).prop_map(|from| Item::Range(from, 6)),
        (0..7_u32, 1..=5_u32).prop_map(|(weekday, nth)| Item::Nth(weekday, nth)),
        (0..7_u32).prop_map(Item::LastOf),
    ];
    prop_oneof![3 => Just(Field::All), 1 => vec(item, 1..3).prop_map(Field::List)]
}

fn expression() -> impl Strategy<Value = Expression> {
    (option::weighted(0.04, field(59)), field(59), field(23), days(), weekdays())
        .prop_map(|(seconds, minutes, hours, days, weekdays)| Expression { seconds, minutes, hours, days, weekdays })
}

/// Returns the instants of a span at which a tick is due, found by a walk through all of them.
fn walk(expression: &Expression, zone: &TimeZone, (from, to): (Timestamp, Timestamp)) -> Vec<Timestamp> {
    let step = if expression.seconds.is_some() { SignedDuration::from_secs(1) } else { MINUTE };
    // What the clock has shown before is known after a day.
    let mut at = from - 27 * HOUR;
    let mut latest = zone.to_datetime(at);
    let mut ticks = Vec::new();
    while at <= to {
        let shown = zone.to_datetime(at);
        let is_tick = if expression.is_fixed() {
            // All that the clock has not shown before, also if it leaps over some of it.
            let mut has = false;
            while latest < shown {
                latest += step;
                has |= expression.has(latest);
            }
            has
        } else {
            expression.has(shown)
        };
        if is_tick && at > from {
            ticks.push(at);
        }
        at += step;
    }
    ticks
}

fn in_zone(expression: &str, zone: &TimeZone) -> Calendar {
    // Times of the past are asked for, but there are later ones, too.
    let mut calendar = Calendar::parse(expression, Timestamp::UNIX_EPOCH).unwrap();
    calendar.zone = zone.clone();
    calendar
}

/// Returns the times of a span by the calendar.
fn times(calendar: &Calendar, (from, to): (Timestamp, Timestamp)) -> Vec<Timestamp> {
    let mut times = Vec::new();
    let mut at = from;
    while let Some(next) = calendar.next_after(at).unwrap()
        && next <= to
    {
        assert!(next > at, "{next} does not follow {at}");
        times.push(next);
        at = next;
    }
    times
}

#[test]
fn the_changes_are_changes() {
    for (name, at) in CHANGES {
        let (zone, at): (_, Timestamp) = (TimeZone::get(name).unwrap(), at.parse().unwrap());
        let changes = zone.to_offset(at) != zone.to_offset(at - MINUTE);
        assert_eq!(changes, !["UTC", "Asia/Kathmandu"].contains(name), "{name} at {at}");
    }
}

proptest! {
    /// The calendar has the times that a walk through all minutes finds, from any moment on.
    #[test]
    fn the_calendar_agrees_with_a_walk_in_every_zone(
        expression in expression(),
        (name, change) in select(CHANGES),
        hours_before in 0..50_i32,
        starts in vec(0..6000_i64, 3),
    ) {
        let zone = TimeZone::get(name).unwrap();
        // A walk by seconds is long.
        let hours = if expression.seconds.is_some() { 4 } else { 76 };
        let from = change.parse::<Timestamp>().unwrap() - HOUR * (hours_before % hours);
        let span = (from, from + HOUR * hours);
        let calendar = in_zone(&expression.to_string(), &zone);
        let walked = walk(&expression, &zone, span);
        let shown = |times: &[Timestamp]| -> Vec<_> { times.iter().map(|time| time.to_zoned(zone.clone()).to_string()).collect() };
        prop_assert_eq!(shown(&times(&calendar, span)), shown(&walked), "`{}` from {}", expression, from);
        for start in starts {
            let start = from + SignedDuration::from_secs(start * 45);
            let next = walked.iter().copied().find(|time| *time > start);
            let found = calendar.next_after(start).unwrap().filter(|time| *time <= span.1);
            prop_assert_eq!(found, next, "`{}` after {}", expression, start);
        }
    }

    /// While the clock is set this way and that, each fixed time ticks once, intervals follow the
    /// new time, and a tick is due only because of a time.
    #[test]
    fn ticks_follow_a_clock_that_is_set(
        expression in select(vec!["* * * * *", "*/20 * * * *", "0 * * * *", "30 * * * * *", "30 2 * * *", "0,30 0-23 * * *", "15 2,14 * * *"]),
        steps in vec((0..7200_i64, option::weighted(0.3, -15_000..15_000_i64)), 1..60),
    ) {
        let calendar = in_zone(expression, &TimeZone::UTC);
        let min_setback = if calendar.is_fixed { 3 * HOUR } else { MINUTE };
        let mut now: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
        let mut ticks = CalendarTimes::new(calendar.clone(), now);
        // The time up to which everything has ticked.
        let mut done = now;
        for (passed, set) in steps {
            now = now + SignedDuration::from_secs(passed) + SignedDuration::from_secs(set.unwrap_or(0));
            if done.duration_since(now) >= min_setback {
                done = now;
            }
            let next = ticks.next(now).unwrap();
            let missed = times(&calendar, (done, now));
            done = done.max(now);
            if let Some(first) = missed.first() {
                let late = now.duration_since(*first).unsigned_abs();
                prop_assert_eq!(next, NextTick::Due(late), "`{}` at {}", expression, now);
            } else {
                let due = calendar.next_after(done).unwrap().unwrap();
                let left = due.duration_since(now).unsigned_abs();
                prop_assert_eq!(next, NextTick::In(left), "`{}` at {}", expression, now);
            }
            let silence = calendar.next_after(now + min_setback).unwrap().unwrap();
            let next = ticks.next(now).unwrap();
            let is_in_time = matches!(next, NextTick::In(left) if now + SignedDuration::try_from(left).unwrap() <= silence);
            prop_assert!(is_in_time, "`{}` at {}: {:?}", expression, now, next);
        }
    }
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Returns the first times after an instant, in the zone and without the year.
fn first(expression: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let zone = TimeZone::get(zone).unwrap();
    let calendar = in_zone(expression, &zone);
    let mut at = time(after);
    let next = std::iter::from_fn(|| {
        at = calendar.next_after(at).unwrap()?;
        Some(at.to_zoned(zone.clone()).strftime("%m-%d %H:%M %:z").to_string())
    });
    next.take(count).collect()
}

#[test]
fn lists_and_ranges_are_fixed_times() {
    for expression in ["30 2,14 * * *", "30 2-2,14 * * *", "30 2-14/12 * * *"] {
        let spring = first(expression, "Europe/Berlin", "2027-03-27T20:00:00Z", 2);
        assert_eq!(spring, ["03-28 03:00 +02:00", "03-28 14:30 +02:00"], "{expression}");
        let autumn = first(expression, "Europe/Berlin", "2027-10-30T20:00:00Z", 2);
        assert_eq!(autumn, ["10-31 02:30 +02:00", "10-31 14:30 +01:00"], "{expression}");
    }
    // Also from the middle of the repeated hour.
    assert_eq!(first("30 2,14 * * *", "Europe/Berlin", "2027-10-31T01:10:00Z", 1), ["10-31 14:30 +01:00"]);
}

#[test]
fn a_gap_may_be_long_and_may_end_on_another_day() {
    // 30 December 2011 did not exist.
    let apia = first("0 12 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z", 3);
    assert_eq!(apia, ["12-29 12:00 -10:00", "12-31 00:00 +14:00", "12-31 12:00 +14:00"]);
    assert_eq!(first("0 12 30 12 *", "Pacific/Apia", "2011-12-29T00:00:00Z", 1), ["12-31 00:00 +14:00"]);
    // From 23:00 on Saturday to Sunday.
    let nuuk = first("30 23 * * 6", "America/Nuuk", "2027-03-27T00:00:00Z", 2);
    assert_eq!(nuuk, ["03-28 00:00 -01:00", "04-03 23:30 -01:00"]);
    // From midnight to 01:00.
    let cairo = first("0 0 * * *", "Africa/Cairo", "2027-04-29T00:00:00Z", 2);
    assert_eq!(cairo, ["04-30 01:00 +03:00", "05-01 00:00 +03:00"]);
}

#[test]
fn a_time_in_the_far_future_is_found_at_once() {
    let begun = std::time::Instant::now();
    let far = first("0 0 * * * * 4990", "Europe/Berlin", "2027-01-01T00:00:00Z", 1);
    assert_eq!(far, ["01-01 00:00 +01:00"]);
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(first("0 0 0 1 1 * 2028", "Europe/Berlin", "2028-06-01T00:00:00Z", 1), Vec::<String>::new());
}

#[test]
fn a_time_that_the_calendar_cannot_represent_is_an_error() {
    let calendar = in_zone("0 0 * * *", &TimeZone::UTC);
    let end = calendar.next_after(Timestamp::MAX);
    assert!(!matches!(end, Ok(Some(_))), "{end:?}");
}
