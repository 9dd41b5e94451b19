//! An async closure that lends its capture to the future, which `Fn` with an output type cannot do.

use upbeat::{Conductor, Context};

fn main() {
    let orders = vec![1, 2, 3];
    let _shop = Conductor::new("shop").player("orders", async move |cx: Context| {
        cx.stopping().await;
        println!("{} orders", orders.len());
        Ok::<_, std::io::Error>(())
    });
}
