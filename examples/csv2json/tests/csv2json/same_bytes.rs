//! Tests that all modes write the same bytes, and the same records of malformed rows.

use std::sync::{Arc, Mutex};

use proptest::{collection::vec, prelude::*, sample::select};
use upbeat::Context;
use upbeat_csv2json::{Counts, Job, Mode, Record, write_sample};

struct Converted {
    json: Vec<u8>,
    malformed: Vec<Record>,
    counts: Counts,
}

fn convert(input: &[u8], mode: Mode, workers: usize) -> Converted {
    let records = Arc::new(Mutex::new(Vec::new()));
    let to = records.clone();
    let malformed = move |record| to.lock().expect("no panic").push(record);
    let job = Job { input: std::io::Cursor::new(input.to_vec()), output: Vec::new(), malformed, mode, workers };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let (counts, json) = runtime.block_on(job.run(&Context::background())).expect("memory does not fail");
    let malformed = records.lock().expect("no panic").clone();
    Converted { json, malformed, counts }
}

fn lines(json: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<_> = json.split_inclusive(|&byte| byte == b'\n').collect();
    lines.sort_unstable();
    lines
}

fn check(input: &[u8], workers: usize) {
    let expected = convert(input, Mode::Sync, 1);
    for mode in [Mode::Ordered, Mode::Async] {
        let converted = convert(input, mode, workers);
        assert_eq!(converted.json, expected.json, "{mode:?}, {workers} workers");
        assert_eq!(converted.malformed, expected.malformed, "{mode:?}, {workers} workers");
        assert_eq!(converted.counts, expected.counts, "{mode:?}, {workers} workers");
    }
    let mut converted = convert(input, Mode::Unordered, workers);
    converted.malformed.sort_by_key(|record| record.line);
    assert_eq!(lines(&converted.json), lines(&expected.json));
    assert_eq!(converted.malformed, expected.malformed);
    assert_eq!(converted.counts, expected.counts);
}

fn field() -> impl Strategy<Value = Vec<u8>> {
    let odd = ["", "sixty", "\"", "\"\"", "\"70\"", "\"7\"\"0\"", "\"1,2\"", " 1", "inf", "1e308", "\r", "-", "\u{e9}"];
    prop_oneof![
        5 => any::<u32>().prop_map(|number| number.to_string().into_bytes()),
        5 => any::<f64>().prop_map(|number| number.to_string().into_bytes()),
        2 => select(odd.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..4),
    ]
}

fn row() -> impl Strategy<Value = Vec<u8>> {
    let whole = (any::<u32>(), 0.0..100.0_f64, 0.0..300.0_f64);
    prop_oneof![
        4 => whole.prop_map(|(row, height, weight)| format!("{row},{height},{weight}").into_bytes()),
        3 => vec(field(), 0..5).prop_map(|fields| fields.join(&b','))
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_rows(rows in vec((row(), any::<bool>()), 0..300), end in any::<bool>(), workers in 1..5_usize) {
        let mut input = b"row,height,weight\n".to_vec();
        for (row, carriage_return) in &rows {
            input.extend_from_slice(row);
            input.extend_from_slice(if *carriage_return { b"\r\n" } else { b"\n" });
        }
        if !end {
            input.pop();
        }
        check(&input, workers);
    }
}

#[test]
fn columns_in_another_order_give_the_same_bytes() {
    let expected = convert(b"row,height,weight\n1,70,150\n2,60,120\n", Mode::Sync, 1).json;
    let input = b"weight,name,row,height\n150,Ada,1,70\n120,\"Bob, jr.\",2,60\n";
    check(input, 2);
    assert_eq!(convert(input, Mode::Sync, 1).json, expected);
}

#[test]
fn no_rows() {
    for input in ["", "row,height,weight", "row,height,weight\n", "row,height,weight\r\n\r\n\n"] {
        check(input.as_bytes(), 2);
        assert_eq!(convert(input.as_bytes(), Mode::Ordered, 2).counts, Counts::default());
    }
}

#[test]
fn a_million_rows() {
    const ROWS: u64 = 1_000_000;
    let mut input = Vec::new();
    write_sample(ROWS, &mut input).unwrap();
    input.extend_from_slice(b"1,sixty,3\n");
    let expected = convert(&input, Mode::Sync, 1);
    assert_eq!(expected.counts, Counts { converted: ROWS, malformed: 1 });
    assert_eq!(expected.malformed[0].line, ROWS + 2);
    for mode in [Mode::Ordered, Mode::Async] {
        let converted = convert(&input, mode, 2);
        assert!(converted.json == expected.json && converted.malformed == expected.malformed, "{mode:?}");
    }
}

#[test]
fn a_failing_input_is_an_error() {
    struct Breaks(u32);
    impl std::io::Read for Breaks {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            self.0 += 1;
            if self.0 > 3 {
                return Err(std::io::Error::other("the disk is gone"));
            }
            let row: &[u8] = if self.0 == 1 { b"row,height,weight\n" } else { b"1,2,3\n" };
            into[..row.len()].copy_from_slice(row);
            Ok(row.len())
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    for mode in [Mode::Sync, Mode::Async, Mode::Ordered, Mode::Unordered] {
        let job = Job { input: Breaks(0), output: Vec::new(), malformed: drop::<Record>, mode, workers: 2 };
        let error = runtime.block_on(job.run(&Context::background())).unwrap_err();
        assert_eq!(upbeat_examples::with_causes(&error), "failed to read the rows: the disk is gone", "{mode:?}");
    }
}
