//! Who vouches for a certificate, and if nobody does, where the way to an authority breaks off.

use std::time::{SystemTime, UNIX_EPOCH};

use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::aws_lc_rs;
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, RootCertStore};
use rustls_pki_types::{CertificateDer, UnixTime};
use serde::Serialize;

use super::Subject;
use super::finding::{Finding, Kind};
use super::parsed::Parsed;

/// Who vouches for a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// An authority the system trusts.
    System,
    /// This machine's own authority.
    Local,
    /// None that is known here.
    Nobody,
}

/// The places of the certificates from the server's own to the last issuer that was given, by their names.
pub(super) fn path(chain: &[Parsed<'_>]) -> Vec<usize> {
    let mut path = Vec::new();
    let mut next = (!chain.is_empty()).then_some(0);
    while let Some((place, parsed)) = next.and_then(|place| Some((place, chain.get(place)?))) {
        path.push(place);
        let is_issuer = |(other, issuer): &(usize, &Parsed<'_>)| !path.contains(other) && parsed.is_issued_by(issuer);
        next = if parsed.is_self_issued() { None } else { chain.iter().enumerate().find(is_issuer).map(|(at, _)| at) };
    }
    path
}

/// Looks for an authority that vouches for the chain.
pub(super) fn judge(subject: &Subject<'_>, chain: &[Parsed<'_>], now: SystemTime) -> (Trust, Option<Finding>) {
    let Some(leaf) = chain.first() else { return (Trust::Nobody, None) };
    // Its own dates are judged elsewhere; whose it is does not change when they are past.
    let at = now.clamp(leaf.facts.not_before, leaf.facts.not_after.max(leaf.facts.not_before));
    let mut local = RootCertStore::empty();
    local.add_parsable_certificates(subject.local.iter().cloned());
    match (verify(subject.chain, subject.system, at), verify(subject.chain, &local, at)) {
        (Ok(()), _) => (Trust::System, None),
        (_, Ok(())) => {
            let what = "It is from this machine's own authority: browsers accept it where that is trusted, and warn elsewhere.";
            let mend = "Trust the authority, once for all routes: doorward certificate authority --install-help";
            (Trust::Local, Some(Finding::remark(Kind::LocalAuthority, what, mend)))
        }
        (Err(error), Err(of_local)) => {
            // The better reason is the one of whoever issued it.
            let better = if is_unknown(&error) && !is_unknown(&of_local) { of_local } else { error };
            (Trust::Nobody, explain(&better, subject, chain, at))
        }
    }
}

fn is_unknown(error: &rustls::Error) -> bool {
    matches!(error, rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature))
}

fn verify(chain: &[CertificateDer<'_>], roots: &RootCertStore, at: SystemTime) -> Result<(), rustls::Error> {
    let Some((leaf, rest)) = chain.split_first() else { return Err(CertificateError::BadEncoding.into()) };
    let leaf = ParsedCertificate::try_from(leaf)?;
    let at = UnixTime::since_unix_epoch(at.duration_since(UNIX_EPOCH).unwrap_or_default());
    let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
    verify_server_cert_signed_by_trust_anchor(&leaf, roots, rest, at, algorithms.all)
}

fn explain(error: &rustls::Error, subject: &Subject<'_>, chain: &[Parsed<'_>], at: SystemTime) -> Option<Finding> {
    let on_the_way = || path(chain).into_iter().filter_map(|place| chain.get(place));
    let rustls::Error::InvalidCertificate(error) = error else { return Some(otherwise(error)) };
    match error {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            Some(no_authority(subject, on_the_way().next_back()?))
        }
        CertificateError::ExpiredContext { .. } | CertificateError::NotValidYetContext { .. } => {
            let stale = on_the_way().find(|parsed| at > parsed.facts.not_after || at < parsed.facts.not_before);
            let whose = stale.map_or_else(|| "a certificate".to_owned(), Parsed::subject);
            let what = format!("{whose}, which leads to its authority, is out of date.");
            let mend = "Take the intermediate certificates that the authority offers now.";
            Some(Finding::refusal(Kind::IssuerExpired, what, mend))
        }
        // Found, and said better, where the certificate itself is looked at.
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => None,
        _ if chain.iter().any(|parsed| parsed.weak_hash().is_some()) => None,
        CertificateError::Other(other) => match other.to_string().as_str() {
            "CaUsedAsEndEntity" => on_the_way()
                .next()
                .filter(|leaf| leaf.is_self_issued() && !leaf.is_only_an_authority())
                .map(self_signed),
            "NameConstraintViolation" => {
                let issuer = on_the_way().next_back().map_or_else(String::new, |last| last.facts.issuer.clone());
                let what = format!("Its authority ({issuer}) must not vouch for all of the hosts it names.");
                let mend = "Have it issued by another authority, or for the hosts this one may name.";
                Some(Finding::refusal(Kind::OutsideConstraints, what, mend))
            }
            _ => Some(otherwise(error)),
        },
        _ => Some(otherwise(error)),
    }
}

/// Why nobody vouches for it: `last` is the last certificate on the way.
fn no_authority(subject: &Subject<'_>, last: &Parsed<'_>) -> Finding {
    let is_leaf = subject.chain.first() == Some(last.der);
    if last.is_self_issued() && is_leaf {
        return self_signed(last);
    }
    let issuer = &last.facts.issuer;
    if let Some(url) = last.issuer_at().filter(|_| !last.is_self_issued()) {
        let what =
            format!("What leads to its authority is missing: the certificate of {issuer} was not given with it.");
        let mend = format!(
            "Use the full chain (fullchain.pem), the server's own certificate first. The one that is missing is at {url}. \
             Browsers that have seen it elsewhere may accept it all the same, programs will not."
        );
        return Finding::refusal(Kind::MissingIntermediate, what, mend);
    }
    let name = last.x509.issuer().as_raw();
    // A trust anchor keeps a name without the few bytes that say how long it is.
    let known = |anchor: &[u8]| !anchor.is_empty() && name.strip_suffix(anchor).is_some_and(|head| head.len() <= 4);
    if subject.system.roots.iter().any(|root| known(&root.subject)) {
        let what = format!("An authority named {issuer} is known, but it did not sign this certificate.");
        let mend = "Have it issued again by that authority, or see whether it was made anew and trust the new one.";
        return Finding::refusal(Kind::UnknownAuthority, what, mend);
    }
    let what = format!("Its authority, {issuer}, is not one that this system trusts.");
    let mend = "If it is your own, trust it on every machine that is to visit; else take a certificate of a public one \
                (autocert: true).";
    Finding::refusal(Kind::UnknownAuthority, what, mend)
}

fn self_signed(leaf: &Parsed<'_>) -> Finding {
    Finding::refusal(
        Kind::SelfSigned,
        format!("It is self-signed: {} vouches for itself.", leaf.subject()),
        "Take one of an authority (autocert: true), or leave certificates out of the configuration: Doorward's own \
         authority then signs them, and is trusted once for all routes.",
    )
}

fn otherwise(error: &impl ToString) -> Finding {
    let what = format!("It is refused: {}.", error.to_string());
    Finding::refusal(Kind::Refused, what, "Have it issued again.")
}
