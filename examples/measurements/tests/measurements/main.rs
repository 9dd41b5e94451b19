//! Tests of the server and of the client as processes.

mod client;
mod disconnects;
mod errors;
mod filling;
mod postgres;
mod server;
mod stream;
