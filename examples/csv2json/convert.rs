//! The conversion of all rows, in one of four modes.

use std::io::{BufRead as _, BufReader, BufWriter, Read, Write};

use upbeat::{BoxError, Context};
use upbeat_work::{OnStop, Pipeline, pipeline::PipelineFailure};

use crate::{Malformed, Record, parse, to_metric, write_json};

/// The names of the stages in records of malformed rows.
const PARSE: &str = "parse";
const CONVERT: &str = "convert";

const BUFFER: usize = 64 * 1024;

/// The mode of a conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A loop on one thread.
    Sync,
    /// A pipeline in a tokio task, in order.
    Async,
    /// A pipeline on threads, in order.
    Ordered,
    /// A pipeline on threads, with rows in the order of their completion.
    Unordered,
}

/// A conversion.
#[derive(Debug)]
pub struct Job<R, W, M> {
    /// The reader of the rows, after a header.
    pub input: R,
    /// The writer of the JSON lines.
    pub output: W,
    /// The function that receives each malformed row, in order except in [`Mode::Unordered`].
    pub malformed: M,
    /// The mode.
    pub mode: Mode,
    /// The number of threads of a pipeline.
    pub workers: usize,
}

/// The numbers of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The number of rows that are converted and written.
    pub converted: u64,
    /// The number of malformed rows.
    pub malformed: u64,
}

/// The error of an incomplete conversion.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// The input failed.
    #[error("failed to read the rows")]
    Read(#[source] BoxError),
    /// The output failed.
    #[error("failed to write the JSON")]
    Write(#[source] BoxError),
    /// The conversion was stopped.
    #[error("stopped before the end")]
    Stopped,
    /// The conversion itself failed, for example by a panic.
    #[error("conversion failed")]
    Internal(#[source] BoxError),
}

impl<R, W, M> Job<R, W, M>
where
    R: Read + Send + 'static,
    W: Write + Send + 'static,
    M: FnMut(Record) + Send + 'static,
{
    /// Converts all rows, and returns the flushed output.
    ///
    /// # Errors
    ///
    /// If the input or the output fails, or if `cx` is done first. A malformed row is no error.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, each thread ends after its current call. Written rows stay.
    ///
    /// # Panics
    ///
    /// If it is polled outside a tokio runtime with time.
    pub async fn run(self, cx: &Context) -> Result<(Counts, W), ConvertError> {
        let context = cx.clone();
        if self.mode == Mode::Sync {
            let converted = tokio::task::spawn_blocking(move || self.run_loop(&context));
            return converted.await.map_err(|error| ConvertError::Internal(error.into()))?;
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
            ended.map_err(|error| ConvertError::Internal(error.into()))?
        };
        let report = ended.map_err(|error| match error.into_parts().0 {
            PipelineFailure::Source(error) => ConvertError::Read(error),
            PipelineFailure::Sink(error) => ConvertError::Write(error),
            other => ConvertError::Internal(other.into()),
        })?;
        if report.stopped {
            return Err(ConvertError::Stopped);
        }
        Ok((Counts { converted: report.emitted, malformed: report.failed }, report.output))
    }

    /// Converts all rows in a loop, as the reference for the pipelines.
    fn run_loop(mut self, cx: &Context) -> Result<(Counts, W), ConvertError> {
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
                    write_json(row, &mut json).map_err(|error| ConvertError::Internal(error.into()))?;
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
