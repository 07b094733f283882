//! The number a request goes by, in the answer, on the page and in the log.

use std::cell::RefCell;
use std::fmt;

/// How many bytes a name takes.
const BYTES: usize = 12;
/// How much randomness a thread draws at once: asking for a few bytes costs about as much as asking for many.
const AHEAD: usize = 64 * BYTES;

thread_local! {
    /// Randomness that was drawn, and how much of it is used up. None of it is used twice.
    static DRAWN: RefCell<([u8; AHEAD], usize)> = const { RefCell::new(([0; AHEAD], AHEAD)) };
}

/// 96 random bits as 24 hexadecimal characters.
///
/// Random, so that it tells a visitor nothing about other traffic; short enough to read out over the phone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestId([u8; 24]);

impl RequestId {
    /// A new one. Falls back on a fixed text when the system has no randomness: a request must not fail for
    /// want of a name.
    pub fn random() -> Self {
        DRAWN.with_borrow_mut(|(drawn, used)| {
            if *used >= AHEAD {
                if aws_lc_rs::rand::fill(drawn).is_err() {
                    *drawn = [0; AHEAD];
                }
                *used = 0;
            }
            let bytes = drawn.get(*used..).and_then(|left| left.first_chunk()).copied().unwrap_or_default();
            *used += BYTES;
            Self::from_bytes(bytes)
        })
    }

    /// The one made of these bits.
    pub fn from_bytes(bytes: [u8; BYTES]) -> Self {
        const DIGITS: [u8; 16] = *b"0123456789abcdef";
        let mut text = [b'0'; 24];
        for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
            if let [high, low] = pair {
                *high = DIGITS.get(usize::from(byte >> 4)).copied().unwrap_or(b'0');
                *low = DIGITS.get(usize::from(byte & 15)).copied().unwrap_or(b'0');
            }
        }
        Self(text)
    }

    /// Its 24 characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn it_is_hexadecimal_and_never_twice_the_same() {
        assert_eq!(
            RequestId::from_bytes([0, 1, 0xab, 255, 4, 5, 6, 7, 8, 9, 10, 11]).as_str(),
            "0001abff0405060708090a0b"
        );
        let many: HashSet<_> = (0..1000).map(|_| RequestId::random().as_str().to_owned()).collect();
        assert_eq!(many.len(), 1000);
    }
}
