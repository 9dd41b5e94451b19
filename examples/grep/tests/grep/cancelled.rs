//! A test of a search whose context is done.

use std::{path::PathBuf, time::Duration};

use upbeat::Context;
use upbeat_grep::{Notice, Query, Search};

#[test]
fn an_endless_file_is_abandoned_once_the_context_is_done() {
    let paths = ["missing", "/dev/zero"].map(PathBuf::from).to_vec();
    let search = Search::new(Query { paths, workers: 2, ..Query::new("needle") }).expect("a good pattern");
    let cx = Context::background().child();
    let cancel = cx.clone();
    // The notice about the missing file shows that the search runs.
    let notice = move |notice: Notice<'_>| {
        if matches!(notice, Notice::Failed(_)) {
            cancel.cancel("the test cancels");
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let ended = runtime
        .block_on(async { tokio::time::timeout(Duration::from_secs(30), search.run(&cx, Vec::new(), notice)).await });
    // The test does not wait for a worker that does not end.
    runtime.shutdown_background();
    let found = ended.expect("it ends").expect("memory does not fail");
    assert!(!found.any);
}
