//! Tests of the program as a process, with sockets and signals.

mod command_line;
mod http;
mod play;
mod playing;
mod requests;
mod stop_under_load;
mod terminal;
mod unread;
