use shuttle::{
    sync::mpsc,
    thread::{self, Scope},
};

/// As `std::thread::scope`. Shuttle's, when the last of its threads ends, wakes the one that opened
/// it wherever that waits: so a scope that was opened within another one would be left before its
/// threads are done. Here one thread stays until `work` has returned.
pub fn scope<'env, T>(work: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T) -> T {
    thread::scope(|scope| {
        let (_end, ended) = mpsc::channel::<()>();
        scope.spawn(move || ended.recv());
        work(scope)
    })
}
