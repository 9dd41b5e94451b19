//! A request that queries five back ends, in a service with tokens, limits and structured errors.
//!
//! ```console
//! $ cargo run --example dashboard
//! $ curl -H 'Authorization: Bearer alice-secret' http://127.0.0.1:8080/dashboard
//! ```
//!
//! The back ends are servers in the same process: users, accounts, recommendations (every third
//! response is slow), and two endless streams of transactions as JSON lines. Each is a player, and
//! the dashboard starts after them.
//!
//! The third answer has default recommendations, because the back end took more than 100 ms
//! (`--recommendations-timeout`). All errors have the same shape: 401 without a token, 429 or 503
//! for too many requests, 413 for a body of more than 10 KiB, and 502 if a back end fails. The id
//! of a request is in the log lines of all back ends. If the client disconnects, the requests to
//! the back ends are cancelled. Ctrl-C stops the dashboard once its requests are answered, then the
//! back ends.

use std::time::Duration;

use clap::Parser as _;
use upbeat::{Conductor, Part, Report};
use upbeat_dashboard::{Settings, Upstream, Upstreams, backends, web};
use upbeat_http::{Diagnostics, HttpServer};

#[tokio::main]
async fn main() -> Report {
    let settings = Settings::parse();
    let _log = upbeat_examples::log();

    let mut shop = Conductor::new("shop")
        .part(Part::new("diagnostics", Diagnostics::bind(&settings.diagnostics)).first_and_last())
        .stop_timeout(Duration::from_secs(10));
    let mut started = Vec::new();
    let mut upstream = |name, given: &Option<_>, router| {
        if let Some(url) = given {
            return Upstream::remote(name, url);
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
    let address = &settings.address;
    upbeat_examples::print(format_args!("try, then Ctrl-C:"));
    upbeat_examples::print(format_args!(
        "  curl -i -H 'Authorization: Bearer alice-secret' http://{address}/dashboard"
    ));
    upbeat_examples::print(format_args!("  curl -i http://{address}/dashboard                    # 401"));
    upbeat_examples::print(format_args!(
        "  curl -i -H 'Authorization: Bearer bob-secret' --json '{{\"text\":\"hello\"}}' http://{address}/notes"
    ));
    upbeat_examples::print(format_args!(
        "  curl -i -H 'Authorization: Bearer bob-secret' --json @a-large-file http://{address}/notes   # 413"
    ));
    upbeat_examples::print(format_args!("  curl http://{}/readyz?verbose", settings.diagnostics));
    shop.part(web).play_until_signal().await
}
