//! `upbeat-work`, as the build script has prepared it for shuttle. Its scenarios are among those of `upbeat`.

include!(concat!(env!("OUT_DIR"), "/sources/lib.rs"));
