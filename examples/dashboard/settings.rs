//! The command line.

use clap::Parser;
use reqwest::Url;

/// A dashboard that queries five back ends for each request, and continues without a slow one.
///
/// It starts the back ends on free ports, except those whose URL is given. Stop it with Ctrl-C.
#[derive(Clone, Debug, Parser)]
#[command(name = "dashboard", version)]
pub struct Settings {
    /// Address of the dashboard
    #[arg(long, env = "ADDRESS", default_value = "127.0.0.1:8080", value_name = "HOST:PORT")]
    pub address: String,

    /// Address of the diagnostics: /readyz, /players, /dump
    #[arg(long, default_value = "127.0.0.1:8081", value_name = "HOST:PORT")]
    pub diagnostics: String,

    /// Maximum number of requests per second and token, and of requests at once
    #[arg(long, default_value_t = 10, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: u32,

    /// Maximum number of concurrent requests; others get status 503
    #[arg(long, default_value_t = 100, value_name = "COUNT")]
    pub max_requests: usize,

    /// Time for recommendations in milliseconds, after which the answer has default ones
    #[arg(long, default_value_t = 100, value_name = "MS")]
    pub recommendations_timeout: u64,

    /// Back end of users: GET /user?name=NAME
    #[arg(long, value_name = "URL", help_heading = "External back ends")]
    pub user: Option<Url>,

    /// Back end of accounts: GET /accounts?user=NAME
    #[arg(long, value_name = "URL", help_heading = "External back ends")]
    pub accounts: Option<Url>,

    /// Back end of recommendations: GET /recommendations?user=NAME
    #[arg(long, value_name = "URL", help_heading = "External back ends")]
    pub recommendations: Option<Url>,

    /// Back end of card payments: GET /transactions?user=NAME, as JSON lines, the latest first
    #[arg(long, value_name = "URL", help_heading = "External back ends")]
    pub card: Option<Url>,

    /// Back end of transfers, as card payments
    #[arg(long, value_name = "URL", help_heading = "External back ends")]
    pub transfers: Option<Url>,
}
