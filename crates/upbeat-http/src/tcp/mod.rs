//! The TCP server: one task for each connection.

mod connections;
mod player;

pub use player::TcpServer;
