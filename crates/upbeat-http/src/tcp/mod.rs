//! The TCP server, with one task per connection.

mod connections;
mod player;

pub use player::TcpServer;
