//! A type that does not implement `Player`.

use upbeat::Conductor;

struct Web;

fn main() {
    let _shop = Conductor::new("shop").player("web", Web);
}
