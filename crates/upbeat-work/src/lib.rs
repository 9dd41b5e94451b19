//! Pipelines that are faster than a plain loop, pools of workers, and hubs.
//!
//! A [`Pool`] runs jobs with replies on workers that each have their own state. A [`Hub`] sends
//! each message to every receiver. This page is about pipelines.
//!
//! A [`Pipeline`] takes items from a source through stages to a sink, on any number of threads, in
//! order.
//!
//! ```
//! use std::io::Write as _;
//! use upbeat_work::Pipeline;
//!
//! let csv = "row,height,weight\n1,70,150\n2,sixty,120\n3,65,130\n";
//! let report = Pipeline::lines(csv.as_bytes())
//!     .skip_lines(1)
//!     .try_map(|line: &[u8]| std::str::from_utf8(line).map(str::to_owned))
//!     .try_map(|line| {
//!         let height = line.split(',').nth(1).ok_or("no height")?;
//!         Ok::<f64, upbeat::BoxError>(height.parse()?)
//!     })
//!     .name("parse")
//!     .map(|inches| inches * 2.54)
//!     .write(Vec::new(), |cm, out| writeln!(out, "{cm:.1}"))
//!     .workers(2)
//!     .run()?;
//! assert_eq!(report.output, b"177.8\n165.1\n");
//! assert_eq!(report.failures[0].to_string(), "item 2 failed in parse");
//! # Ok::<_, upbeat_work::PipelineError<Vec<u8>>>(())
//! ```
//!
//! # Design
//!
//! A hop between stages costs more than most work, so there is none: stages are *fused*. Each
//! worker takes a batch from the source, runs all stages on it, and puts it into a bounded window.
//! A worker that finds the sink free emits the batches that are next in order. The memory of
//! batches is reused. The size of a batch follows from its work, about 50 µs: one costly item, or
//! thousands of cheap items.
//!
//! This is run to completion, as in the morsels of the database `HyPer` and in packet processing.
//! In addition, no thread is in charge of the sink.
//!
//! Stages that need their own workers are separated by a [split](Pipeline::split). Work that waits
//! belongs in [futures](Pipeline::map_async), of which one thread drives many. Both make
//! *sections*: pipelines of fused stages with a bounded buffer of batches between them.
//! [Connections](pipeline::connection()) join whole pipelines: for fan-out, for merge, and for
//! failures that are the items of another pipeline.
//!
//! ```
//! # use std::time::Duration;
//! use upbeat_work::{Pipeline, Section};
//!
//! let report = Pipeline::from_iter(["17", "4", "x"])
//!     .try_map(|id| id.parse::<u32>())
//!     .name("parse")
//!     .split(Section::new().workers(4)) // for the stages before it
//!     .try_map_async(100, async |id| {
//!         tokio::time::sleep(Duration::from_millis(1)).await; // a request
//!         if id == 4 { Err("not found") } else { Ok(format!("order {id}")) }
//!     })
//!     .name("fetch")
//!     .collect()
//!     .workers(1) // for the stages behind
//!     .run()?;
//! let failures: Vec<_> = report.failures.iter().map(ToString::to_string).collect();
//! assert_eq!(report.output, ["order 17"]);
//! assert_eq!(failures, ["item 1 failed in fetch", "item 2 failed in parse"]);
//! # Ok::<_, upbeat_work::PipelineError<Vec<String>>>(())
//! ```
//!
//! # Guaranteed
//!
//! - Each item comes out once, in the order of the source, or is counted in the
//!   [`PipelineReport`](pipeline::PipelineReport). Only an
//!   [unordered](pipeline::Runnable::unordered) pipeline has another order.
//! - An error or panic in a stage affects that item alone. It is
//!   [recorded](pipeline::ItemPolicy::Record), [stops](pipeline::ItemPolicy::Stop) the pipeline, or
//!   becomes an [item](Pipeline::failures_as_items). It has the names of the stage and the item.
//! - The items in memory are bounded by the [window](pipeline::Runnable::window) times the
//!   [batch](pipeline::Runnable::max_batch), even if the sink is slow. With several sections, the
//!   bound is their sum, plus the [buffers](Section::buffer) and [futures](Pipeline::map_async)
//!   between them.
//! - Items of a slow source go on at once; they do not wait for a batch to fill. The exception is
//!   an [iterator](Pipeline::from_iter) that was fast and suddenly blocks.
//! - A [stop](pipeline::Runnable::run_in) finishes the items in flight or drops them, as you
//!   choose, within the deadline. It closes and drains a [channel](Pipeline::from_channel).
//! - Sections end front to back: producers stop first, then the buffers are drained, then consumers
//!   stop.
//! - A [meter](pipeline::Runnable::meter) shows where the time goes, and names the bottleneck.
//!   Without a meter nothing is measured.
//!
//! # Not guaranteed
//!
//! - A hop between sections costs some hundred nanoseconds for each batch, and a few for each item.
//!   A split pays only if the stages around it need different workers.
//! - All futures of a stage share one thread: computation in one delays the others.
//! - A stop only interrupts the wait for a [channel](Pipeline::from_channel) or a
//!   [stream](Pipeline::from_stream). An iterator, reader, stage or sink that blocks is waited for.
//! - All stages of a section process an item on the same thread, one after the other. A stage that
//!   blocks occupies its worker.
//! - While the source is slow *and* items are cheap, one worker does all the work. If one item then
//!   takes long, the items behind it wait for it.
//!
//! # Alternatives
//!
//! - For a slice in memory and a result in memory, `rayon` is simpler.
//! - For a handful of requests, use
//!   [`buffered`](https://docs.rs/futures/latest/futures/stream/trait.StreamExt.html#method.buffered).
//! - If all items together take less than a tenth of a millisecond, a thread costs more than they
//!   do. Use a loop, or one [worker](pipeline::Runnable::workers), which starts no thread.
//!
//! The page `docs/when-not-to-use-pipelines.md` beside the sources has the figures.

pub mod hub;
mod parallelism;
pub mod pipeline;
pub mod pool;
pub mod targets;

pub use hub::Hub;
pub use pipeline::{OnStop, Pipeline, PipelineError, Section};
pub use pool::Pool;
