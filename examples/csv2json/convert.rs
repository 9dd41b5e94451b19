//! The conversion of all rows, in one of four modes.

use std::io::{BufRead as _, BufWriter, Read, Write};

use upbeat::{BoxError, Context};
use upbeat_work::{OnStop, Pipeline, pipeline::PipelineFailure};

use crate::{
    Columns, InvalidHeader, Malformed, Record,
    header::{HeadError, Headed},
    write_json,
};

/// The names of the stages in records of malformed rows.
const PARSE: &str = "parse";
const CONVERT: &str = "convert";

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
    /// The reader of the header and the rows.
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
    /// The header does not name the columns. No row was converted.
    #[error(transparent)]
    Header(#[from] InvalidHeader),
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
    /// If the header does not name the columns, if the input or the output fails, or if `cx` is
    /// done first. A malformed row is no error.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, each thread ends after its current call. Written rows stay.
    ///
    /// # Panics
    ///
    /// If it is polled outside a tokio runtime with time.
    pub async fn run(self, cx: &Context) -> Result<(Counts, W), ConvertError> {
        let Self { input, output, mut malformed, mode, workers } = self;
        let mut reading = tokio::task::spawn_blocking(move || Headed::read(input));
        let headed = tokio::select! {
            headed = &mut reading => headed.map_err(|error| ConvertError::Internal(error.into()))??,
            // The thread may wait for input that never comes.
            _ = cx.done() => return Err(ConvertError::Stopped),
        };
        if mode == Mode::Sync {
            let context = cx.clone();
            let converted = tokio::task::spawn_blocking(move || run_loop(headed, output, malformed, &context));
            return converted.await.map_err(|error| ConvertError::Internal(error.into()))?;
        }
        let Headed { columns, lines, rest } = headed;
        // Without a header there is no line to parse.
        let columns = columns.unwrap_or_default();
        let of_metric = columns.clone();
        let rows = Pipeline::lines(rest)
            .filter(|line: &&[u8]| !line.is_empty())
            .try_map(move |line: &[u8]| columns.row(line))
            .name(PARSE)
            .try_map(move |row| of_metric.metric(row))
            .name(CONVERT)
            .write(output, write_json)
            .failures_to(move |failure| malformed(Record::of(&failure, lines)))
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
}

/// Converts all rows in a loop, as the reference for the pipelines.
fn run_loop<R: Read, W: Write>(
    headed: Headed<R>,
    output: W,
    mut malformed: impl FnMut(Record),
    cx: &Context,
) -> Result<(Counts, W), ConvertError> {
    let Headed { columns, lines, rest: mut input } = headed;
    let columns = columns.unwrap_or_default();
    let mut output = BufWriter::new(output);
    let mut counts = Counts::default();
    let (mut line, mut json) = (Vec::new(), Vec::new());
    for number in lines + 1.. {
        line.clear();
        if input.read_until(b'\n', &mut line).map_err(|error| ConvertError::Read(error.into()))? == 0 {
            break;
        }
        if cx.error().is_some() {
            return Err(ConvertError::Stopped);
        }
        let row = line.strip_suffix(b"\r\n").or(line.strip_suffix(b"\n")).unwrap_or(&line);
        if row.is_empty() {
            continue;
        }
        match steps(&columns, row) {
            Ok(row) => {
                json.clear();
                write_json(row, &mut json).map_err(|error| ConvertError::Internal(error.into()))?;
                output.write_all(&json).map_err(|error| ConvertError::Write(error.into()))?;
                counts.converted += 1;
            }
            Err((stage, error)) => {
                malformed(Record::new(number, stage, &error));
                counts.malformed += 1;
            }
        }
    }
    output.flush().map_err(|error| ConvertError::Write(error.into()))?;
    let output = output.into_inner().map_err(|error| ConvertError::Write(error.into_error().into()))?;
    Ok((counts, output))
}

fn steps(columns: &Columns, row: &[u8]) -> Result<crate::Row, (&'static str, Malformed)> {
    let row = columns.row(row).map_err(|malformed| (PARSE, malformed))?;
    columns.metric(row).map_err(|malformed| (CONVERT, malformed))
}

impl From<HeadError> for ConvertError {
    fn from(error: HeadError) -> Self {
        match error {
            HeadError::Read(error) => Self::Read(error.into()),
            HeadError::Invalid(error) => Self::Header(error),
        }
    }
}
