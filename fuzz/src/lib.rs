//! Shared code of the targets: cutting an input into pieces.

use std::io::{self, Read};

/// The pieces of an input, of sizes that depend on the seed.
///
/// ```
/// use upbeat_fuzz::Pieces;
///
/// assert_eq!(Pieces::new(b"abc", 7).collect::<Vec<_>>().concat(), b"abc");
/// ```
#[derive(Clone, Debug)]
pub struct Pieces<'a> {
    rest: &'a [u8],
    random: u32,
}

impl<'a> Pieces<'a> {
    /// Cuts `input` into pieces. With the seed 0 it is one piece.
    pub fn new(input: &'a [u8], seed: u8) -> Self {
        Self { rest: input, random: u32::from(seed) }
    }

    /// Returns the length of the next piece: often short, sometimes long.
    fn next_length(&mut self) -> usize {
        if self.random == 0 {
            return usize::MAX;
        }
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223) | 1;
        let random = self.random >> 8;
        let max = [1, 3, 17, 200, 5000][random as usize % 5];
        random as usize / 5 % max + 1
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let length = self.next_length().min(self.rest.len());
        let (piece, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some(piece)
    }
}

/// A reader that returns pieces.
impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.next_length().min(self.rest.len()).min(into.len());
        let (piece, rest) = self.rest.split_at(length);
        into[..length].copy_from_slice(piece);
        self.rest = rest;
        Ok(length)
    }
}

/// Splits the first byte, the seed of the pieces, from an input.
pub fn seed_and_input(data: &[u8]) -> (u8, &[u8]) {
    data.split_first().map_or((0, data), |(seed, input)| (*seed, input))
}
