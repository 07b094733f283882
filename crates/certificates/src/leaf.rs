//! The certificate the local authority issues for our hosts.

use std::collections::BTreeSet;
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
use x509_parser::prelude::X509Certificate;

use crate::authority::Authority;
use crate::names::spelled;
use crate::pem_file::{KeyAndChain, PemFile};
use crate::{CertificatesError, LeafFacts, facts};

const COST: &str = "a new certificate is issued at the next start, by the same authority";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// One with less than this left is replaced.
const REPLACE_BEFORE: Duration = Duration::from_secs(7 * 24 * 60 * 60 / 2);
/// The longest common name (RFC 5280 appendix A.1).
const LONGEST_COMMON_NAME: usize = 64;

/// The certificate kept in the folder if it will do, else a new one, which is kept from then on.
pub(crate) fn reuse_or_issue(
    folder: &PrivateFolder,
    authority: &Authority,
    hosts: &[HostPattern],
    now: SystemTime,
) -> Result<(Arc<CertifiedKey>, LeafFacts), CertificatesError> {
    let hosts: BTreeSet<&HostPattern> = hosts.iter().collect();
    let name = file_name(authority.place);
    let file = PemFile::new(folder, &name, COST);
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

/// The certificate of this authority that is kept in the folder, if there is one.
pub(crate) fn kept(folder: &PrivateFolder, authority: &Authority) -> Result<Option<LeafFacts>, CertificatesError> {
    let name = file_name(authority.place);
    let file = PemFile::new(folder, &name, COST);
    let Some(kept) = file.read()? else { return Ok(None) };
    let [leaf, issuer] = kept.chain.as_slice() else { return Ok(None) };
    if *issuer != authority.certificate {
        return Ok(None);
    }
    LeafFacts::of(leaf).map(Some).map_err(|error| file.damaged("its certificate is broken", Some(error.into())))
}

/// A new certificate for one host, which is not kept.
pub(crate) fn make(
    authority: &Authority,
    host: &HostPattern,
    now: SystemTime,
) -> Result<(Arc<CertifiedKey>, LeafFacts), CertificatesError> {
    let made = issue(authority, &BTreeSet::from([host]), now)?;
    usable(made).map_err(|source| CertificatesError::Unusable { label: host.to_string(), source })
}

/// One for each authority, since a certificate is of one.
fn file_name(place: usize) -> String {
    if place == 1 { "server.private.pem".to_owned() } else { format!("server-{place}.private.pem") }
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
        let validity = certificate.validity();
        let from = facts::time(validity.not_before).duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Self { from, until: facts::time(validity.not_after) }
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
    authority: &Authority,
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
    // One that ends with its authority cannot be bettered.
    let lasts = left > REPLACE_BEFORE || (validity.until == authority.validity.until && !left.is_zero());
    let names: BTreeSet<String> = facts::names(&parsed).into_iter().collect();
    Ok(*issuer == authority.certificate && begun && lasts && names == expected_names(hosts))
}

fn expected_names(hosts: &BTreeSet<&HostPattern>) -> BTreeSet<String> {
    hosts.iter().map(|host| spelled(&host.to_string()).into()).collect()
}

fn issue(
    authority: &Authority,
    hosts: &BTreeSet<&HostPattern>,
    now: SystemTime,
) -> Result<KeyAndChain, CertificatesError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.subject_alt_names = hosts
        .iter()
        .map(|host| match host.exact().and_then(Hostname::ip) {
            Some(ip) => Ok(SanType::IpAddress(ip)),
            None => host.to_string().try_into().map(SanType::DnsName),
        })
        .collect::<Result<_, _>>()?;
    // Nothing reads it but people; it must not be empty, or the subjectAltName would have to be critical.
    let first = hosts.first().map(ToString::to_string).unwrap_or_default();
    let common_name = if first.len() <= LONGEST_COMMON_NAME { first.as_str() } else { "Doorward" };
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let mut validity = Validity::from(now, LIFETIME);
    validity.until = validity.until.min(authority.validity.until);
    validity.put_into(&mut params);
    let certificate = params.signed_by(&key, &authority.issuer)?;
    Ok(KeyAndChain { key, chain: vec![certificate.der().clone(), authority.certificate.clone()] })
}

fn certified(content: KeyAndChain, file: &PemFile<'_>) -> Result<(Arc<CertifiedKey>, LeafFacts), CertificatesError> {
    usable(content).map_err(|error| file.damaged("TLS cannot use it", Some(error.into())))
}

/// For the TLS library: the certificate alone, since whoever trusts the authority has its certificate.
fn usable(content: KeyAndChain) -> Result<(Arc<CertifiedKey>, LeafFacts), rustls::Error> {
    let key = PrivateKeyDer::Pkcs8(content.key.serialize_der().into());
    let chain: Vec<_> = content.chain.into_iter().take(1).collect();
    let facts = chain.first().and_then(|leaf| LeafFacts::of(leaf).ok());
    let facts = facts.ok_or(rustls::Error::InvalidCertificate(rustls::CertificateError::BadEncoding))?;
    let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())?;
    Ok((Arc::new(key), facts))
}
