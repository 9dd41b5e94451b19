//! A future that holds a value across an `await` which must stay on its thread.

use std::rc::Rc;

use upbeat::{Conductor, Context};

async fn web(cx: Context) -> Result<(), std::io::Error> {
    let cache = Rc::new(7);
    cx.stopping().await;
    drop(cache);
    Ok(())
}

fn main() {
    let _shop = Conductor::new("shop").player("web", web);
}
