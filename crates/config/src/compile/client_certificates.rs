//! The visitors' certificates that are believed: `downstream_mtls`, and the authorities of single hosts.
//!
//! Refuses: authorities that are missing, empty or unreadable, since to do without them would let in whoever comes;
//! two routes of one host that name different ones, since a certificate is asked for once a connection; and lists
//! of revoked certificates that cannot be read.

use std::collections::BTreeSet;

use doorward_hygiene::HostPattern;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use super::Compiler;
use super::certificate::Text;
use super::path_rule::{anchored, in_one_line};
use super::validity::time;
use crate::domain::client_certificates::{ClientCertificates, Enforcement, NameMatch};
use crate::problem::Place;
use crate::raw::At;
use crate::raw::client_certificates::{RawClientCertificates, RawNameMatch};

/// How many certificates may stand between when nothing is said: none, as with Pomerium.
const DEPTH: u8 = 0;

/// The authorities that a route names for its host.
pub(super) struct OfHost {
    pub(super) host: HostPattern,
    pub(super) authorities: Vec<CertificateDer<'static>>,
    pub(super) place: Place,
}

/// For every host, and for those that name their own.
#[derive(Default)]
pub(super) struct Believed {
    pub(super) everywhere: Option<ClientCertificates>,
    pub(super) by_host: Vec<(HostPattern, ClientCertificates)>,
}

impl Compiler<'_> {
    pub(super) fn client_certificates(
        &mut self,
        raw: Option<&RawClientCertificates>,
        of_hosts: Vec<OfHost>,
        insecure: bool,
    ) -> Believed {
        let authorities = raw.map(|raw| self.client_authorities(raw, &of_hosts)).unwrap_or_default();
        let of_hosts = self.each_host_once(of_hosts);
        let everyone: Vec<_> = authorities.iter().chain(of_hosts.iter().flat_map(|of| &of.authorities)).collect();
        let revoked = raw.map(|raw| self.revoked(raw, &everyone)).unwrap_or_default();
        if insecure && let Some(place) = raw.map(|raw| &raw.place).or(of_hosts.first().map(|of| &of.place)) {
            self.problems.error(
                place,
                "visitors cannot be asked for certificates, since `insecure_server` speaks cleartext",
                "Remove `insecure_server`, or have whatever ends TLS in front ask for them.",
            );
        }
        let rest = ClientCertificates {
            authorities: Vec::new(),
            revoked,
            enforcement: raw.and_then(|raw| self.enforcement(raw)).unwrap_or(Enforcement::PolicyWithDefaultDeny),
            names: raw.iter().flat_map(|raw| &raw.names).filter_map(|name| self.name_match(name)).collect(),
            max_verify_depth: self.depth(raw),
        };
        Believed {
            by_host: of_hosts
                .into_iter()
                .map(|of| (of.host, ClientCertificates { authorities: of.authorities, ..rest.clone() }))
                .collect(),
            everywhere: (!authorities.is_empty()).then_some(ClientCertificates { authorities, ..rest }),
        }
    }

    fn client_authorities(&mut self, raw: &RawClientCertificates, of_hosts: &[OfHost]) -> Vec<CertificateDer<'static>> {
        match raw.authorities.place() {
            Some(place) => {
                let place = place.clone();
                let authorities = self.authorities(&raw.authorities, "downstream_mtls.ca", "downstream_mtls.ca_file");
                self.expired_authorities(&authorities, &place);
                authorities
            }
            // Settings for the hosts that have authorities of their own.
            None if !of_hosts.is_empty() => Vec::new(),
            None => {
                self.problems.error(
                    &raw.place,
                    "`downstream_mtls` names no authority, so there is nobody whose certificates could be believed",
                    "Add `ca_file: FILE` with the authority that issues your visitors' certificates, or remove the block.",
                );
                Vec::new()
            }
        }
    }

    pub(super) fn expired_authorities(&mut self, authorities: &[CertificateDer<'_>], place: &Place) {
        for der in authorities {
            let Ok((_, authority)) = X509Certificate::from_der(der) else { continue };
            let until = authority.validity().not_after;
            if time(until) < self.now {
                self.problems.warning(
                    place,
                    format!("one of the authorities expired on {until}"),
                    "Nobody with a certificate of it is let in. Replace it, or remove it.",
                );
            }
        }
    }

    /// Routes of one host have to agree.
    fn each_host_once(&mut self, of_hosts: Vec<OfHost>) -> Vec<OfHost> {
        let mut once: Vec<OfHost> = Vec::new();
        let mut index = std::collections::HashMap::new();
        for of in of_hosts {
            let first = index.entry(of.host.clone()).or_insert(once.len());
            let Some(known) = once.get(*first) else {
                once.push(of);
                continue;
            };
            if set(&known.authorities) != set(&of.authorities) {
                self.problems.error(
                    &of.place,
                    format!("this route and the one at {} name different authorities for `{}`", known.place, of.host),
                    "A certificate is asked for once a connection, so the routes of a host have to name the same. \
                     Put one of the applications on a host of its own.",
                );
            }
        }
        once
    }

    fn revoked(
        &mut self,
        raw: &RawClientCertificates,
        authorities: &[&CertificateDer<'_>],
    ) -> Vec<CertificateRevocationListDer<'static>> {
        let Some(text) = self.pem(&raw.revoked, "downstream_mtls.crl", "downstream_mtls.crl_file") else {
            return Vec::new();
        };
        let Text { bytes, given, name, place } = text;
        let mut lists = Vec::new();
        for list in CertificateRevocationListDer::pem_slice_iter(&bytes) {
            let parsed = list.as_ref().ok().and_then(|list| CertificateRevocationList::from_der(list).ok());
            let (Ok(list), Some((_, parsed))) = (&list, parsed) else {
                self.problems.error(
                    &place,
                    format!("{name} holds a list of revoked certificates that is damaged"),
                    "Fetch it again from the authority.",
                );
                return Vec::new();
            };
            let known = authorities.iter().any(|authority| {
                X509Certificate::from_der(authority)
                    .is_ok_and(|(_, authority)| authority.subject().as_raw() == parsed.issuer().as_raw())
            });
            if !known {
                self.problems.warning(
                    &place,
                    format!("{name} holds a list of revoked certificates by an issuer that is none of the authorities"),
                    "It has no effect, unless that issuer's certificate is shown along with the visitor's.",
                );
            }
            if let Some(next) = parsed.next_update().filter(|next| time(*next) < self.now) {
                self.problems.warning(
                    &place,
                    format!("{name} holds a list of revoked certificates that was to be replaced by {next}"),
                    "What was revoked since is not known. Fetch a new one from the authority.",
                );
            }
            lists.push(list.clone());
        }
        if lists.is_empty() {
            self.problems.error(
                &place,
                format!("{given} holds no list of revoked certificates in PEM form"),
                "It holds at least one block between `-----BEGIN X509 CRL-----` and `-----END X509 CRL-----`.",
            );
        }
        lists
    }

    fn enforcement(&mut self, raw: &RawClientCertificates) -> Option<Enforcement> {
        let text = raw.enforcement.as_ref()?;
        match text.value.to_ascii_lowercase().as_str() {
            "policy_with_default_deny" => Some(Enforcement::PolicyWithDefaultDeny),
            "policy" => Some(Enforcement::Policy),
            "reject_connection" => Some(Enforcement::RejectConnection),
            _ => {
                self.problems.error(
                    &text.place,
                    "`enforcement` is none that there is",
                    "It is `policy_with_default_deny` (the default), `policy` or `reject_connection`.",
                );
                None
            }
        }
    }

    fn name_match(&mut self, raw: &RawNameMatch) -> Option<NameMatch> {
        let [(kind, text)] = raw.patterns.as_slice() else {
            self.problems.error(
                &raw.place,
                format!("an item of `match_subject_alt_names` is one pattern, but here are {}", raw.patterns.len()),
                "Write each as an item of its own, as in `- email: '.*@example\\.com'`. One that matches is enough.",
            );
            return None;
        };
        match anchored(&text.value) {
            Ok(pattern) => Some(NameMatch { kind: *kind, pattern }),
            Err(error) => {
                self.problems.error(
                    &text.place,
                    format!("this is no regular expression: {}", in_one_line(&error)),
                    "The syntax is RE2's: no look-around and no back references. The whole name has to match.",
                );
                None
            }
        }
    }

    fn depth(&mut self, raw: Option<&RawClientCertificates>) -> Option<u8> {
        let Some(At { value, place }) = raw.and_then(|raw| raw.max_verify_depth.as_ref()) else { return Some(DEPTH) };
        if let Ok(depth) = u8::try_from(*value) {
            // As Pomerium counts: the authority's own certificate is the first.
            return depth.checked_sub(1);
        }
        self.problems.error(
            place,
            "`max_verify_depth` is more than 255",
            "Write how many certificates may follow the visitor's own, the authority's included; `0` for any number.",
        );
        Some(DEPTH)
    }
}

fn set<'a>(authorities: &'a [CertificateDer<'static>]) -> BTreeSet<&'a [u8]> {
    authorities.iter().map(AsRef::as_ref).collect()
}
