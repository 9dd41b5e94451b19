//! One request that asks five back ends, and everything a service has around it.
//!
//! ```console
//! $ cargo run --example dashboard
//! $ curl -H 'Authorization: Bearer alice-secret' http://127.0.0.1:8080/dashboard
//! ```
//!
//! The back ends are servers too, in the same process: users, accounts, recommendations (every third answer is slow), and two
//! that stream transactions as lines of JSON for as long as somebody reads. Each is a player that the dashboard comes after.
//!
//! What to look at: the third answer says that its recommendations are the default ones, because theirs took more than 100 ms (`--patience`). Without a token it
//! is 401, with too many requests 429 or 503, with a body of more than 10 KiB 413, and without a back end 502, all of one shape. The id
//! of a request is in the log lines of every back end that it came to. A client that goes takes its questions to the back ends along. Ctrl-C stops the
//! dashboard first, once its requests are answered, and then the back ends.

#![expect(clippy::print_stdout, reason = "a program talks to whoever runs it")]

use std::time::Duration;

use clap::Parser as _;
use upbeat::{Conductor, Part, Report};
use upbeat_dashboard::{Settings, Upstream, Upstreams, backends, web};
use upbeat_http::{Diagnostics, HttpServer};

#[tokio::main]
async fn main() -> Report {
    let settings = Settings::parse();
    upbeat_examples::log();

    let mut shop = Conductor::new("shop")
        .part(Part::new("diagnostics", Diagnostics::bind(&settings.diagnostics)).first_and_last())
        .stop_timeout(Duration::from_secs(10));
    let mut started = Vec::new();
    let mut upstream = |name, given: &Option<_>, router| {
        if let Some(url) = given {
            return Upstream::at(name, url);
        }
        let server = HttpServer::bind("127.0.0.1:0", router);
        let address = server.address();
        started.push(Part::new(name, server));
        Upstream::local(name, address)
    };
    let upstreams = Upstreams {
        user: upstream("user", &settings.user, backends::user()),
        accounts: upstream("accounts", &settings.accounts, backends::accounts()),
        recommendations: upstream("recommendations", &settings.recommendations, backends::recommendations()),
        transactions: [
            upstream("card", &settings.card, backends::transactions("card")),
            upstream("transfers", &settings.transfers, backends::transactions("transfers")),
        ],
    };
    let mut web = Part::new("web", web(&settings, upstreams));
    for part in started {
        web = web.after(part.name());
        shop = shop.part(part);
    }
    let at = &settings.address;
    println!("try, and then Ctrl-C:");
    println!("  curl -i -H 'Authorization: Bearer alice-secret' http://{at}/dashboard");
    println!("  curl -i http://{at}/dashboard                    # 401");
    println!("  curl -i -H 'Authorization: Bearer bob-secret' --json '{{\"text\":\"hello\"}}' http://{at}/notes");
    println!("  curl -i -H 'Authorization: Bearer bob-secret' --json @a-large-file http://{at}/notes   # 413");
    println!("  curl http://{}/readyz?verbose", settings.diagnostics);
    shop.part(web).play_until_signal().await
}
