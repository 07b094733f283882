//! What an authority sent, examined before anybody is answered with it.
//!
//! Refuses: another key's certificate, other names than the ordered one, one that is not good now, and chains in
//! which one certificate is not signed by the next.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use doorward_hygiene::HostPattern;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

use super::records::KeyText;
use crate::LeafFacts;

/// More than any chain is long.
const LONGEST_CHAIN: usize = 10;
/// How far our clock may be behind the authority's.
const SKEW: Duration = Duration::from_secs(60 * 60);

/// Why a certificate is not put in service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejected {
    #[error("it is no chain of 1 to {LONGEST_CHAIN} certificates in PEM")]
    Pem,
    #[error("its key is not the one that was made for it")]
    Key,
    #[error("it names {0}, not exactly the name that was ordered")]
    Names(String),
    #[error("it has expired, or is not good yet: check this machine's clock")]
    Dates,
    #[error("its chain does not hold: {0}")]
    Chain(String),
}

/// A certificate that may be put in service.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    pub(crate) certified: Arc<CertifiedKey>,
    pub(crate) facts: LeafFacts,
}

impl Checked {
    pub(crate) fn leaf(&self) -> Option<&CertificateDer<'static>> {
        self.certified.cert.first()
    }
}

/// Reads a certificate that was examined when it came: its key and names are looked at again, since files change.
pub(crate) fn kept(chain: &str, key: &KeyText, name: &HostPattern) -> Result<Checked, Rejected> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(chain.as_bytes())
        .take(LONGEST_CHAIN + 1)
        .collect::<Result<_, _>>()
        .map_err(|_| Rejected::Pem)?;
    let leaf = match chain.first() {
        Some(leaf) if chain.len() <= LONGEST_CHAIN => leaf.clone(),
        _ => return Err(Rejected::Pem),
    };
    let key = PrivateKeyDer::from_pem_slice(key.pem().as_bytes()).map_err(|_| Rejected::Key)?;
    let facts = LeafFacts::of(&leaf).map_err(|_| Rejected::Pem)?;
    // `from_der` matches the key with the certificate.
    let certified = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(|_| Rejected::Key)?;
    if facts.names != [name.to_string()] {
        return Err(Rejected::Names(super::problem::quote(&facts.names.join(", "))));
    }
    Ok(Checked { certified: Arc::new(certified), facts })
}

/// Examines a certificate that has just come.
pub(crate) fn received(chain: &str, key: &KeyText, name: &HostPattern, now: SystemTime) -> Result<Checked, Rejected> {
    let checked = kept(chain, key, name)?;
    let facts = &checked.facts;
    if facts.not_after <= now || facts.not_before > now.checked_add(SKEW).unwrap_or(now) {
        return Err(Rejected::Dates);
    }
    chain_holds(&checked.certified.cert, name, now.max(facts.not_before))?;
    Ok(checked)
}

/// Each is issued by the next, and a path of good signatures leads from the first to the last.
fn chain_holds(chain: &[CertificateDer<'static>], name: &HostPattern, now: SystemTime) -> Result<(), Rejected> {
    let [leaf, above @ ..] = chain else { return Err(Rejected::Pem) };
    let Some(last) = above.last() else {
        // Its issuer is one that clients have: nothing is left to examine.
        return Ok(());
    };
    let broken = |what: String| Rejected::Chain(super::problem::quote(&what));
    for (one, next) in chain.iter().zip(above) {
        let parse = |der| x509_parser::parse_x509_certificate(der).map_err(|_| Rejected::Pem);
        let ((_, one), (_, next)) = (parse(one)?, parse(next)?);
        if one.issuer().as_raw() != next.subject().as_raw() {
            return Err(broken(format!("{} is not the issuer of {}", next.subject(), one.subject())));
        }
    }
    let mut roots = RootCertStore::empty();
    roots.add(last.clone()).map_err(|error| broken(error.to_string()))?;
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), aws_lc_rs::default_provider().into())
        .build()
        .map_err(|error| broken(error.to_string()))?;
    let host = match name {
        HostPattern::Exact(host) => host.to_string(),
        HostPattern::Below(parent) => format!("any.{parent}"),
    };
    let server = ServerName::try_from(host).map_err(|error| broken(error.to_string()))?;
    let now = UnixTime::since_unix_epoch(now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default());
    verifier.verify_server_cert(leaf, above, &server, &[], now).map(|_| ()).map_err(|error| broken(error.to_string()))
}

#[cfg(test)]
mod tests;
