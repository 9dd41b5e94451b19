//! Pipelines that are faster than a plain loop, and that a person can reason about; and pools of workers.
//!
//! A [`Pool`] runs jobs with replies on workers that each have a state of their own. A [`Hub`] gives every message to every member. This page is
//! about pipelines.
//!
//! A [`Pipeline`] takes items from a source through stages to a sink, on as many threads as you like, in order.
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
//! # How it works
//!
//! Hops between stages cost more than most work, so there are none: stages are *fused*. Each worker takes a batch from the source, runs all stages on it, and puts
//! it into a bounded window; whoever finds the sink free emits what is next in order. The memory of batches is used again. How large a batch is
//! depends on the work, about 50 µs of it: one item if it is dear, thousands if it is cheap.
//!
//! The idea is that of run to completion, as in the morsels of the data base `HyPer` and in packet processing; what is new is only
//! that nobody is in charge of the sink.
//!
//! Where stages need workers of their own there is a [split](Pipeline::split), and what waits for others belongs into [futures](Pipeline::map_async), of which one thread drives
//! many. Both make *sections*, each a pipeline of fused stages, joined by bounded channels of batches. Whole pipelines are joined by [connections](pipeline::connection()): for fan-out,
//! merge, and failures that are another pipeline's items.
//!
//! ```
//! # use std::time::Duration;
//! use upbeat_work::{Pipeline, Section};
//!
//! let report = Pipeline::from_iter(["17", "4", "x"])
//!     .try_map(|id| id.parse::<u32>())
//!     .name("parse")
//!     .split(Section::new().workers(4)) // those before
//!     .try_map_async(100, async |id| {
//!         tokio::time::sleep(Duration::from_millis(1)).await; // a request
//!         if id == 4 { Err("not found") } else { Ok(format!("order {id}")) }
//!     })
//!     .name("fetch")
//!     .collect()
//!     .workers(1) // those behind
//!     .run()?;
//! let failures: Vec<_> = report.failures.iter().map(ToString::to_string).collect();
//! assert_eq!(report.output, ["order 17"]);
//! assert_eq!(failures, ["item 1 failed in fetch", "item 2 failed in parse"]);
//! # Ok::<_, upbeat_work::PipelineError<Vec<String>>>(())
//! ```
//!
//! # What holds
//!
//! - Each item comes out once, in the order of the source (unless the pipeline is [unordered](pipeline::Runnable::unordered)), or is accounted for in the [`PipelineReport`](pipeline::PipelineReport).
//! - An error or panic in a stage concerns that item alone. It is [recorded](pipeline::ItemPolicy::Record), [stops](pipeline::ItemPolicy::Stop) the pipeline, or is [passed
//!   along](Pipeline::failures_as_items), and says which stage and item it was.
//! - No more is in memory than the [window](pipeline::Runnable::window) times the [batch](pipeline::Runnable::max_batch), however slow the sink is; with several sections their sum,
//!   and what the [joints](Section::buffer) and [futures](Pipeline::map_async) between them hold.
//! - Items of a source that is slow go on at once; they do not wait for a batch to fill. (An [iterator](Pipeline::from_iter) that was fast and
//!   suddenly blocks is the exception: it cannot be asked.)
//! - A [stop](pipeline::Runnable::run_in) finishes what was taken, or drops it, as you choose, within the deadline. A [channel](Pipeline::from_channel) is closed by it, and drained.
//! - Sections end front to back: producers stop first, then what is between drains, then consumers stop.
//! - A [meter](pipeline::Runnable::meter) shows where the time goes, and names the bottleneck; without it nothing is measured.
//!
//! # What does not
//!
//! - A hop between sections costs some hundred nanoseconds for each batch, and an item a few more: a split pays where the stages around it need different workers, and nowhere else.
//! - Futures have one thread: what computes in them holds up the others.
//! - Nothing is interrupted but the waiting for a [channel](Pipeline::from_channel) or a [stream](Pipeline::from_stream): an iterator, reader, stage or sink that blocks
//!   is waited for.
//! - Stages of one section take an item on the same thread, one after the other; a stage that blocks holds its worker.
//! - While the source is slow *and* items are cheap, one worker does all; should one item then be dear, those behind it wait for it.
//!
//! # When not to use it
//!
//! - For a slice in memory and a result in memory, `rayon` is simpler.
//! - For a handful of requests, [`buffered`](https://docs.rs/futures/latest/futures/stream/trait.StreamExt.html#method.buffered) is.
//! - For so few items that a thread costs more than they do (less than a tenth of a millisecond in all), a loop is; or one
//!   [worker](pipeline::Runnable::workers), which starts no thread.
//!
//! The page `docs/when-not-to-use-pipelines.md` beside the sources has the figures.

pub mod hub;
mod parallelism;
pub mod pipeline;
pub mod pool;

pub use hub::Hub;
pub use pipeline::{OnStop, Pipeline, PipelineError, Section};
pub use pool::Pool;
