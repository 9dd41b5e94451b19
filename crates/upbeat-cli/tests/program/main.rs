//! Tests of the real program: real processes, real sockets, real signals.

mod command_line;
mod http;
mod play;
mod playing;
mod stop_under_load;
mod terminal;
