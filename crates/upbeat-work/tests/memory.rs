//! The memory of a pipeline does not grow with the number of its items. A program of its own: the
//! allocator counts for the whole process.

use peak_alloc::PeakAlloc;
use upbeat_work::{Pipeline, Section};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The bytes of an item on the heap.
const ITEM: usize = 4 * 1024;

/// Returns the peak of additional bytes.
fn peak(items: usize) -> usize {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let report = Pipeline::from_iter(0..items)
        .map(|n| vec![u8::try_from(n % 251).expect("it fits"); ITEM])
        .split(Section::new().workers(2).window(4).max_batch(8).buffer(2))
        .map_async(10, async |item| {
            tokio::task::yield_now().await;
            item
        })
        .fold(0, |sum, item| *sum += item.len())
        .workers(2)
        .window(4)
        .max_batch(8)
        .run()
        .expect("the pipeline runs to the end");
    assert_eq!(report.output, items * ITEM);
    MEMORY.peak_usage() - before
}

#[test]
fn ten_times_the_items_need_no_more_memory() {
    // Two sections, a buffer, and the items around the futures.
    let bound = (4 * 8 + 3 * 8) + 7 * 10 + 4 * 8;
    let (few, many) = (peak(2_000), peak(20_000));
    let most = bound * ITEM + 512 * 1024;
    assert!(few <= most && many <= most, "{few} and {many} bytes, and the bound is {most}");
}
