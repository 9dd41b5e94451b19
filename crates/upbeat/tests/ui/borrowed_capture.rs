//! A closure that borrows a local variable, which may end before the player.

use upbeat::{Conductor, Context};

fn main() {
    let orders = vec![1, 2, 3];
    let _shop = Conductor::new("shop").player("orders", |cx: Context| async {
        cx.stopping().await;
        println!("{} orders", orders.len());
        Ok::<_, std::io::Error>(())
    });
}
