//! What can be seen in a certificate itself, and in the order of its chain.

use std::time::{Duration, SystemTime};

use doorward_hygiene::{Hostname, parent_of};

use super::finding::{Finding, Kind};
use super::parsed::{Key, Parsed};
use super::trust::{Trust, path};
use super::view::dates;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest lifetime of a public authority's certificate, in days (CA/Browser Forum ballot SC-31).
const LONGEST_PUBLIC: u64 = 398;
/// The longest that Apple's systems believe of any authority.
const LONGEST_APPLE: u64 = 825;
/// The smallest RSA key, in bits (CA/Browser Forum Baseline Requirements §6.1.5).
const SMALLEST_RSA: usize = 2048;
/// How many names a sentence has room for.
const NAMES_TOLD: usize = 8;

/// What the server's own certificate says of itself.
pub(super) fn leaf(leaf: &Parsed<'_>, host: Option<&Hostname>, now: SystemTime) -> Vec<Finding> {
    let (from, until) = (leaf.facts.not_before, leaf.facts.not_after);
    let mut found = Vec::new();
    if now > until {
        let what = format!("It {}.", dates(from, until, now));
        let mend = "Have it renewed. If it is renewed already, the server still shows the old one: see that it reads the \
                    new file.";
        found.push(Finding::refusal(Kind::Expired, what, mend));
    }
    if now < from {
        let what = format!("It is {}.", dates(from, until, now));
        let mend = "Set this machine's clock, if it is behind; else use it from that day on.";
        found.push(Finding::refusal(Kind::NotYetValid, what, mend));
    }
    found.extend(names(leaf, host));
    found.extend(key(leaf));
    found.extend(purpose(leaf));
    found
}

fn names(leaf: &Parsed<'_>, host: Option<&Hostname>) -> Option<Finding> {
    let names = &leaf.facts.names;
    if names.is_empty() && leaf.is_only_an_authority() {
        return None;
    }
    if names.is_empty() {
        return Some(match leaf.common_name().filter(|name| Hostname::parse(name).is_ok()) {
            Some(name) => Finding::refusal(
                Kind::CommonNameOnly,
                format!("It names {name} as its common name only, where browsers no longer look (RFC 2818 of 2000)."),
                format!(
                    "Have it issued again with a subjectAltName: openssl req … -addext \"subjectAltName=DNS:{name}\""
                ),
            ),
            None => Finding::refusal(
                Kind::NoNames,
                "It names no host.",
                "Have it issued again with the hosts in its subjectAltName.",
            ),
        });
    }
    let host = host?;
    // Browsers take no wildcard directly below a single label.
    let parent = parent_of(host).filter(|parent| parent.contains('.'));
    let is_named = names.iter().any(|name| match host.ip() {
        Some(address) => name.parse() == Ok(address),
        None => name == host.as_str() || (parent.is_some() && name.strip_prefix("*.") == parent),
    });
    if is_named {
        return None;
    }
    let mut told = names.iter().take(NAMES_TOLD).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > NAMES_TOLD {
        told.push_str(", …");
    }
    Some(Finding::refusal(
        Kind::NameMismatch,
        format!("It is not for {host}, but for {told}."),
        format!("Have it issued again with {host} among its names, or open one of those it has."),
    ))
}

fn key(leaf: &Parsed<'_>) -> Option<Finding> {
    match leaf.key() {
        Key::Rsa(bits) if bits < SMALLEST_RSA => Some(Finding::refusal(
            Kind::KeyTooSmall,
            format!("Its RSA key has {bits} bits; browsers want {SMALLEST_RSA}."),
            "Make a new key (openssl ecparam -name prime256v1 -genkey -noout) and have it issued again.",
        )),
        key @ (Key::Ed25519 | Key::Other) => Some(Finding::refusal(
            Kind::KeyUnsupported,
            format!("Its key is {key}, which browsers do not take in a certificate, though other programs may."),
            "Make an ECDSA P-256 key (openssl ecparam -name prime256v1 -genkey -noout) and have it issued again.",
        )),
        Key::Rsa(_) | Key::Ecdsa(_) => None,
    }
}

fn purpose(leaf: &Parsed<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    if leaf.x509.is_ca() {
        let what = "It is an authority's certificate (CA:TRUE), not a server's.";
        let mend =
            "To trust it, import it; to serve, have it sign a certificate for the server (CA:FALSE) and show that.";
        found.push(Finding::refusal(Kind::AuthorityAsServer, what, mend));
    }
    if let Ok(Some(usage)) = leaf.x509.extended_key_usage()
        && !usage.value.server_auth
        && !usage.value.any
    {
        let what = "It is not for servers: serverAuth is missing from its extended key usage.";
        let mend = "Have it issued again for a server: extendedKeyUsage = serverAuth.";
        found.push(Finding::refusal(Kind::NotForServers, what, mend));
    }
    found
}

/// What the chain says: its signatures and its order.
pub(super) fn chain(chain: &[Parsed<'_>]) -> Vec<Finding> {
    let mut found = Vec::new();
    let own = chain.first().is_some_and(|leaf| leaf.x509.is_ca());
    if let Some(place) = chain.iter().position(|parsed| !parsed.x509.is_ca()).filter(|place| own && *place > 0) {
        let what = format!("The server's own certificate is number {}, behind an authority's.", place + 1);
        let mend = "Put it first, then those that lead to its authority, each before its issuer's.";
        found.push(Finding::refusal(Kind::ServerNotFirst, what, mend));
        return found;
    }
    let path = path(chain);
    // The signature on what is trusted anyway is nobody's proof.
    let signed = path.iter().filter_map(|place| chain.get(*place)).filter(|parsed| !parsed.is_self_issued());
    for (parsed, hash) in signed.filter_map(|parsed| Some((parsed, parsed.weak_hash()?))) {
        let what = format!("The signature on {} is over {hash}, which can be forged.", parsed.subject());
        let mend = "Have it issued again with SHA-256 (openssl … -sha256), by an authority that does.";
        found.push(Finding::refusal(Kind::WeakSignature, what, mend));
    }
    if !path.is_sorted() {
        let what = "The certificates are not in order; most browsers find their way, some programs do not.";
        let mend = "The server's own first, then each one's issuer (RFC 8446 §4.4.2).";
        found.push(Finding::remark(Kind::ChainOrder, what, mend));
    }
    if path.len() < chain.len() {
        let what =
            format!("{} certificates in it lead nowhere; they cost time in every handshake.", chain.len() - path.len());
        let mend = "Leave out what is not the issuer of another one in it.";
        found.push(Finding::remark(Kind::Superfluous, what, mend));
    }
    found
}

/// Whether browsers believe that it is good for so long.
pub(super) fn lifetime(leaf: &Parsed<'_>, trust: Trust) -> Option<Finding> {
    let lifetime = leaf.facts.not_after.duration_since(leaf.facts.not_before).unwrap_or_default();
    let days = lifetime.as_secs() / DAY.as_secs();
    let mend = "Have it issued again for 90 days or less, and renewed by itself.";
    if leaf.is_only_an_authority() {
        return None;
    }
    if trust == Trust::System && lifetime > DAY * u32::try_from(LONGEST_PUBLIC).unwrap_or(u32::MAX) {
        let what =
            format!("It is good for {days} days; of a public authority browsers believe {LONGEST_PUBLIC} at most.");
        return Some(Finding::refusal(Kind::LifetimeTooLong, what, mend));
    }
    (days > LONGEST_APPLE).then(|| {
        let what = format!(
            "It is good for {days} days; Safari, and everything on Apple's systems, believes {LONGEST_APPLE} at most."
        );
        Finding::remark(Kind::LifetimeTooLong, what, mend)
    })
}
