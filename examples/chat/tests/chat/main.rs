//! Tests of the chat room as a process, with sockets and a browser.

mod browser;
mod limits;
mod load;
mod operating;
mod page;
mod server;
mod stalled;
mod stop;
mod talking;
mod terminal;
mod webdriver;
