//! `upbeat-work`, as the build script has prepared it for shuttle. Its scenarios are in
//! `tests/work` of the package above.

include!(concat!(env!("OUT_DIR"), "/sources/lib.rs"));
