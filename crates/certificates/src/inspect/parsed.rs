//! A certificate with the questions that judging it asks.

use rustls_pki_types::CertificateDer;
use x509_parser::oid_registry::{OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS, OID_PKIX_AUTHORITY_INFO_ACCESS};
use x509_parser::prelude::{GeneralName, ParsedExtension, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::InspectError;
use crate::LeafFacts;
use crate::facts::harmless;

/// One certificate of a chain.
pub(super) struct Parsed<'a> {
    pub(super) der: &'a CertificateDer<'static>,
    pub(super) x509: X509Certificate<'a>,
    pub(super) facts: LeafFacts,
}

/// What kind of key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Rsa(usize),
    Ecdsa(&'static str),
    Ed25519,
    Other,
}

impl<'a> Parsed<'a> {
    pub(super) fn of(place: usize, der: &'a CertificateDer<'static>) -> Result<Self, InspectError> {
        let (_, x509) = x509_parser::parse_x509_certificate(der)
            .map_err(|error| InspectError::Broken { place, why: harmless(&error.to_string()) })?;
        let facts = LeafFacts::of_parsed(&x509);
        Ok(Self { der, x509, facts })
    }

    pub(super) fn subject(&self) -> String {
        harmless(&self.x509.subject().to_string())
    }

    /// Whether it names itself as its issuer.
    pub(super) fn is_self_issued(&self) -> bool {
        self.x509.subject().as_raw() == self.x509.issuer().as_raw()
    }

    /// Whether it is an authority's and names no host: then nothing about servers need be said of it.
    pub(super) fn is_only_an_authority(&self) -> bool {
        self.x509.is_ca() && self.facts.names.is_empty()
    }

    pub(super) fn is_issued_by(&self, other: &Parsed<'_>) -> bool {
        self.x509.issuer().as_raw() == other.x509.subject().as_raw()
    }

    pub(super) fn common_name(&self) -> Option<String> {
        self.x509.subject().iter_common_name().next()?.as_str().ok().map(harmless)
    }

    /// Where its issuer's certificate can be had (RFC 5280 §4.2.2.1): authorities of the web say so.
    pub(super) fn issuer_at(&self) -> Option<String> {
        let extension = self.x509.get_extension_unique(&OID_PKIX_AUTHORITY_INFO_ACCESS).ok()??;
        let ParsedExtension::AuthorityInfoAccess(access) = extension.parsed_extension() else { return None };
        access.iter().find_map(|entry| match &entry.access_location {
            GeneralName::URI(url) if entry.access_method == OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS => {
                Some(harmless(url))
            }
            _ => None,
        })
    }

    /// By the algorithm's object identifier (RFC 3279, RFC 5480 §2.1.1.1, RFC 8410).
    pub(super) fn key(&self) -> Key {
        let info = self.x509.public_key();
        match info.algorithm.algorithm.to_id_string().as_str() {
            "1.2.840.113549.1.1.1" => match info.parsed() {
                // The size without the zero that keeps a number positive.
                Ok(PublicKey::RSA(key)) => {
                    Key::Rsa(key.modulus.iter().skip_while(|byte| **byte == 0).count().saturating_mul(8))
                }
                _ => Key::Other,
            },
            "1.2.840.10045.2.1" => {
                let curve = info.algorithm.parameters.as_ref().and_then(|curve| curve.as_oid().ok());
                match curve.map(|curve| curve.to_id_string()).as_deref() {
                    Some("1.2.840.10045.3.1.7") => Key::Ecdsa("P-256"),
                    Some("1.3.132.0.34") => Key::Ecdsa("P-384"),
                    Some("1.3.132.0.35") => Key::Ecdsa("P-521"),
                    _ => Key::Other,
                }
            }
            "1.3.101.112" => Key::Ed25519,
            _ => Key::Other,
        }
    }

    /// The hash its signature is over, when that is one that can be forged.
    pub(super) fn weak_hash(&self) -> Option<&'static str> {
        match self.x509.signature_algorithm.algorithm.to_id_string().as_str() {
            "1.2.840.113549.1.1.5" | "1.2.840.10045.4.1" | "1.3.14.3.2.29" => Some("SHA-1"),
            "1.2.840.113549.1.1.4" | "1.2.840.113549.1.1.2" => Some("MD5"),
            _ => None,
        }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rsa(bits) => write!(f, "RSA, {bits} bits"),
            Self::Ecdsa(curve) => write!(f, "ECDSA {curve}"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Other => f.write_str("of a kind no browser knows"),
        }
    }
}
