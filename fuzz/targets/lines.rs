//! `Pipeline::lines` and `Pipeline::blocks`, for reads of every size: the lines are those of
//! `BufRead::split`, and the blocks are the input in whole lines.

#![no_main]

use std::io::{BufRead as _, Cursor};

use libfuzzer_sys::fuzz_target;
use upbeat_fuzz::{Pieces, seed_and_input};
use upbeat_work::Pipeline;

fuzz_target!(|data: &[u8]| {
    let (seed, data) = seed_and_input(data);
    let (choice, bytes) = seed_and_input(data);
    let (skip, workers) = (usize::from(choice % 4), usize::from(choice / 4 % 3 + 1));
    let owned = bytes.to_vec();

    let split = Cursor::new(bytes).split(b'\n').map(|line| line.expect("memory does not fail"));
    let mut expected: Vec<_> = split.map(|line| line.strip_suffix(b"\r").unwrap_or(&line).to_vec()).collect();
    // At the end of the input a `\r` without `\n` ends no line.
    if let (true, Some(last)) = (bytes.ends_with(b"\r"), expected.last_mut()) {
        last.push(b'\r');
    }
    expected.drain(..skip.min(expected.len()));
    let reader = Pieces::new(&owned, seed);
    let lines = Pipeline::lines(reader).skip_lines(skip as u64).map(<[u8]>::to_vec).collect();
    let report = lines.workers(workers).run().expect("no stage fails");
    assert_eq!(report.output, expected);

    let expected: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').skip(skip).collect();
    let reader = Pieces::new(&owned, seed);
    let blocks = Pipeline::blocks(reader).skip_lines(skip as u64).map(<[u8]>::to_vec).collect();
    let blocks = blocks.workers(workers).run().expect("no stage fails").output;
    assert_eq!(blocks.concat(), expected.concat());
    if let Some((_, whole)) = blocks.split_last() {
        assert!(whole.iter().all(|block| block.ends_with(b"\n")), "a block ends in a line");
    }
    assert!(blocks.iter().all(|block| !block.is_empty()));
});
