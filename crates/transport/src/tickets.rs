//! Session tickets (RFC 8446 §4.6.1, RFC 5077): what a client keeps to shake hands more quickly the next time.
//!
//! A ticket has the shape that RFC 5077 §4 recommends: the name of its key, a nonce, and the state, sealed with
//! AES-256-GCM. The keys come from outside, so that several processes can share them. Random nonces are safe for 2^32
//! tickets of one key (NIST SP 800-38D §8.3): whoever gives the keys changes them in time.
//!
//! Refuses: a ticket whose key is gone or unknown, and one that was altered by a single bit. Then there is a whole
//! handshake; it is never an error.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;
use rustls::server::ProducesTickets;

use crate::error::TransportError;

/// How long the name of a key is, in bytes.
pub const TICKET_KEY_NAME: usize = 16;
/// How long a key is, in bytes.
pub const TICKET_KEY: usize = 32;
/// How many keys open at most.
pub const MOST_TICKET_KEYS: usize = 8;
/// No ticket of ours is longer: what is, is not ours. Certificates of clients are in them.
const LONGEST: usize = 64 * 1024;
const TAG: usize = 16;

/// A key for tickets.
#[derive(Clone)]
pub struct TicketKey {
    name: [u8; TICKET_KEY_NAME],
    key: Arc<LessSafeKey>,
}

impl TicketKey {
    /// The key of these bytes, found by this name.
    ///
    /// # Errors
    /// [`TransportError::Tls`] when the library refuses, which no input from outside can bring about.
    pub fn new(name: [u8; TICKET_KEY_NAME], secret: &[u8; TICKET_KEY]) -> Result<Self, TransportError> {
        let key = UnboundKey::new(&AES_256_GCM, secret).map_err(|_| no_cryptography())?;
        Ok(Self { name, key: Arc::new(LessSafeKey::new(key)) })
    }

    /// A key that nobody else has.
    ///
    /// # Errors
    /// [`TransportError::Tls`] when the system gives no random bytes.
    pub fn random() -> Result<Self, TransportError> {
        let (mut name, mut secret) = ([0; TICKET_KEY_NAME], zeroize::Zeroizing::new([0; TICKET_KEY]));
        rand::fill(&mut name).map_err(|_| no_cryptography())?;
        rand::fill(secret.as_mut_slice()).map_err(|_| no_cryptography())?;
        Self::new(name, &secret)
    }
}

fn no_cryptography() -> TransportError {
    TransportError::Tls(rustls::Error::FailedToGetRandomBytes)
}

impl fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketKey").finish_non_exhaustive()
    }
}

/// The keys that tickets are sealed and opened with. Clones are one; the keys can be changed while the server runs.
#[derive(Debug, Clone)]
pub struct TicketKeys(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    ring: ArcSwap<Ring>,
    /// How long a client may keep a ticket, in seconds.
    lifetime: u32,
}

#[derive(Debug)]
struct Ring {
    seals: TicketKey,
    opens: Vec<TicketKey>,
}

impl TicketKeys {
    /// Tickets that clients may keep for so many seconds, under a key that nobody else has.
    ///
    /// # Errors
    /// As [`TicketKey::random`].
    pub fn new(lifetime: u32) -> Result<Self, TransportError> {
        let ring = ArcSwap::from_pointee(Ring { seals: TicketKey::random()?, opens: Vec::new() });
        Ok(Self(Arc::new(Inner { ring, lifetime })))
    }

    /// Seals with `seals` from now on, and opens with it and with `others`, of which only the first
    /// [`MOST_TICKET_KEYS`] count.
    pub fn replace(&self, seals: TicketKey, mut others: Vec<TicketKey>) {
        others.truncate(MOST_TICKET_KEYS);
        self.0.ring.store(Arc::new(Ring { seals, opens: others }));
    }
}

impl ProducesTickets for TicketKeys {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        self.0.lifetime
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let ring = self.0.ring.load();
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).ok()?;
        let mut ticket = Vec::with_capacity(TICKET_KEY_NAME + NONCE_LEN + plain.len() + TAG);
        ticket.extend_from_slice(&ring.seals.name);
        ticket.extend_from_slice(&nonce);
        let mut state = plain.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        ring.seals.key.seal_in_place_append_tag(nonce, Aad::from(&ring.seals.name), &mut state).ok()?;
        ticket.append(&mut state);
        (ticket.len() <= LONGEST).then_some(ticket)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        if ticket.len() > LONGEST {
            return None;
        }
        let (name, rest) = ticket.split_first_chunk::<TICKET_KEY_NAME>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let ring = self.0.ring.load();
        // A key's name is public: it needs no comparing in constant time.
        let key = std::iter::once(&ring.seals).chain(&ring.opens).find(|key| key.name == *name)?;
        let mut state = sealed.to_vec();
        let opened = key.key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(name), &mut state).ok()?;
        let length = opened.len();
        state.truncate(length);
        Some(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: &[u8] = b"what the library keeps of a handshake";

    fn key(number: u8) -> TicketKey {
        TicketKey::new([number; TICKET_KEY_NAME], &[number; TICKET_KEY]).unwrap()
    }

    #[test]
    fn those_who_share_keys_open_each_others_tickets_and_nobody_else_does() {
        let (one, two, stranger) =
            (TicketKeys::new(60).unwrap(), TicketKeys::new(60).unwrap(), TicketKeys::new(60).unwrap());
        one.replace(key(1), Vec::new());
        two.replace(key(2), vec![key(1)]);
        let ticket = one.encrypt(STATE).unwrap();
        assert_eq!(two.decrypt(&ticket).as_deref(), Some(STATE));
        assert_eq!(stranger.decrypt(&ticket), None);
        assert_eq!(one.decrypt(&two.encrypt(STATE).unwrap()), None, "sealed with a key it does not know");
        two.replace(key(3), vec![key(2)]);
        assert_eq!(two.decrypt(&ticket), None, "its key is gone");
        assert!(!ticket.windows(8).any(|part| STATE.windows(8).any(|state| state == part)));
    }

    #[test]
    fn a_ticket_of_another_key_under_this_name_is_not_opened() {
        let (ours, other) = (TicketKeys::new(60).unwrap(), TicketKeys::new(60).unwrap());
        ours.replace(TicketKey::new([1; TICKET_KEY_NAME], &[1; TICKET_KEY]).unwrap(), Vec::new());
        other.replace(TicketKey::new([1; TICKET_KEY_NAME], &[2; TICKET_KEY]).unwrap(), Vec::new());
        assert_eq!(ours.decrypt(&other.encrypt(STATE).unwrap()), None);
    }

    #[test]
    fn every_bit_and_every_byte_of_a_ticket_counts() {
        let keys = TicketKeys::new(60).unwrap();
        let ticket = keys.encrypt(STATE).unwrap();
        assert_eq!(keys.decrypt(&ticket).as_deref(), Some(STATE));
        for bit in 0..ticket.len() * 8 {
            let mut altered = ticket.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(keys.decrypt(&altered), None, "bit {bit}");
        }
        for length in 0..ticket.len() {
            assert_eq!(keys.decrypt(&ticket[..length]), None, "{length} bytes");
        }
        let mut longer = ticket;
        longer.resize(LONGEST + 1, 0);
        assert_eq!(keys.decrypt(&longer), None);
    }

    #[test]
    fn no_two_tickets_are_alike_and_none_shows_its_keys() {
        let keys = TicketKeys::new(60).unwrap();
        assert_ne!(keys.encrypt(STATE), keys.encrypt(STATE));
        assert_eq!(keys.encrypt(&vec![0; LONGEST]), None, "too long to be taken back");
        assert!(!format!("{:?} {:?}", keys, key(7)).contains('7'));
    }
}
