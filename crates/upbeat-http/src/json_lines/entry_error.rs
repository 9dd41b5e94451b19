use upbeat::BoxError;

/// An error in place of an entry of [`JsonEntries`](crate::JsonEntries).
///
/// All except [`Lost`](Self::Lost) concern one entry, and others follow.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError<E> {
    /// The sender has sent an error in this position.
    #[error("{0}")]
    Reported(E),
    /// A line is no JSON, no UTF-8, or not of the expected type.
    #[error("line {line} is malformed")]
    Malformed {
        /// The number of the line, from 1, including empty lines.
        line: u64,
        /// The error of serde.
        source: serde_json::Error,
    },
    /// A line exceeds the maximum length. It was skipped.
    #[error("line {line} is longer than {limit} bytes")]
    TooLong {
        /// The number of the line, from 1, including empty lines.
        line: u64,
        /// The maximum length of a line, without its end.
        limit: usize,
    },
    /// The bytes ended with an error. This is the last entry. A partial line is discarded.
    #[error("stream failed after line {line}")]
    Lost {
        /// The number of complete lines.
        line: u64,
        /// The error of the source.
        source: BoxError,
    },
}
