//! The certificate the local authority issues for our hosts.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use doorward_hygiene::{HostPattern, Hostname};
use doorward_private_files::PrivateFolder;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PublicKeyData as _, SanType, date_time_ymd,
};
use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use rustls_pki_types::PrivateKeyDer;
use x509_parser::prelude::{GeneralName, X509Certificate};

use crate::pem_file::{KeyAndChain, PemFile};
use crate::{CertificatesError, LocalAuthority};

const FILE: &str = "server.private.pem";
const COST: &str = "a new certificate is issued at the next start, by the same authority";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// One with less than this left is replaced.
const REPLACE_BEFORE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// The longest common name (RFC 5280 appendix A.1).
const LONGEST_COMMON_NAME: usize = 64;

/// The certificate kept in the folder if it will do, else a new one, which is kept from then on.
pub(crate) fn reuse_or_issue(
    folder: &PrivateFolder,
    authority: &LocalAuthority,
    hosts: &[HostPattern],
    now: SystemTime,
) -> Result<Arc<CertifiedKey>, CertificatesError> {
    let hosts: BTreeSet<&HostPattern> = hosts.iter().collect();
    if hosts.is_empty() {
        return Err(CertificatesError::NoHosts);
    }
    let file = PemFile::new(folder, FILE, COST);
    if let Some(kept) = file.read()?
        && will_do(&kept, authority, &hosts, now, &file)?
    {
        return certified(kept, &file);
    }
    let issued = issue(authority, &hosts, now)?;
    file.write(&issued)?;
    tracing::info!(hosts = hosts.len(), "the local authority issued a certificate");
    certified(issued, &file)
}

/// From when until when a certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Validity {
    /// Seconds since 1970.
    from: u64,
    pub(crate) until: SystemTime,
}

impl Validity {
    /// From a day ago, for clients whose clock is behind, for this long.
    pub(crate) fn from(now: SystemTime, lifetime: Duration) -> Self {
        let from = now.duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(DAY).as_secs();
        Self { from, until: now.checked_add(lifetime).unwrap_or(now) }
    }

    pub(crate) fn of(certificate: &X509Certificate<'_>) -> Self {
        let seconds = |time: x509_parser::time::ASN1Time| u64::try_from(time.timestamp()).unwrap_or_default();
        let validity = certificate.validity();
        let until = UNIX_EPOCH.checked_add(Duration::from_secs(seconds(validity.not_after))).unwrap_or(UNIX_EPOCH);
        Self { from: seconds(validity.not_before), until }
    }

    pub(crate) fn put_into(self, params: &mut CertificateParams) {
        let epoch = date_time_ymd(1970, 1, 1);
        params.not_before = epoch + Duration::from_secs(self.from);
        params.not_after =
            epoch + Duration::from_secs(self.until.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs());
    }

    /// The day it was made, as `2027-01-31`.
    pub(crate) fn first_day(self) -> String {
        (date_time_ymd(1970, 1, 1) + Duration::from_secs(self.from) + DAY).date().to_string()
    }
}

fn will_do(
    kept: &KeyAndChain,
    authority: &LocalAuthority,
    hosts: &BTreeSet<&HostPattern>,
    now: SystemTime,
    file: &PemFile<'_>,
) -> Result<bool, CertificatesError> {
    // The authority's certificate is kept beside it, to see that it is still the same one.
    let [leaf, issuer] = kept.chain.as_slice() else { return Ok(false) };
    let (_, parsed) = x509_parser::parse_x509_certificate(leaf)
        .map_err(|error| file.damaged("its certificate is broken", Some(error.into())))?;
    if parsed.public_key().raw != kept.key.subject_public_key_info() {
        return Err(file.damaged("its key belongs to another certificate", None));
    }
    let validity = Validity::of(&parsed);
    let left = validity.until.duration_since(now).unwrap_or_default();
    let begun = UNIX_EPOCH.checked_add(Duration::from_secs(validity.from)).is_some_and(|from| from <= now);
    Ok(issuer == authority.certificate() && begun && left > REPLACE_BEFORE && names(&parsed) == expected_names(hosts))
}

/// What the certificate names, spelled as [`HostPattern`] spells it.
fn names(certificate: &X509Certificate<'_>) -> BTreeSet<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return BTreeSet::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()),
        },
        _ => None,
    };
    extension.value.general_names.iter().filter_map(name).collect()
}

fn expected_names(hosts: &BTreeSet<&HostPattern>) -> BTreeSet<String> {
    hosts.iter().map(|hosts| ip(hosts).map_or_else(|| hosts.to_string(), |ip| ip.to_string())).collect()
}

fn ip(hosts: &HostPattern) -> Option<IpAddr> {
    hosts.exact().and_then(Hostname::ip)
}

fn issue(
    authority: &LocalAuthority,
    hosts: &BTreeSet<&HostPattern>,
    now: SystemTime,
) -> Result<KeyAndChain, CertificatesError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.subject_alt_names = hosts
        .iter()
        .map(|hosts| match ip(hosts) {
            Some(ip) => Ok(SanType::IpAddress(ip)),
            None => hosts.to_string().try_into().map(SanType::DnsName),
        })
        .collect::<Result<_, _>>()?;
    // Nothing reads it but people; it must not be empty, or the subjectAltName would have to be critical.
    let first = hosts.first().map(ToString::to_string).filter(|name| name.len() <= LONGEST_COMMON_NAME);
    let common_name = first.unwrap_or_else(|| "Doorward".to_owned());
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let mut validity = Validity::from(now, LIFETIME);
    validity.until = validity.until.min(authority.validity().until);
    validity.put_into(&mut params);
    let certificate = params.signed_by(&key, authority.issuer())?;
    Ok(KeyAndChain { key, chain: vec![certificate.der().clone(), authority.certificate().clone()] })
}

/// For the TLS library: the certificate alone, since whoever trusts the authority has its certificate.
fn certified(content: KeyAndChain, file: &PemFile<'_>) -> Result<Arc<CertifiedKey>, CertificatesError> {
    let key = PrivateKeyDer::Pkcs8(content.key.serialize_der().into());
    let chain = content.chain.into_iter().take(1).collect();
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
        .map(Arc::new)
        .map_err(|error| file.damaged("TLS cannot use it", Some(error.into())))
}
