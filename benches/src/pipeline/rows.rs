//! The work of all contenders: `row,height,weight` in inches and pounds to JSON lines in metric
//! units.

use std::io;

use memchr::memchr;
use serde::Serialize;

/// Returns rows in memory, with a header.
pub(crate) fn input(rows: u64) -> Vec<u8> {
    let mut text = b"row,height,weight\n".to_vec();
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    for row in 0..rows {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (height, weight) = (random >> 40, (random >> 20) & 0xF_FFFF);
        text.extend_from_slice(
            format!(
                "{row},{}.{:02},{}.{:03}\n",
                55 + height % 30,
                height / 30 % 100,
                90 + weight % 150,
                weight / 150 % 1000
            )
            .as_bytes(),
        );
    }
    text
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Row {
    #[serde(rename = "row")]
    pub(crate) number: u64,
    pub(crate) height: f64,
    pub(crate) weight: f64,
}

#[derive(Debug, thiserror::Error)]
#[error("not a row")]
pub(crate) struct NotARow;

pub(crate) fn parse(line: &[u8]) -> Result<Row, NotARow> {
    let text = std::str::from_utf8(line).map_err(|_| NotARow)?;
    let mut fields = text.split(',');
    let mut next = || fields.next().ok_or(NotARow);
    Ok(Row {
        number: next()?.parse().map_err(|_| NotARow)?,
        height: next()?.parse().map_err(|_| NotARow)?,
        weight: next()?.parse().map_err(|_| NotARow)?,
    })
}

pub(crate) fn metric(row: Row) -> Row {
    Row { number: row.number, height: row.height * 2.54, weight: row.weight * 0.454 }
}

pub(crate) fn json(row: &Row, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    serde_json::to_writer(&mut *out, row)?;
    out.push(b'\n');
    Ok(())
}

/// Converts a block of lines by hand-written code, without a UTF-8 check of whole lines and without
/// serde.
pub(crate) fn tuned(mut block: &[u8], out: &mut Vec<u8>) -> Result<(), NotARow> {
    let (mut int, mut float) = (itoa::Buffer::new(), ryu::Buffer::new());
    while !block.is_empty() {
        let end = memchr(b'\n', block).unwrap_or(block.len());
        let line = &block[..end];
        block = block.get(end + 1..).unwrap_or_default();
        let first = memchr(b',', line).ok_or(NotARow)?;
        let second = first + 1 + memchr(b',', &line[first + 1..]).ok_or(NotARow)?;
        let row = line[..first].iter().fold(0_u64, |row, digit| row * 10 + u64::from(digit.wrapping_sub(b'0')));
        let number = |text| std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok()).ok_or(NotARow);
        let (height, weight) = (number(&line[first + 1..second])?, number(&line[second + 1..])?);
        out.extend_from_slice(b"{\"row\":");
        out.extend_from_slice(int.format(row).as_bytes());
        out.extend_from_slice(b",\"height\":");
        out.extend_from_slice(float.format_finite(height * 2.54).as_bytes());
        out.extend_from_slice(b",\"weight\":");
        out.extend_from_slice(float.format_finite(weight * 0.454).as_bytes());
        out.extend_from_slice(b"}\n");
    }
    Ok(())
}

/// A writer that counts the bytes, and hashes them for a check of the output.
#[derive(Debug, Default)]
pub(crate) struct Out {
    pub(crate) bytes: u64,
    pub(crate) hash: Option<u64>,
}

impl io::Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes += bytes.len() as u64;
        if let Some(hash) = &mut self.hash {
            *hash = bytes.iter().fold(*hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
