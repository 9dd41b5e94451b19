//! A player without the parameter `Context`.

use upbeat::Conductor;

async fn web() -> Result<(), std::io::Error> {
    Ok(())
}

fn main() {
    let _shop = Conductor::new("shop").player("web", web);
}
