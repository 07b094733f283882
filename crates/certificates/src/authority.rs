//! The local authority: made once, so that one import makes a machine trust every certificate it issues.
//!
//! Refuses: a file that does not hold a whole authority. It is never replaced, for whoever trusts it would be lost;
//! only an authority that has expired, which nobody trusts any more, makes way for a new one.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use doorward_hygiene::HostPattern;
use doorward_private_files::PrivateFolder;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PublicKeyData as _,
};
use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;

use crate::CertificatesError;
use crate::leaf::{self, Validity};
use crate::pem_file::{KeyAndChain, PemFile, certificate_pem};

const FOLDER: &str = "certificates";
const FILE: &str = "authority.private.pem";
const COST: &str = "a new authority is made, which browsers must be told to trust again";
const LIFETIME: Duration = Duration::from_secs(3650 * 24 * 60 * 60);
/// The longest part of the authority's name that the machine's name makes up; a common name has 64 (RFC 5280
/// appendix A.1).
const LONGEST_HOSTNAME: usize = 25;

/// An authority of this machine's own, kept under `data_dir`.
pub struct LocalAuthority {
    folder: PathBuf,
    certificate: CertificateDer<'static>,
    validity: Validity,
    issuer: Issuer<'static, KeyPair>,
}

impl LocalAuthority {
    /// Reads the authority from `data_dir/certificates`, or makes one there: ECDSA P-256, good for ten years, for
    /// servers' certificates only (path length 0).
    ///
    /// # Errors
    /// [`CertificatesError::Damaged`] when the file does not hold an authority, [`CertificatesError::File`],
    /// [`CertificatesError::Issue`].
    pub fn open_or_create(data_dir: &Path, now: SystemTime) -> Result<Self, CertificatesError> {
        let folder = data_dir.join(FOLDER);
        let locked = PrivateFolder::lock(&folder)?;
        let file = PemFile::new(&locked, FILE, COST);
        if let Some(content) = file.read()? {
            let authority = Self::from_file(folder.clone(), content, &file)?;
            if now < authority.validity.until {
                return Ok(authority);
            }
            tracing::warn!(file = %file.path().display(), "the local authority has expired; a new one is made");
        }
        let content = generate(now)?;
        file.write(&content)?;
        Self::from_file(folder, content, &file)
    }

    /// The authority's certificate as PEM, for importing; the key is not in it.
    pub fn pem(&self) -> String {
        certificate_pem(&self.certificate)
    }

    /// A certificate that names all `hosts`, good for 90 days: the one kept from the last time, as long as it names
    /// the same hosts and has more than 30 days left, else a new one.
    ///
    /// # Errors
    /// [`CertificatesError::NoHosts`], [`CertificatesError::Damaged`], [`CertificatesError::File`],
    /// [`CertificatesError::Issue`].
    pub fn issue(&self, hosts: &[HostPattern], now: SystemTime) -> Result<Arc<CertifiedKey>, CertificatesError> {
        leaf::reuse_or_issue(&PrivateFolder::lock(&self.folder)?, self, hosts, now)
    }

    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    pub(crate) fn validity(&self) -> Validity {
        self.validity
    }

    pub(crate) fn issuer(&self) -> &Issuer<'static, KeyPair> {
        &self.issuer
    }

    fn from_file(folder: PathBuf, content: KeyAndChain, file: &PemFile<'_>) -> Result<Self, CertificatesError> {
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
        let validity = Validity::of(&parsed);
        let issuer = Issuer::from_ca_cert_der(&certificate, key)?;
        Ok(Self { folder, certificate: certificate.clone(), validity, issuer })
    }
}

impl fmt::Debug for LocalAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalAuthority").field("folder", &self.folder).finish_non_exhaustive()
    }
}

fn generate(now: SystemTime) -> Result<KeyAndChain, CertificatesError> {
    let key = KeyPair::generate()?;
    let validity = Validity::from(now, LIFETIME);
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name(validity));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    validity.put_into(&mut params);
    let certificate = params.self_signed(&key)?;
    Ok(KeyAndChain { key, chain: vec![certificate.der().clone()] })
}

/// What the authority is called in lists of authorities, where there may be those of several machines.
fn name(validity: Validity) -> String {
    let date = validity.first_day();
    match hostname() {
        Some(host) => format!("Doorward local authority {host}/{date}"),
        None => format!("Doorward local authority {date}"),
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

#[cfg(test)]
mod tests;
