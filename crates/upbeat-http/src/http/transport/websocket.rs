/// A close frame with the code 1001, "going away".
pub(super) const GOING_AWAY: [u8; 4] = [0x88, 0x02, 0x03, 0xE9];

/// A tracker of the frames that a WebSocket handler writes, which finds the boundaries between
/// them.
#[derive(Clone, Debug, Default)]
pub(super) struct Frames {
    head: [u8; 14],
    have: usize,
    payload_left: u64,
    closed: bool,
}

impl Frames {
    /// Returns whether the last frame is complete and the next one has not begun.
    pub(super) fn at_boundary(&self) -> bool {
        self.have == 0 && self.payload_left == 0
    }

    /// Returns whether the handler has sent a close frame.
    pub(super) fn has_closed(&self) -> bool {
        self.closed
    }

    /// Takes bytes that were written.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = self.follow_to_boundary(bytes);
            bytes = &bytes[taken..];
        }
    }

    /// Returns how many of these bytes belong to the present frame.
    pub(super) fn rest_of_frame(&self, bytes: &[u8]) -> usize {
        self.clone().follow_to_boundary(bytes)
    }

    /// Takes bytes up to the next boundary and returns their number.
    fn follow_to_boundary(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while taken < bytes.len() {
            if self.payload_left > 0 {
                let left = bytes.len() - taken;
                let payload = usize::try_from(self.payload_left).unwrap_or(usize::MAX).min(left);
                self.payload_left -= payload as u64;
                taken += payload;
            } else {
                self.head[self.have] = bytes[taken];
                self.have += 1;
                taken += 1;
                if self.have >= 2 && self.have == self.head_length() {
                    self.head_is_complete();
                }
            }
            if self.at_boundary() {
                break;
            }
        }
        taken
    }

    fn head_length(&self) -> usize {
        let extended = match self.head[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if self.head[1] & 0x80 == 0 { 0 } else { 4 };
        2 + extended + mask
    }

    fn head_is_complete(&mut self) {
        const CLOSE: u8 = 8;
        self.closed |= self.head[0] & 0x0f == CLOSE;
        let extended = match self.head[1] & 0x7f {
            126 => &self.head[2..4],
            127 => &self.head[2..10],
            length => &[length][..],
        };
        self.payload_left = extended.iter().fold(0, |length, byte| length << 8 | u64::from(*byte));
        self.have = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(opcode: u8, mask: bool, length: usize) -> Vec<u8> {
        let mut frame = vec![0x80 | opcode];
        let mask_bit = if mask { 0x80 } else { 0 };
        match length {
            0..126 => frame.push(mask_bit + u8::try_from(length).unwrap_or_default()),
            126..65_536 => {
                frame.push(mask_bit + 126);
                frame.extend(u16::try_from(length).unwrap_or_default().to_be_bytes());
            }
            _ => {
                frame.push(mask_bit + 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend(std::iter::repeat_n(7, if mask { 4 } else { 0 } + length));
        frame
    }

    #[test]
    fn boundaries_are_found_at_every_length_and_split() {
        for mask in [false, true] {
            for length in [0, 1, 125, 126, 127, 65_535, 65_536] {
                let bytes = frame(2, mask, length);
                for cut in [1, 2, 3, 9, 13, bytes.len() / 2, bytes.len() - 1] {
                    if cut == 0 || cut >= bytes.len() {
                        continue;
                    }
                    let mut frames = Frames::default();
                    frames.follow(&bytes[..cut]);
                    assert!(!frames.at_boundary(), "length {length}, mask {mask}, cut {cut}");
                    let mut rest = bytes[cut..].to_vec();
                    rest.extend(frame(1, false, 5));
                    assert_eq!(frames.rest_of_frame(&rest), bytes.len() - cut);
                    frames.follow(&rest);
                    assert!(frames.at_boundary() && !frames.has_closed());
                }
            }
        }
    }

    #[test]
    fn a_close_frame_of_the_handler_is_detected() {
        let mut frames = Frames::default();
        frames.follow(&frame(1, false, 300));
        assert!(!frames.has_closed());
        frames.follow(&GOING_AWAY);
        assert!(frames.has_closed() && frames.at_boundary());
    }
}
