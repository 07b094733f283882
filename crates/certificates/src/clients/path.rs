//! The path from a visitor's certificate to a configured authority (RFC 5280 §6).
//!
//! Refuses: paths through anything that is no authority or is out of date, paths that are too deep, and what a
//! revocation list names. An authority without a list is believed; a list that has ended or is not the authority's
//! own is not.

use std::cell::RefCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use doorward_config::ClientCertificates;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, KeyUsage, OwnedCertRevocationList, RevocationCheckDepth,
    RevocationOptionsBuilder, UnknownStatusPolicy, VerifiedPath, anchor_from_trusted_cert,
};
use x509_parser::asn1_rs::{Any, FromDer as _};
use x509_parser::prelude::X509Certificate;

use super::error::InvalidClientTrust;
use super::facts::{shown, time};
use super::refusal::Refusal;

/// The authorities and what they took back.
pub(super) struct Authorities {
    anchors: Vec<TrustAnchor<'static>>,
    /// From when until when each of them is good, in the same order.
    validities: Vec<(SystemTime, SystemTime)>,
    /// The newest first, since the first that fits is the one that is asked.
    revoked: Vec<CertRevocationList<'static>>,
    max_depth: Option<u8>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Authorities {
    pub(super) fn new(settings: &ClientCertificates) -> Result<Self, InvalidClientTrust> {
        if settings.authorities.is_empty() {
            return Err(InvalidClientTrust::NoAuthority);
        }
        let (mut anchors, mut validities) = (Vec::new(), Vec::new());
        for (index, certificate) in settings.authorities.iter().enumerate() {
            let (anchor, validity) = authority(certificate, index + 1)?;
            anchors.push(anchor);
            validities.push(validity);
        }
        Ok(Self {
            anchors,
            validities,
            revoked: revocation_lists(settings)?,
            max_depth: settings.max_verify_depth,
            algorithms: aws_lc_rs::default_provider().signature_verification_algorithms,
        })
    }

    /// The names of the authorities, DER, for clients that have to choose a certificate.
    pub(super) fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.anchors.iter().map(|anchor| anchor.subject.as_ref())
    }

    /// What checks signatures.
    pub(super) fn algorithms(&self) -> &WebPkiSupportedAlgorithms {
        &self.algorithms
    }

    /// Whether there is a path from `leaf` to one of them.
    pub(super) fn lead_to(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: SystemTime,
    ) -> Result<(), Refusal> {
        let end = EndEntityCert::try_from(leaf).map_err(|_| Refusal::Unreadable)?;
        let lists: Vec<_> = self.revoked.iter().collect();
        let revocation = RevocationOptionsBuilder::new(&lists).ok().map(|options| {
            options
                .with_depth(RevocationCheckDepth::Chain)
                .with_status_policy(UnknownStatusPolicy::Allow)
                .with_expiration_policy(ExpirationPolicy::Enforce)
                .build()
        });
        // What was wrong with a path that did lead to an authority tells more than why others did not.
        let closest = RefCell::new(None);
        let acceptable = |path: &VerifiedPath<'_>| {
            self.acceptable(path, now).map_err(|refusal| {
                closest.replace(Some(refusal));
                webpki::Error::UnknownIssuer
            })
        };
        let outcome = end.verify_for_usage(
            self.algorithms.all,
            &self.anchors,
            intermediates,
            UnixTime::since_unix_epoch(now.duration_since(UNIX_EPOCH).unwrap_or_default()),
            KeyUsage::client_auth(),
            revocation,
            Some(&acceptable),
        );
        let Err(error) = outcome else { return Ok(()) };
        Err(closest.take().unwrap_or_else(|| self.refusal(&error, leaf, intermediates)))
    }

    /// What webpki leaves to us: how deep, whether those between may sign certificates, and whether the authority
    /// itself is in time.
    fn acceptable(&self, path: &VerifiedPath<'_>, now: SystemTime) -> Result<(), Refusal> {
        let between = path.intermediate_certificates().count();
        if let Some(allowed) = self.max_depth.map(usize::from)
            && between > allowed
        {
            return Err(Refusal::TooDeep { between, allowed });
        }
        for intermediate in path.intermediate_certificates() {
            let der = intermediate.der();
            let (_, parsed) = x509_parser::parse_x509_certificate(&der).map_err(|_| Refusal::Unreadable)?;
            if !may_sign(&parsed) {
                return Err(Refusal::SignedByNoAuthority);
            }
        }
        let of_path = |anchor: &TrustAnchor<'_>| anchor == path.anchor();
        let mut ends = None;
        for (_, (from, until)) in self.anchors.iter().zip(&self.validities).filter(|(anchor, _)| of_path(anchor)) {
            match (now < *from, now > *until) {
                (false, false) => return Ok(()),
                (true, _) => ends = Some(Refusal::ChainNotYetValid(*from)),
                (_, true) => ends = Some(Refusal::ChainExpired(*until)),
            }
        }
        Err(ends.unwrap_or(Refusal::Unreadable))
    }

    fn refusal(
        &self,
        error: &webpki::Error,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> Refusal {
        let Ok((_, parsed)) = x509_parser::parse_x509_certificate(leaf) else { return Refusal::Unreadable };
        match error {
            webpki::Error::CertExpired { not_after, .. } => {
                let until = moment(*not_after);
                if until == time(parsed.validity().not_after) {
                    Refusal::Expired(until)
                } else {
                    Refusal::ChainExpired(until)
                }
            }
            webpki::Error::CertNotValidYet { not_before, .. } => {
                let from = moment(*not_before);
                if from == time(parsed.validity().not_before) {
                    Refusal::NotYetValid(from)
                } else {
                    Refusal::ChainNotYetValid(from)
                }
            }
            webpki::Error::UnknownIssuer => Refusal::UnknownAuthority(top(&parsed, intermediates)),
            webpki::Error::InvalidSignatureForPublicKey => Refusal::WrongSignature(shown(parsed.issuer())),
            webpki::Error::RequiredEkuNotFoundContext(_) | webpki::Error::EmptyEkuExtension => Refusal::WrongPurpose,
            webpki::Error::CaUsedAsEndEntity => Refusal::IsAuthority,
            webpki::Error::EndEntityUsedAsCa => Refusal::SignedByNoAuthority,
            webpki::Error::CertRevoked => match self.revoked_at(&parsed) {
                Some(at) => Refusal::Revoked(at),
                None => Refusal::ChainRevoked(
                    intermediates
                        .iter()
                        .filter_map(|der| x509_parser::parse_x509_certificate(der).ok())
                        .find_map(|(_, parsed)| self.revoked_at(&parsed)),
                ),
            },
            webpki::Error::CrlExpired { next_update, .. } => Refusal::StaleRevocationList(moment(*next_update)),
            webpki::Error::InvalidCrlSignatureForPublicKey | webpki::Error::IssuerNotCrlSigner => {
                Refusal::ForeignRevocationList
            }
            other => Refusal::Other(format!("its chain breaks a rule ({other})")),
        }
    }

    /// When a list says this certificate was revoked; none when none says so.
    fn revoked_at(&self, certificate: &X509Certificate<'_>) -> Option<SystemTime> {
        // A list's issuer is the content of the name, without its tag and length.
        let (_, issuer) = Any::from_der(certificate.issuer().as_raw()).ok()?;
        self.revoked.iter().filter(|list| list.issuer() == issuer.data).find_map(|list| {
            let revoked = list.find_serial(certificate.raw_serial()).ok().flatten()?;
            Some(moment(revoked.revocation_date))
        })
    }
}

type Validity = (SystemTime, SystemTime);

fn authority(
    certificate: &CertificateDer<'_>,
    number: usize,
) -> Result<(TrustAnchor<'static>, Validity), InvalidClientTrust> {
    let unreadable = |problem: String| InvalidClientTrust::Authority { number, problem };
    let anchor = anchor_from_trusted_cert(certificate).map_err(|error| unreadable(error.to_string()))?.to_owned();
    let (_, parsed) =
        x509_parser::parse_x509_certificate(certificate).map_err(|error| unreadable(error.to_string()))?;
    // Otherwise whoever has the key of one client's certificate could make certificates for everybody.
    if !parsed.is_ca() || !may_sign(&parsed) {
        return Err(InvalidClientTrust::NoAuthoritys { number, name: shown(parsed.subject()) });
    }
    Ok((anchor, (time(parsed.validity().not_before), time(parsed.validity().not_after))))
}

/// Whether its keyUsage, if it has one, lets it sign certificates (RFC 5280 §6.1.4 n).
fn may_sign(certificate: &X509Certificate<'_>) -> bool {
    match certificate.key_usage() {
        Ok(Some(usage)) => usage.value.key_cert_sign(),
        Ok(None) => true,
        Err(_) => false,
    }
}

fn revocation_lists(settings: &ClientCertificates) -> Result<Vec<CertRevocationList<'static>>, InvalidClientTrust> {
    let mut lists = Vec::new();
    for (index, der) in settings.revoked.iter().enumerate() {
        let unusable = |problem: String| InvalidClientTrust::RevocationList { number: index + 1, problem };
        let list = OwnedCertRevocationList::from_der(der).map_err(|error| unusable(error.to_string()))?;
        let (_, parsed) = x509_parser::parse_x509_crl(der).map_err(|error| unusable(error.to_string()))?;
        lists.push((parsed.last_update().timestamp(), CertRevocationList::from(list)));
    }
    lists.sort_by_key(|(updated, _)| std::cmp::Reverse(*updated));
    Ok(lists.into_iter().map(|(_, list)| list).collect())
}

fn moment(time: UnixTime) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_secs(time.as_secs())).unwrap_or(UNIX_EPOCH)
}

/// The authority at the end of what was sent.
fn top(leaf: &X509Certificate<'_>, intermediates: &[CertificateDer<'_>]) -> String {
    let parsed: Vec<_> = intermediates
        .iter()
        .filter_map(|der| x509_parser::parse_x509_certificate(der).ok())
        .map(|(_, it)| it)
        .collect();
    let mut issuer = leaf.issuer();
    // As many steps as there are certificates: names can go in circles.
    for _ in &parsed {
        let Some(above) = parsed.iter().find(|above| above.subject() == issuer && above.issuer() != issuer) else {
            break;
        };
        issuer = above.issuer();
    }
    shown(issuer)
}
