//! `upbeat`, as the build script has prepared it for shuttle. Its scenarios are in
//! `tests/schedules`.

include!(concat!(env!("OUT_DIR"), "/sources/lib.rs"));
