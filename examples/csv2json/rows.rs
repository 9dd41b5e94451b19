//! The three steps of the conversion of a row.

use std::borrow::Cow;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};
use memchr::memchr;
use serde::Serialize;

use crate::{COLUMNS, Columns, Malformed, Problem};

const CENTIMETERS: f64 = 2.54;
const KILOGRAMS: f64 = 0.454;

/// A row, in either system of units.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The number of the row.
    pub row: u64,
    /// The height.
    pub height: f64,
    /// The weight.
    pub weight: f64,
}

type Fields<'a> = [Cow<'a, [u8]>; COLUMNS.len()];

/// Parses a line of CSV without its line break, whose columns have the order of [`COLUMNS`].
///
/// # Errors
///
/// If a field is malformed: the error of the first one.
///
/// ```
/// let row = upbeat_csv2json::parse(br#"1,"70",150"#)?;
/// assert_eq!((row.row, row.height, row.weight), (1, 70.0, 150.0));
/// # Ok::<_, upbeat_csv2json::Malformed>(())
/// ```
pub fn parse(line: &[u8]) -> Result<Row, Malformed> {
    Columns::default().row(line)
}

impl Columns {
    /// Parses a line of CSV without its line break.
    ///
    /// # Errors
    ///
    /// As [`parse`].
    pub fn row(&self, line: &[u8]) -> Result<Row, Malformed> {
        let fields = if memchr(b'"', line).is_none() { self.split(line)? } else { self.split_quoted(line)? };
        let text = |index: usize| std::str::from_utf8(&fields[index]).ok();
        let wrong = |index: usize, problem| self.malformed(self.column(index), problem, &fields[index]);
        let number = |index| {
            let parsed = text(index).and_then(|text| text.parse::<f64>().ok());
            let number = parsed.ok_or_else(|| wrong(index, Problem::NotANumber))?;
            if number.is_finite() { Ok(number) } else { Err(wrong(index, Problem::NotFinite)) }
        };
        let row = text(0).and_then(|text| text.parse().ok());
        Ok(Row { row: row.ok_or_else(|| wrong(0, Problem::NotWhole))?, height: number(1)?, weight: number(2)? })
    }

    /// Converts inches to centimeters, and pounds to kilograms.
    ///
    /// # Errors
    ///
    /// As [`to_metric`].
    pub(crate) fn metric(&self, row: Row) -> Result<Row, Malformed> {
        let finite = |index, from: f64, to: f64| {
            let too_large = || self.malformed(self.column(index), Problem::NotFinite, from.to_string().as_bytes());
            if to.is_finite() { Ok(to) } else { Err(too_large()) }
        };
        Ok(Row {
            row: row.row,
            height: finite(1, row.height, row.height * CENTIMETERS)?,
            weight: finite(2, row.weight, row.weight * KILOGRAMS)?,
        })
    }

    /// Splits a line without quotes, as most lines are, into borrowed fields.
    fn split<'a>(&self, line: &'a [u8]) -> Result<Fields<'a>, Malformed> {
        let mut found = Fields::default();
        let mut columns = self.indices().iter();
        for field in line.split(|&byte| byte == b',') {
            match columns.next() {
                Some(Some(index)) => found[*index] = Cow::Borrowed(field),
                Some(None) => {}
                None => return Err(self.malformed(self.len(), Problem::TooMany, field)),
            }
        }
        match columns.len() {
            0 => Ok(found),
            missing => Err(self.malformed(self.len() - missing, Problem::Missing, b"")),
        }
    }

    fn split_quoted(&self, line: &[u8]) -> Result<Fields<'static>, Malformed> {
        // A carriage return within a line is not a line break.
        let mut reader: Reader = ReaderBuilder::new().terminator(Terminator::Any(b'\n')).build();
        let mut text = vec![0; line.len()];
        // One end more than there are columns, to detect an extra field.
        let mut ends = vec![0; self.len() + 1];
        let (mut result, _, written, mut ended) = reader.read_record(line, &mut text, &mut ends);
        if result == ReadRecordResult::InputEmpty {
            let last = reader.read_record(b"\n", &mut text[written..], &mut ends[ended..]);
            (result, ended) = (last.0, ended + last.3);
        }
        let field = |column: usize| {
            let start = column.checked_sub(1).map_or(0, |before| ends[before]);
            &text[start..ends[column]]
        };
        match result {
            ReadRecordResult::Record if ended == self.len() => {
                Ok([0, 1, 2].map(|index| Cow::Owned(field(self.column(index)).to_owned())))
            }
            ReadRecordResult::Record if ended < self.len() => Err(self.malformed(ended, Problem::Missing, b"")),
            ReadRecordResult::Record | ReadRecordResult::OutputEndsFull => {
                Err(self.malformed(self.len(), Problem::TooMany, field(self.len())))
            }
            // A line break within quotes is text, so the row has not ended with its line.
            _ => Err(self.malformed(ended.min(self.len()), Problem::OpenQuote, line)),
        }
    }

    fn malformed(&self, column: usize, problem: Problem, text: &[u8]) -> Malformed {
        let field = self.index(column).map(|index| COLUMNS[index]);
        let text = String::from_utf8_lossy(&text[..text.len().min(MAX_TEXT)]).into_owned();
        Malformed { column, field, problem, text }
    }
}

/// Converts inches to centimeters, and pounds to kilograms.
///
/// # Errors
///
/// If the result is not finite.
pub fn to_metric(row: Row) -> Result<Row, Malformed> {
    Columns::default().metric(row)
}

/// Appends a row as one line of JSON.
///
/// # Errors
///
/// If serialization fails, which does not happen for rows with finite numbers.
pub fn write_json(row: Row, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    serde_json::to_writer(&mut *out, &row)?;
    out.push(b'\n');
    Ok(())
}

/// The maximum number of bytes of a malformed field in its error.
const MAX_TEXT: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(line: &str) -> (usize, Problem, String) {
        let malformed = parse(line.as_bytes()).and_then(to_metric).unwrap_err();
        (malformed.column, malformed.problem, malformed.text)
    }

    #[test]
    fn a_row_is_parsed_with_and_without_quotes() {
        let row = Row { row: 7, height: 70.5, weight: 1e2 };
        for line in ["7,70.5,100", "\"7\",70.5,\"1e2\"", "7,\"70.5\",+100.0"] {
            assert_eq!(parse(line.as_bytes()), Ok(row), "{line}");
        }
    }

    #[test]
    fn a_problem_has_its_column() {
        use Problem::{Missing, NotANumber, NotFinite, NotWhole, OpenQuote, TooMany};
        let cases = [
            ("", 1, Missing, ""),
            ("7,70", 2, Missing, ""),
            ("\"7\",70", 2, Missing, ""),
            ("7,70,100,", 3, TooMany, ""),
            ("7,70,100,\"a, b\"", 3, TooMany, "a, b"),
            ("7,70,100,\"a\",b,c,d", 3, TooMany, "a"),
            ("7.5,70,100", 0, NotWhole, "7.5"),
            ("-7,70,100", 0, NotWhole, "-7"),
            ("7,sixty,heavy", 1, NotANumber, "sixty"),
            ("7,70, 100", 2, NotANumber, " 100"),
            ("7,70,\"1\"\"00\"", 2, NotANumber, "1\"00"),
            ("7,\"70,100", 1, OpenQuote, "7,\"70,100"),
            ("7,70,1\r00", 2, NotANumber, "1\r00"),
            ("7,\"70\",1\r00", 2, NotANumber, "1\r00"),
            ("7,inf,100", 1, NotFinite, "inf"),
            ("7,70,NaN", 2, NotFinite, "NaN"),
            ("7,1e308,100", 1, NotFinite, "1"),
        ];
        for (line, column, problem_expected, text) in cases {
            let (found_column, found, found_text) = problem(line);
            assert_eq!((found_column, found), (column, problem_expected), "{line:?}");
            assert!(
                if text.is_empty() { found_text.is_empty() } else { found_text.starts_with(text) },
                "{found_text:?}"
            );
        }
        assert_eq!(problem(&format!("7,{},1", "x".repeat(1_000_000))).2.len(), MAX_TEXT);
    }

    #[test]
    fn numbers_are_formatted_as_by_serde_json() {
        let mut out = Vec::new();
        for line in ["1,70,150", "2,0.1,1e300", "3,-0,100"] {
            write_json(parse(line.as_bytes()).and_then(to_metric).unwrap(), &mut out).unwrap();
        }
        let expected = "{\"row\":1,\"height\":177.8,\"weight\":68.10000000000001}\n\
                        {\"row\":2,\"height\":0.254,\"weight\":4.54e+299}\n\
                        {\"row\":3,\"height\":-0.0,\"weight\":45.4}\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
