//! Rows of a database as a stream from the query to the client, in constant memory.
//!
//! - [`Store`]: a time series in `SQLite` or `PostgreSQL`. [`Rows`] reads it in pages, on demand.
//! - [`series`]: adapters of such a stream: a minimum, a moving average, a threshold, and errors.
//! - [`Web`]: the stream as JSON lines, over HTTP and WebSocket. [`connect`] is the receiving end.
//!
//! ```
//! use futures_util::StreamExt as _;
//! use upbeat::Context;
//! use upbeat_measurements::{Rows, Store, Time, series};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> anyhow::Result<()> {
//! # let folder = tempfile::tempdir()?;
//! # let file = folder.path().join("measurements.db").display().to_string();
//! let store = Store::open(&format!("sqlite:{file}"))?;
//! store.fill(10_000, |_| {}).await?;
//!
//! let rows = Rows::read(store, Time::MIN..Time::MAX, Context::background()).await?;
//! let mut faults = Vec::new();
//! let warm = series::above(series::averaged(rows, 60), 20.0);
//! let warm: Vec<_> = series::split(warm, |fault| faults.push(fault)).collect().await;
//! assert!(warm.iter().all(|row| row.average > 20.0));
//! assert_eq!(faults.len(), 1); // One in ten thousand has no value.
//! # Ok(())
//! # }
//! ```

mod average;
pub mod connect;
pub mod generate;
mod row;
mod rows;
pub mod series;
mod store;
mod time;
mod web;

pub use average::MovingAverage;
pub use row::{Averaged, Fault, FaultCode, Measurement};
pub use rows::{Reads, Rows};
pub use store::{Filled, Store, StoreError};
pub use time::{InvalidTime, Time};
pub use web::Web;
