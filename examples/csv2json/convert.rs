//! The steps, row after row, in one of four ways.

use std::io::{BufRead as _, BufReader, BufWriter, Read, Write};

use upbeat::{BoxError, Context};
use upbeat_work::{OnStop, Pipeline, pipeline::PipelineFailure};

use crate::{Malformed, Record, parse, to_metric, write_json};

/// The names of the stages, in records of malformed rows.
const PARSE: &str = "parse";
const CONVERT: &str = "convert";

const BUFFER: usize = 64 * 1024;

/// How rows are converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A plain loop, on one thread.
    Sync,
    /// A pipeline as a task of tokio's, in order.
    Async,
    /// A pipeline on threads, in order.
    Ordered,
    /// A pipeline on threads: rows come as they are finished.
    Unordered,
}

/// What is converted, how, and where to.
#[derive(Debug)]
pub struct Job<R, W, M> {
    /// The rows, behind a header.
    pub input: R,
    /// Gets lines of JSON.
    pub output: W,
    /// Gets each malformed row; in order, but for [`Mode::Unordered`].
    pub malformed: M,
    /// How.
    pub mode: Mode,
    /// How many threads work on a pipeline.
    pub workers: usize,
}

/// How many rows there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Converted, and written.
    pub converted: u64,
    /// Malformed.
    pub malformed: u64,
}

/// Why not all rows were seen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// The input failed.
    #[error("cannot read the rows")]
    Read(#[source] BoxError),
    /// The output failed.
    #[error("cannot write the JSON")]
    Write(#[source] BoxError),
    /// It was asked to stop.
    #[error("stopped before the end")]
    Stopped,
    /// The pipeline broke down.
    #[error("the conversion broke down")]
    Broken(#[source] BoxError),
}

impl<R, W, M> Job<R, W, M>
where
    R: Read + Send + 'static,
    W: Write + Send + 'static,
    M: FnMut(Record) + Send + 'static,
{
    /// Converts all rows, or as many as there are before `cx` is done. The output is flushed, and returned.
    ///
    /// # Errors
    ///
    /// When the input or the output fails, or it was stopped. A malformed row is none.
    ///
    /// # Cancel safety
    ///
    /// When it is dropped, the threads end as soon as what they are in returns; what is written by then stays.
    ///
    /// # Panics
    ///
    /// When polled outside a tokio runtime with time.
    pub async fn run(self, cx: &Context) -> Result<(Counts, W), ConvertError> {
        let on_a_thread = cx.clone();
        if self.mode == Mode::Sync {
            let looped = tokio::task::spawn_blocking(move || self.in_a_loop(&on_a_thread));
            return looped.await.map_err(|error| ConvertError::Broken(error.into()))?;
        }
        let Self { input, output, mut malformed, mode, workers } = self;
        let rows = Pipeline::lines(input)
            .skip_lines(1)
            .filter(|line: &&[u8]| !line.is_empty())
            .try_map(parse)
            .name(PARSE)
            .try_map(to_metric)
            .name(CONVERT)
            .write(output, write_json)
            .failures_to(move |failure| malformed(Record::from(&failure)))
            .on_stop(OnStop::Drop)
            .workers(workers);
        let rows = if mode == Mode::Unordered { rows.unordered() } else { rows };
        let ended = if mode == Mode::Async {
            rows.run_in(cx).await
        } else {
            let stop = rows.stop_handle();
            let mut running = tokio::task::spawn_blocking(|| rows.run());
            let ended = tokio::select! {
                ended = &mut running => ended,
                _ = cx.done() => {
                    stop.stop(OnStop::Drop);
                    running.await
                }
            };
            ended.map_err(|error| ConvertError::Broken(error.into()))?
        };
        let report = ended.map_err(|error| match error.into_parts().0 {
            PipelineFailure::Source(error) => ConvertError::Read(error),
            PipelineFailure::Sink(error) => ConvertError::Write(error),
            other => ConvertError::Broken(other.into()),
        })?;
        if report.stopped {
            return Err(ConvertError::Stopped);
        }
        Ok((Counts { converted: report.emitted, malformed: report.failed }, report.output))
    }

    /// What the pipelines are compared with.
    fn in_a_loop(mut self, cx: &Context) -> Result<(Counts, W), ConvertError> {
        let (mut input, mut output) = (BufReader::with_capacity(BUFFER, self.input), BufWriter::new(self.output));
        let mut counts = Counts::default();
        let (mut line, mut json) = (Vec::new(), Vec::new());
        for number in 1.. {
            line.clear();
            if input.read_until(b'\n', &mut line).map_err(|error| ConvertError::Read(error.into()))? == 0 {
                break;
            }
            if cx.error().is_some() {
                return Err(ConvertError::Stopped);
            }
            let row = line.strip_suffix(b"\r\n").or(line.strip_suffix(b"\n")).unwrap_or(&line);
            if number == 1 || row.is_empty() {
                continue;
            }
            match steps(row) {
                Ok(row) => {
                    json.clear();
                    write_json(row, &mut json).map_err(|error| ConvertError::Broken(error.into()))?;
                    output.write_all(&json).map_err(|error| ConvertError::Write(error.into()))?;
                    counts.converted += 1;
                }
                Err((stage, malformed)) => {
                    (self.malformed)(Record::new(number, stage, &malformed));
                    counts.malformed += 1;
                }
            }
        }
        output.flush().map_err(|error| ConvertError::Write(error.into()))?;
        let output = output.into_inner().map_err(|error| ConvertError::Write(error.into_error().into()))?;
        Ok((counts, output))
    }
}

fn steps(row: &[u8]) -> Result<crate::Row, (&'static str, Malformed)> {
    let row = parse(row).map_err(|malformed| (PARSE, malformed))?;
    to_metric(row).map_err(|malformed| (CONVERT, malformed))
}
