//! Pipelines: each item comes out once, in order, or is counted, whichever worker overtakes which.

mod connections;
mod failures;
mod futures;
mod items;
mod order;
mod sections;
mod slow;
mod stop;
mod within;
