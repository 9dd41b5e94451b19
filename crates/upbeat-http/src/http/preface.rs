/// What an HTTP/2 client begins with when the protocol was not negotiated by TLS.
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What the first bytes of a connection say about its protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begins {
    Http1,
    Http2,
    /// Too few to tell a method such as `PROPFIND` from the preface.
    Unclear,
    /// An HTTP/2 preface that is not complete.
    WithPartOfPreface,
}

pub(super) fn begins(bytes: &[u8]) -> Begins {
    let common = bytes.iter().zip(PREFACE).take_while(|(a, b)| a == b).count();
    if common == PREFACE.len() {
        Begins::Http2
    } else if common < bytes.len() {
        Begins::Http1
    } else if common < b"PRI".len() {
        Begins::Unclear
    } else {
        Begins::WithPartOfPreface
    }
}

/// Follows the bytes of an HTTP/2 connection until its opening is complete: the preface and the first frame, which is SETTINGS.
#[derive(Debug, Default)]
pub(super) struct Opening {
    seen: usize,
    frame_length: usize,
}

impl Opening {
    const FRAME_HEAD: usize = 9;

    /// Takes the next bytes and says whether the opening is complete.
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
    fn the_first_bytes_tell_the_protocol() {
        for (bytes, expected) in [
            (&b"GET"[..], Begins::Http1),
            (b"P", Begins::Unclear),
            (b"PR", Begins::Unclear),
            (b"PROPFIND", Begins::Http1),
            (b"POST", Begins::Http1),
            (b"PRI", Begins::WithPartOfPreface),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r", Begins::WithPartOfPreface),
            (PREFACE, Begins::Http2),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nmore", Begins::Http2),
            (b"PRI * HTTP/1.1\r\n", Begins::Http1),
        ] {
            assert_eq!(begins(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn the_opening_is_complete_with_the_whole_settings_frame() {
        let mut bytes = PREFACE.to_vec();
        bytes.extend([0, 0, 6, 4, 0, 0, 0, 0, 0, /* one setting */ 0, 3, 0, 0, 0, 9]);
        for cut in 1..bytes.len() {
            let mut opening = Opening::default();
            assert!(!opening.follow(&bytes[..cut]), "complete after {cut}");
            assert!(opening.follow(&bytes[cut..]));
        }
    }
}
