//! What the program is told.

use clap::Parser;
use reqwest::Url;

/// A dashboard that asks five back ends for every request, merges what they say, and goes on without the slow one.
///
/// The back ends are started along with it, on ports of their own; one that is given by its address is not. Stop it with Ctrl-C.
#[derive(Clone, Debug, Parser)]
#[command(name = "dashboard", version)]
pub struct Settings {
    /// Where the dashboard listens.
    #[arg(long, env = "ADDRESS", default_value = "127.0.0.1:8080", value_name = "HOST:PORT")]
    pub address: String,

    /// Where the diagnostics listen: /readyz, /players, /dump.
    #[arg(long, default_value = "127.0.0.1:8081", value_name = "HOST:PORT")]
    pub diagnostics: String,

    /// How many requests each token may make in a second, and in one go.
    #[arg(long, default_value_t = 10, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: u32,

    /// How many requests are served at the same time; one more is told to come again.
    #[arg(long, default_value_t = 100, value_name = "COUNT")]
    pub at_once: usize,

    /// How long recommendations may take, in milliseconds: nobody waits longer for them.
    #[arg(long, default_value_t = 100, value_name = "MS")]
    pub patience: u64,

    /// Asks this back end for users, in place of one of its own: GET /user?name=NAME.
    #[arg(long, value_name = "URL", help_heading = "Back ends that run elsewhere")]
    pub user: Option<Url>,

    /// The same for accounts: GET /accounts?user=NAME.
    #[arg(long, value_name = "URL", help_heading = "Back ends that run elsewhere")]
    pub accounts: Option<Url>,

    /// The same for recommendations: GET /recommendations?user=NAME.
    #[arg(long, value_name = "URL", help_heading = "Back ends that run elsewhere")]
    pub recommendations: Option<Url>,

    /// The same for transactions by card: GET /transactions?user=NAME, a line of JSON for each, the latest first.
    #[arg(long, value_name = "URL", help_heading = "Back ends that run elsewhere")]
    pub card: Option<Url>,

    /// The same for transfers.
    #[arg(long, value_name = "URL", help_heading = "Back ends that run elsewhere")]
    pub transfers: Option<Url>,
}
