//! The ticket: what the cookie holds.
//!
//! Refuses: anything but exactly 64 characters of unpadded base64url, in their one spelling.

use std::fmt;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::SessionsError;
use crate::seal::Secret32;

const ID: usize = 16;
const KEY: usize = 32;
/// Length of a ticket as text: 48 bytes, so every character of it counts and no padding is needed.
pub(crate) const TEXT: usize = (ID + KEY) / 3 * 4;

/// The name of a sealed record and the key that opens it; 48 random bytes, 64 characters in a cookie.
///
/// Whoever has it is signed in, so it has no `Debug` of its content and is erased when dropped.
#[derive(Clone)]
pub struct Ticket {
    id: [u8; ID],
    key: Secret32,
}

impl Ticket {
    /// How long every ticket is, in characters.
    pub const LENGTH: usize = TEXT;

    /// The ticket a cookie value spells, or `None` when it spells none.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != TEXT {
            return None;
        }
        let mut bytes = Zeroizing::new([0; ID + KEY]);
        let length = URL_SAFE_NO_PAD.decode_slice(text, bytes.as_mut_slice()).ok()?;
        let (id, key) = bytes.get(..length)?.split_first_chunk::<ID>()?;
        Some(Self { id: *id, key: Secret32::new(key.try_into().ok()?) })
    }

    /// The cookie's whole content.
    pub fn to_cookie_value(&self) -> String {
        let mut bytes = Zeroizing::new([0; ID + KEY]);
        let (id, key) = bytes.split_at_mut(ID);
        id.copy_from_slice(&self.id);
        key.copy_from_slice(self.key.expose());
        URL_SAFE_NO_PAD.encode(bytes.as_slice())
    }

    /// A ticket nobody has seen.
    pub(crate) fn random() -> Result<Self, SessionsError> {
        let mut id = [0; ID];
        rand::fill(&mut id).map_err(|_| SessionsError::Cryptography)?;
        Ok(Self { id, key: Secret32::random()? })
    }

    pub(crate) fn id(&self) -> &[u8; ID] {
        &self.id
    }

    pub(crate) fn key(&self) -> &Secret32 {
        &self.key
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_ticket_survives_the_cookie_and_is_short() {
        let ticket = Ticket::random().unwrap();
        let text = ticket.to_cookie_value();
        assert_eq!(text.len(), 64);
        let read = Ticket::parse(&text).unwrap();
        assert_eq!((read.id(), read.key()), (ticket.id(), ticket.key()));
        assert_eq!(format!("{read:?}"), "Ticket(..)");
    }

    #[test]
    fn two_tickets_differ() {
        let (one, other) = (Ticket::random().unwrap(), Ticket::random().unwrap());
        assert_ne!(one.id(), other.id());
        assert_ne!(one.key(), other.key());
    }

    #[test]
    fn what_is_no_ticket_is_none() {
        let text = Ticket::random().unwrap().to_cookie_value();
        for broken in [
            String::new(),
            text[..63].to_owned(),
            format!("{text}A"),
            format!("{}=", &text[..63]),
            format!("{} ", &text[..63]),
            format!("{}+", &text[..63]),
            format!("{}/", &text[..63]),
            format!("{}\u{e9}", &text[..62]),
            format!("\"{}\"", &text[..62]),
        ] {
            assert!(Ticket::parse(&broken).is_none(), "{broken:?}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_has_one_spelling(text in "\\PC{0,80}") {
            if let Some(ticket) = Ticket::parse(&text) {
                prop_assert_eq!(ticket.to_cookie_value(), text);
            }
        }

        #[test]
        fn every_text_of_the_alphabet_is_a_ticket_with_one_spelling(text in "[A-Za-z0-9_-]{64}") {
            let ticket = Ticket::parse(&text);
            prop_assert_eq!(ticket.map(|ticket| ticket.to_cookie_value()), Some(text));
        }
    }
}
