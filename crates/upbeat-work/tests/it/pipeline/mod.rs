//! Tests of pipelines.

mod asynchronous;
mod bounds;
mod common;
mod connections;
mod guarantees;
mod player;
mod sections;
mod stops;
mod threads;
mod waiting;
