//! The number a request goes by, in the answer, on the page and in the log.

use std::fmt;

/// 96 random bits as 24 hexadecimal characters.
///
/// Random, so that it tells a visitor nothing about other traffic; short enough to read out over the phone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestId([u8; 24]);

impl RequestId {
    /// A new one. Falls back on a fixed text when the system has no randomness: a request must not fail for
    /// want of a name.
    pub fn random() -> Self {
        let mut bytes = [0; 12];
        if aws_lc_rs::rand::fill(&mut bytes).is_err() {
            bytes = [0; 12];
        }
        Self::from_bytes(bytes)
    }

    /// The one made of these bits.
    pub fn from_bytes(bytes: [u8; 12]) -> Self {
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
    use super::*;

    #[test]
    fn it_is_hexadecimal_and_never_twice_the_same() {
        assert_eq!(
            RequestId::from_bytes([0, 1, 0xab, 255, 4, 5, 6, 7, 8, 9, 10, 11]).as_str(),
            "0001abff0405060708090a0b"
        );
        assert_ne!(RequestId::random(), RequestId::random());
    }
}
