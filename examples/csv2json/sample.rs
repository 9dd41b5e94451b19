//! Generated rows.

use std::io::{self, Write};

use crate::COLUMNS;

/// Writes a header and a number of rows, which are the same each time.
///
/// # Errors
///
/// If the writer fails.
pub fn write_sample(rows: u64, mut out: impl Write) -> io::Result<()> {
    let mut random = fastrand::Rng::with_seed(1);
    writeln!(out, "{}", COLUMNS.join(","))?;
    for row in 1..=rows {
        let (height, weight) = (random.u32(5_500..8_500), random.u32(90_000..240_000));
        writeln!(out, "{row},{}.{:02},{}.{:03}", height / 100, height % 100, weight / 1000, weight % 1000)?;
    }
    out.flush()
}
