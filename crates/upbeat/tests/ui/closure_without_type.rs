//! A closure whose parameter has no type. Inference through `Player` does not find it.

use upbeat::Conductor;

fn main() {
    let _shop = Conductor::new("shop").player("web", async |cx| {
        cx.stopping().await;
        Ok::<_, std::io::Error>(())
    });
}
