//! Text from outside made fit for a page or a log line.

/// The most characters of foreign text that are repeated.
const LONGEST: usize = 300;

/// The text without control and direction-changing characters, at most 300 characters of it.
pub(crate) fn shorten(text: &str) -> String {
    let mut short: String = text.chars().filter(|c| !is_treacherous(*c)).take(LONGEST).collect();
    if text.chars().count() > LONGEST {
        short.push('…');
    }
    short
}

/// Characters that make text read differently from how it is stored.
fn is_treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_short_and_on_one_line() {
        assert_eq!(shorten("plain"), "plain");
        assert_eq!(shorten("a\r\nb\u{202e}c\0"), "abc");
        assert_eq!(shorten(&"x".repeat(1000)).chars().count(), LONGEST + 1);
    }
}
