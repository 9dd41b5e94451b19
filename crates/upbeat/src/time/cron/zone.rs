//! Time zones by name, and that of the system.

use std::{env, ffi::OsStr, path::Path};

use jiff::tz::{self, TimeZone, TimeZoneDatabase};

use super::error::CronError;
use crate::error::BoxError;

/// The file that sets the zone of the system, unless `TZ` does.
const LOCAL_TIME: &str = "/etc/localtime";

/// Returns the zone with this name.
pub(super) fn named(name: &str) -> Result<TimeZone, CronError> {
    named_in(tz::db(), name)
}

fn named_in(database: &TimeZoneDatabase, name: &str) -> Result<TimeZone, CronError> {
    if is_utc(name) {
        return Ok(TimeZone::UTC);
    }
    database.get(name).map_err(|error| {
        let (zone, source) = (name.into(), error.into());
        if is_missing(database) { CronError::NoDatabase { zone, source } } else { CronError::Zone { zone, source } }
    })
}

/// Returns the zone of the system: that of `TZ`, that of `/etc/localtime`, or UTC if there is
/// neither.
pub(super) fn local() -> Result<TimeZone, CronError> {
    TimeZone::try_system().or_else(|error| {
        let (tz, has_file) = (env::var_os("TZ"), Path::new(LOCAL_TIME).symlink_metadata().is_ok());
        without_local(tz.as_deref(), has_file, is_missing(tz::db()), error.into())
    })
}

/// Returns the zone of a system whose own one was not found.
fn without_local(
    tz: Option<&OsStr>,
    has_file: bool,
    is_database_missing: bool,
    source: BoxError,
) -> Result<TimeZone, CronError> {
    let (setting, is_in_database) = match tz {
        Some(tz) => {
            let tz = tz.to_string_lossy();
            let name = tz.strip_prefix(':').unwrap_or(&tz);
            if is_utc(name) {
                return Ok(TimeZone::UTC);
            }
            // A path into a database is looked up by the name of its zone.
            (format!("TZ={tz}"), !name.starts_with('/') || name.contains("zoneinfo/"))
        }
        None if has_file => (LOCAL_TIME.to_owned(), true),
        None => return Ok(TimeZone::UTC),
    };
    let setting = setting.into();
    Err(if is_database_missing && is_in_database {
        CronError::NoDatabase { zone: setting, source }
    } else {
        CronError::Local { setting, source }
    })
}

/// Returns whether this is a name of UTC, which needs no database.
fn is_utc(name: &str) -> bool {
    ["UTC", "Etc/UTC"].iter().any(|utc| name.eq_ignore_ascii_case(utc))
}

fn is_missing(database: &TimeZoneDatabase) -> bool {
    database.is_definitively_empty() || database.available().next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_database_is_not_an_unknown_name() {
        let none = TimeZoneDatabase::none();
        let error = named_in(&none, "Europe/Berlin").unwrap_err();
        assert!(matches!(&error, CronError::NoDatabase { .. }), "{error:?}");
        for remedy in ["`Europe/Berlin`", "`tzdata`", "`TZDIR`", "`cron-tzdb`"] {
            assert!(error.to_string().contains(remedy), "{error}");
        }
        assert!(matches!(named_in(tz::db(), "Europe/Atlantis").unwrap_err(), CronError::Zone { .. }));
        assert!(named_in(&none, "utc").is_ok(), "UTC needs no database");
    }

    #[test]
    fn a_zone_of_the_system_that_is_not_found_is_no_utc() {
        let of = |tz: Option<&str>, has_file, is_missing| {
            without_local(tz.map(OsStr::new), has_file, is_missing, "lookup failed".into())
        };
        // No setting at all: UTC is the convention, as for an empty `TZ`.
        for is_missing in [false, true] {
            assert!(matches!(of(None, false, is_missing), Ok(zone) if zone == TimeZone::UTC));
        }
        let is_local = |result, expected: &str| match result {
            Err(CronError::Local { setting, .. }) => *setting == *expected,
            _ => false,
        };
        assert!(is_local(of(None, true, false), LOCAL_TIME));
        assert!(is_local(of(Some("Mars/Base"), true, false), "TZ=Mars/Base"));
        assert!(is_local(of(Some(":/no/such/file"), true, true), "TZ=:/no/such/file"), "a database would not help");
        let is_missing = |result| matches!(result, Err(CronError::NoDatabase { .. }));
        assert!(matches!(of(Some("UTC"), false, true), Ok(zone) if zone == TimeZone::UTC));
        assert!(is_missing(of(None, true, true)));
        assert!(is_missing(of(Some("Europe/Berlin"), false, true)));
        assert!(is_missing(of(Some(":/usr/share/zoneinfo/Europe/Berlin"), false, true)));
    }
}
