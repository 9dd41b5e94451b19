//! The times of a cron expression in a time zone.

use std::str::FromStr as _;

use croner::errors::CronError as CronerError;
use jiff::{
    SignedDuration, Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone},
};

use super::error::CronError;
use crate::error::BoxError;

/// No zone puts its clock back by more than a day, with a margin.
const LONGEST_FOLD: SignedDuration = SignedDuration::from_hours(48);

/// A cron expression in a time zone.
///
/// `croner` parses the expression and finds its times on a clock that is never changed. The changes
/// of a zone are handled here, because `croner` 4.0.3 takes a list of hours for an interval, fails
/// at a gap of more than two hours, and loses a time whose gap ends on another day.
#[derive(Clone, Debug)]
pub(super) struct Calendar {
    text: Box<str>,
    pattern: croner::Cron,
    pub(super) zone: TimeZone,
    /// Whether no field of the time of day has a wildcard.
    pub(super) is_fixed: bool,
}

impl Calendar {
    /// Parses an expression in UTC that has a time after `now`.
    ///
    /// # Errors
    ///
    /// If it is invalid, or there is no such time.
    pub(super) fn parse(text: &str, now: Timestamp) -> Result<Self, CronError> {
        let invalid = |source: BoxError| CronError::Expression { expression: text.into(), source };
        let pattern = croner::Cron::from_str(text).map_err(|error| invalid(error.into()))?;
        let fields = &pattern.pattern;
        let [seconds, minutes, hours] = [&fields.seconds, &fields.minutes, &fields.hours];
        // `croner` accepts a field that is only a comma.
        for field in [seconds, minutes, hours, &fields.days, &fields.months, &fields.days_of_week, &fields.years] {
            if field.values().is_empty() && !field.has_modifiers() {
                return Err(invalid("a field has no value".into()));
            }
        }
        let is_fixed = [seconds, minutes, hours].iter().all(|field| !field.from_wildcard);
        let now = TimeZone::UTC.to_datetime(now);
        if let Err(error) = pattern.find_next_occurrence(&now, false) {
            return Err(CronError::Never { expression: text.into(), source: error.into() });
        }
        Ok(Self { text: text.into(), pattern, zone: TimeZone::UTC, is_fixed })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Returns the first time after `time`, if there is one.
    ///
    /// # Errors
    ///
    /// If the calendar cannot represent it.
    pub(super) fn next_after(&self, time: Timestamp) -> Result<Option<Timestamp>, CronError> {
        let next = if self.is_fixed { self.next_fixed(time) } else { self.next_at_interval(time) };
        next.map_err(|source| self.error(source))
    }

    pub(super) fn error(&self, source: BoxError) -> CronError {
        CronError::Calendar { expression: self.text.clone(), source }
    }

    /// Returns the next time on a clock that is never changed.
    fn next_shown(&self, from: DateTime, inclusive: bool) -> Result<Option<DateTime>, BoxError> {
        match self.pattern.find_next_occurrence(&from, inclusive) {
            Ok(next) => Ok(Some(next)),
            // The search ends in the year 5000.
            Err(CronerError::TimeSearchLimitExceeded) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the next instant at which the clock of the zone shows a time of the expression.
    fn next_at_interval(&self, after: Timestamp) -> Result<Option<Timestamp>, BoxError> {
        let (mut from, mut inclusive) = (after, false);
        // Up to the next change of the offset, the clock of the zone advances evenly.
        loop {
            let offset = self.zone.to_offset(from);
            let Some(shown) = self.next_shown(offset.to_datetime(from), inclusive)? else { return Ok(None) };
            let next = offset.to_timestamp(shown)?;
            let Some(change) = self.zone.following(from).next().map(|change| change.timestamp()) else {
                return Ok(Some(next));
            };
            if next < change {
                return Ok(Some(next));
            }
            // Until shortly before `next`, the clock can show a time of the expression only if it
            // is put back to before `from`.
            let is_far = change.duration_since(from) > LONGEST_FOLD;
            from = if is_far { change.max(next.checked_sub(LONGEST_FOLD)?) } else { change };
            inclusive = true;
        }
    }

    /// Returns the next instant at which the clock of the zone shows a time of the expression, or a
    /// later time, for the first time.
    fn next_fixed(&self, after: Timestamp) -> Result<Option<Timestamp>, BoxError> {
        let mut shown = self.zone.to_datetime(after);
        loop {
            let Some(next) = self.next_shown(shown, false)? else { return Ok(None) };
            let begin = self.first_instant(next)?;
            if begin > after {
                return Ok(Some(begin));
            }
            // The clock was put back, and has shown it before.
            shown = next;
        }
    }

    /// Returns the first instant at which the clock of the zone shows `time` or a later time.
    fn first_instant(&self, time: DateTime) -> Result<Timestamp, BoxError> {
        let instant = match self.zone.to_ambiguous_timestamp(time).offset() {
            AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
                offset.to_timestamp(time)?
            }
            AmbiguousOffset::Gap { before, after } => {
                // With the later offset it is an instant before the change.
                let mut changes = self.zone.following(after.to_timestamp(time)?).map(|change| change.timestamp());
                let end = changes.find(|change| self.zone.to_datetime(*change) > time);
                end.map_or_else(|| before.to_timestamp(time), Ok)?
            }
        };
        Ok(instant)
    }
}
