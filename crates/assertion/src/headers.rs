//! The visitor in plain headers, for upstreams that trust their network.
//!
//! Refuses: values that could be read as two headers or as two groups, and ones too long for an upstream to take.

use doorward_identity::{Email, Identity};
use http::{HeaderName, HeaderValue};

/// The longest value sent, in bytes. A header upstreams refuse would lock the person out; one cut short would
/// say something else than the provider did.
const LONGEST: usize = 8 * 1024;

const SUBJECT: HeaderName = HeaderName::from_static("x-doorward-claim-sub");
const EMAIL: HeaderName = HeaderName::from_static("x-doorward-claim-email");
const NAME: HeaderName = HeaderName::from_static("x-doorward-claim-name");
const GROUPS: HeaderName = HeaderName::from_static("x-doorward-claim-groups");

/// `X-Doorward-Claim-Sub`, `-Email` (only when the provider vouches for it), `-Name`, `-Groups` (separated by
/// commas).
///
/// What is not visible ASCII is percent-encoded as UTF-8 (RFC 3986 §2.1), and so is `%` itself, and a comma
/// within a group: decoding after splitting gives back exactly what the provider said. Spaces stay, but for
/// those at either end. A value over 8 KiB is left out.
pub fn identity_headers(who: &Identity) -> Vec<(HeaderName, HeaderValue)> {
    let groups: Vec<_> = who.groups.iter().map(|group| encode(group, b",")).collect();
    [
        (SUBJECT, Some(encode(&who.subject.id, b""))),
        (EMAIL, who.email.verified().map(Email::as_str).map(|email| encode(email, b""))),
        (NAME, who.name.as_deref().map(|name| encode(name, b""))),
        (GROUPS, (!groups.is_empty()).then(|| groups.join(","))),
    ]
    .into_iter()
    .filter_map(|(name, value)| {
        let value = value.filter(|value| value.len() <= LONGEST)?;
        Some((name, HeaderValue::try_from(value).ok()?))
    })
    .collect()
}

fn encode(text: &str, also: &[u8]) -> String {
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
    use doorward_identity::{Claims, Groups, Subject, VerifiedEmail};
    use std::time::SystemTime;

    fn who(name: &str, groups: &[&str], email: VerifiedEmail) -> Identity {
        Identity {
            subject: Subject { issuer: "doorward".to_owned(), id: "alice-1".to_owned() },
            email,
            name: Some(name.to_owned()),
            groups: Groups::new(groups.iter().map(|group| (*group).to_owned())),
            claims: Claims::default(),
            authenticated_at: SystemTime::UNIX_EPOCH,
        }
    }

    fn value(who: &Identity, name: &HeaderName) -> Option<String> {
        let headers = identity_headers(who);
        let mut found = headers.iter().filter(|(candidate, _)| candidate == name);
        let value = found.next().map(|(_, value)| value.to_str().unwrap().to_owned());
        assert!(found.next().is_none(), "one header each");
        value
    }

    #[test]
    fn plain_values_stay_plain() {
        let email = VerifiedEmail::Verified(Email::parse("alice@example.com").unwrap());
        let alice = who("Alice B. O'Hara", &["editors", "night shift"], email);
        assert_eq!(value(&alice, &SUBJECT).as_deref(), Some("alice-1"));
        assert_eq!(value(&alice, &EMAIL).as_deref(), Some("alice@example.com"));
        assert_eq!(value(&alice, &NAME).as_deref(), Some("Alice B. O'Hara"));
        assert_eq!(value(&alice, &GROUPS).as_deref(), Some("editors,night shift"));
    }

    #[test]
    fn nothing_said_by_a_provider_makes_a_second_header_or_group() {
        let mallory =
            who("a\r\nX-Doorward-Claim-Email: ceo@example.com", &["users,admins", "50%", " x "], VerifiedEmail::Absent);
        assert_eq!(value(&mallory, &NAME).as_deref(), Some("a%0D%0AX-Doorward-Claim-Email: ceo@example.com"));
        assert_eq!(value(&mallory, &GROUPS).as_deref(), Some("users%2Cadmins,50%25,%20x%20"));
        assert_eq!(value(&mallory, &EMAIL), None);
        assert_eq!(value(&who("Ünal\0\u{7f}", &[], VerifiedEmail::Absent), &NAME).as_deref(), Some("%C3%9Cnal%00%7F"));
    }

    #[test]
    fn an_address_nobody_vouches_for_is_not_sent() {
        let email = VerifiedEmail::Unverified(Email::parse("ceo@example.com").unwrap());
        assert_eq!(value(&who("x", &[], email), &EMAIL), None);
    }

    #[test]
    fn what_is_absent_or_too_long_is_left_out_whole() {
        let long = "g".repeat(LONGEST);
        assert_eq!(value(&who("x", &[], VerifiedEmail::Absent), &GROUPS), None);
        assert_eq!(value(&who("x", &[&long], VerifiedEmail::Absent), &GROUPS), Some(long.clone()));
        assert_eq!(value(&who("x", &[&long, "h"], VerifiedEmail::Absent), &GROUPS), None);
    }
}
