/// The first bytes of an HTTP/2 client, if TLS has not negotiated the protocol.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The protocol that the first bytes of a connection indicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstBytes {
    Http1,
    Http2,
    /// Too few to distinguish a method such as `PROPFIND` from the preface.
    Unclear,
    /// An HTTP/2 preface that is not complete.
    PartOfPreface,
}

impl FirstBytes {
    pub(crate) fn classify(bytes: &[u8]) -> Self {
        let common = bytes.iter().zip(PREFACE).take_while(|(a, b)| a == b).count();
        if common == PREFACE.len() {
            Self::Http2
        } else if common < bytes.len() {
            Self::Http1
        } else if common < b"PRI".len() {
            Self::Unclear
        } else {
            Self::PartOfPreface
        }
    }
}

/// A tracker of the bytes of an HTTP/2 connection until its opening is complete.
///
/// The opening consists of the preface and the first frame, which is SETTINGS.
#[derive(Debug, Default)]
pub(super) struct Opening {
    seen: usize,
    frame_length: usize,
}

impl Opening {
    const FRAME_HEAD: usize = 9;

    /// Takes the next bytes and returns whether the opening is complete.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> bool {
        for byte in bytes {
            if (PREFACE.len()..PREFACE.len() + 3).contains(&self.seen) {
                self.frame_length = self.frame_length << 8 | usize::from(*byte);
            }
            self.seen += 1;
            if self.seen >= PREFACE.len() + Self::FRAME_HEAD + self.frame_length {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_indicate_the_protocol() {
        for (bytes, expected) in [
            (&b"GET"[..], FirstBytes::Http1),
            (b"P", FirstBytes::Unclear),
            (b"PR", FirstBytes::Unclear),
            (b"PROPFIND", FirstBytes::Http1),
            (b"POST", FirstBytes::Http1),
            (b"PRI", FirstBytes::PartOfPreface),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r", FirstBytes::PartOfPreface),
            (PREFACE, FirstBytes::Http2),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nmore", FirstBytes::Http2),
            (b"PRI * HTTP/1.1\r\n", FirstBytes::Http1),
        ] {
            assert_eq!(FirstBytes::classify(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn the_opening_ends_with_the_settings_frame() {
        let mut bytes = PREFACE.to_vec();
        bytes.extend([0, 0, 6, 4, 0, 0, 0, 0, 0, /* one setting */ 0, 3, 0, 0, 0, 9]);
        for cut in 1..bytes.len() {
            let mut opening = Opening::default();
            assert!(!opening.follow(&bytes[..cut]), "complete after {cut}");
            assert!(opening.follow(&bytes[cut..]));
        }
    }
}
