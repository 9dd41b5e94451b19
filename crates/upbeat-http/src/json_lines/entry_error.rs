use upbeat::BoxError;

/// What [`JsonEntries`](crate::JsonEntries) gives in place of an entry.
///
/// All but [`Lost`](Self::Lost) concern one entry, and others follow.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError<E> {
    /// The sender has an error in this place.
    #[error("{0}")]
    Told(E),
    /// A line is no JSON, no UTF-8, or not of the type that was expected.
    #[error("line {line} is not what was expected")]
    Malformed {
        /// Counted from 1, with the empty ones.
        line: u64,
        /// What serde says of it.
        source: serde_json::Error,
    },
    /// A line is longer than is allowed. It was skipped.
    #[error("line {line} is longer than {limit} bytes")]
    TooLong {
        /// Counted from 1, with the empty ones.
        line: u64,
        /// How long a line may be, without its end.
        limit: usize,
    },
    /// The bytes ended by an error. This is the last entry; a line that had begun is not given.
    #[error("the stream broke off after line {line}")]
    Lost {
        /// How many lines were whole.
        line: u64,
        /// Why they ended.
        source: BoxError,
    },
}
