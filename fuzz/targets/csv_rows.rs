//! Rows of CSV: the loop and the pipeline write the same bytes, each row is converted or reported
//! with its line and column, and each line of output is JSON with finite numbers.

#![no_main]

use std::{
    io::Cursor,
    sync::{Arc, LazyLock, Mutex},
};

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use upbeat::Context;
use upbeat_csv2json::{Counts, Job, Mode, Record};
use upbeat_fuzz::seed_and_input;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_time().build().expect("a runtime"));

/// Returns what is written, or the error of a whole input such as one without a header.
fn convert(input: &[u8], mode: Mode) -> Result<(Vec<u8>, Vec<Record>, Counts), String> {
    let records = Arc::new(Mutex::new(Vec::new()));
    let to = records.clone();
    let malformed = move |record| to.lock().expect("no panic").push(record);
    let job = Job { input: Cursor::new(input.to_vec()), output: Vec::new(), malformed, mode, workers: 2 };
    let run = RUNTIME.block_on(job.run(&Context::background()));
    let (counts, json) = run.map_err(|error| format!("{error:?}"))?;
    let records = records.lock().expect("no panic").clone();
    Ok((json, records, counts))
}

fuzz_target!(|data: &[u8]| {
    let (choice, rows) = seed_and_input(data);
    if choice == 0 {
        // The header is fuzzed, too.
        assert_eq!(convert(rows, Mode::Sync), convert(rows, Mode::Ordered));
        return;
    }
    let input = [b"row,height,weight\n", rows].concat();
    let converted = convert(&input, Mode::Sync);
    assert_eq!(convert(&input, Mode::Ordered), converted);
    let (json, records, counts) = converted.expect("the header is valid");

    let lines = rows.split_inclusive(|byte| *byte == b'\n');
    let rows = lines.clone().filter(|line| !matches!(line, [b'\n'] | [b'\r', b'\n'])).count() as u64;
    assert_eq!(counts.converted + counts.malformed, rows, "each row is converted or reported");
    for record in &records {
        assert!((2..=lines.clone().count() as u64 + 1).contains(&record.line), "{record:?}");
        assert!(record.column.is_some_and(|column| (1..=4).contains(&column)), "{record:?}");
    }
    for line in json.split_inclusive(|byte| *byte == b'\n') {
        let row: Value = serde_json::from_slice(line).expect("JSON");
        assert!(row["row"].is_u64() && row["height"].is_f64() && row["weight"].is_f64(), "{row}");
    }
});
