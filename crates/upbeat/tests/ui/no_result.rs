//! A player that returns no `Result`.

use upbeat::{Conductor, Context};

async fn web(cx: Context) {
    cx.stopping().await;
}

fn main() {
    let _shop = Conductor::new("shop").player("web", web);
}
