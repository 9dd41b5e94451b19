use std::io::{self, Write};

/// A Markdown table; the first column is text, the others are numbers.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(heads: [&str; N]) -> Self {
        Self { rows: vec![heads.map(str::to_owned).into()] }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    pub(crate) fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let widths: Vec<usize> = (0..self.rows[0].len())
            .map(|column| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
            .collect();
        for (at, row) in self.rows.iter().enumerate() {
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                match column {
                    0 => write!(out, "| {cell:width$} |")?,
                    _ => write!(out, " {cell:>width$} |")?,
                }
            }
            writeln!(out)?;
            if at == 0 {
                for (column, &width) in widths.iter().enumerate() {
                    match column {
                        0 => write!(out, "| {:-<width$} |", "")?,
                        _ => write!(out, " {:->width$} |", ":")?,
                    }
                }
                writeln!(out)?;
            }
        }
        writeln!(out)
    }
}

/// Prints an upper bound, and whether it is met.
pub(crate) fn bound(out: &mut impl Write, what: &str, value: f64, most: f64, unit: &str) -> io::Result<()> {
    let verdict = if value <= most { "met" } else { "**missed**" };
    writeln!(out, "- {what}: {value:.2}{unit}, at most {most}{unit}: {verdict}")
}

/// Prints a lower bound, and whether it is met.
pub(crate) fn at_least(out: &mut impl Write, what: &str, value: f64, least: f64, unit: &str) -> io::Result<()> {
    let verdict = if value >= least { "met" } else { "**missed**" };
    writeln!(out, "- {what}: {value:.2}{unit}, at least {least}{unit}: {verdict}")
}

/// Returns a number with grouped digits, as in `100,000`.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
