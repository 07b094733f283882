//! Texts of a provider's as values of headers.
//!
//! Refuses nothing and loses nothing: whatever cannot stand in a header, or would be read as a separator, is
//! percent-encoded, so that no text becomes two headers or two items of a list.

/// The text as UTF-8 with everything but visible ASCII percent-encoded (RFC 3986 §2.1), `%` itself too, and each byte
/// of `also`. Spaces stay, but for those at either end.
pub(crate) fn encode(text: &str, also: &[u8]) -> String {
    let last = text.len().saturating_sub(1);
    let mut encoded = String::with_capacity(text.len());
    for (place, byte) in text.bytes().enumerate() {
        let inner_space = byte == b' ' && place != 0 && place != last;
        if (byte.is_ascii_graphic() && byte != b'%' && !also.contains(&byte)) || inner_space {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            for digit in [byte >> 4, byte & 0xf] {
                encoded.extend(char::from_digit(digit.into(), 16).map(|digit| digit.to_ascii_uppercase()));
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_stays_and_the_rest_can_be_decoded() {
        for (text, encoded) in [
            ("Alice B. O'Hara", "Alice B. O'Hara"),
            ("a\r\nX-Doorward-Claim-Email: ceo@example.com", "a%0D%0AX-Doorward-Claim-Email: ceo@example.com"),
            ("Ünal\0\u{7f}", "%C3%9Cnal%00%7F"),
            ("50%", "50%25"),
            (" x ", "%20x%20"),
            (" ", "%20"),
            ("", ""),
            ("a,b", "a%2Cb"),
        ] {
            assert_eq!(encode(text, b","), encoded);
            assert!(encoded.parse::<http::HeaderValue>().is_ok());
        }
    }
}
