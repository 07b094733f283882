//! Whether a browser would accept a certificate, and why not: a chain and what is trusted go in, findings come out.
//! No network, no files, no clock.
//!
//! Refuses: input without a certificate, and more of it than any server shows.

mod checks;
mod finding;
mod parsed;
mod read;
mod trust;
mod view;

use std::time::SystemTime;

use doorward_hygiene::Hostname;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use serde::Serialize;

pub use finding::{Finding, Kind};
pub use read::{InspectError, read};
pub use trust::Trust;
pub use view::CertificateView;

use parsed::Parsed;

/// What is to be judged, and by what.
#[derive(Debug)]
pub struct Subject<'a> {
    /// As a server shows it, or as a file holds it: the server's own certificate first.
    pub chain: &'a [CertificateDer<'static>],
    /// The host it was shown for; without one, no name is looked for.
    pub host: Option<&'a Hostname>,
    /// The authorities the system trusts.
    pub system: &'a RootCertStore,
    /// This machine's own authorities.
    pub local: &'a [CertificateDer<'static>],
}

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// Whether a browser that trusts the authority would accept it.
    pub acceptable: bool,
    /// Who vouches for it.
    pub trust: Trust,
    /// What there is to say, what a browser refuses it for first.
    pub findings: Vec<Finding>,
    /// Every certificate, in the order it was given.
    pub chain: Vec<CertificateView>,
}

/// Judges a chain as browsers do.
///
/// # Errors
/// [`InspectError`] when there is no certificate, or more than 32, or one of them cannot be read.
pub fn inspect(subject: &Subject<'_>, now: SystemTime) -> Result<Inspection, InspectError> {
    read::within_limits(subject.chain)?;
    let chain = (1..).zip(subject.chain).map(|(place, der)| Parsed::of(place, der)).collect::<Result<Vec<_>, _>>()?;
    let Some(leaf) = chain.first() else { return Err(InspectError::Empty) };
    let mut findings = checks::leaf(leaf, subject.host, now);
    findings.extend(checks::chain(&chain));
    let (trust, about_trust) = trust::judge(subject, &chain, now);
    findings.extend(about_trust);
    findings.extend(checks::lifetime(leaf, trust));
    findings.sort_by_key(|finding| !finding.refused);
    Ok(Inspection {
        acceptable: !findings.iter().any(|finding| finding.refused),
        trust,
        findings,
        chain: chain.iter().map(|parsed| CertificateView::of(parsed, now)).collect(),
    })
}

#[cfg(test)]
mod tests;
