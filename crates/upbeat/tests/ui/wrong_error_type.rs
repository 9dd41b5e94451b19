//! An error type that does not convert into `BoxError`.

use upbeat::{Conductor, Context};

struct Stopped;

async fn web(cx: Context) -> Result<(), Stopped> {
    cx.stopping().await;
    Err(Stopped)
}

fn main() {
    let _shop = Conductor::new("shop").player("web", web);
}
