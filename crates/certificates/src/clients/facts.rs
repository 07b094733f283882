//! What a certificate says, for policies, logs and upstreams; and whether one of its names is asked for.
//!
//! Refuses: to let a name pass that holds control characters, and patterns that match a part of a name only.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use doorward_config::{NameKind, NameMatch};
use doorward_identity::ClientCertificate;
use regex::Regex;
use rustls_pki_types::CertificateDer;
use x509_parser::asn1_rs::{Any, FromDer as _, Tag, oid};
use x509_parser::prelude::{GeneralName, X509Certificate};
use x509_parser::x509::X509Name;

use super::error::InvalidClientTrust;
use super::refusal::Refusal;

/// The longest name of anybody that goes into a log or onto a page.
const LONGEST_SHOWN: usize = 200;

/// What the certificate says; of one that cannot be read, its fingerprint alone.
pub(super) fn read(certificate: &CertificateDer<'_>) -> ClientCertificate {
    let mut facts = ClientCertificate {
        fingerprint: hex(digest(&SHA256, certificate).as_ref()),
        spki_hash: String::new(),
        subject: String::new(),
        san_dns: Vec::new(),
        san_email: Vec::new(),
        san_uri: Vec::new(),
        not_after: UNIX_EPOCH,
    };
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(certificate) else { return facts };
    facts.spki_hash = STANDARD.encode(digest(&SHA256, parsed.public_key().raw));
    facts.subject = shown(parsed.subject());
    facts.not_after = time(parsed.validity().not_after);
    for (kind, name) in names(&parsed) {
        match kind {
            NameKind::Dns => facts.san_dns.push(name),
            NameKind::Email => facts.san_email.push(name),
            NameKind::Uri => facts.san_uri.push(name),
            NameKind::IpAddress | NameKind::UserPrincipalName => {}
        }
    }
    facts
}

/// A moment of a certificate.
pub(super) fn time(time: x509_parser::time::ASN1Time) -> SystemTime {
    let seconds = Duration::from_secs(u64::try_from(time.timestamp()).unwrap_or_default());
    UNIX_EPOCH.checked_add(seconds).unwrap_or(UNIX_EPOCH)
}

/// A distinguished name for people: whoever wrote it, it stays on one line and short.
pub(super) fn shown(name: &X509Name<'_>) -> String {
    let text = name.to_string();
    let tidy: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(LONGEST_SHOWN).collect();
    if tidy.is_empty() { "(no name)".into() } else { tidy }
}

/// The names a certificate has to have one of.
pub(super) struct Names(Vec<(NameKind, Regex)>);

impl Names {
    /// Anchors each pattern by itself: inside one pair of anchors, `a|b` would match what only begins with `a`.
    pub(super) fn new(wanted: &[NameMatch]) -> Result<Self, InvalidClientTrust> {
        let anchored = wanted.iter().enumerate().map(|(index, wanted)| {
            let pattern = Regex::new(&format!(r"\A(?:{})\z", wanted.pattern.as_str()))
                .map_err(|source| InvalidClientTrust::Pattern { number: index + 1, source })?;
            Ok((wanted.kind, pattern))
        });
        anchored.collect::<Result<_, _>>().map(Self)
    }

    /// Whether the certificate has one of them; none wanted is always had.
    pub(super) fn one_of(&self, certificate: &CertificateDer<'_>) -> Result<(), Refusal> {
        if self.0.is_empty() {
            return Ok(());
        }
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate).map_err(|_| Refusal::Unreadable)?;
        let wanted = |(kind, name): &(NameKind, String)| {
            self.0.iter().any(|(wanted, pattern)| wanted == kind && pattern.is_match(name))
        };
        if names(&parsed).iter().any(wanted) { Ok(()) } else { Err(Refusal::NoName) }
    }
}

/// The names of its subjectAltName that are of a kind we know.
fn names(certificate: &X509Certificate<'_>) -> Vec<(NameKind, String)> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let known = extension.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some((NameKind::Dns, (*name).to_owned())),
        GeneralName::RFC822Name(name) => Some((NameKind::Email, (*name).to_owned())),
        GeneralName::URI(name) => Some((NameKind::Uri, (*name).to_owned())),
        GeneralName::IPAddress(bytes) => Some((NameKind::IpAddress, address(bytes)?)),
        GeneralName::OtherName(kind, value) if *kind == oid!(1.3.6.1.4.1.311.20.2.3) => {
            Some((NameKind::UserPrincipalName, principal(value)?))
        }
        _ => None,
    });
    known.filter(|(_, name)| !name.chars().any(char::is_control)).collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    match <[u8; 4]>::try_from(bytes) {
        Ok(bytes) => Some(Ipv4Addr::from(bytes).to_string()),
        Err(_) => <[u8; 16]>::try_from(bytes).ok().map(|bytes| Ipv6Addr::from(bytes).to_string()),
    }
}

/// The UTF8String inside the `[0] EXPLICIT` of an `otherName` (RFC 5280 §4.2.1.6).
fn principal(value: &[u8]) -> Option<String> {
    let (_, outer) = Any::from_der(value).ok()?;
    let (_, inner) = Any::from_der(outer.data).ok()?;
    if outer.tag() != Tag(0) || inner.tag() != Tag::Utf8String {
        return None;
    }
    std::str::from_utf8(inner.data).ok().map(str::to_owned)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
