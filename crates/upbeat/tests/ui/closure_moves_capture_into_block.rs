//! A closure whose `async move` block takes its capture, so that it can be called only once.

use upbeat::{Conductor, Context};

fn main() {
    let orders = vec![1, 2, 3];
    let _shop = Conductor::new("shop").player("orders", move |cx: Context| async move {
        cx.stopping().await;
        println!("{} orders", orders.len());
        Ok::<_, std::io::Error>(())
    });
}
