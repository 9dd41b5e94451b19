//! The chat room as its users have it: a real process, real sockets, a real browser.

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
