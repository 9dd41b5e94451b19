//! Tests of the example programs as processes, and of the documents.

mod classics;
mod documents;
mod producer_consumer;
mod programs;
mod unread;
