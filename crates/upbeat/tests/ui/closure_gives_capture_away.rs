//! A closure that moves its capture into the future, so that it can be called only once.

use upbeat::{Conductor, Context};

fn main() {
    let orders = vec![1, 2, 3];
    let _shop = Conductor::new("shop").player("orders", async move |cx: Context| {
        cx.stopping().await;
        drop(orders);
        Ok::<_, std::io::Error>(())
    });
}
