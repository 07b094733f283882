//! Certificates ordered from an authority, beside the table: each is put in service by itself, while others answer.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use doorward_hygiene::HostPattern;
use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;

use crate::CertificatesError;

/// What a server's certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafFacts {
    /// The DNS names (perhaps with one leading `*.`) and IP addresses of its subjectAltName, in lower case.
    pub names: Vec<String>,
    /// Who issued it.
    pub issuer: String,
    /// From when it is good.
    pub not_before: SystemTime,
    /// Until when.
    pub not_after: SystemTime,
}

impl LeafFacts {
    /// Reads them from a certificate.
    ///
    /// # Errors
    /// What is no certificate.
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Self, CertificatesError> {
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate)
            .map_err(|error| CertificatesError::Acme(error.to_string()))?;
        let time = |time: x509_parser::time::ASN1Time| {
            SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(u64::try_from(time.timestamp()).unwrap_or_default())
        };
        let names = match parsed.subject_alternative_name() {
            Ok(Some(extension)) => extension
                .value
                .general_names
                .iter()
                .filter_map(|name| match name {
                    x509_parser::prelude::GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        };
        let validity = parsed.validity();
        Ok(Self {
            names,
            issuer: parsed.issuer().to_string(),
            not_before: time(validity.not_before),
            not_after: time(validity.not_after),
        })
    }
}

/// Puts ordered certificates in service, and takes them out. Clones are one.
#[derive(Clone)]
pub struct Obtained(Arc<ArcSwap<HashMap<String, Arc<CertifiedKey>>>>);

impl Obtained {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    #[allow(clippy::needless_pass_by_value, reason = "it is kept")]
    /// Puts this certificate in service for its name, in place of the one before; open connections keep theirs.
    pub fn publish(&self, name: &HostPattern, key: Arc<CertifiedKey>, _facts: LeafFacts) {
        self.0.rcu(|map| {
            let mut map = HashMap::clone(map);
            map.insert(name.to_string(), Arc::clone(&key));
            map
        });
    }

    /// Takes the certificate of this name out of service.
    pub fn withdraw(&self, name: &HostPattern) {
        self.0.rcu(|map| {
            let mut map = HashMap::clone(map);
            map.remove(&name.to_string());
            map
        });
    }

    pub(crate) fn find(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let map = self.0.load();
        let wildcard = || map.get(&format!("*.{}", name.split_once('.')?.1));
        map.get(name).or_else(wildcard).cloned()
    }
}

impl fmt::Debug for Obtained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Obtained").finish_non_exhaustive()
    }
}
