//! A search whose context is done.

use std::{path::PathBuf, time::Duration};

use upbeat::Context;
use upbeat_grep::{Query, Remark, Search};

#[test]
fn a_file_without_end_is_given_up_when_the_context_is_done() {
    let paths = ["missing", "/dev/zero"].map(PathBuf::from).to_vec();
    let search = Search::new(Query { paths, workers: 2, ..Query::new("needle") }).expect("a good pattern");
    let cx = Context::background().child();
    let cancel = cx.clone();
    // By then it is on its way.
    let remark = move |remark: Remark<'_>| {
        if matches!(remark, Remark::Failed(_)) {
            cancel.cancel("somebody has changed their mind");
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let ended = runtime
        .block_on(async { tokio::time::timeout(Duration::from_secs(30), search.run(&cx, Vec::new(), remark)).await });
    // A worker that does not end is not waited for.
    runtime.shutdown_background();
    let found = ended.expect("it ends").expect("memory does not fail");
    assert!(!found.any);
}
