//! The header, which names the columns.

use std::io::{self, BufRead as _, BufReader, Read};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};
use memchr::memchr;

use crate::COLUMNS;

/// The maximum size of a header in bytes.
const MAX_HEADER: usize = 64 * 1024;

/// The maximum number of characters of a header in an error.
const MAX_EXCERPT: usize = 100;

/// The bytes with which UTF-8 and UTF-16 may begin.
const BOM: &[u8] = b"\xef\xbb\xbf";
const UTF_16: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// The columns of an input, in the order of its header.
///
/// ```
/// use upbeat_csv2json::Columns;
///
/// let columns = Columns::parse(b"weight,name,row,height")?;
/// let row = columns.row(b"150,Ada,1,70").expect("a row");
/// assert_eq!((row.row, row.height, row.weight), (1, 70.0, 150.0));
/// assert!(Columns::parse(b"1,70,150").is_err());
/// # Ok::<_, upbeat_csv2json::InvalidHeader>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// For each column of the input its index in [`COLUMNS`], if it is one of these.
    indices: Vec<Option<usize>>,
}

/// The error of an input whose columns are unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHeader {
    /// The first line has none of the names.
    #[error("first line is no header with the columns {columns}: `{line}`", columns = COLUMNS.join(", "))]
    NoHeader {
        /// The first line.
        line: String,
    },
    /// A column is missing.
    #[error("no column `{column}` in the header `{header}`")]
    Missing {
        /// The name of the column.
        column: &'static str,
        /// The header.
        header: String,
    },
    /// A column is there twice.
    #[error("two columns `{0}` in the header")]
    Duplicate(&'static str),
    /// The lines end with bare carriage returns.
    #[error("lines end with a carriage return only: convert them first, for example with tr '\\r' '\\n'")]
    CarriageReturns,
    /// The input is UTF-16.
    #[error("input is UTF-16: convert it to UTF-8 first")]
    Utf16,
    /// The header is not UTF-8.
    #[error("header is not UTF-8")]
    NotText,
    /// A quote is not closed in the first line.
    #[error("unclosed quote in the header")]
    OpenQuote,
    /// The first line is too long.
    #[error("first line has more than {} KiB", MAX_HEADER / 1024)]
    TooLong,
}

impl Columns {
    /// Parses a header without its line break.
    ///
    /// Each of [`COLUMNS`] has to be there once, in upper or lower case. Other columns are ignored.
    ///
    /// # Errors
    ///
    /// If a column is missing or ambiguous, or if the line is no CSV.
    pub fn parse(line: &[u8]) -> Result<Self, InvalidHeader> {
        if UTF_16.iter().any(|bom| line.starts_with(bom)) {
            return Err(InvalidHeader::Utf16);
        }
        let line = line.strip_prefix(BOM).unwrap_or(line);
        if memchr(b'\r', line).is_some() {
            return Err(InvalidHeader::CarriageReturns);
        }
        let text = excerpt(std::str::from_utf8(line).map_err(|_| InvalidHeader::NotText)?);
        let names = fields(line)?;
        let index = |name: &String| COLUMNS.iter().position(|column| name.trim().eq_ignore_ascii_case(column));
        let indices: Vec<_> = names.iter().map(index).collect();
        if indices.iter().all(Option::is_none) {
            return Err(InvalidHeader::NoHeader { line: text });
        }
        for (index, column) in COLUMNS.into_iter().enumerate() {
            match indices.iter().filter(|found| **found == Some(index)).count() {
                0 => return Err(InvalidHeader::Missing { column, header: text }),
                1 => {}
                _ => return Err(InvalidHeader::Duplicate(column)),
            }
        }
        Ok(Self { indices })
    }

    /// Returns for each column of the input its index in [`COLUMNS`], if it is one of these.
    pub(crate) fn indices(&self) -> &[Option<usize>] {
        &self.indices
    }

    /// Returns the number of columns of the input.
    pub(crate) fn len(&self) -> usize {
        self.indices.len()
    }

    /// Returns the index in [`COLUMNS`] of a column of the input, if it is one of these.
    pub(crate) fn index(&self, column: usize) -> Option<usize> {
        self.indices.get(column).copied().flatten()
    }

    /// Returns the column of the input that has this index in [`COLUMNS`].
    pub(crate) fn column(&self, index: usize) -> usize {
        self.indices.iter().position(|found| *found == Some(index)).unwrap_or(index)
    }
}

impl Default for Columns {
    /// Returns the columns in the order of [`COLUMNS`].
    fn default() -> Self {
        Self { indices: (0..COLUMNS.len()).map(Some).collect() }
    }
}

/// Returns the start of a line for an error, without characters that control the terminal.
fn excerpt(line: &str) -> String {
    let mut text: String = line.chars().take(MAX_EXCERPT).collect::<String>().replace(char::is_control, "\u{fffd}");
    if line.chars().nth(MAX_EXCERPT).is_some() {
        text.push('…');
    }
    text
}

/// Returns the fields of a header.
fn fields(line: &[u8]) -> Result<Vec<String>, InvalidHeader> {
    let mut reader: Reader = ReaderBuilder::new().terminator(Terminator::Any(b'\n')).build();
    // Without any space the reader would wait for more.
    let mut text = vec![0; line.len() + 1];
    let mut ends = vec![0; line.len() + 1];
    let (mut result, _, written, mut ended) = reader.read_record(line, &mut text, &mut ends);
    if result == ReadRecordResult::InputEmpty {
        let last = reader.read_record(b"\n", &mut text[written..], &mut ends[ended..]);
        (result, ended) = (last.0, ended + last.3);
    }
    if result != ReadRecordResult::Record {
        return Err(InvalidHeader::OpenQuote);
    }
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let fields =
        starts.zip(&ends[..ended]).map(|(start, &end)| String::from_utf8_lossy(&text[start..end]).into_owned());
    Ok(fields.collect())
}

/// An input behind its header.
pub(crate) struct Headed<R> {
    /// The columns, or `None` if the input has no line.
    pub(crate) columns: Option<Columns>,
    /// The number of lines up to the header, including it.
    pub(crate) lines: u64,
    pub(crate) rest: BufReader<R>,
}

/// The error of an input without a header that can be read.
#[derive(Debug)]
pub(crate) enum HeadError {
    Read(io::Error),
    Invalid(InvalidHeader),
}

impl<R: Read> Headed<R> {
    /// Reads the header: the first line that is not empty.
    pub(crate) fn read(input: R) -> Result<Self, HeadError> {
        let mut rest = BufReader::with_capacity(MAX_HEADER, input);
        let mut line = Vec::new();
        for lines in 1.. {
            line.clear();
            let count = rest.by_ref().take(MAX_HEADER as u64).read_until(b'\n', &mut line).map_err(HeadError::Read)?;
            let header = line.strip_suffix(b"\n").map(|line| line.strip_suffix(b"\r").unwrap_or(line));
            let header = match header {
                Some(header) => header,
                None if count == MAX_HEADER && memchr(b'\r', &line).is_none() => {
                    return Err(HeadError::Invalid(InvalidHeader::TooLong));
                }
                None => &line,
            };
            if count == 0 {
                return Ok(Self { columns: None, lines: lines - 1, rest });
            }
            if !header.is_empty() && header != BOM {
                let columns = Columns::parse(header).map_err(HeadError::Invalid)?;
                return Ok(Self { columns: Some(columns), lines, rest });
            }
        }
        unreachable!("the numbers of lines do not run out")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name_in_any_order() {
        for (header, columns) in [
            ("row,height,weight", [0, 1, 2]),
            ("weight,row,height", [1, 2, 0]),
            ("\u{feff}Row, HEIGHT ,weight", [0, 1, 2]),
            ("\"row\",\"height\",\"weight\"", [0, 1, 2]),
            ("name,row,\"a, b\",weight,height,", [1, 4, 3]),
        ] {
            let found = Columns::parse(header.as_bytes()).unwrap();
            assert_eq!([0, 1, 2].map(|index| found.column(index)), columns, "{header}");
        }
    }

    #[test]
    fn a_header_that_names_no_columns_is_refused() {
        use InvalidHeader::{CarriageReturns, Duplicate, Missing, NoHeader, NotText, OpenQuote, Utf16};
        let cases: [(&[u8], InvalidHeader); 8] = [
            (b"1,70,150", NoHeader { line: "1,70,150".into() }),
            (b"row;height;weight", NoHeader { line: "row;height;weight".into() }),
            (b"row,weight", Missing { column: "height", header: "row,weight".into() }),
            (b"row,height,weight,Height", Duplicate("height")),
            (b"row,height,weight\r1,70,150", CarriageReturns),
            (b"\xff\xfer\0o\0w\0", Utf16),
            (b"row,h\xf6he,weight", NotText),
            (b"\"row,height,weight", OpenQuote),
        ];
        for (header, error) in cases {
            assert_eq!(Columns::parse(header), Err(error), "{}", header.escape_ascii());
        }
    }

    #[test]
    fn a_first_line_without_an_end_is_refused() {
        for (byte, error) in [(b'x', InvalidHeader::TooLong), (b'\r', InvalidHeader::CarriageReturns)] {
            match Headed::read(io::repeat(byte)) {
                Err(HeadError::Invalid(invalid)) => assert_eq!(invalid, error),
                other => panic!("{:?}", other.map(|headed| headed.columns)),
            }
        }
    }
}
