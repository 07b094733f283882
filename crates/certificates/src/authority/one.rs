//! One authority: its certificate, its key, and what it may name.
//!
//! Refuses: a file that does not hold a whole authority.

use std::fs;
use std::time::{Duration, SystemTime};

use doorward_hygiene::HostPattern;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PublicKeyData as _,
};
use rustls_pki_types::CertificateDer;

use super::constraints::Constraints;
use crate::CertificatesError;
use crate::leaf::Validity;
use crate::pem_file::{KeyAndChain, PemFile};

const LIFETIME: Duration = Duration::from_secs(3650 * 24 * 60 * 60);
/// The longest part of the authority's name that the machine's name makes up; a common name has 64 (RFC 5280
/// appendix A.1).
const LONGEST_HOSTNAME: usize = 25;

/// One authority.
pub(crate) struct Authority {
    /// Its place among ours, from 1: that of its files.
    pub(crate) place: usize,
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) validity: Validity,
    pub(crate) issuer: Issuer<'static, KeyPair>,
    pub(crate) constraints: Constraints,
}

impl Authority {
    pub(crate) fn from_file(place: usize, content: KeyAndChain, file: &PemFile<'_>) -> Result<Self, CertificatesError> {
        let KeyAndChain { key, chain } = content;
        let certificate = chain.into_iter().next().ok_or_else(|| file.damaged("it holds no certificate", None))?;
        let (_, parsed) = x509_parser::parse_x509_certificate(&certificate)
            .map_err(|error| file.damaged("its certificate is broken", Some(error.into())))?;
        if parsed.public_key().raw != key.subject_public_key_info() {
            return Err(file.damaged("its key belongs to another certificate", None));
        }
        if !parsed.is_ca() {
            return Err(file.damaged("its certificate is not an authority's", None));
        }
        let (validity, constraints) = (Validity::of(&parsed), Constraints::of(&parsed));
        let issuer = Issuer::from_ca_cert_der(&certificate, key)?;
        Ok(Self { place, certificate: certificate.clone(), validity, issuer, constraints })
    }

    /// Whether a certificate of this authority for this host would be accepted.
    pub(crate) fn may_name(&self, host: &HostPattern) -> bool {
        self.constraints.permit(host)
    }
}

/// A new authority: ECDSA P-256, good for ten years, for servers' certificates only (path length 0), and for these
/// hosts and their neighbours only.
pub(crate) fn generate(place: usize, hosts: &[HostPattern], now: SystemTime) -> Result<KeyAndChain, CertificatesError> {
    let key = KeyPair::generate()?;
    let validity = Validity::from(now, LIFETIME);
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name(place, validity));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Constraints::around(hosts).extension();
    validity.put_into(&mut params);
    let certificate = params.self_signed(&key)?;
    Ok(KeyAndChain { key, chain: vec![certificate.der().clone()] })
}

/// What the authority is called in lists of authorities, where there may be those of several machines.
fn name(place: usize, validity: Validity) -> String {
    let date = validity.first_day();
    let which = if place == 1 { String::new() } else { format!(" {place}") };
    match hostname() {
        Some(host) => format!("Doorward local authority{which} {host}/{date}"),
        None => format!("Doorward local authority{which} {date}"),
    }
}

/// The machine's name, as far as it is worth reading.
fn hostname() -> Option<String> {
    let text = fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| fs::read_to_string("/etc/hostname")).ok()?;
    let name: String = text
        .chars()
        .filter(|character| character.is_ascii_alphanumeric() || matches!(character, '-' | '.'))
        .take(LONGEST_HOSTNAME)
        .collect();
    (!name.is_empty()).then_some(name)
}
